//! The inspection of a table, the trial of permissions, and the records that a set-up writes.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tollgate::{
    error::StackError,
    model::{NamespaceId, StackName},
    store::dynamodb::{
        CreateTable, JoinOnly, PermissionPurpose, PermissionResult, PermissionTrial, SetUp, Stack,
    },
};
use tollgate_testkit::{Engine, ErrorAnswer, Fault, Proxy};

/// The operation with which point-in-time recovery is switched on. The engine does not have it.
const RECOVERY: &str = "UpdateContinuousBackups";

struct Scene {
    engine: Engine,
    proxy: Proxy,
    stack: Stack,
}

impl Scene {
    /// Starts an engine without a table, with a proxy in front of it.
    async fn start() -> Self {
        let engine = Engine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        let stack = Stack::new(proxy.client(), StackName::new("limits").unwrap());
        Self {
            engine,
            proxy,
            stack,
        }
    }

    async fn count(&self) -> i32 {
        let scan = self.engine.client().scan().table_name("limits");
        scan.consistent_read(true).send().await.unwrap().count
    }

    async fn trials(&self) -> Vec<PermissionTrial> {
        let namespace = NamespaceId::new("abcdefghijk");
        self.stack.try_permissions(&namespace).await.unwrap()
    }
}

#[tokio::test]
async fn a_set_up_writes_the_version_and_nothing_else_and_can_be_repeated() {
    let scene = Scene::start().await;
    let done = scene.stack.set_up(&CreateTable::new()).await.unwrap();
    assert_eq!(done, SetUp::Created);
    assert_eq!(scene.count().await, 1);
    let version = scene.engine.item("limits", "_/SYSTEM#", "#VERSION").await;
    assert_eq!(
        version.unwrap()["schema_version"],
        AttributeValue::S("0.10.0".into())
    );
    let done = scene.stack.set_up(&CreateTable::new()).await.unwrap();
    assert_eq!(done, SetUp::Unchanged);
    assert_eq!(scene.count().await, 1);
}

#[tokio::test]
async fn a_set_up_that_was_interrupted_is_finished_by_the_next_one() {
    let scene = Scene::start().await;
    scene
        .proxy
        .set_fault(Fault::answer(ErrorAnswer::internal_server_error()).on("PutItem"));
    let error = scene.stack.set_up(&CreateTable::new()).await.unwrap_err();
    assert!(matches!(error, StackError::Call { .. }), "{error}");
    assert_eq!(scene.count().await, 0);
    scene.proxy.clear_faults();
    let done = scene.stack.set_up(&CreateTable::new()).await.unwrap();
    assert_eq!((done, scene.count().await), (SetUp::Completed, 1));
}

