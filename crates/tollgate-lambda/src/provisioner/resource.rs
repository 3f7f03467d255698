//! Events of a custom resource.

use std::time::Instant;

use aws_sdk_dynamodb::Client;
use serde_json::{Map, Value, json};

use super::{apply, error::ProvisionError, namespace, properties, text};

/// An event of a custom resource.
#[derive(Debug)]
pub(super) struct ResourceEvent<'a> {
    event: &'a Value,
    properties: Map<String, Value>,
}

/// A result for CloudFormation.
#[derive(Debug)]
pub(super) struct ResourceResult {
    /// The id that CloudFormation keeps for the resource.
    pub(super) id: String,
    pub(super) outcome: Result<Value, ProvisionError>,
}

impl<'a> ResourceEvent<'a> {
    /// Reads an event. Returns `None` if it is none of a custom resource.
    pub(super) fn read(event: &'a Value) -> Option<Self> {
        event.get("RequestType")?;
        let properties = event.get("ResourceProperties").and_then(Value::as_object);
        let properties = properties.cloned().unwrap_or_default();
        Some(Self { event, properties })
    }

    /// Returns a text of the event, or an empty one.
    pub(super) fn text(&self, name: &str) -> &'a str {
        let text = self.event.get(name).and_then(Value::as_str);
        text.unwrap_or_default()
    }

    /// Applies the properties. If the resource is deleted, everything is deleted that a manifest of
    /// the namespace has declared; but nothing if the resource was never created: CloudFormation also
    /// deletes a resource whose creation has failed.
    pub(super) async fn run(
        &self,
        client: &Client,
        table: Option<&str>,
        deadline: Instant,
    ) -> ResourceResult {
        let mut id = self.text("PhysicalResourceId").to_owned();
        let outcome = self.apply(client, table, deadline, &mut id).await;
        if id.is_empty() {
            id = "failed".to_owned();
        }
        ResourceResult { id, outcome }
    }

    async fn apply(
        &self,
        client: &Client,
        table: Option<&str>,
        deadline: Instant,
        id: &mut String,
    ) -> Result<Value, ProvisionError> {
        let deletes = match self.text("RequestType") {
            "Create" | "Update" => false,
            "Delete" => true,
            other => {
                let problem = format!("there is no RequestType {other:?}");
                return Err(ProvisionError::Event(problem));
            }
        };
        let property = |name: &str| {
            let text = self.properties.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        let table = property("TableName").or(table);
        let table = table.ok_or_else(|| ProvisionError::Event("TableName is missing".into()))?;
        let opened = async {
            let name = match property("NamespaceId") {
                Some(id) => namespace::name_of(client, table, id).await?,
                None => property("Namespace").unwrap_or("default").to_owned(),
            };
            let target = namespace::open(client, table, &name).await?;
            Ok((name, target))
        };
        let (name, target) = match opened.await {
            // Nothing is left that could be deleted.
            Err(ProvisionError::Missing(problem)) if deletes => {
                return Ok(json!({ "status": "deleted", "note": problem }));
            }
            opened => opened?,
        };
        let created = format!("{table}/{}/limits-provisioner", target.namespace_id());
        if deletes && self.text("PhysicalResourceId") != created {
            let note = "the resource was never created, so nothing is deleted";
            return Ok(json!({ "status": "deleted", "note": note }));
        }
        let declared = if deletes {
            json!({ "namespace": name })
        } else {
            let declared = properties::manifest(&name, &self.properties);
            declared.map_err(ProvisionError::Event)?
        };
        let manifest = text::manifest(&declared)?;
        let full = !deletes && properties::full(&self.properties).map_err(ProvisionError::Event)?;
        let applied = apply::apply(&target, &manifest, full, deadline).await?;
        // From now on the resource is this namespace. Before, a change of the id would make
        // CloudFormation delete what the old one declared.
        if !deletes {
            *id = created;
        }
        Ok(applied)
    }
}
