//! Records which permission each request of a function needs.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{Request, Response, StatusCode, request::Parts},
};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::net::TcpStream;
use tollgate_testkit::{Engine, policies::Call};

use crate::stage::STACK;

/// The ARN of the table.
pub(crate) const TABLE: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/limits";

/// A server in front of the engine, which is also a storage for archives.
#[derive(Clone)]
pub(crate) struct Recorder {
    engine: SocketAddr,
    calls: Arc<Mutex<BTreeSet<Call>>>,
}

impl Recorder {
    pub(crate) fn new(engine: &Engine) -> Self {
        let (engine, calls) = (engine.address(), Arc::default());
        Self { engine, calls }
    }

    /// Starts the server, and returns its endpoint.
    pub(crate) async fn start(&self) -> String {
        let router = Router::new().fallback(answer).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        endpoint
    }

    /// Returns the calls until now.
    pub(crate) fn calls(&self) -> BTreeSet<Call> {
        self.calls.lock().unwrap().clone()
    }
}

async fn answer(State(recorder): State<Recorder>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let target = head.headers.get("x-amz-target");
    let Some(target) = target.map(|target| target.to_str().unwrap()) else {
        let object = format!("arn:aws:s3:::{}", head.uri.path().trim_start_matches('/'));
        assert_eq!(head.method, "PUT", "{object}");
        let call = Call::new("s3:PutObject", object);
        recorder.calls.lock().unwrap().insert(call);
        return status(StatusCode::OK);
    };
    let operation = target.rsplit('.').next().unwrap();
    let needed = needed(operation, &serde_json::from_slice(&body).unwrap());
    recorder.calls.lock().unwrap().extend(needed);
    forward(recorder.engine, head, body).await
}

async fn forward(engine: SocketAddr, head: Parts, body: Bytes) -> Response<Body> {
    let stream = TcpStream::connect(engine).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::from_parts(head, Full::new(body));
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    Response::from_parts(head, Body::from(body.collect().await.unwrap().to_bytes()))
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Returns the calls that a request is for IAM. A transaction needs those of its items, a batch those
/// of its requests.
fn needed(operation: &str, request: &Value) -> Vec<Call> {
    match operation {
        "GetItem" | "UpdateItem" | "DeleteItem" => vec![on_item(operation, &request["Key"])],
        "PutItem" => vec![on_item(operation, &request["Item"])],
        "Query" => vec![on_partition(request)],
        "Scan" => vec![Call::new("dynamodb:Scan", TABLE)],
        "BatchGetItem" => {
            let keys = table(request)["Keys"].as_array().unwrap().iter();
            keys.map(|key| on_item(operation, key)).collect()
        }
        "BatchWriteItem" => {
            let requests = table(request).as_array().unwrap().iter();
            requests
                .map(|request| match request.get("PutRequest") {
                    Some(put) => on_item(operation, &put["Item"]),
                    None => on_item(operation, &request["DeleteRequest"]["Key"]),
                })
                .collect()
        }
        "TransactWriteItems" => {
            let items = request["TransactItems"].as_array().unwrap().iter();
            items
                .map(|item| of_transaction(item.as_object().unwrap()))
                .collect()
        }
        other => panic!("a call that nobody has written a policy for: {other}"),
    }
}

/// Returns the part of a batch for the table.
fn table(request: &Value) -> &Value {
    &request["RequestItems"][STACK]
}

fn of_transaction(item: &Map<String, Value>) -> Call {
    let (kind, request) = item.iter().next().unwrap();
    let key = if kind == "Put" { "Item" } else { "Key" };
    let operation = match kind.as_str() {
        "ConditionCheck" => "ConditionCheckItem".to_owned(),
        kind => format!("{kind}Item"),
    };
    on_item(&operation, &request[key])
}

fn on_item(operation: &str, key: &Value) -> Call {
    let key = key["PK"]["S"].as_str().unwrap();
    Call::new(format!("dynamodb:{operation}"), TABLE).leading_key(key)
}

fn on_partition(query: &Value) -> Call {
    let resource = match query["IndexName"].as_str() {
        Some(index) => format!("{TABLE}/index/{index}"),
        None => TABLE.to_owned(),
    };
    // The first clause of the condition names the partition.
    let condition = query["KeyConditionExpression"].as_str().unwrap();
    let value = condition
        .split_whitespace()
        .find(|word| word.starts_with(':'))
        .unwrap();
    let key = query["ExpressionAttributeValues"][value]["S"].as_str();
    Call::new("dynamodb:Query", resource).leading_key(key.unwrap())
}
