//! One signed request to S3.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use aws_smithy_runtime::client::{
    orchestrator::operation::Operation,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        identity::Identity,
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        result::SdkError,
    },
};
use aws_smithy_types::{
    body::SdkBody, error::display::DisplayErrorContext, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_types::SdkConfig;

/// The longest time for one attempt.
const ATTEMPT: Duration = Duration::from_secs(60);

/// The number of attempts, with pauses that double.
const ATTEMPTS: u32 = 8;

/// The longest part of an answer that an error tells.
const TOLD: usize = 300;

/// A request that is to be signed and sent.
#[derive(Debug)]
pub(super) struct Request {
    /// The action, as S3 names it.
    pub(super) action: &'static str,
    pub(super) method: &'static str,
    pub(super) endpoint: String,
    /// The path and the query, as they stand in an address.
    pub(super) path: String,
    pub(super) region: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) bytes: Vec<u8>,
}

/// The reason why a request did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// An answer that is not a success.
    #[error("status {status}: {text}")]
    Refused { status: u16, text: String },
    /// There is no answer.
    #[error("{problem}")]
    NoAnswer {
        /// The causes, in one line.
        problem: String,
        source: Option<BoxError>,
    },
}

impl Failed {
    fn of(error: impl Error + Send + Sync + 'static) -> Self {
        Self::NoAnswer {
            problem: DisplayErrorContext(&error).to_string(),
            source: Some(error.into()),
        }
    }
}

impl From<&str> for Failed {
    fn from(problem: &str) -> Self {
        Self::NoAnswer {
            problem: problem.to_owned(),
            source: None,
        }
    }
}

/// Sends a request, and returns the text of the answer.
pub(super) async fn send(config: &SdkConfig, request: Request) -> Result<String, Failed> {
    let client = config.http_client().ok_or("there is no HTTP client")?;
    let provider = config.credentials_provider();
    let provider = provider.ok_or("there are no credentials")?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(Failed::of)?;
    let identity = Identity::from(credentials);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT);
    let operation = Operation::builder()
        .service_name("S3")
        .operation_name(request.action)
        .http_client(client)
        .endpoint_url(&request.endpoint)
        .no_auth()
        .standard_retry(&RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .retry_classifier(HttpStatusCodeClassifier::default())
        .retry_classifier(TransientErrorClassifier::<Failed>::new())
        .timeout_config(timeouts.build())
        .serializer(move |request: Request| signed(request, &identity))
        .deserializer(|response| answered(response).map_err(OrchestratorError::operation))
        .build();
    let answer = operation.invoke(request).await;
    answer.map_err(|error| match error {
        SdkError::ServiceError(refused) => refused.into_err(),
        other => Failed::of(other),
    })
}

fn signed(request: Request, identity: &Identity) -> Result<HttpRequest, BoxError> {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(&request.region)
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()?
        .into();
    let url = format!("{}{}", request.endpoint, request.path);
    let headers = request.headers;
    let body = SignableBody::Bytes(&request.bytes);
    let signed = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let signable = SignableRequest::new(request.method, &url, signed, body)?;
    let (signature, _) = sign(signable, &parameters)?.into_parts();
    let length = request.bytes.len();
    let mut http = HttpRequest::new(SdkBody::from(request.bytes));
    http.set_method(request.method)?;
    http.set_uri(request.path)?;
    for (name, value) in headers {
        http.headers_mut().try_insert(name, value)?;
    }
    if length > 0 {
        http.headers_mut()
            .try_insert("content-length", length.to_string())?;
    }
    for (name, value) in signature.headers() {
        let (name, value) = (name.to_owned(), value.to_owned());
        http.headers_mut().try_insert(name, value)?;
    }
    Ok(http)
}

fn answered(response: &HttpResponse) -> Result<String, Failed> {
    let text = response.body().bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    if response.status().is_success() {
        return Ok(text.into_owned());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    Err(Failed::Refused {
        status: response.status().as_u16(),
        text: words.join(" ").chars().take(TOLD).collect(),
    })
}
