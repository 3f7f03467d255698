//! Looks at an operation that fail, or show no event: the wait for it goes on.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use aws_config::{SdkConfig, retry::RetryConfig};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{Request, Response, StatusCode, request::Parts},
};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tollgate_aws::{StackOptions, manager::StackManager};

use super::aws::Account;

/// The operations with which an operation is watched.
const LOOKS: [&str; 2] = ["DescribeStackEvents", "DescribeChangeSet"];

/// A list of events without events.
const NO_EVENTS: &str = "<DescribeStackEventsResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
     <DescribeStackEventsResult><StackEvents/></DescribeStackEventsResult></DescribeStackEventsResponse>";

/// The answers to the looks.
#[derive(Clone, Copy)]
enum Looks {
    /// Every third one gets no answer of use.
    Fail,
    /// They show no event.
    ShowNothing,
}

/// A server between a manager and the emulator.
#[derive(Clone)]
struct Between {
    emulator: String,
    looks: Looks,
    failed: Arc<AtomicU64>,
}

impl Between {
    fn new(account: &Account, looks: Looks) -> Self {
        Self {
            emulator: account.endpoint.trim_start_matches("http://").to_owned(),
            looks,
            failed: Arc::default(),
        }
    }

    /// Returns a configuration of the account whose requests go through the server, once each.
    async fn config(&self, account: &Account) -> SdkConfig {
        let router = Router::new().fallback(answer).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        let config = account.config().into_builder();
        config
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::disabled())
            .build()
    }
}

async fn answer(State(between): State<Between>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let form = String::from_utf8_lossy(&body);
    let is = |action: &&str| form.contains(&format!("Action={action}&"));
    if LOOKS.iter().any(is) {
        match between.looks {
            Looks::Fail if between.failed.fetch_add(1, Ordering::Relaxed) % 3 == 0 => {
                return answered(StatusCode::SERVICE_UNAVAILABLE, "");
            }
            Looks::ShowNothing if is(&LOOKS[0]) => return answered(StatusCode::OK, NO_EVENTS),
            _ => {}
        }
    }
    forward(&between.emulator, head, body).await
}

fn answered(status: StatusCode, body: &'static str) -> Response<Body> {
    let answer = Response::builder().status(status);
    answer.body(Body::from(body)).unwrap()
}

async fn forward(emulator: &str, head: Parts, body: Bytes) -> Response<Body> {
    let stream = TcpStream::connect(emulator).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::from_parts(head, Full::new(body));
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    Response::from_parts(head, Body::from(body.collect().await.unwrap().to_bytes()))
}

fn without_functions(options: StackOptions) -> StackOptions {
    options.enable_aggregator(false).enable_provisioner(false)
}

/// Fault: an answer that is lost in the middle of a deployment.
#[tokio::test(flavor = "multi_thread")]
async fn looks_that_fail_do_not_end_a_deployment() {
    let Some(account) = Account::new("looks") else {
        return;
    };
    let between = Between::new(&account, Looks::Fail);
    let manager = StackManager::new(&between.config(&account).await, account.name());
    let deployed = manager.deploy(without_functions, None).await.unwrap();
    assert!(deployed.is_new && deployed.stack.is_healthy());
    assert_eq!(account.parameter("EnableDeletionProtection").await, "true");
    assert!(between.failed.load(Ordering::Relaxed) > 2);
    account.clean_up();
}

/// Fault: the event that ends an operation does not come.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_ends_an_operation_whose_events_do_not_come() {
    let Some(account) = Account::new("no-events") else {
        return;
    };
    let between = Between::new(&account, Looks::ShowNothing);
    let manager = StackManager::new(&between.config(&account).await, account.name());
    let change = |options| without_functions(options).enable_deletion_protection(false);
    let deployed = manager.deploy(change, None).await.unwrap();
    assert!(deployed.is_new && deployed.stack.is_healthy());
    manager.delete().await.unwrap();
    assert!(manager.describe().await.unwrap().is_none());
    manager.delete_data(None).await.unwrap();
}
