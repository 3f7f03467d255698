//! The log of a function, in CloudWatch Logs.

use std::collections::{BTreeSet, VecDeque};

use aws_types::SdkConfig;
use serde::Deserialize;
use serde_json::json;

use super::{
    call::{Call, Unanswered},
    endpoint::Service,
};
use crate::{error::OpsError, http_client::with_http_client};

const LOGS: Service = Service {
    name: "logs",
    id: "CloudWatch Logs",
};

/// The time by which a line may reach CloudWatch Logs later than newer lines, milliseconds.
const LATE: i64 = 30_000;

/// A line of a log.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogEvent {
    /// The id, which no other line of the log group has. Empty if the service gives none.
    #[serde(default)]
    pub event_id: String,
    /// The time, epoch milliseconds.
    pub timestamp: i64,
    /// The stream of the log group: one for each process of a function.
    pub log_stream_name: String,
    /// The text, with the end of its line.
    pub message: String,
}

impl LogEvent {
    /// Returns a text by which the line is known again.
    fn key(&self) -> String {
        if self.event_id.is_empty() {
            return format!("{} {}", self.log_stream_name, self.message);
        }
        self.event_id.clone()
    }
}

/// Reads the log group of a function, in the order of time.
#[derive(Debug)]
pub struct FunctionLog {
    config: SdkConfig,
    group: String,
    /// The earliest time that is asked for, epoch milliseconds.
    since: i64,
    newest: i64,
    queue: VecDeque<LogEvent>,
    /// The token of the next page.
    token: Option<String>,
    /// True if all pages were read.
    complete: bool,
    /// The lines that the next reading finds again.
    seen: BTreeSet<(i64, String)>,
}

/// A page of an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogPage {
    #[serde(default)]
    events: Vec<LogEvent>,
    next_token: Option<String>,
}

impl FunctionLog {
    /// Creates a reader of the log of a function, from a time on, epoch milliseconds. Credentials,
    /// region and HTTP client are those of `config`.
    pub fn new(config: &SdkConfig, function: &str, since: i64) -> Self {
        Self {
            config: with_http_client(config),
            group: format!("/aws/lambda/{function}"),
            since,
            newest: since,
            queue: VecDeque::new(),
            token: None,
            complete: false,
            seen: BTreeSet::new(),
        }
    }

    /// Returns the name of the log group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Returns the next line that it has not returned before, or `None` after the last one. A round
    /// trip for each page.
    ///
    /// # Errors
    /// [`OpsError::NoLog`] if there is no log group, [`OpsError::Aws`] if it cannot be read.
    pub async fn next(&mut self) -> Result<Option<LogEvent>, OpsError> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Ok(Some(event));
            }
            if self.complete {
                return Ok(None);
            }
            self.read_page().await?;
        }
    }

    /// Begins to read again, for lines that came after the last reading.
    pub fn look_again(&mut self) {
        self.since = self.since.max(self.newest.saturating_sub(LATE));
        self.seen = self.seen.split_off(&(self.since, String::new()));
        self.complete = false;
    }

    async fn read_page(&mut self) -> Result<(), OpsError> {
        let call = Call {
            service: LOGS,
            operation: "FilterLogEvents",
            method: "POST",
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", "Logs_20140328.FilterLogEvents".to_owned()),
            ],
            body: self.request(),
        };
        let answer = call.send(&self.config).await;
        let answer = answer.map_err(|unanswered| self.failure(unanswered))?;
        let page: LogPage = serde_json::from_value(answer)
            .map_err(|error| OpsError::aws("FilterLogEvents", error))?;
        for event in page.events {
            self.newest = self.newest.max(event.timestamp);
            if self.seen.insert((event.timestamp, event.key())) {
                self.queue.push_back(event);
            }
        }
        // Only lines of the last seconds can be found again.
        let again = self.newest.saturating_sub(LATE);
        self.seen = self.seen.split_off(&(again, String::new()));
        self.complete = page.next_token.is_none();
        self.token = page.next_token;
        Ok(())
    }

    fn request(&self) -> Vec<u8> {
        let mut request = json!({ "logGroupName": self.group, "startTime": self.since });
        if let Some(token) = &self.token {
            request["nextToken"] = json!(token);
        }
        request.to_string().into_bytes()
    }

    fn failure(&self, unanswered: Unanswered) -> OpsError {
        if unanswered.code.as_deref() == Some("ResourceNotFoundException") {
            let group = self.group.clone();
            return OpsError::NoLog { group };
        }
        unanswered.into()
    }
}
