//! The result of a deployment.

use serde::Serialize;
use tollgate_aws::manager::{DeployedStack, Deployment};

use crate::output::{Row, or_dash};

/// A stack that was deployed.
#[derive(Debug, Serialize)]
pub(crate) struct DeploymentRecord {
    stack: String,
    status: String,
    created: bool,
    changed: bool,
    code: Option<String>,
    previous_code: Option<String>,
}

impl DeploymentRecord {
    /// Returns the record of a deployment of a stack that was `before` before it.
    pub(crate) fn new(before: Option<&DeployedStack>, deployment: &Deployment) -> Self {
        Self {
            stack: deployment.stack.name.clone(),
            status: deployment.stack.status.clone(),
            created: deployment.is_new,
            changed: deployment.is_changed,
            code: code(&deployment.stack),
            previous_code: before.and_then(code),
        }
    }

    /// Describes the deployment for people.
    pub(crate) fn sentence(&self, place: &str) -> String {
        let stack = &self.stack;
        let done = match (self.created, self.changed) {
            (true, _) => "Created",
            (false, true) => "Updated",
            (false, false) => return format!("No changes: stack {stack} {place} is up to date"),
        };
        let functions = match (&self.code, &self.previous_code) {
            (None, _) => "; it has no functions".to_owned(),
            (Some(code), Some(previous)) if code != previous => {
                format!(
                    "; `tollgate deploy --name {stack} --function-code-key {previous}` takes the code back"
                )
            }
            _ => String::new(),
        };
        format!("{done} stack {stack} {place}{functions}")
    }
}

fn code(stack: &DeployedStack) -> Option<String> {
    stack.function_code().map(str::to_owned)
}

impl Row for DeploymentRecord {
    const COLUMNS: &'static [&'static str] = &[
        "Stack",
        "Status",
        "Created",
        "Changed",
        "Code",
        "Previous code",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.stack.clone(),
            self.status.clone(),
            self.created.to_string(),
            self.changed.to_string(),
            or_dash(&self.code),
            or_dash(&self.previous_code),
        ]
    }
}
