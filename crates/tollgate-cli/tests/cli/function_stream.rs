//! `tollgate doctor` on a stack whose function counts. Lambda is a server of this test, with one
//! connection of the table's stream.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue::{self, N, S};
use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    routing::get,
};
use serde_json::{Value, json};

use crate::stage::{STACK, Stage, bare, ran};

const ID: &str = "14e0db71-5d35-4eb5-b481-8945cf9d10c2";

/// The answer to each request: a state and the result of the last batch, or a refusal.
#[derive(Clone)]
struct Lambda(Arc<Mutex<Result<(&'static str, &'static str), ()>>>);

impl Lambda {
    async fn start() -> (Self, String) {
        let lambda = Self(Arc::new(Mutex::new(Ok(("Enabled", "OK")))));
        let router = Router::new()
            .route("/2015-03-31/event-source-mappings/", get(list))
            .with_state(lambda.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        (lambda, endpoint)
    }

    fn answer(&self, state: &'static str, result: &'static str) {
        *self.0.lock().unwrap() = Ok((state, result));
    }

    fn refuse(&self) {
        *self.0.lock().unwrap() = Err(());
    }
}

async fn list(
    State(lambda): State<Lambda>,
    Query(query): Query<Vec<(String, String)>>,
) -> (StatusCode, Json<Value>) {
    let function = ("FunctionName".to_owned(), "limits-aggregator".to_owned());
    assert_eq!(query, [function]);
    let mapping = |stream: &str, state: &str, result: &str| {
        json!({
            "UUID": ID,
            "FunctionArn": "arn:aws:lambda:us-east-1:1:function:limits-aggregator",
            "EventSourceArn": format!("arn:aws:dynamodb:us-east-1:1:table/{stream}/stream/1"),
            "State": state,
            "LastProcessingResult": result,
        })
    };
    match *lambda.0.lock().unwrap() {
        Ok((state, result)) => {
            // The function may serve another table too.
            let mappings = [
                mapping("other", "Disabled", "OK"),
                mapping("limits", state, result),
            ];
            (
                StatusCode::OK,
                Json(json!({ "EventSourceMappings": mappings })),
            )
        }
        Err(()) => {
            let refusal = json!({ "__type": "AccessDeniedException", "Message": "no right" });
            (StatusCode::FORBIDDEN, Json(refusal))
        }
    }
}

/// The doctor's exit code and its checks.
struct Told(i32, Vec<Value>);

impl Told {
    async fn new(stage: &Stage, lambda: &str) -> Self {
        let mut command = bare();
        command
            .args(["doctor", "--output", "json", "--name", STACK])
            .envs([
                ("AWS_ENDPOINT_URL_DYNAMODB", stage.proxy.endpoint().as_str()),
                ("AWS_ENDPOINT_URL_LAMBDA", lambda),
            ]);
        let told = tokio::task::spawn_blocking(|| ran(command)).await.unwrap();
        Self(told.code, serde_json::from_str(&told.out).unwrap())
    }

    /// Returns the result, the finding and the advice of a check; empty texts if there is none.
    fn check(&self, name: &str) -> [String; 3] {
        let check = self.1.iter().find(|check| check["check"] == name);
        let check = check.unwrap_or(&Value::Null);
        ["result", "found", "advice"]
            .map(|field| check[field].as_str().unwrap_or_default().to_owned())
    }
}

/// Sets attributes of the aggregators' item.
async fn set(stage: &Stage, attributes: &[(&str, AttributeValue)]) {
    for (name, value) in attributes {
        let update = stage.engine.client().update_item().table_name(STACK);
        update
            .key("PK", S("_/SYSTEM#".into()))
            .key("SK", S("#AGGREGATOR".into()))
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", *name)
            .expression_attribute_values(":value", value.clone())
            .send()
            .await
            .unwrap();
    }
}

fn number(number: i64) -> AttributeValue {
    N(number.to_string())
}

const STREAM: &str = "stream of the function";

/// Guards the false alarm: the function of a quiet stack writes no lease, and was called gone, with
/// the advice of a second aggregator.
#[tokio::test(flavor = "multi_thread")]
async fn the_function_of_a_quiet_stack_is_no_warning() {
    let stage = Stage::with_stack().await;
    let (_, endpoint) = Lambda::start().await;
    stage.set_functions().await;
    let [result, found, _] = Told::new(&stage, &endpoint).await.check("aggregator");
    let expected = "function limits-aggregator gets the table's changes, and has told no count yet";
    assert_eq!((result.as_str(), found.as_str()), ("ok", expected));

    // 2026-01-31T00:00:00Z, and 3 s later.
    let (newest, at) = (1_769_817_600, 1_769_817_603);
    let told = [
        ("owner", S("function limits-aggregator".into())),
        ("lease_until", number((at + 60) * 1000)),
        ("counted", number(newest)),
        ("counted_at", number(at)),
    ];
    set(&stage, &told).await;
    let told = Told::new(&stage, &endpoint).await;
    let [result, found, advice] = told.check("aggregator");
    assert_eq!(
        (told.0, result.as_str(), advice.as_str()),
        (0, "ok", ""),
        "{found}"
    );
    let parts = [
        "counted at 2026-01-31T00:00:03Z",
        "up to 2026-01-31T00:00:00Z, 3 s before",
    ];
    assert!(parts.iter().all(|part| found.contains(part)), "{found}");
    let [result, found, _] = told.check(STREAM);
    assert_eq!(result, "ok", "{found}");
    let [result, found, _] = told.check("other aggregator");
    assert!(
        result == "ok" && !found.contains("nothing is read"),
        "{found}"
    );

    set(&stage, &[("counted_at", number(newest + 4000))]).await;
    let [result, found, _] = Told::new(&stage, &endpoint).await.check("aggregator");
    assert!(
        result == "warning" && found.contains("4000 s before: it is behind"),
        "{found}"
    );
}

/// Guards a stack on which nothing is counted, although its function exists.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_disabled_or_fails_is_a_fault() {
    let stage = Stage::with_stack().await;
    let (lambda, endpoint) = Lambda::start().await;
    stage.set_functions().await;
    lambda.answer("Disabled", "No records processed");
    let told = Told::new(&stage, &endpoint).await;
    let [result, found, advice] = told.check(STREAM);
    assert_eq!((told.0, result.as_str()), (1, "fault"), "{found}");
    let command = format!("aws lambda update-event-source-mapping --uuid {ID} --enabled");
    assert!(advice.ends_with(&command), "{advice}");

