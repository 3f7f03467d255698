//! The part of `status` that CloudFormation knows, if it is not there.

use serde_json::Value;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn status_says_that_cloudformation_does_not_answer_and_goes_on() {
    // The embedded engine speaks the protocol of DynamoDB alone.
    let stage = Stage::with_stack().await;
    let status = stage.json("status");
    assert_eq!(status["available"], true);
    assert_eq!(status["table_status"], "ACTIVE");
    assert_eq!(status["aggregator"], Value::Null);
    let problem = status["stack_problem"].as_str().unwrap();
    assert!(
        problem.starts_with("not known: ") && problem.ends_with("is none of AWS"),
        "{problem}"
    );
    let listed = stage.run("list");
    assert!(
        listed.code == 3 && listed.err.contains("AWS was asked at http://"),
        "{listed:?}"
    );
}
