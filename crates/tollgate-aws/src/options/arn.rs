//! Amazon resource names.

/// The parts of an ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arn<'a> {
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        if next()? != "arn" || !next()?.starts_with("aws") {
            return None;
        }
        let arn = Self {
            service: next()?,
            region: next()?,
            account: next()?,
            resource: next()?,
        };
        let is_readable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        is_readable(text).then_some(arn)
    }

    pub(super) fn has_account(&self) -> bool {
        self.account.len() == 12 && self.account.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Returns true if the ARN is that of an IAM role.
    pub(super) fn is_role(&self) -> bool {
        self.is_iam("role/") && self.has_account()
    }

    /// Returns true if the ARN is that of a managed policy, of an account or of AWS.
    pub(super) fn is_policy(&self) -> bool {
        self.is_iam("policy/") && (self.has_account() || self.account == "aws")
    }

    /// Returns true if the ARN is that of an SNS topic.
    pub(super) fn is_topic(&self) -> bool {
        self.service == "sns"
            && !self.region.is_empty()
            && self.has_account()
            && !self.resource.is_empty()
            && !self.resource.contains(':')
    }

    fn is_iam(&self, kind: &str) -> bool {
        let name = self.resource.strip_prefix(kind);
        self.service == "iam" && self.region.is_empty() && name.is_some_and(|name| !name.is_empty())
    }
}
