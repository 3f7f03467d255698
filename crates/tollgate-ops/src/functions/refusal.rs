//! Answers that are not a success.

use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    orchestrator::HttpResponse,
    retries::classifiers::{ClassifyRetry, RetryAction},
};
use serde_json::Value;

use crate::error::OpsError;

/// The longest part of an answer that an error tells.
const TOLD: usize = 300;

/// An answer that is not a success.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {text}")]
pub(super) struct Refusal {
    status: u16,
    /// The name of the error, such as `ResourceNotFoundException`.
    pub(super) code: String,
    text: String,
}

impl Refusal {
    /// Reads an answer.
    pub(super) fn read(response: &HttpResponse) -> Self {
        let status = response.status().as_u16();
        let body = response.body().bytes().unwrap_or_default();
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let text_of = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| json[*name].as_str());
            found.map(str::to_owned)
        };
        let header = response.headers().get("x-amzn-errortype");
        let code = header.map(str::to_owned);
        let code = code.or_else(|| text_of(["__type", "code"]));
        let text = text_of(["message", "Message"]);
        Self {
            status,
            code: code.map_or_else(|| format!("status {status}"), |code| bare(&code).to_owned()),
            text: one_line(&text.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())),
        }
    }

    fn is_throttled(&self) -> bool {
        self.status == 429
            || ["Throttl", "TooManyRequests", "LimitExceeded"]
                .iter()
                .any(|word| self.code.contains(word))
    }
}

/// Returns an error's name without its namespace, `com.amazonaws.logs#Name`, and its address,
/// `Name:http://…`.
fn bare(code: &str) -> &str {
    let name = code.rsplit_once('#').map_or(code, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name)
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(TOLD).collect()
}

/// Returns true if a service of AWS refused a call of this module because a right lacks.
pub fn is_denied(error: &OpsError) -> bool {
    let OpsError::Aws { source, .. } = error else {
        return false;
    };
    let refusal = source.downcast_ref::<Refusal>();
    refusal.is_some_and(|refusal| refusal.code.starts_with("AccessDenied"))
}

/// Repeats requests that were throttled, or failed on the side of AWS.
#[derive(Debug)]
pub(super) struct RepeatRefused;

impl ClassifyRetry for RepeatRefused {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let error = error.as_operation_error();
        match error.and_then(|error| error.downcast_ref::<Refusal>()) {
            Some(refusal) if refusal.is_throttled() => RetryAction::throttling_error(),
            Some(refusal) if refusal.status >= 500 => RetryAction::server_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "RepeatRefused"
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn answer(status: u16, body: &str) -> HttpResponse {
        let status = StatusCode::try_from(status).unwrap();
        HttpResponse::new(status, SdkBody::from(body))
    }

    #[test]
    fn an_answer_is_its_code_and_its_message_in_one_line() {
        let json =
            r#"{"__type": "com.amazonaws.logs#ResourceNotFoundException", "message": "no\ngroup"}"#;
        let refusal = Refusal::read(&answer(400, json));
        assert_eq!(refusal.to_string(), "ResourceNotFoundException: no group");
        assert!(!refusal.is_throttled());

        let mut rest = answer(429, r#"{"Message": "slowly"}"#);
        let name = "TooManyRequestsException:http://internal.amazon.com/";
        rest.headers_mut().insert("x-amzn-errortype", name);
        let refusal = Refusal::read(&rest);
        assert_eq!(refusal.to_string(), "TooManyRequestsException: slowly");
        assert!(refusal.is_throttled());

        let page = Refusal::read(&answer(502, "<html>\nBad gateway"));
        assert_eq!(page.to_string(), "status 502: <html> Bad gateway");
    }
}
