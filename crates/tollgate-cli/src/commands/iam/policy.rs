//! `tollgate iam policy`

use clap::{Args, ValueEnum};
use tollgate_aws::{StackPolicy, policy::TableResource};

use crate::{context::Context, failure::Failure};

/// The partitions of regions whose names begin with these words. All others are in `aws`.
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
];

/// Prints an IAM policy for a stack's table, as JSON
///
/// The policies of a stack are the same. Those of a namespace reach the one whose id is the tag
/// zael_namespace_id of the caller's role or session.
#[derive(Debug, Args)]
pub(crate) struct PolicyCommand {
    /// Policy
    #[arg(value_enum)]
    policy: Tier,
    /// ARN of the table, which may have wildcards [default: the stack's table in any region of the
    /// partition of --region, or of AWS_REGION]
    #[arg(long, value_name = "ARN", value_parser = table_arn)]
    table_arn: Option<String>,
}

/// The words for policies.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tier {
    /// Reads, and spends from buckets
    AcquireOnly,
    /// Reads and changes all data
    FullAccess,
    /// Reads all data
    ReadOnly,
    /// Reads one namespace, and spends from its buckets
    NamespaceAcquire,
    /// Reads and changes all data of one namespace
    NamespaceFullAccess,
    /// Reads all data of one namespace
    NamespaceReadOnly,
}

impl PolicyCommand {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        let table = match self.table_arn {
            Some(arn) => arn,
            None => {
                let partition = partition(context.options.region.as_deref());
                format!(
                    "arn:{partition}:dynamodb:*:*:table/{}",
                    context.options.stack()?
                )
            }
        };
        let document = TableResource::new(table).document(self.policy.policy());
        let json = document
            .to_json()
            .map_err(|error| Failure::Refused(error.to_string()))?;
        Ok(context.out.text(json.trim_end())?)
    }
}

/// Returns the partition of a region; without one that of the environment's region.
fn partition(region: Option<&str>) -> &'static str {
    let named = |variable| std::env::var(variable).ok();
    let environment = || named("AWS_REGION").or_else(|| named("AWS_DEFAULT_REGION"));
    let region = region.map(str::to_owned).or_else(environment);
    let region = region.unwrap_or_default();
    let mut partitions = PARTITIONS.into_iter();
    let found = partitions.find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("aws", |(_, partition)| partition)
}

impl Tier {
    fn policy(self) -> StackPolicy {
        match self {
            Self::AcquireOnly => StackPolicy::AcquireOnly,
            Self::FullAccess => StackPolicy::FullAccess,
            Self::ReadOnly => StackPolicy::ReadOnly,
            Self::NamespaceAcquire => StackPolicy::NamespaceAcquire,
            Self::NamespaceFullAccess => StackPolicy::NamespaceFullAccess,
            Self::NamespaceReadOnly => StackPolicy::NamespaceReadOnly,
        }
    }
}

fn table_arn(text: &str) -> Result<String, &'static str> {
    let mut parts = text.splitn(6, ':');
    let is_table = parts.next() == Some("arn")
        && parts.nth(1) == Some("dynamodb")
        && parts.nth(2).is_some_and(|resource| {
            let name = resource.strip_prefix("table/");
            name.is_some_and(|name| !name.is_empty() && !name.contains('/'))
        });
    if is_table {
        Ok(text.to_owned())
    } else {
        Err("it must have the form arn:aws:dynamodb:REGION:ACCOUNT:table/NAME")
    }
}
