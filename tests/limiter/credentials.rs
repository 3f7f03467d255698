//! Credentials that the AWS SDK cannot load: a refusal lasts until somebody changes something, an
//! outage does not.
//!
//! Each case runs in a process of its own, whose environment tells the SDK which provider to use.

use std::{convert::Infallible, fs, net::SocketAddr, path::PathBuf};

use http::{Response, StatusCode};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tollgate::{
    Error, RateLimiter,
    error::StackError,
    store::StoreErrorKind::{self, NotApplied, Rejected},
};

/// A server that answers every request with one status.
async fn server(status: u16, body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(move |_| async move {
                let answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
                Ok::<_, Infallible>(
                    answer
                        .header("content-type", "text/xml")
                        .body(body.to_owned())
                        .unwrap(),
                )
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

/// Returns an address on which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Creates a file with `text`.
fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tollgate-{}-{name}", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

/// The limiter in the child process of [`opened_with`].
#[tokio::test]
#[ignore = "run by another test, with an environment"]
async fn child_process_prints_the_kind_of_its_error() {
    match RateLimiter::open().await.unwrap_err() {
        Error::Stack(StackError::Call { error, .. }) => {
            println!(
                "\nkind: {:?} {:?}\ntext: {error}",
                error.kind(),
                error.missing_permission()
            );
        }
        error => panic!("{error:?}"),
    }
}

/// Opens a limiter in an environment. Returns its output.
async fn opened_with(variables: &[(&str, String)]) -> String {
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "credentials::child_process_prints_the_kind_of_its_error",
        "--ignored",
        "--nocapture",
    ]);
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        child.env_remove(variable);
    }
    child.env("HOME", std::env::temp_dir().join("tollgate-no-such-home"));
    child.envs([("AWS_REGION", "us-east-1"), ("AWS_MAX_ATTEMPTS", "1")]);
    child.env(
        "AWS_ENDPOINT_URL_DYNAMODB",
        format!("http://{}", nobody().await),
    );
    let output = child
        .envs(variables.iter().cloned())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{variables:?}: {text}");
    text
}

async fn expect(variables: &[(&str, String)], kind: StoreErrorKind) -> String {
    let output = opened_with(variables).await;
    assert!(
        output.contains(&format!("kind: {kind:?} ")),
        "{kind:?} of {variables:?}: {output}"
    );
    output
}

const DENIED: &str = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                      <Code>AccessDenied</Code><Message>User: a is not authorized to perform: \
                      sts:AssumeRoleWithWebIdentity on resource: r</Message></Error></ErrorResponse>";

const EXPIRED: &str = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                       <Code>ExpiredTokenException</Code><Message>Token expired</Message></Error></ErrorResponse>";

const UNREACHED: &str = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                         <Code>IDPCommunicationError</Code><Message>later</Message></Error></ErrorResponse>";

const THROTTLED: &str = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                         <Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";

/// A service account of Kubernetes.
#[tokio::test]
async fn errors_of_a_web_identity_are_classified() {
    let token = file("token", "secret");
    let with = |token: &PathBuf, sts: SocketAddr| {
        [
            (
                "AWS_ROLE_ARN",
                "arn:aws:iam::123456789012:role/limits".to_owned(),
            ),
            (
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                token.to_str().unwrap().to_owned(),
            ),
            ("AWS_ENDPOINT_URL_STS", format!("http://{sts}")),
        ]
    };
    let output = expect(&with(&token, server(403, DENIED).await), Rejected).await;
    assert!(
        output.contains("Some(\"sts:AssumeRoleWithWebIdentity\")"),
        "{output}"
    );
    expect(&with(&token, server(400, EXPIRED).await), Rejected).await;
    expect(
        &with(
            &std::env::temp_dir().join("tollgate-no-such-file"),
            server(403, DENIED).await,
        ),
        Rejected,
    )
    .await;
    for outage in [
        server(400, UNREACHED).await,
        server(400, THROTTLED).await,
        server(429, "").await,
    ] {
        expect(&with(&token, outage), NotApplied).await;
    }
    expect(&with(&token, server(500, "").await), NotApplied).await;
    expect(&with(&token, nobody().await), NotApplied).await;
    fs::remove_file(token).unwrap();
}

/// A role that a profile names, whose own credentials come from another profile.
#[tokio::test]
async fn errors_of_a_role_in_a_profile_are_classified() {
    let profiles = "[default]\nrole_arn = arn:aws:iam::123456789012:role/limits\nsource_profile = base\n\
                    [profile base]\naws_access_key_id = test\naws_secret_access_key = test\n";
    let profiles = file("config", profiles);
    let with = |sts: SocketAddr| {
        [
            ("AWS_CONFIG_FILE", profiles.to_str().unwrap().to_owned()),
            ("AWS_ENDPOINT_URL_STS", format!("http://{sts}")),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    };
    expect(&with(server(403, DENIED).await), Rejected).await;
    expect(&with(server(503, "").await), NotApplied).await;
    expect(&with(nobody().await), NotApplied).await;
    fs::remove_file(profiles).unwrap();
}

/// ECS, and EKS Pod Identity: a server next to the container has the credentials.
#[tokio::test]
async fn errors_of_container_credentials_are_classified() {
    let with = |server: SocketAddr| {
        [
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                format!("http://{server}/credentials"),
            ),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    };
    for status in [400, 403, 404] {
        expect(&with(server(status, "{}").await), Rejected).await;
    }
    for outage in [server(429, "").await, server(500, "").await, nobody().await] {
        expect(&with(outage), NotApplied).await;
    }
}
