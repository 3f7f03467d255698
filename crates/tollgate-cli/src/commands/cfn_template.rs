//! `tollgate cfn-template`

use clap::{Args, ValueEnum};
use tollgate_aws::Template;

use crate::{context::Context, failure::Failure};

/// Prints the CloudFormation template of a stack
///
/// One template serves all stacks: what differs are its parameters. For CDK, Terraform and other
/// tools that deploy it themselves. A stack without the parameter FunctionCodeKey has everything but
/// the functions.
#[derive(Debug, Args)]
pub(crate) struct CfnTemplate {
    /// Format of the template
    #[arg(long, value_enum, default_value_t)]
    format: TemplateFormat,
}

/// The format of a template.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum TemplateFormat {
    #[default]
    Yaml,
    Json,
}

impl CfnTemplate {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        if !context.out.is_text() {
            return Err(Failure::Usage(
                "cfn-template has --format instead of --output".into(),
            ));
        }
        let template = Template::new();
        let text = match self.format {
            TemplateFormat::Yaml => template.to_yaml(),
            // Indented, it would be too long for a call of CloudFormation.
            TemplateFormat::Json => template.to_compact_json(),
        };
        let text = text.map_err(|error| Failure::Refused(error.to_string()))?;
        Ok(context.out.text(text.trim_end())?)
    }
}