    lambda.answer("Enabled", "PROBLEM: Function call failed");
    let told = Told::new(&stage, &endpoint).await;
    let [result, found, advice] = told.check(STREAM);
    assert_eq!((told.0, result.as_str()), (1, "fault"), "{found}");
    assert!(found.ends_with("failed: Function call failed"), "{found}");
    assert!(
        advice.contains("`tollgate logs --function aggregator --errors`"),
        "{advice}"
    );

    lambda.answer("Enabling", "OK");
    let told = Told::new(&stage, &endpoint).await;
    assert_eq!((told.0, told.check(STREAM)[0].as_str()), (0, "warning"));

    lambda.refuse();
    let told = Told::new(&stage, &endpoint).await;
    let [result, found, advice] = told.check(STREAM);
    assert_eq!((told.0, result.as_str()), (0, "warning"), "{found}");
    assert_eq!(advice, "allow lambda:ListEventSourceMappings to check it");
    assert!(
        found.starts_with("not known if limits-aggregator"),
        "{found}"
    );
}

/// The function was disabled so that the command counts in its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_function_is_no_fault_while_the_command_counts() {
    let stage = Stage::with_stack().await;
    let (lambda, endpoint) = Lambda::start().await;
    stage.set_functions().await;
    lambda.answer("Disabled", "OK");
    let works = [
        ("owner", S("01ABC".into())),
        ("lease_until", number(99_999_999_999_999)),
    ];
    set(&stage, &works).await;
    let told = Told::new(&stage, &endpoint).await;
    let [result, found, _] = told.check(STREAM);
    assert_eq!((told.0, result.as_str()), (0, "ok"), "{found}");
    assert!(found.contains("another aggregator counts"), "{found}");
    // Both work: the Python library's function would count everything a second time.
    lambda.answer("Enabled", "OK");
    let told = Told::new(&stage, &endpoint).await;
    let [result, _, advice] = told.check(STREAM);
    let command = format!("aws lambda update-event-source-mapping --uuid {ID} --no-enabled");
    assert_eq!((told.0, result.as_str()), (0, "warning"));
    assert!(advice.contains(&command), "{advice}");
    // The command is gone: then the function that counts again is what is needed, and no command.
    set(&stage, &[("lease_until", number(1000))]).await;
    lambda.answer("Enabled", "OK");
    let [result, found, _] = Told::new(&stage, &endpoint).await.check("aggregator");
    assert_eq!(result, "ok", "{found}");
    assert!(
        found.starts_with("function limits-aggregator is connected"),
        "{found}"
    );
}

/// Guards an answer of another place: Lambda of AWS knows nothing of a table on this machine.
#[tokio::test(flavor = "multi_thread")]
async fn lambda_is_not_asked_at_another_place() {
    let stage = Stage::with_stack().await;
    stage.set_functions().await;
    let mut command = bare();
    command.args(["doctor", "--output", "json", "--name", STACK]);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", stage.proxy.endpoint());
    let told = ran(command);
    let told = Told(told.code, serde_json::from_str(&told.out).unwrap());
    let [result, found, _] = told.check(STREAM);
    assert_eq!((told.0, result.as_str()), (0, "warning"), "{found}");
    assert!(found.contains("Lambda at AWS, region us-east-1"), "{found}");
}

/// Guards the second aggregator of a quiet stack: its function holds no lease that would refuse the
/// command.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_that_the_function_counts_too() {
    let stage = Stage::with_stack().await;
    let (lambda, endpoint) = Lambda::start().await;
    let aggregate = async || {
        let mut command = bare();
        command
            .args(["aggregate", "--once", "--name", STACK])
            .envs([
                ("AWS_ENDPOINT_URL_DYNAMODB", stage.proxy.endpoint().as_str()),
                (
                    "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
                    stage.proxy.endpoint().as_str(),
                ),
                ("AWS_ENDPOINT_URL_LAMBDA", &endpoint),
            ]);
        tokio::task::spawn_blocking(|| ran(command)).await.unwrap()
    };
    let alone = aggregate().await;
    assert_eq!((alone.code, alone.err.as_str()), (0, ""), "{alone:?}");
    // The version of a function of the Python library.
    stage.set_functions().await;
    let both = aggregate().await;
    assert_eq!(both.code, 0, "{both:?}");
    let parts = [
        "function limits-aggregator too",
        "everything is counted twice",
    ];
    assert!(parts.iter().all(|part| both.err.contains(part)), "{both:?}");
    lambda.answer("Disabled", "OK");
    let replaced = aggregate().await;
    assert_eq!(
        (replaced.code, replaced.err.as_str()),
        (0, ""),
        "{replaced:?}"
    );
}
