//! `tollgate iam policy`

use clap::{Args, ValueEnum};
use tollgate_aws::{StackPolicy, policy::TableResource};

use crate::{context::Context, failure::Failure};

/// Prints an IAM policy for a stack's table, as JSON
///
/// The policies of a stack are the same. Those of a namespace reach the one whose id is the tag
/// zael_namespace_id of the caller's role or session.
#[derive(Debug, Args)]
pub(crate) struct PolicyCommand {
    /// Policy
    #[arg(value_enum)]
    policy: Tier,
    /// ARN of the table, which may have wildcards [default: the stack's table in any region]
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
            None => format!("arn:aws:dynamodb:*:*:table/{}", context.options.stack()?),
        };
        let document = TableResource::new(table).document(self.policy.policy());
        let json = document
            .to_json()
            .map_err(|error| Failure::Refused(error.to_string()))?;
        Ok(context.out.text(json.trim_end())?)
    }
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
