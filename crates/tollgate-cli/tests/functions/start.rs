//! The start of the function.

use serde_json::json;
use tollgate_testkit::functions::{Reply, Sandbox};

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_cannot_start_says_why() {
    let stage = Stage::new().await;
    let function = || stage.function();
    for (function, kind, told) in [
        (
            function().handler("nonsense"),
            "UnknownHandler",
            "aggregator",
        ),
        (
            function().variable("TABLE_NAME", ""),
            "InvalidSetting",
            "TABLE_NAME",
        ),
        (
            function().variable("SNAPSHOT_WINDOWS", "weekly"),
            "InvalidSetting",
            "hourly, daily and monthly",
        ),
        (
            function().variable("ENABLE_ARCHIVAL", "true"),
            "InvalidSetting",
            "ARCHIVE_BUCKET_NAME nor ARCHIVE_FOLDER",
        ),
    ] {
        let mut sandbox = Sandbox::new(function);
        let Reply::NotStarted(reply) = sandbox.invoke(&json!({ "Records": [] })).await else {
            panic!("it must not start: {kind}");
        };
        assert_eq!(reply["errorType"], kind);
        let message = reply["errorMessage"].as_str().unwrap();
        assert!(message.contains(told), "{message}");
    }
}
