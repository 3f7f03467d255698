//! A gRPC server and client.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tollgate::{
    Limit, RateLimitLayer,
    layer::{ReportLimits, cost},
};
use tonic::{
    Code, Request, Status,
    transport::{Channel, Server},
};
use tonic_health::{
    pb::{HealthCheckRequest, health_client::HealthClient},
    server::health_reporter,
};
use tonic_types::StatusExt;

use crate::world::{gated, layer, memory, per_user};

#[path = "../../../examples/tonic.rs"]
#[allow(dead_code, reason = "its main function")]
mod example;

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

async fn client(url: String) -> HealthClient<Channel> {
    HealthClient::new(Channel::from_shared(url).unwrap().connect().await.unwrap())
}

/// Returns a client of a server behind the layer.
async fn behind(layer: RateLimitLayer) -> HealthClient<Channel> {
    let (listener, url) = listener().await;
    let (_reporter, health) = health_reporter();
    let server = Server::builder().layer(layer).add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    client(url).await
}

async fn check(
    client: &mut HealthClient<Channel>,
    header: Option<(&'static str, &'static str)>,
) -> Result<i32, Status> {
    let mut request = Request::new(HealthCheckRequest::default());
    if let Some((name, key)) = header {
        request.metadata_mut().insert(name, key.parse().unwrap());
    }
    Ok(client.check(request).await?.into_inner().status)
}

fn pushback(status: &Status) -> Option<u64> {
    Some(
        status
            .metadata()
            .get("grpc-retry-pushback-ms")?
            .to_str()
            .unwrap()
            .parse()
            .unwrap(),
    )
}

#[tokio::test]
async fn grpc_calls_are_limited() {
    let (listener, url) = listener().await;
    tokio::spawn(async move {
        example::serve(listener, std::future::pending())
            .await
            .map_err(|error| error.to_string())
    });
    let mut client = client(url).await;

    let (alice, bob) = (Some(("x-api-key", "alice")), Some(("x-api-key", "bob")));
    for _ in 0..5 {
        assert_eq!(check(&mut client, alice).await.unwrap(), 1, "serving");
    }
    let denied = check(&mut client, alice).await.unwrap_err();
    assert_eq!(denied.code(), Code::ResourceExhausted, "{denied:?}");
    let message = denied.message();
    assert!(
        message.starts_with("Rate limit exceeded: rpm. Please try again in "),
        "{message}"
    );
    // One token takes 12 seconds, minus the time since.
    assert!(
        pushback(&denied).is_some_and(|ms| (1..=12_000).contains(&ms)),
        "{denied:?}"
    );
    assert!(denied.metadata().contains_key("ratelimit"), "{denied:?}");
    assert_eq!(check(&mut client, bob).await.unwrap(), 1, "another key");
    let missing = check(&mut client, None).await.unwrap_err();
    assert_eq!(missing.code(), Code::Unauthenticated, "{missing:?}");
    assert_eq!(pushback(&missing), None);
    assert_eq!(
        check(&mut client, bob).await.unwrap(),
        1,
        "the connection goes on"
    );
}

#[tokio::test]
async fn a_missing_key_that_is_no_credential_is_an_invalid_argument() {
    let mut client = behind(layer(&memory().0, per_user(Limit::per_minute("rpm", 5)))).await;
    let missing = check(&mut client, None).await.unwrap_err();
    assert_eq!(missing.code(), Code::InvalidArgument, "{missing:?}");
    assert_eq!(
        check(&mut client, Some(("x-user", "alice"))).await.unwrap(),
        1
    );
}

#[tokio::test]
async fn a_call_without_a_store_is_unavailable() {
    let (limiter, _) = gated();
    let mut client = behind(layer(&limiter, per_user(Limit::per_minute("rpm", 5)))).await;
    assert_eq!(
        check(&mut client, Some(("x-user", "alice"))).await.unwrap(),
        1
    );
    limiter.shutdown().await;
    let status = check(&mut client, Some(("x-user", "alice")))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(pushback(&status), Some(1000));
}

/// The details of a status as clients read them.
#[tokio::test]
async fn grpc_statuses_have_details() {
    // Two tokens in 2.5 seconds, and no refill during the test.
    let limit = Limit::new("rpm", 2, 2, Duration::from_millis(2_500)).unwrap();
    let policy = per_user(limit).estimate("rpm", cost::header("x-cost"));
    let mut client = behind(layer(&memory().0, policy)).await;
    let mut denied = async |cost: &'static str| {
        let mut request = Request::new(HealthCheckRequest::default());
        for (name, value) in [("x-user", "alice"), ("x-cost", cost)] {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        client.check(request).await.err()
    };
    assert!(denied("2").await.is_none());
    let status = denied("1").await.expect("a status");
    let details = status.get_error_details();
    // Waits below a second are not rounded.
    assert_eq!(
        details.retry_info().unwrap().retry_delay,
        Some(Duration::from_millis(1_250))
    );
    let [violation] = &details.quota_failure().unwrap().violations[..] else {
        panic!("{details:?}")
    };
    let told = (violation.subject.as_str(), violation.description.as_str());
    assert_eq!(told, ("rpm", "1 requested, 0 of 2 left"));
    assert_eq!(
        (status.code(), pushback(&status)),
        (Code::ResourceExhausted, Some(1_250))
    );
    assert_eq!(
        status.message(),
        "Rate limit exceeded: rpm. Please try again in 2s."
    );

    // Waiting does not help, so there is no wait in the details.
    let status = denied("3").await.expect("a status");
    let details = status.get_error_details();
    assert!(details.retry_info().is_none());
    let [violation] = &details.quota_failure().unwrap().violations[..] else {
        panic!("{details:?}")
    };
    assert_eq!(violation.description, "3 requested, 2 at most");
    assert_eq!(
        status.metadata().get("grpc-retry-pushback-ms").unwrap(),
        "-1"
    );
}

/// The largest number of limits in a bucket, with the longest names and numbers.
#[tokio::test]
async fn the_details_of_a_status_are_bounded() {
    let name = |index: usize| format!("{index:x>64}");
    let limit = |index| {
        Limit::new(
            name(index),
            1,
            1,
            Duration::MAX.min(Duration::from_secs(3_000_000_000)),
        )
        .unwrap()
    };
    let policy = (1..16).fold(per_user(limit(0)), |policy, index| {
        policy.limit(limit(index))
    });
    let mut client = behind(layer(&memory().0, policy.report(ReportLimits::Off))).await;
    assert_eq!(
        check(&mut client, Some(("x-user", "alice"))).await.unwrap(),
        1
    );
    let status = check(&mut client, Some(("x-user", "alice")))
        .await
        .unwrap_err();
    let details = status.get_error_details();
    assert_eq!(details.quota_failure().unwrap().violations.len(), 16);
    assert!(details.retry_info().is_some());
}
