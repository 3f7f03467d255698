//! `tollgate audit list`

use std::str::FromStr;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};
use tollgate::{
    EntityId, Resource,
    model::{AuditEvent, AuditSubject, InvalidName},
};

use crate::{context::Context, failure::Failure, output::Row, time::rfc3339};

/// Lists the changes of an entity, of a resource's limits or of the system's, newest first
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Entity; `$RESOURCE:` and a resource for its limits, `$SYSTEM` for those of all resources
    #[arg(long = "entity-id", short = 'e', value_name = "ENTITY")]
    subject: Subject,
    /// Number of events to list
    #[arg(long, short = 'l', default_value_t = 100)]
    limit: u64,
    /// Continue after this event
    #[arg(long, value_name = "EVENT")]
    start_event_id: Option<String>,
}

/// The subject of a history, as the table spells it.
#[derive(Clone, Debug)]
struct Subject(AuditSubject);

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

impl From<AuditEvent> for EventRow {
    fn from(event: AuditEvent) -> Self {
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
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        vec![
            self.timestamp.clone(),
            self.action.clone(),
            known(&self.principal),
            known(&self.resource),
        ]
    }
}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let mut events = limiter.audit().events(&self.subject.0);
        let mut rows = context.out.rows();
        let mut last = None;
        while rows.count() < self.limit
            && let Some(event) = events.next().await
        {
            let event = event?;
            // Newest first: ids of later events are greater.
            if self
                .start_event_id
                .as_ref()
                .is_some_and(|start| event.event_id >= *start)
            {
                continue;
            }
            last = Some(event.event_id.clone());
            rows.push(&EventRow::from(event))?;
        }
        let count = rows.finish()?;
        context.out.line(format!("Total: {count} events"))?;
        if let Some(last) = last.filter(|_| count == self.limit) {
            context
                .out
                .line(format!("Older events: --start-event-id {last}"))?;
        }
        Ok(())
    }
}
