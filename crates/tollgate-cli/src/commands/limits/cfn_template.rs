//! `tollgate limits cfn-template`

use clap::Args;
use tollgate_aws::LimitsTemplate;

use super::file::FileOptions;
use crate::{commands::cfn_template::TemplateFormat, context::Context, failure::Failure};

/// The number of bytes of the longest template that CloudFormation takes, from S3. A request has at
/// most 51 200.
const LONGEST: usize = 1_000_000;

/// Prints a CloudFormation template with the limits of a file
///
/// The stack that it makes has one resource, which the function limits-provisioner of STACK applies:
/// a change of the template changes the limits. Asks nobody.
#[derive(Debug, Args)]
pub(crate) struct LimitsCfnTemplate {
    #[command(flatten)]
    file: FileOptions,
    /// Let the function write everything, and all buckets, also what is as declared
    #[arg(long)]
    full: bool,
    /// Format of the template
    #[arg(long, value_enum, default_value_t)]
    format: TemplateFormat,
}

impl LimitsCfnTemplate {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        if !context.out.is_text() {
            return Err(Failure::Usage(
                "cfn-template has --format instead of --output".into(),
            ));
        }
        let stack = context.options.stack()?;
        let manifest = self.file.read(context)?;
        let template = LimitsTemplate::new(&stack, &manifest, self.full);
        let text = match self.format {
            TemplateFormat::Yaml => template.to_yaml(),
            TemplateFormat::Json => template.to_json(),
        };
        let text = text.map_err(|error| Failure::Refused(error.to_string()))?;
        if text.len() > LONGEST {
            return Err(Failure::Refused(format!(
                "the template would have {} bytes, and CloudFormation takes at most {LONGEST}, from S3: use `limits apply`",
                text.len()
            )));
        }
        Ok(context.out.text(text.trim_end())?)
    }
}
