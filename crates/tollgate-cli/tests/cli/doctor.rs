//! `tollgate doctor`: every fault that it finds, made on a real table.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
    TimeToLiveSpecification,
};
use serde_json::{Value, json};
use tollgate_testkit::{ErrorAnswer, Fault};

use crate::stage::{Ran, STACK, Stage};

/// The actions whose lack is a fault.
const NEEDED: [&str; 5] = [
    "GetItem",
    "BatchGetItem",
    "PutItem",
    "UpdateItem",
    "TransactWriteItems",
];

/// A stack that has everything.
async fn healthy() -> Stage {
    let stage = Stage::empty().await;
    stage.ok("table create");
    stage.ok("namespace register default");
    stage
}

/// Runs the doctor, and returns its exit code and its checks.
fn examine(stage: &Stage) -> (i32, Vec<Value>) {
    let Ran { code, out, err } = stage.run("doctor --output json");
    assert_eq!(err.is_empty(), code == 0, "{err}");
    (code, serde_json::from_str(&out).expect(&err))
}

/// Returns the names of the checks with a result.
fn named<'a>(checks: &'a [Value], result: &str) -> Vec<&'a str> {
    let found = checks.iter().filter(|check| check["result"] == result);
    found
        .map(|check| check["check"].as_str().unwrap())
        .collect()
}

/// Asserts that these faults are found, no others, and that each says what to do.
fn assert_faults(stage: &Stage, faults: &[&str]) -> Vec<Value> {
    let (code, checks) = examine(stage);
    assert_eq!((code, named(&checks, "fault")), (1, faults.to_vec()));
    for check in &checks {
        let advised = check["advice"]
            .as_str()
            .is_some_and(|text| !text.is_empty());
        assert_eq!(advised, check["result"] != "ok", "{check}");
    }
    checks
}

/// Returns what was found by a check.
fn found<'a>(checks: &'a [Value], name: &str) -> &'a str {
    let check = checks.iter().find(|check| check["check"] == name);
    check
        .and_then(|check| check["found"].as_str())
        .unwrap_or_else(|| panic!("{name}: {checks:?}"))
}

/// The ways in which a table differs from one of this crate.
struct Odd {
    hash: &'static str,
    first_index: ProjectionType,
    view: StreamViewType,
}

impl Odd {
    fn new() -> Self {
        Self {
            hash: "PK",
            first_index: ProjectionType::All,
            view: StreamViewType::NewAndOldImages,
        }
    }

    /// Creates the table, with a version record if its keys are right.
    async fn stage(self) -> Stage {
        let stage = Stage::empty().await;
        let schema = |hash: &str, range: &str| {
            [(hash, KeyType::Hash), (range, KeyType::Range)].map(|(name, kind)| {
                let element = KeySchemaElement::builder().attribute_name(name);
                element.key_type(kind).build().unwrap()
            })
        };
        let mut names = vec![self.hash.to_owned(), "SK".to_owned()];
        let indexes = (1..=4).map(|number| {
            let keys = [format!("GSI{number}PK"), format!("GSI{number}SK")];
            let projection = if number == 1 {
                self.first_index.clone()
            } else {
                ProjectionType::KeysOnly
            };
            let index = GlobalSecondaryIndex::builder()
                .index_name(format!("GSI{number}"))
                .set_key_schema(Some(schema(&keys[0], &keys[1]).into()))
                .projection(Projection::builder().projection_type(projection).build())
                .build()
                .unwrap();
            names.extend(keys);
            index
        });
        let indexes: Vec<_> = indexes.collect();
        let attribute = |name: String| {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            attribute
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap()
        };
        let stream = StreamSpecification::builder().stream_enabled(true);
        let stream = stream.stream_view_type(self.view).build().unwrap();
        let create = stage.engine.client().create_table().table_name(STACK);
        create
            .set_key_schema(Some(schema(self.hash, "SK").into()))
            .set_attribute_definitions(Some(names.into_iter().map(attribute).collect()))
            .set_global_secondary_indexes(Some(indexes))
            .billing_mode(BillingMode::PayPerRequest)
            .stream_specification(stream)
            .send()
            .await
            .unwrap();
        if self.hash == "PK" {
            time_to_live(&stage, true).await;
            // The table exists, so only its version record is written.
            stage.run("table create");
            stage.ok("namespace register default");
        }
        stage
    }
}

