//! What clients are told.

use std::sync::Arc;

use super::{InvalidPolicy, PolicyBuilder, PolicyLimits};
use crate::layer::{
    Answer, Dialect, Jitter, QuotaUnit, ReportLimits,
    headers::{Dialects, PartitionKeys},
};

/// What clients are told.
pub(in crate::layer) struct AnswerRules {
    pub(in crate::layer) report: ReportLimits,
    pub(in crate::layer) dialects: Dialects,
    pub(in crate::layer) jitter: Jitter,
    /// If gRPC requests are answered with a gRPC status.
    pub(in crate::layer) grpc: bool,
    pub(in crate::layer) custom: Option<Arc<dyn Answer>>,
}

impl AnswerRules {
    pub(super) fn new(limits: &PolicyLimits) -> Self {
        Self {
            report: ReportLimits::default(),
            dialects: Dialects::usual(limits.own()),
            jitter: Jitter::NONE,
            grpc: true,
            custom: None,
        }
    }
}

/// What a builder was told.
#[derive(Clone, Default)]
pub(super) struct Draft {
    report: ReportLimits,
    dialects: Vec<Dialect>,
    units: Vec<(String, QuotaUnit)>,
    secret: Option<Vec<u8>>,
    jitter: Option<Jitter>,
    without_grpc: bool,
    custom: Option<Arc<dyn Answer>>,
}

impl Draft {
    pub(super) fn check(self, limits: &PolicyLimits) -> Result<AnswerRules, InvalidPolicy> {
        let unit = |(name, unit): (String, QuotaUnit)| match unit.is_valid() {
            true => Ok((limits.known(name)?, unit)),
            false => Err(InvalidPolicy::QuotaUnit(unit.as_str().to_owned())),
        };
        // What was said last stands first, and is found.
        let units = self.units.into_iter().rev().map(unit).collect::<Result<_, _>>()?;
        let dialects = if self.dialects.is_empty() { vec![Dialect::default()] } else { self.dialects };
        let partitions = |secret: Vec<u8>| {
            let length = secret.len();
            let short = InvalidPolicy::ShortSecret { length, shortest: PartitionKeys::SHORTEST };
            PartitionKeys::new(&secret).ok_or(short)
        };
        let partitions = self.secret.map(partitions).transpose()?;
        Ok(AnswerRules {
            report: self.report,
            dialects: Dialects::check(dialects, units, partitions, limits)?,
            jitter: self.jitter.unwrap_or(Jitter::NONE),
            grpc: !self.without_grpc,
            custom: self.custom,
        })
    }
}

/// Answers.
impl PolicyBuilder {
    /// Which limits granted responses report. Default: [`ReportLimits::All`].
    pub fn report(mut self, report: ReportLimits) -> Self {
        self.answers.report = report;
        self
    }

    /// Adds a way to tell clients where their limits stand. Without any it is
    /// [`IetfDraft::Draft11`](crate::layer::IetfDraft::Draft11). Two dialects that have a header in
    /// common make no policy.
    ///
    /// A dialect with errors of its own, [`OpenAi`](crate::layer::OpenAi) or [`Anthropic`](crate::layer::Anthropic),
    /// shapes the bodies of refusals, too. Of several the one that was added first does.
    ///
    /// ```
    /// use tollgate::{Limit, layer::{Anthropic, IetfDraft, Policy, XRateLimit, keys}};
    ///
    /// let policy = Policy::builder()
    ///     .entity(keys::header("x-api-key"))
    ///     .resource(keys::fixed("claude"))
    ///     .limit(Limit::per_minute("rpm", 60))
    ///     .limit(Limit::per_minute("tpm", 100_000))
    ///     .dialect(IetfDraft::Draft11)
    ///     .dialect(XRateLimit::unix_time().of("rpm"))
    ///     .dialect(Anthropic::new().requests("rpm").tokens("tpm"))
    ///     .build()?;
    /// # Ok::<(), tollgate::layer::InvalidPolicy>(())
    /// ```
    pub fn dialect(mut self, dialect: impl Into<Dialect>) -> Self {
        self.answers.dialects.push(dialect.into());
        self
    }

    /// Says what the limit `name` counts, in `RateLimit-Policy`. What nobody says counts requests.
    pub fn unit(mut self, name: impl Into<String>, unit: QuotaUnit) -> Self {
        self.answers.units.push((name.into(), unit));
        self
    }

    /// Tells clients whose quota it is, by the `pk` of `RateLimit` and `RateLimit-Policy`: clients
    /// that use several keys can tell their quotas apart. It is a hash of entity and resource keyed
    /// by `secret` (at least 16 bytes, the same in all processes), from which neither can be found.
    /// A parent's limits go without. Off by default: it costs each response a hash.
    pub fn partition_keys(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.answers.secret = Some(secret.as_ref().to_vec());
        self
    }

    /// Tells clients to try again later than need be, by chance. Off by default.
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.answers.jitter = Some(jitter);
        self
    }

    /// Answers gRPC requests that are refused as all others: with an HTTP status and a document. By default they get a
    /// gRPC status.
    ///
    /// A gRPC request is a POST with the `content-type` `application/grpc`, or one that begins with `application/grpc+`,
    /// over HTTP/2 or with `te: trailers`; or a POST with `application/grpc-web` or `application/grpc-web-text`.
    pub fn without_grpc_answers(mut self) -> Self {
        self.answers.without_grpc = true;
        self
    }

    /// Answers the requests that are refused. Default: a status and a problem document, an error in the shape of a
    /// [dialect](Self::dialect), or a gRPC status.
    pub fn answer(mut self, answer: impl Answer) -> Self {
        self.answers.custom = Some(Arc::new(answer));
        self
    }
}
