//! Waits for operations of CloudFormation.

use std::{collections::HashSet, time::Duration};

use tokio::time::{Instant, sleep};

use super::{error::DeployError, event::StackEvent, stack_manager::StackManager};

/// The first and the longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(3));

/// The time without an event after which the status of the stack is looked at too. It is longer than
/// CloudFormation takes to begin.
const QUIET: Duration = Duration::from_secs(30);

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
    /// The statuses after a success.
    pub(super) wanted: &'static [&'static str],
}

impl StackManager {
    /// Waits until an operation ends. Its events are passed on as they are seen. A look that fails for
    /// a passing reason is repeated.
    pub(super) async fn wait(&self, operation: Operation<'_>) -> Result<(), DeployError> {
        let (begun, mut pause) = (Instant::now(), PAUSES.0);
        let (mut seen, mut failures) = (HashSet::new(), Vec::new());
        let mut quiet_since = begun;
        loop {
            let events = self.new_events(operation, &mut seen).await;
            let events = DeployError::unless_passing(events)?;
            let mut ended = None;
            match &events {
                Some(events) if events.is_empty() && quiet_since.elapsed() >= QUIET => {
                    // The event that ends the operation may be missing. The status tells it as well.
                    ended = self.ended(operation.id).await?;
                }
                Some(events) if events.is_empty() => {}
                _ => quiet_since = Instant::now(),
            }
            for event in events.into_iter().flatten() {
                (self.on_event)(&event);
                let ends = event.ends(self.name());
                if ends {
                    ended = Some(event.status.clone());
                }
                // The last event has a reason if CloudFormation has refused the whole.
                if event.is_failure() || ends && event.reason.is_some() {
                    failures.push(event);
                }
                if ends {
                    break;
                }
            }
            match ended {
                Some(status) if operation.wanted.contains(&&*status) => return Ok(()),
                Some(status) => return Err(self.failed(operation.action, status, failures)),
                None => self.pause(operation.action, begun, &mut pause).await?,
            }
        }
    }

    /// Returns the status of a stack on which no operation is under way.
    async fn ended(&self, id: &str) -> Result<Option<String>, DeployError> {
        let described = self.describe_by(id).await;
        Ok(match DeployError::unless_passing(described)? {
            Some(Some(stack)) => {
                Some(stack.status).filter(|status| !status.ends_with("IN_PROGRESS"))
            }
            Some(None) => Some("DELETE_COMPLETE".to_owned()),
            None => None,
        })
    }

    /// Waits until no operation is under way, whoever began it.
    pub(super) async fn settled(&self, action: &'static str) -> Result<(), DeployError> {
        let (begun, mut pause) = (Instant::now(), PAUSES.0);
        loop {
            let described = DeployError::unless_passing(self.describe().await)?;
            let is_busy = described.is_none_or(|stack| stack.is_some_and(|it| it.is_in_progress()));
            if !is_busy {
                return Ok(());
            }
            self.pause(action, begun, &mut pause).await?;
        }
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
        let (begun, mut pause) = Self::first_pause();
        loop {
            let events = self.client.describe_stack_events().stack_name(id).send();
            let events = events.await.map_err(DeployError::call(READING));
            if let Some(events) = DeployError::unless_passing(events)? {
                let newest = events.stack_events().first();
                return Ok(newest.and_then(|event| event.event_id().map(str::to_owned)));
            }
            self.pause("watching", begun, &mut pause).await?;
        }
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
                if operation.after == Some(id) || seen.contains(id) {
                    break 'pages;
                }
                new.push(event.clone());
            }
        }
        new.reverse();
        // Not earlier: if a page fails, the events of those before it are new next time.
        seen.extend(
            new.iter()
                .filter_map(|event| event.event_id().map(str::to_owned)),
        );
        Ok(new.iter().map(StackEvent::read).collect())
    }
}
