//! Answers to CloudFormation.

use std::time::Duration;

use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{http::HttpConnector, orchestrator::HttpRequest};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::resource::{ResourceEvent, ResourceResult};

/// The number of attempts to deliver an answer. Without one, CloudFormation waits for an hour.
const ATTEMPTS: u32 = 4;

/// The longest time for an attempt, and the pause after the first one that failed.
const ATTEMPT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

/// The most bytes of a reason: the whole answer may have 4096, with the escapes of JSON.
const REASON: usize = 1500;

/// The numbers that a template may read from the resource.
const COUNTS: [&str; 4] = ["created", "updated", "deleted", "unchanged"];

/// Returns the answer.
pub(super) fn answer(event: &ResourceEvent<'_>, result: &ResourceResult) -> Value {
    let mut answer = json!({
        "PhysicalResourceId": result.id,
        "StackId": event.text("StackId"),
        "RequestId": event.text("RequestId"),
        "LogicalResourceId": event.text("LogicalResourceId"),
    });
    match &result.outcome {
        Ok(applied) => {
            let counts = COUNTS.iter();
            let counts = counts.map(|name| ((*name).to_owned(), applied[*name].clone()));
            answer["Status"] = "SUCCESS".into();
            answer["Data"] = Value::Object(counts.collect());
        }
        Err(error) => {
            let mut reason = error.to_string();
            let mut ends = (0..=REASON.min(reason.len())).rev();
            let end = ends.find(|end| reason.is_char_boundary(*end));
            reason.truncate(end.unwrap_or(0));
            answer["Status"] = "FAILED".into();
            answer["Reason"] = reason.into();
        }
    }
    answer
}

/// Puts the answer to the address that CloudFormation has signed.
pub(super) async fn deliver(url: &str, answer: &Value) -> Result<(), String> {
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build();
    let mut pause = PAUSE;
    let mut attempt = 1;
    loop {
        let sent = tokio::time::timeout(ATTEMPT, put(&connector, url, answer)).await;
        let problem = match sent {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(problem)) => problem,
            Err(_) => "there was no answer in time".to_owned(),
        };
        if attempt == ATTEMPTS {
            return Err(format!("CloudFormation cannot be told: {problem}"));
        }
        attempt += 1;
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

async fn put(connector: &Connector, url: &str, answer: &Value) -> Result<(), String> {
    let mut request = HttpRequest::new(SdkBody::from(answer.to_string()));
    let told = |error: &dyn std::fmt::Display| error.to_string();
    request.set_method("PUT").map_err(|error| told(&error))?;
    request.set_uri(url).map_err(|error| told(&error))?;
    // The signature is of an empty one.
    request.headers_mut().insert("content-type", "");
    let reply = connector
        .call(request)
        .await
        .map_err(|error| told(&error))?;
    match reply.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("the answer was refused with {}", status.as_u16())),
    }
}