#[tokio::test]
async fn a_provision_that_creates_nothing_makes_a_set_up_fail() {
    let scene = Scene::start().await;
    let error = scene.stack.set_up(&JoinOnly::new()).await.unwrap_err();
    assert!(matches!(error, StackError::NotFound { .. }), "{error}");
    let error = scene.stack.inspect().await.unwrap_err();
    assert!(matches!(error, StackError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn an_inspection_states_what_was_created() {
    let scene = Scene::start().await;
    scene.stack.set_up(&CreateTable::new()).await.unwrap();
    let table = scene.stack.inspect().await.unwrap();
    assert_eq!(
        (table.key_problem, table.billing_mode.as_str()),
        (None, "PAY_PER_REQUEST")
    );
    assert_eq!(table.stream_view.as_deref(), Some("NEW_AND_OLD_IMAGES"));
    assert_eq!(table.expiry_attribute.unwrap().as_deref(), Some("ttl"));
    assert!(!table.is_protected && table.replica_regions.is_empty());
    assert_eq!(table.clock_ahead, Some(0));
    let projections = table.indexes.iter().map(|index| {
        assert!(index.exists && index.key_problem.is_none(), "{index:?}");
        (index.name.as_str(), index.projection.as_deref().unwrap())
    });
    let expected = [
        ("GSI1", "ALL"),
        ("GSI2", "KEYS_ONLY"),
        ("GSI3", "KEYS_ONLY"),
        ("GSI4", "KEYS_ONLY"),
    ];
    assert_eq!(projections.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn an_inspection_states_the_options_of_the_table() {
    let scene = Scene::start().await;
    let options = CreateTable::new()
        .without_stream()
        .with_reference_projection()
        .with_deletion_protection()
        .with_provisioned_throughput(7, 11);
    scene.stack.set_up(&options).await.unwrap();
    let table = scene.stack.inspect().await.unwrap();
    assert!(table.is_protected && table.stream_view.is_none());
    assert_eq!(table.billing_mode, "PROVISIONED");
    assert_eq!(table.indexes[1].projection.as_deref(), Some("ALL"));
    let described = scene.engine.client().describe_table().table_name("limits");
    let described = described.send().await.unwrap().table.unwrap();
    let units = described.provisioned_throughput().unwrap();
    assert_eq!(
        (units.read_capacity_units(), units.write_capacity_units()),
        (Some(7), Some(11))
    );
    for index in described.global_secondary_indexes() {
        let units = index.provisioned_throughput().unwrap();
        assert_eq!(units.write_capacity_units(), Some(11), "{index:?}");
    }
}

#[tokio::test]
async fn recovery_is_switched_on_once_the_new_table_is_ready_for_it() {
    let scene = Scene::start().await;
    let early = ErrorAnswer::other(400, "ContinuousBackupsUnavailableException");
    scene
        .proxy
        .add_fault(Fault::answer(early).on(RECOVERY).once());
    let done = ErrorAnswer::raw(200, json!({}));
    scene.proxy.add_fault(Fault::answer(done).on(RECOVERY));
    let options = CreateTable::new().with_point_in_time_recovery();
    let done = scene.stack.set_up(&options).await.unwrap();
    assert_eq!(done, SetUp::Created);
    assert_eq!(scene.proxy.received(RECOVERY), 2);
    assert_eq!(scene.count().await, 1);
}

#[tokio::test]
async fn what_cannot_be_described_is_an_error_of_its_field() {
    let scene = Scene::start().await;
    scene.stack.set_up(&CreateTable::new()).await.unwrap();
    for operation in ["DescribeTimeToLive", "DescribeContinuousBackups"] {
        let denied = ErrorAnswer::access_denied(&format!("dynamodb:{operation}"));
        scene.proxy.add_fault(Fault::answer(denied).on(operation));
    }
    let table = scene.stack.inspect().await.unwrap();
    let errors = [
        table.expiry_attribute.unwrap_err(),
        table.is_recoverable.unwrap_err(),
    ];
    for error in errors {
        assert!(error.missing_permission().is_some(), "{error}");
    }
}

#[tokio::test]
async fn every_action_is_tried_and_nothing_is_changed() {
    let scene = Scene::start().await;
    scene.stack.set_up(&CreateTable::new()).await.unwrap();
    let before = scene.count().await;
    let trials = scene.trials().await;
    assert!(trials.len() > 10, "{trials:?}");
    for trial in &trials {
        let allowed = matches!(trial.result, PermissionResult::Allowed);
        assert!(allowed, "{trial:?}");
    }
    assert_eq!(scene.count().await, before);
}

#[tokio::test]
async fn an_action_that_is_not_allowed_is_denied_and_the_others_are_not() {
    let scene = Scene::start().await;
    scene.stack.set_up(&CreateTable::new()).await.unwrap();
    for action in [
        "GetItem",
        "BatchGetItem",
        "PutItem",
        "UpdateItem",
        "TransactWriteItems",
        "Query",
        "DeleteItem",
        "BatchWriteItem",
        "Scan",
    ] {
        let denied = ErrorAnswer::access_denied(&format!("dynamodb:{action}"));
        scene.proxy.set_fault(Fault::answer(denied).on(action));
        for trial in scene.trials().await {
            let is_denied = matches!(trial.result, PermissionResult::Denied(_));
            assert_eq!(is_denied, trial.action == action, "{action}: {trial:?}");
        }
    }
    scene
        .proxy
        .set_fault(Fault::answer(ErrorAnswer::validation()).on("PutItem"));
    let unknown = scene
        .trials()
        .await
        .into_iter()
        .filter(|trial| matches!(trial.result, PermissionResult::Unknown(_)));
    let purposes: Vec<_> = unknown.map(|trial| trial.purpose).collect();
    assert_eq!(
        purposes,
        [PermissionPurpose::Spend, PermissionPurpose::Administer]
    );
}
