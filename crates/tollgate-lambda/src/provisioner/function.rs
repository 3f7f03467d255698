//! The provisioner as a function.

use std::{
    env,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::Client;
use serde_json::{Value, json};

use super::{
    answer::{answer, deliver},
    command,
    error::ProvisionError,
    resource::{ResourceEvent, ResourceResult},
    text,
};
use crate::{
    failure::Failure,
    log::{self, Level},
    runtime::{Function, Invocation},
    sdk_config,
};

/// The time that is kept for the answer to CloudFormation.
const ANSWER: Duration = Duration::from_secs(22);

/// The function with the handler `provisioner`.
#[derive(Debug)]
pub(crate) struct ProvisionerFunction {
    client: Client,
    /// The table of events that name none.
    table: Option<String>,
}

impl ProvisionerFunction {
    /// Makes the client that all events share.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let table = env::var("TABLE_NAME").ok();
        Ok(Self {
            client: Client::new(&sdk_config::load().await?),
            table: table.filter(|table| !table.is_empty()),
        })
    }

    async fn command(&self, event: &Value, invocation: &Known) -> Result<Value, Failure> {
        let (table, deadline) = (self.table.as_deref(), invocation.deadline);
        let result = command::run(&self.client, table, event, deadline).await;
        report(&invocation.id, &result);
        result.map_err(|error| Failure::new(error.kind(), error.to_string()))
    }

    /// Handles an event of CloudFormation, and answers it. Fails only if the answer could not be
    /// delivered: then Lambda repeats the event.
    async fn resource(
        &self,
        event: &ResourceEvent<'_>,
        invocation: &Known,
    ) -> Result<Value, Failure> {
        let left = invocation
            .deadline
            .saturating_duration_since(Instant::now());
        let deadline = invocation.deadline - ANSWER.min(left / 2);
        let result: ResourceResult = event
            .run(&self.client, self.table.as_deref(), deadline)
            .await;
        report(&invocation.id, &result.outcome);
        let answer = answer(event, &result);
        let url = event.text("ResponseURL");
        if !url.is_empty() {
            let delivered = deliver(url, &answer).await;
            delivered.map_err(|problem| Failure::new("NotDelivered", problem))?;
        }
        Ok(answer)
    }
}

/// The parts of an invocation that are left when its event is read.
#[derive(Debug)]
struct Known {
    id: String,
    deadline: Instant,
}

impl Function for ProvisionerFunction {
    async fn handle(&mut self, invocation: Invocation) -> Result<Value, Failure> {
        let event = text::event(&invocation.event);
        let event = event.map_err(|problem| Failure::new("InvalidEvent", problem))?;
        let known = Known {
            id: invocation.id,
            deadline: invocation.deadline,
        };
        match ResourceEvent::read(&event) {
            Some(resource) => self.resource(&resource, &known).await,
            None => self.command(&event, &known).await,
        }
    }
}

fn report(id: &str, result: &Result<Value, ProvisionError>) {
    match result {
        Ok(result) => {
            let fields = json!({ "request_id": id, "result": result });
            let message = match result["status"].as_str() {
                Some("planned") => "limits are planned, nothing is changed",
                _ => "limits are provisioned",
            };
            log::line(Level::Info, message, fields);
        }
        Err(error) => {
            let fields = json!({
                "request_id": id,
                "kind": error.kind(),
                "problem": error.to_string(),
            });
            log::line(Level::Error, "limits are not provisioned", fields);
        }
    }
}
