//! One signed PUT to S3.

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
    orchestrator::operation::Operation, retries::classifiers::HttpStatusCodeClassifier,
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

/// An object that is to be stored.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) endpoint: String,
    /// The path of the object. It has only letters that mean themselves in an address.
    pub(super) path: String,
    pub(super) region: String,
    pub(super) bytes: Vec<u8>,
}

/// An answer that is not a success.
#[derive(Debug, thiserror::Error)]
#[error("status {status}: {text}")]
struct Refused {
    status: u16,
    text: String,
}

/// The reason why an object was not stored, in one line, and the error behind it if there is one.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) problem: String,
    pub(super) source: Option<BoxError>,
}

impl From<&str> for Failed {
    fn from(problem: &str) -> Self {
        let problem = problem.to_owned();
        Self {
            problem,
            source: None,
        }
    }
}

impl Failed {
    fn of(error: impl Error + Send + Sync + 'static) -> Self {
        Self {
            problem: DisplayErrorContext(&error).to_string(),
            source: Some(error.into()),
        }
    }
}

/// Stores an object. Returns the reason if that is not certain.
pub(super) async fn put(config: &SdkConfig, object: Put) -> Result<(), Failed> {
    let client = config.http_client().ok_or("there is no HTTP client")?;
    let provider = config.credentials_provider();
    let provider = provider.ok_or("there are no credentials")?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(Failed::of)?;
    let identity = Identity::from(credentials);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT);
    let operation = Operation::builder()
        .service_name("S3")
        .operation_name("PutObject")
        .http_client(client)
        .endpoint_url(&object.endpoint)
        .no_auth()
        .standard_retry(&RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .retry_classifier(HttpStatusCodeClassifier::default())
        .timeout_config(timeouts.build())
        .serializer(move |object: Put| signed(object, &identity))
        .deserializer(|response| stored(response).map_err(OrchestratorError::operation))
        .build();
    operation.invoke(object).await.map_err(|error| match error {
        SdkError::ServiceError(refused) => Failed {
            problem: refused.err().to_string(),
            source: Some(refused.into_err().into()),
        },
        other => Failed::of(other),
    })
}

fn signed(object: Put, identity: &Identity) -> Result<HttpRequest, BoxError> {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(&object.region)
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()?
        .into();
    let url = format!("{}{}", object.endpoint, object.path);
    let headers = [
        ("content-type", "application/x-ndjson"),
        ("content-encoding", "gzip"),
    ];
    let body = SignableBody::Bytes(&object.bytes);
    let signable = SignableRequest::new("PUT", &url, headers.into_iter(), body)?;
    let (signature, _) = sign(signable, &parameters)?.into_parts();
    let length = object.bytes.len().to_string();
    let mut request = HttpRequest::new(SdkBody::from(object.bytes));
    request.set_method("PUT")?;
    request.set_uri(object.path)?;
    for (name, value) in headers {
        request.headers_mut().try_insert(name, value)?;
    }
    request.headers_mut().try_insert("content-length", length)?;
    for (name, value) in signature.headers() {
        let (name, value) = (name.to_owned(), value.to_owned());
        request.headers_mut().try_insert(name, value)?;
    }
    Ok(request)
}

fn stored(response: &HttpResponse) -> Result<(), Refused> {
    if response.status().is_success() {
        return Ok(());
    }
    let text = response.body().bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    Err(Refused {
        status: response.status().as_u16(),
        text: words.join(" ").chars().take(TOLD).collect(),
    })
}