async fn time_to_live(stage: &Stage, enabled: bool) {
    let specification = TimeToLiveSpecification::builder().attribute_name("ttl");
    let specification = specification.enabled(enabled).build().unwrap();
    let update = stage
        .engine
        .client()
        .update_time_to_live()
        .table_name(STACK);
    let update = update.time_to_live_specification(specification);
    update.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_stack_has_no_fault_and_is_not_changed() {
    let stage = healthy().await;
    stage.ok("system set-defaults -l rpm:100");
    let before = stage.items().await;
    let (code, checks) = examine(&stage);
    assert_eq!((code, named(&checks, "fault").len()), (0, 0), "{checks:?}");
    // The engine has no backups.
    assert_eq!(
        named(&checks, "warning"),
        ["point-in-time recovery", "deletion protection"]
    );
    assert!(checks.len() > 25, "{checks:?}");
    assert_eq!(stage.items().await, before);

    let text = stage.ok("doctor");
    assert_eq!(text.lines().count(), checks.len() + 1, "{text}");
    assert!(text.ends_with("0 fault(s), 2 warning(s)\n"), "{text}");
    assert_eq!(stage.items().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_expiry_is_a_fault() {
    let stage = healthy().await;
    time_to_live(&stage, false).await;
    assert_faults(&stage, &["time to live"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_stream_is_a_fault_unless_it_is_meant() {
    let stage = Stage::empty().await;
    stage.ok("table create --without-stream");
    stage.ok("namespace register default");
    assert_faults(&stage, &["stream"]);
    stage.ok("doctor --without-stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_other_images_is_a_fault() {
    let odd = Odd {
        view: StreamViewType::KeysOnly,
        ..Odd::new()
    };
    let checks = assert_faults(&odd.stage().await, &["stream"]);
    assert!(found(&checks, "stream").contains("KEYS_ONLY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_index_without_items_is_a_fault() {
    let odd = Odd {
        first_index: ProjectionType::KeysOnly,
        ..Odd::new()
    };
    assert_faults(&odd.stage().await, &["index GSI1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_other_keys_is_a_fault_and_nothing_else_is_tried() {
    let odd = Odd {
        hash: "id",
        ..Odd::new()
    };
    let stage = odd.stage().await;
    let checks = assert_faults(&stage, &["keys", "time to live"]);
    assert!(found(&checks, "keys").contains("id, SK instead of PK, SK"));
    assert_eq!(stage.proxy.count("PutItem"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_and_a_missing_version_are_faults() {
    let stage = healthy().await;
    let client = stage.engine.client();
    let key = [("PK", "_/SYSTEM#"), ("SK", "#VERSION")];
    let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.into())));
    let update = client.update_item().table_name(STACK);
    update
        .set_key(Some(key.clone().into()))
        .update_expression("SET schema_version = :version")
        .expression_attribute_values(":version", AttributeValue::S("9.0.0".into()))
        .send()
        .await
        .unwrap();
    let checks = assert_faults(&stage, &["version record"]);
    assert!(found(&checks, "version record").contains("9.0.0"));
    let delete = client.delete_item().table_name(STACK);
    delete.set_key(Some(key.into())).send().await.unwrap();
    assert_faults(&stage, &["version record"]);
    let told = stage.ok("table create");
    let written = "version record          was missing, and has been written";
    assert!(told.contains(written), "{told}");
    assert_eq!(examine(&stage).0, 0, "the record is written again");
    assert!(!stage.ok("table create").contains("version record"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_deleted_or_missing_is_a_fault() {
    let stage = healthy().await;
    stage.ok("namespace delete default --yes");
    let checks = assert_faults(&stage, &["namespace"]);
    assert!(found(&checks, "namespace").contains("was deleted at"));
    let advice = checks
        .iter()
        .find(|check| check["check"] == "namespace")
        .unwrap();
    let command = advice["advice"]
        .as_str()
        .unwrap()
        .split('`')
        .nth(1)
        .unwrap();
    stage.ok(command.strip_prefix("tollgate ").unwrap());
    assert_eq!(examine(&stage).0, 0, "the advice helps");

    let ran = stage.run("doctor -N defualt");
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("tollgate namespace register defualt"),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ten_minutes_off_is_a_fault() {
    let stage = healthy().await;
    for (offset, word) in [(600, "behind"), (-600, "ahead of")] {
        let now = SystemTime::now();
        let seconds = Duration::from_secs(600);
        let date = if offset > 0 {
            now + seconds
        } else {
            now - seconds
        };
        stage.proxy.set_fault(Fault::date(date));
        let checks = assert_faults(&stage, &["clock"]);
        assert!(found(&checks, "clock").contains(word), "{checks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_services_need_is_a_fault_if_it_lacks() {
    let stage = healthy().await;
    for action in NEEDED {
        let denied = ErrorAnswer::access_denied(&format!("dynamodb:{action}"));
        stage.proxy.set_fault(Fault::answer(denied).on(action));
        let (code, checks) = examine(&stage);
        let right = format!("right {action} table");
        assert_eq!(code, 1, "{action}");
        assert!(
            named(&checks, "fault").contains(&right.as_str()),
            "{checks:?}"
        );
        assert!(found(&checks, &right).contains("not allowed"), "{checks:?}");
        if !action.contains("GetItem") {
            continue;
        }
        // A record that cannot be read is not missing.
        let version = found(&checks, "version record");
        assert!(version.starts_with("not known: "), "{version}");
        for command in ["check", "version"] {
            let told = stage.run(command);
            assert_eq!((told.code, told.err.lines().count()), (3, 1), "{told:?}");
            assert!(!told.out.contains("NOT INITIALIZED"), "{told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_operators_need_is_a_warning_if_it_lacks() {
    let stage = healthy().await;
    for action in [
        "Query",
        "Scan",
        "DeleteItem",
        "BatchWriteItem",
        "DescribeTable",
    ] {
        let denied = ErrorAnswer::access_denied(&format!("dynamodb:{action}"));
        stage.proxy.set_fault(Fault::answer(denied).on(action));
        let (code, checks) = examine(&stage);
        assert_eq!(code, 0, "{action}: {checks:?}");
        let lacking = checks.iter().filter(|check| {
            let advice = check["advice"].as_str().unwrap_or_default();
            check["result"] == "warning" && advice.contains(&format!("dynamodb:{action}"))
        });
        assert_eq!(
            lacking.count(),
            if action == "Query" { 5 } else { 1 },
            "{checks:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_global_table_is_a_fault() {
    let stage = healthy().await;
    let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    // The engine has no replicas: this is the part of AWS's description that says so.
    let described = json!({ "Table": {
        "TableName": STACK,
        "TableStatus": "ACTIVE",
        "KeySchema": [key("PK", "HASH"), key("SK", "RANGE")],
        "AttributeDefinitions": [text("PK"), text("SK")],
        "Replicas": [{ "RegionName": "us-east-1" }, { "RegionName": "eu-west-1" }],
    }});
    let answer = ErrorAnswer::raw(200, described);
    stage
        .proxy
        .set_fault(Fault::answer(answer).on("DescribeTable"));
    let (code, checks) = examine(&stage);
    assert!(
        code == 1 && named(&checks, "fault").contains(&"replicas"),
        "{checks:?}"
    );
    let replicas = found(&checks, "replicas");
    assert!(
        replicas.contains("eu-west-1") && !replicas.contains("us-east-1"),
        "{replicas}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_stack_or_an_engine_that_is_gone_is_one_line() {
    let stage = Stage::empty().await;
    let ran = stage.run("doctor");
    assert_eq!((ran.code, ran.out.as_str()), (4, ""), "{ran:?}");
    assert!(
        ran.err.contains("there is no stack limits at http://"),
        "{ran:?}"
    );
    stage.engine.stop().await;
    let ran = stage.run("doctor");
    assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{ran:?}");
    assert!(ran.err.contains(&stage.proxy.endpoint()), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_is_advised_only_if_it_lacks() {
    let stage = healthy().await;
    let advice = |name: &str| {
        let (code, checks) = examine(&stage);
        assert_eq!(code, 0, "{checks:?}");
        let check = checks.iter().find(|check| check["check"] == name).unwrap();
        assert_eq!(check["result"], "warning", "{check}");
        check["advice"].as_str().unwrap().to_owned()
    };
    for (operation, action, name) in [
        (
            "DescribeTimeToLive",
            "dynamodb:DescribeTimeToLive",
            "time to live",
        ),
        (
            "DescribeContinuousBackups",
            "dynamodb:DescribeContinuousBackups",
            "point-in-time recovery",
        ),
    ] {
        let denied = ErrorAnswer::access_denied(action);
        stage.proxy.set_fault(Fault::answer(denied).on(operation));
        assert_eq!(advice(name), format!("allow {action} to check it"));
        stage.proxy.clear_faults();
    }
    // The engine does not know this operation.
    assert!(advice("point-in-time recovery").starts_with("look yourself"));
}

/// Guards an operator who pastes the advice: commands without the table or a required argument fail.
#[tokio::test(flavor = "multi_thread")]
async fn commands_of_the_advice_are_complete() {
    let odd = Odd {
        view: StreamViewType::KeysOnly,
        ..Odd::new()
    };
    let stage = odd.stage().await;
    time_to_live(&stage, false).await;
    let not_recoverable = json!({ "ContinuousBackupsDescription": {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "DISABLED" },
    }});
    let answer = ErrorAnswer::raw(200, not_recoverable);
    let fault = Fault::answer(answer).on("DescribeContinuousBackups");
    stage.proxy.set_fault(fault);
    let (_, checks) = examine(&stage);
    let end = format!(" --endpoint-url {}", stage.proxy.endpoint());
    for (name, command) in [
        (
            "time to live",
            "aws dynamodb update-time-to-live --table-name limits --time-to-live-specification \
             Enabled=true,AttributeName=ttl",
        ),
        (
            "stream",
            "aws dynamodb update-table --table-name limits --stream-specification \
             StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES",
        ),
        (
            "point-in-time recovery",
            "aws dynamodb update-continuous-backups --table-name limits \
             --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
        ),
        (
            "deletion protection",
            "aws dynamodb update-table --table-name limits --deletion-protection-enabled",
        ),
    ] {
        let check = checks.iter().find(|check| check["check"] == name).unwrap();
        let advice = check["advice"].as_str().unwrap();
        assert!(advice.contains(&format!("{command}{end}")), "{advice}");
    }
}
