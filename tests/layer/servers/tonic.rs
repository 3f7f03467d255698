//! A gRPC server and client.

use tokio::net::TcpListener;
use tonic::{Code, Request, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

#[path = "../../../examples/tonic.rs"]
#[allow(dead_code, reason = "its main function")]
mod example;

async fn check(client: &mut HealthClient<Channel>, key: Option<&'static str>) -> Result<i32, Status> {
    let mut request = Request::new(HealthCheckRequest::default());
    if let Some(key) = key {
        request.metadata_mut().insert("x-api-key", key.parse().unwrap());
    }
    Ok(client.check(request).await?.into_inner().status)
}

#[tokio::test]
async fn calls_are_limited() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { example::serve(listener).await.map_err(|error| error.to_string()) });
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = HealthClient::new(channel);

    for _ in 0..5 {
        assert_eq!(check(&mut client, Some("alice")).await.unwrap(), 1, "serving");
    }
    let denied = check(&mut client, Some("alice")).await.unwrap_err();
    assert!(matches!(denied.code(), Code::ResourceExhausted | Code::Internal), "{denied:?}");
    assert_eq!(check(&mut client, Some("bob")).await.unwrap(), 1, "another key");
    let missing = check(&mut client, None).await.unwrap_err();
    assert_ne!(missing.code(), Code::Ok);
    assert_eq!(check(&mut client, Some("bob")).await.unwrap(), 1, "the connection goes on");
}
