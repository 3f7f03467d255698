//! The connections of a stream to functions: event source mappings of Lambda.

use aws_types::SdkConfig;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{call::Call, endpoint::Service};
use crate::{error::OpsError, http_client::with_http_client};

pub(super) const LAMBDA: Service = Service {
    name: "lambda",
    id: "Lambda",
};

const PATH: &str = "/2015-03-31/event-source-mappings/";

/// The connection of a stream to a function. While it is disabled, it keeps its position.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct StreamSource {
    /// The id.
    #[serde(rename = "UUID")]
    pub id: String,
    /// The ARN of the function.
    pub function_arn: String,
    /// The ARN of the stream.
    #[serde(default)]
    pub event_source_arn: String,
    /// The state.
    pub state: EventSourceState,
    /// The result of the last batch, in Lambda's words: `OK`, `No records processed`, or `PROBLEM: `
    /// with a reason. `None` if Lambda does not tell it.
    #[serde(default)]
    pub last_processing_result: Option<String>,
}

impl StreamSource {
    /// Returns the reason if the function failed with its last batch.
    pub fn last_problem(&self) -> Option<&str> {
        let result = self.last_processing_result.as_deref()?;
        Some(result.strip_prefix("PROBLEM:")?.trim())
    }
}

/// The state of the connection of a stream to a function.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(from = "String")]
#[non_exhaustive]
pub enum EventSourceState {
    /// The function gets records.
    Enabled,
    /// The function gets no records, and no invocation is under way.
    Disabled,
    /// Neither of the two yet: Lambda's word.
    Changing(String),
}

impl From<String> for EventSourceState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "Enabled" => Self::Enabled,
            "Disabled" => Self::Disabled,
            _ => Self::Changing(word),
        }
    }
}

impl std::fmt::Display for EventSourceState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::Changing(word) => word,
        })
    }
}

/// Reads and changes the connections of streams to functions.
#[derive(Clone, Debug)]
pub struct StreamSources {
    config: SdkConfig,
}

impl StreamSources {
    /// Creates a client. Credentials, region and HTTP client are those of `config`.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: with_http_client(config),
        }
    }

    /// Returns the connections of a function. Empty if there is no such function.
    ///
    /// # Errors
    /// [`OpsError::Aws`].
    pub async fn of_function(&self, function: &str) -> Result<Vec<StreamSource>, OpsError> {
        const LIST: &str = "ListEventSourceMappings";
        let (mut found, mut marker) = (Vec::new(), None::<String>);
        loop {
            let mut path = format!("{PATH}?FunctionName={}", plain(LIST, function)?);
            if let Some(marker) = &marker {
                path.push_str("&Marker=");
                path.push_str(plain(LIST, marker)?);
            }
            let answer = match self.call(LIST, "GET", path, None).await {
                Ok(answer) => answer,
                Err(unanswered)
                    if unanswered.code.as_deref() == Some("ResourceNotFoundException") =>
                {
                    return Ok(found);
                }
                Err(unanswered) => return Err(unanswered.into()),
            };
            let mappings = answer.get("EventSourceMappings").cloned();
            let page: Vec<StreamSource> = parsed(LIST, mappings.unwrap_or(json!([])))?;
            found.extend(page);
            marker = answer["NextMarker"]
                .as_str()
                .filter(|marker| !marker.is_empty())
                .map(str::to_owned);
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    /// Returns a connection.
    ///
    /// # Errors
    /// [`OpsError::Aws`].
    pub async fn get(&self, id: &str) -> Result<StreamSource, OpsError> {
        const GET: &str = "GetEventSourceMapping";
        let path = format!("{PATH}{}", plain(GET, id)?);
        parsed(GET, self.call(GET, "GET", path, None).await?)
    }

    /// Enables or disables a connection. The change takes some time: [`get`](Self::get) tells its
    /// end.
    ///
    /// # Errors
    /// [`OpsError::Aws`].
    pub async fn set_enabled(&self, id: &str, enabled: bool) -> Result<StreamSource, OpsError> {
        const UPDATE: &str = "UpdateEventSourceMapping";
        let path = format!("{PATH}{}", plain(UPDATE, id)?);
        let body = json!({ "Enabled": enabled });
        parsed(UPDATE, self.call(UPDATE, "PUT", path, Some(body)).await?)
    }

    async fn call(
        &self,
        operation: &'static str,
        method: &'static str,
        path: String,
        body: Option<Value>,
    ) -> Result<Value, super::call::Unanswered> {
        let body = body.map(|body| body.to_string().into_bytes());
        let headers = match &body {
            Some(_) => vec![("content-type", "application/json".to_owned())],
            None => Vec::new(),
        };
        let call = Call {
            service: LAMBDA,
            operation,
            method,
            path,
            headers,
            body: body.unwrap_or_default(),
        };
        call.send(&self.config).await
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(call: &'static str, answer: Value) -> Result<T, OpsError> {
    serde_json::from_value(answer).map_err(|error| OpsError::aws(call, error))
}

/// Checks that a part of an address has only letters that mean themselves there.
pub(super) fn plain<'a>(call: &'static str, part: &'a str) -> Result<&'a str, OpsError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if !part.is_empty() && part.bytes().all(is_plain) {
        return Ok(part);
    }
    let problem = format!("{part:?} cannot be a part of an address");
    Err(OpsError::Aws {
        call,
        source: problem.clone().into(),
        problem,
    })
}
