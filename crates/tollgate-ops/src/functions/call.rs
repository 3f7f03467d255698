//! Signed requests with JSON.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime::client::{
    orchestrator::operation::Operation, retries::classifiers::TransientErrorClassifier,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        identity::Identity,
        orchestrator::{HttpRequest, OrchestratorError},
        result::SdkError,
    },
};
use aws_smithy_types::{
    body::SdkBody, error::display::DisplayErrorContext, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_types::SdkConfig;
use serde_json::Value;

use super::{
    endpoint::Service,
    refusal::{Refusal, RepeatRefused},
};
use crate::error::OpsError;

/// The longest time for one attempt.
const ATTEMPT: Duration = Duration::from_secs(20);

/// The number of attempts, with pauses that double.
const ATTEMPTS: u32 = 5;

/// A request of a service.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) service: Service,
    /// The name of the operation, for errors.
    pub(super) operation: &'static str,
    pub(super) method: &'static str,
    /// The path, with the query. It has only letters that mean themselves in an address.
    pub(super) path: String,
    /// The headers that the request needs beside those of the signature.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// The failure of a request.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// The name of the error, if the service refused.
    pub(super) code: Option<String>,
    pub(super) error: OpsError,
}

impl From<Unanswered> for OpsError {
    fn from(unanswered: Unanswered) -> Self {
        unanswered.error
    }
}

impl Call {
    /// Sends the request, and returns the JSON of the answer.
    pub(super) async fn send(self, config: &SdkConfig) -> Result<Value, Unanswered> {
        let call = self.operation;
        let failed = |code: Option<String>, problem: String, source: BoxError| {
            let error = OpsError::Aws {
                call,
                problem,
                source,
            };
            Unanswered { code, error }
        };
        let missing = |what: &str| {
            let problem = format!("there is no {what}");
            failed(None, problem.clone(), problem.into())
        };
        let client = config.http_client().ok_or_else(|| missing("HTTP client"))?;
        let region = config.region().ok_or_else(|| missing("region"))?.clone();
        let credentials = config.credentials_provider();
        let credentials = credentials.ok_or_else(|| missing("provider of credentials"))?;
        let credentials = credentials.provide_credentials().await;
        let credentials = credentials.map_err(|error| {
            let problem = DisplayErrorContext(&error).to_string();
            failed(None, problem, error.into())
        })?;
        let identity = Identity::from(credentials);
        let endpoint = self.service.endpoint(config, region.as_ref());
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT);
        let signer = Signer {
            identity,
            region: region.to_string(),
            endpoint: endpoint.clone(),
        };
        let operation = Operation::builder()
            .service_name(self.service.id)
            .operation_name(self.operation)
            .http_client(client)
            .endpoint_url(&endpoint)
            .no_auth()
            .standard_retry(&RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .retry_classifier(RepeatRefused)
            .timeout_config(timeouts.build())
            .serializer(move |call: Self| signer.signed(call))
            .deserializer(|response| {
                if !response.status().is_success() {
                    return Err(OrchestratorError::operation(Refusal::read(response)));
                }
                let body = response.body().bytes().unwrap_or_default();
                serde_json::from_slice(body).map_err(OrchestratorError::other)
            })
            .build();
        operation.invoke(self).await.map_err(|error| match error {
            SdkError::ServiceError(refused) => {
                let refusal = refused.into_err();
                let (code, problem) = (refusal.code.clone(), refusal.to_string());
                failed(Some(code), problem, refusal.into())
            }
            other => {
                let problem = DisplayErrorContext(&other).to_string();
                failed(
                    None,
                    format!("{problem}; {endpoint} was asked"),
                    other.into(),
                )
            }
        })
    }
}

/// Everything that a signature needs beside the request.
struct Signer {
    identity: Identity,
    region: String,
    endpoint: String,
}

impl Signer {
    fn signed(&self, call: Call) -> Result<HttpRequest, BoxError> {
        let parameters = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(call.service.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let url = format!("{}{}", self.endpoint, call.path);
        let headers = call.headers.iter();
        let headers = headers.map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Bytes(&call.body);
        let signable = SignableRequest::new(call.method, &url, headers, body)?;
        let (signature, _) = sign(signable, &parameters)?.into_parts();
        let length = call.body.len().to_string();
        let mut request = HttpRequest::new(SdkBody::from(call.body.as_slice()));
        request.set_method(call.method)?;
        request.set_uri(call.path.as_str())?;
        for (name, value) in &call.headers {
            request.headers_mut().try_insert(*name, value.clone())?;
        }
        request.headers_mut().try_insert("content-length", length)?;
        for (name, value) in signature.headers() {
            let (name, value) = (name.to_owned(), value.to_owned());
            request.headers_mut().try_insert(name, value)?;
        }
        Ok(request)
    }
}
