//! The principal that the history names.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use http::{Response, StatusCode};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tollgate::{
    EntityId, Limit, RateLimiter,
    model::{AuditSubject, ConfigScope, Entity},
    store::dynamodb::CreateTable,
};
use tollgate_testkit::Engine;

const ARN: &str = "arn:aws:iam::123456789012:user/alice";

#[derive(Clone, Copy, Debug)]
enum Answer {
    Arn,
    Refusal,
    Never,
}

/// A server that answers `GetCallerIdentity` and counts the requests.
struct Sts {
    address: SocketAddr,
    asked: Arc<AtomicU64>,
}

impl Sts {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicU64::new(0));
        let count = asked.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let count = count.clone();
                let service = service_fn(move |_| {
                    count.fetch_add(1, Ordering::SeqCst);
                    respond(answer)
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, asked }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    async fn config(&self) -> SdkConfig {
        let http = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(self.endpoint())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(http)
            .load()
            .await
    }
}

async fn respond(answer: Answer) -> Result<Response<String>, Infallible> {
    let (status, body) = match answer {
        Answer::Arn => (
            StatusCode::OK,
            format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <GetCallerIdentityResult><Arn>{ARN}</Arn><UserId>AIDA</UserId><Account>123456789012</Account>\
                 </GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>\
                 </GetCallerIdentityResponse>"
            ),
        ),
        Answer::Refusal => (
            StatusCode::FORBIDDEN,
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>InvalidClientTokenId</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"
                .to_owned(),
        ),
        Answer::Never => std::future::pending().await,
    };
    Ok(Response::builder()
        .status(status)
        .header("content-type", "text/xml")
        .body(body)
        .unwrap())
}

/// Makes two changes and returns the principals that the history names for them.
async fn principals(limiter: &RateLimiter) -> Vec<Option<String>> {
    let id = EntityId::new("user-1").unwrap();
    limiter
        .entities()
        .create(Entity::new(id.clone()))
        .await
        .unwrap();
    limiter
        .config()
        .set(ConfigScope::Entity(id.clone()), Limit::per_minute("rpm", 5))
        .await
        .unwrap();
    let events = limiter
        .audit()
        .events(&AuditSubject::Entity(id))
        .all()
        .await
        .unwrap();
    events.into_iter().map(|event| event.principal).collect()
}

fn open(engine: &Engine) -> tollgate::limiter::OpenOptions {
    RateLimiter::open()
        .stack("limits")
        .client(engine.client())
        .provision(CreateTable::new().without_stream())
}

#[tokio::test]
async fn the_principal_is_looked_up_once_by_the_first_change() {
    let (engine, sts) = (Engine::start().await, Sts::start(Answer::Arn).await);
    let limiter = open(&engine)
        .caller_identity(&sts.config().await)
        .await
        .unwrap();
    limiter
        .acquire("user-1", "api")
        .limits(Limit::per_minute("rpm", 5))
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert_eq!(sts.asked(), 0, "a request is nobody's change");
    assert_eq!(
        principals(&limiter).await,
        [Some(ARN.to_owned()), Some(ARN.to_owned())]
    );

    // A limiter of another namespace uses the same principal.
    limiter
        .namespaces()
        .register(&"red".try_into().unwrap())
        .await
        .unwrap();
    let red = limiter.namespace("red").await.unwrap();
    assert_eq!(principals(&red).await[0].as_deref(), Some(ARN));
    assert_eq!(sts.asked(), 1);
}

#[tokio::test]
async fn a_configuration_opens_the_table_and_tells_whose_credentials_it_has() {
    let (engine, sts) = (Engine::start().await, Sts::start(Answer::Arn).await);
    let open = |config| {
        RateLimiter::open()
            .stack("limits")
            .aws_config(config)
            .provision(CreateTable::new().without_stream())
    };
    let config = sts.config().await;
    let elsewhere = config.to_builder().endpoint_url(engine.endpoint()).build();
    let limiter = open(elsewhere).await.unwrap();
    // Its endpoint is not AWS, and STS has none of its own: credentials may be made up.
    assert_eq!(principals(&limiter).await, [None, None]);
    assert_eq!(sts.asked(), 0);

    let nowhere = config
        .to_builder()
        .endpoint_url("http://127.0.0.1:1")
        .build();
    let error = open(nowhere).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("DynamoDB was asked at \"http://127.0.0.1:1\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_principal_that_is_named_is_not_looked_up() {
    let (engine, sts) = (Engine::start().await, Sts::start(Answer::Arn).await);
    let settings = RateLimiter::builder().principal("deploy");
    let limiter = open(&engine)
        .caller_identity(&sts.config().await)
        .settings(settings)
        .await
        .unwrap();
    assert_eq!(principals(&limiter).await[0].as_deref(), Some("deploy"));
    assert_eq!(sts.asked(), 0);
}

#[tokio::test]
async fn a_failed_look_up_names_no_principal_from_then_on() {
    for answer in [Answer::Refusal, Answer::Never] {
        let (engine, sts) = (Engine::start().await, Sts::start(answer).await);
        let limiter = open(&engine)
            .caller_identity(&sts.config().await)
            .await
            .unwrap();
        let id = EntityId::new("user-0").unwrap();
        limiter.entities().create(Entity::new(id)).await.unwrap();
        let asked = sts.asked();
        assert!(asked > 0, "{answer:?}");
        assert_eq!(principals(&limiter).await, [None, None], "{answer:?}");
        assert_eq!(sts.asked(), asked, "{answer:?}");
    }
}

#[tokio::test]
async fn a_client_of_the_users_own_looks_up_no_principal() {
    let engine = Engine::start().await;
    let limiter = open(&engine).await.unwrap();
    assert_eq!(principals(&limiter).await, [None, None]);
}

/// The limiter in the child process of [`another_endpoint_looks_up_no_principal_unless_sts_has_one_too`].
#[tokio::test]
#[ignore = "run by another test, with an environment"]
async fn child_process_changes_something_as_the_environment_says() {
    let limiter = RateLimiter::open().await.unwrap();
    let expected = std::env::var("EXPECTED_PRINCIPAL").ok();
    assert_eq!(principals(&limiter).await, [expected.clone(), expected]);
}

#[tokio::test]
async fn another_endpoint_looks_up_no_principal_unless_sts_has_one_too() {
    for (variable, expected, asked) in [
        ("AWS_ENDPOINT_URL_STS", Some(ARN), 1),
        ("AWS_ENDPOINT_URL", None, 0),
        ("OF_NO_MEANING", None, 0),
    ] {
        let (engine, sts) = (Engine::start().await, Sts::start(Answer::Arn).await);
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "principal::child_process_changes_something_as_the_environment_says",
            "--ignored",
        ]);
        child.envs([
            ("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint().as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            (variable, sts.endpoint().as_str()),
        ]);
        child.envs(expected.map(|arn| ("EXPECTED_PRINCIPAL", arn)));
        let output = child.output().await.unwrap();
        assert!(output.status.success(), "{variable}: {output:?}");
        assert_eq!(sts.asked(), asked, "{variable}");
    }
}
