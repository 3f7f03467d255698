//! The whole template.

use super::{
    alarms, archive, conditions, event_source, functions, outputs, parameters, permissions, queue,
    roles, section::Resource, table,
};
use crate::{
    node::{Node, map},
    print::{self, PrintError},
};

/// The CloudFormation template of a stack.
///
/// One template serves all stacks: their [`StackOptions`](crate::StackOptions) are values of its
/// parameters. CloudFormation needs the capability `CAPABILITY_NAMED_IAM` for it.
///
/// The functions are created only if `FunctionCodeKey` is given, the key of a zip file in S3. A new
/// stack is made without it; then the zip file is put into the bucket of the output
/// `CodeBucketName`, and an update with `FunctionCodeKey` adds the functions.
///
/// ```
/// use tollgate_aws::Template;
///
/// let yaml = Template::new().to_yaml()?;
/// assert!(yaml.contains("Type: AWS::DynamoDB::Table"));
/// # Ok::<(), tollgate_aws::PrintError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    document: Node,
}

impl Default for Template {
    fn default() -> Self {
        Self::new()
    }
}

impl Template {
    /// The template of this version.
    pub fn new() -> Self {
        let resources = resources().into_iter().map(Resource::into_entry);
        let document = map([
            ("AWSTemplateFormatVersion", "2010-09-09".into()),
            (
                "Description",
                "tollgate: rate limits in a DynamoDB table, with usage, history and alarms".into(),
            ),
            ("Parameters", parameters::parameters()),
            (
                "Conditions",
                conditions::conditions(parameters::name_parameters()),
            ),
            ("Resources", Node::Map(resources.collect())),
            ("Outputs", outputs::outputs()),
        ]);
        Self { document }
    }

    /// Returns the same template with the table's name as a text in it: CloudFormation imports a table
    /// that exists only by such a name.
    #[cfg(feature = "manager")]
    pub(crate) fn with_table_name(mut self, name: &str) -> Self {
        let path = ["Resources", super::table::TABLE, "Properties", "TableName"];
        if let Some(known) = self.document.find_mut(&path) {
            *known = name.into();
        }
        self
    }

    /// Returns the template as YAML.
    ///
    /// # Errors
    /// [`PrintError`] if it cannot be printed.
    pub fn to_yaml(&self) -> Result<String, PrintError> {
        print::yaml(&self.document)
    }

    /// Returns the template as indented JSON.
    ///
    /// # Errors
    /// [`PrintError`] if it cannot be printed.
    pub fn to_json(&self) -> Result<String, PrintError> {
        print::json(&self.document)
    }

    /// Returns the template as JSON in one line, the shortest form. CloudFormation takes it in the
    /// call itself, which allows 51 200 bytes; a longer one would have to be in S3.
    ///
    /// # Errors
    /// [`PrintError`] if it cannot be printed.
    pub fn to_compact_json(&self) -> Result<String, PrintError> {
        print::compact_json(&self.document)
    }
}

fn resources() -> Vec<Resource> {
    let mut all = vec![
        table::table(),
        archive::archive(),
        archive::code(),
        queue::dead_letters(),
    ];
    all.extend(permissions::policies());
    all.extend(roles::function_roles());
    all.extend(roles::access_roles());
    all.extend(functions::log_groups());
    all.extend([
        functions::aggregator(),
        event_source::mapping(),
        functions::provisioner(),
    ]);
    all.extend(alarms::alarms());
    all
}
