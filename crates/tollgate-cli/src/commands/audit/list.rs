//! `tollgate audit list`

use std::str::FromStr;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};
use tollgate::{
    EntityId, Resource,
    model::{AuditEvent, AuditSubject, InvalidName},
};

use crate::{
    commands::listing::{self, Form, From},
    context::Context,
    failure::Failure,
    output::{Row, or_dash},
    time::rfc3339,
};

/// Lists the changes of an entity, of a resource's limits or of the system's, newest first
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Entity; `$RESOURCE:` and a resource for its limits, `$SYSTEM` for those of all resources
    #[arg(
        long = "entity-id",
        alias = "entity",
        short = 'e',
        value_name = "ENTITY"
    )]
    subject: Subject,
    /// Number of events to list
    #[arg(long, short = 'l', default_value_t = 100)]
    limit: u64,
    /// List only what is older than this event, by its `event_id` in JSON
    #[arg(long, value_name = "EVENT", value_parser = event_id)]
    start_event_id: Option<String>,
    #[command(flatten)]
    from: From,
}

/// The subject of a history, as the table spells it.
#[derive(Clone, Debug)]
struct Subject(AuditSubject);

/// Reads the id of an event: 26 letters and digits.
fn event_id(text: &str) -> Result<String, &'static str> {
    if text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(text.to_owned());
    }
    Err("it must have 26 letters and digits: `--output json` shows the ids of events")
}

impl FromStr for Subject {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Ok(Self(match text.strip_prefix("$RESOURCE:") {
            Some(resource) => AuditSubject::Resource(resource.parse::<Resource>()?),
            None if text == "$SYSTEM" => AuditSubject::System,
            None => AuditSubject::Entity(text.parse::<EntityId>()?),
        }))
    }
}

/// An event of the history.
#[derive(Debug, Serialize)]
struct EventRow {
    event_id: String,
    timestamp: String,
    action: String,
    entity_id: String,
    resource: Option<String>,
    principal: Option<String>,
    details: Map<String, Value>,
}

impl EventRow {
    fn new(event: AuditEvent) -> Self {
        Self {
            event_id: event.event_id,
            timestamp: rfc3339(event.timestamp),
            action: event.action.to_string(),
            entity_id: event.entity_id,
            resource: event.resource,
            principal: event.principal,
            details: event.details,
        }
    }
}

impl Row for EventRow {
    const COLUMNS: &'static [&'static str] = &["Timestamp", "Action", "Principal", "Resource"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.timestamp.clone(),
            self.action.clone(),
            or_dash(&self.principal),
            or_dash(&self.resource),
        ]
    }
}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let events = limiter.audit().events(&self.subject.0);
        let start = self.start_event_id;
        let row = |event: AuditEvent| {
            // Newest first: ids of later events are greater.
            let is_later = start.as_ref().is_some_and(|start| event.event_id >= *start);
            (!is_later).then(|| EventRow::new(event))
        };
        let total = |count| Some(format!("Total: {count} events"));
        let part = self.from.part(self.limit);
        listing::print(context, events, part, Form::Table, (row, total)).await
    }
}
