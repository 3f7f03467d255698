//! `tollgate iam terraform`

use clap::Args;

use crate::{context::Context, failure::Failure};

/// Prints the IAM policies of a stack as a Terraform configuration
///
/// In the JSON form of Terraform's language, for a file such as tollgate.tf.json. It declares the
/// variables stack and table_arn.
#[derive(Debug, Args)]
pub(crate) struct Terraform {}

impl Terraform {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        let text = tollgate_aws::policy::terraform();
        let text = text.map_err(|error| Failure::Refused(error.to_string()))?;
        Ok(context.out.text(text.trim_end())?)
    }
}
