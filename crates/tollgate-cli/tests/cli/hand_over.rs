//! The hand-over of a stream from one function to another. Lambda is a server of this test, with
//! one connection, whose changes take two looks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use serde_json::{Value, json};
use tollgate_ops::{OpsError, functions::HandOver};

const ID: &str = "14e0db71-5d35-4eb5-b481-8945cf9d10c2";

#[derive(Clone)]
struct Lambda(Arc<Mutex<Connection>>);

struct Connection {
    state: &'static str,
    /// The states that the next looks show.
    coming: Vec<&'static str>,
    /// The changes that were asked for: true is enabled.
    asked: Vec<bool>,
    refuses: bool,
    code: &'static str,
}

impl Connection {
    fn shown(&self) -> Value {
        json!({
            "UUID": ID,
            "FunctionArn": "arn:aws:lambda:us-east-1:1:function:limits-aggregator",
            "EventSourceArn": "arn:aws:dynamodb:us-east-1:1:table/limits/stream/1",
            "State": self.state,
        })
    }
}

impl Lambda {
    fn new(state: &'static str) -> Self {
        let connection = Connection {
            state,
            coming: Vec::new(),
            asked: Vec::new(),
            refuses: false,
            code: "old",
        };
        Self(Arc::new(Mutex::new(connection)))
    }

    async fn config(&self) -> SdkConfig {
        let router = Router::new()
            .route("/2015-03-31/event-source-mappings/", get(list))
            .route(
                "/2015-03-31/event-source-mappings/{id}",
                get(look).put(change),
            );
        let router = router.route(
            "/2015-03-31/functions/limits-aggregator/configuration",
            get(configuration),
        );
        let router = router.with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        let http_client = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let credentials = Credentials::new("test", "test", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client)
            .endpoint_url(endpoint)
            .build()
    }

    fn state(&self) -> &'static str {
        self.0.lock().unwrap().state
    }

    fn asked(&self) -> Vec<bool> {
        self.0.lock().unwrap().asked.clone()
    }
}

async fn configuration(State(lambda): State<Lambda>) -> Json<Value> {
    Json(json!({ "CodeSha256": lambda.0.lock().unwrap().code }))
}

async fn list(State(lambda): State<Lambda>, headers: HeaderMap) -> Json<Value> {
    let signature = headers["authorization"].to_str().unwrap();
    assert!(signature.contains("/us-east-1/lambda/aws4_request"));
    let mapping = lambda.0.lock().unwrap().shown();
    Json(json!({ "EventSourceMappings": [mapping] }))
}

async fn look(State(lambda): State<Lambda>, Path(id): Path<String>) -> Json<Value> {
    assert_eq!(id, ID);
    let mut connection = lambda.0.lock().unwrap();
    if let Some(state) = connection.coming.pop() {
        connection.state = state;
    }
    Json(connection.shown())
}

async fn change(
    State(lambda): State<Lambda>,
    Json(request): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut connection = lambda.0.lock().unwrap();
    if connection.refuses {
        let refusal = json!({ "__type": "AccessDeniedException", "Message": "no right" });
        return (StatusCode::FORBIDDEN, Json(refusal));
    }
    let enabled = request["Enabled"].as_bool().unwrap();
    connection.asked.push(enabled);
    let (now, then) = if enabled {
        ("Enabling", "Enabled")
    } else {
        ("Disabling", "Disabled")
    };
    connection.state = now;
    connection.coming = vec![then, now];
    (StatusCode::ACCEPTED, Json(connection.shown()))
}

async fn begin(lambda: &Lambda, deadline: Duration) -> Result<HandOver, OpsError> {
    HandOver::begin(&lambda.config().await, "limits-aggregator", deadline).await
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_stops_before_the_function_changes_and_goes_on_after_it() {
    let lambda = Lambda::new("Enabled");
    let hand_over = begin(&lambda, LONG).await.unwrap();
    assert_eq!((lambda.state(), lambda.asked()), ("Disabled", vec![false]));
    assert_eq!(hand_over.found()[0].id, ID);
    assert!(hand_over.has_old_code().await.unwrap());
    lambda.0.lock().unwrap().code = "new";
    assert!(!hand_over.has_old_code().await.unwrap());
    hand_over.end().await.unwrap();
    assert_eq!(
        (lambda.state(), lambda.asked()),
        ("Enabled", vec![false, true])
    );
}

/// The command may have been killed between the two.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_stopped_before_goes_on_only_with_the_new_function() {
    let lambda = Lambda::new("Disabled");
    let hand_over = begin(&lambda, LONG).await.unwrap();
    hand_over.undo().await.unwrap();
    assert_eq!((lambda.state(), lambda.asked()), ("Disabled", vec![]));
    hand_over.end().await.unwrap();
    assert_eq!((lambda.state(), lambda.asked()), ("Enabled", vec![true]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_cannot_be_stopped_goes_on() {
    let lambda = Lambda::new("Enabled");
    lambda.0.lock().unwrap().refuses = true;
    let refused = begin(&lambda, LONG).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "UpdateEventSourceMapping failed: AccessDeniedException: no right"
    );
    assert_eq!(lambda.state(), "Enabled");

    let slow = Lambda::new("Enabled");
    let unsettled = begin(&slow, Duration::ZERO).await.unwrap_err();
    assert!(
        matches!(&unsettled, OpsError::Unsettled { state, .. } if state == "Enabled"),
        "{unsettled}"
    );
    assert_eq!((slow.state(), slow.asked()), ("Enabled", vec![]));
}
