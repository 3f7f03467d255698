//! Waits for operations of CloudFormation.

use std::{collections::HashSet, time::Duration};

use tokio::time::{Instant, sleep};

use super::{error::DeployError, event::StackEvent, stack_manager::StackManager};

/// The first and the longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(3));

const READING: &str = "reading the events of the stack";

/// An operation that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation<'a> {
    /// The action: `creating`, `updating` or `deleting`.
    pub(super) action: &'static str,
    /// The stack's id.
    pub(super) id: &'a str,
    /// The id of the newest event before the operation; `None` for a new stack.
    pub(super) after: Option<&'a str>,
    /// The status after a success.
    pub(super) wanted: &'static str,
}

impl StackManager {
    /// Waits until an operation ends. Its events are passed on as they are seen.
    pub(super) async fn wait(&self, operation: Operation<'_>) -> Result<(), DeployError> {
        let (begun, mut pause) = (Instant::now(), PAUSES.0);
        let mut seen = HashSet::new();
        let mut failures = Vec::new();
        loop {
            for event in self.new_events(operation, &mut seen).await? {
                (self.on_event)(&event);
                if event.ends(self.name()) {
                    return if event.status == operation.wanted {
                        Ok(())
                    } else {
                        Err(self.failed(operation.action, event.status, failures))
                    };
                }
                if event.is_failure() {
                    failures.push(event);
                }
            }
            self.pause(operation.action, begun, &mut pause).await?;
        }
    }

    /// Waits until no operation is under way, whoever began it.
    pub(super) async fn settled(&self, action: &'static str) -> Result<(), DeployError> {
        let (begun, mut pause) = (Instant::now(), PAUSES.0);
        while self
            .describe()
            .await?
            .is_some_and(|stack| stack.is_in_progress())
        {
            self.pause(action, begun, &mut pause).await?;
        }
        Ok(())
    }

    /// Pauses before the next look.
    pub(super) async fn pause(
        &self,
        action: &'static str,
        begun: Instant,
        pause: &mut Duration,
    ) -> Result<(), DeployError> {
        if begun.elapsed() >= self.deadline {
            return Err(DeployError::Deadline {
                action,
                stack: self.name().to_owned(),
                waited: self.deadline,
            });
        }
        sleep(*pause).await;
        *pause = (*pause * 3 / 2).min(PAUSES.1);
        Ok(())
    }

    /// Returns the first pause of a loop, with the time of its begin.
    pub(super) fn first_pause() -> (Instant, Duration) {
        (Instant::now(), PAUSES.0)
    }

    fn failed(&self, action: &'static str, status: String, events: Vec<StackEvent>) -> DeployError {
        DeployError::Failed {
            action,
            stack: self.name().to_owned(),
            status,
            events,
        }
    }

    /// Returns the id of the newest event of a stack: the events of the next operation come after it.
    pub(super) async fn newest_event(&self, id: &str) -> Result<Option<String>, DeployError> {
        let events = self.client.describe_stack_events().stack_name(id);
        let events = events.send().await.map_err(DeployError::call(READING))?;
        let newest = events.stack_events().first();
        Ok(newest.and_then(|event| event.event_id().map(str::to_owned)))
    }

    /// Returns the events of an operation that were not seen yet, the oldest first.
    async fn new_events(
        &self,
        operation: Operation<'_>,
        seen: &mut HashSet<String>,
    ) -> Result<Vec<StackEvent>, DeployError> {
        let mut new = Vec::new();
        let events = self.client.describe_stack_events();
        let mut pages = events.stack_name(operation.id).into_paginator().send();
        // The newest come first.
        'pages: while let Some(page) = pages.next().await {
            let page = page.map_err(DeployError::call(READING))?;
            for event in page.stack_events() {
                let id = event.event_id().unwrap_or_default();
                if operation.after == Some(id) || !seen.insert(id.to_owned()) {
                    break 'pages;
                }
                new.push(StackEvent::read(event));
            }
        }
        new.reverse();
        Ok(new)
    }
}
