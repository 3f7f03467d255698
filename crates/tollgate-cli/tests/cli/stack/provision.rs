//! A service that deploys its own stack.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tollgate::RateLimiter;
use tollgate_aws::{
    Architecture, StackOptions,
    manager::{DeployStack, FunctionPackage},
};

use super::aws::Account;

async fn open(account: &Account, provision: DeployStack) -> RateLimiter {
    let opened = RateLimiter::open()
        .stack(account.stack.as_str())
        .namespace("tenant")
        .aws_config(account.config())
        .provision(provision)
        .await;
    opened.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_start_together_deploy_one_stack() {
    let Some(account) = Account::new("service") else {
        return;
    };
    let options = StackOptions::new()
        .enable_aggregator(false)
        .enable_provisioner(false)
        .log_retention_days(7);
    let events = Arc::new(AtomicU64::new(0));
    let counter = events.clone();
    let provision = DeployStack::new(&account.config(), options).on_event(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let (one, other) = tokio::join!(
        open(&account, provision.clone()),
        open(&account, provision.clone())
    );
    assert!(one.ping().await.is_ok() && other.ping().await.is_ok());
    assert!(events.load(Ordering::Relaxed) > 0);
    assert_eq!(account.parameter("LogRetentionDays").await, "7");
    assert_eq!(account.parameter("EnableDeletionProtection").await, "true");
    let names: Vec<_> = account
        .json("namespace list")
        .as_array()
        .unwrap()
        .iter()
        .map(|namespace| namespace["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["default", "tenant"]);

    // A stack without functions gets those of the service, if it may.
    let functions = FunctionPackage::new(b"no program".to_vec(), Architecture::X86_64);
    let with_functions = provision.functions(functions);
    open(&account, with_functions.clone()).await;
    assert_eq!(
        account.json("status")["lambda_version"],
        serde_json::Value::Null
    );
    account.json("deploy --enable-aggregator --without-code --no-idle-alarm --lambda-memory 256");
    open(&account, with_functions.auto_update(true)).await;
    let version = format!("0.17.0+tollgate.{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(account.json("status")["lambda_version"], version);
    assert_eq!(account.parameter("LambdaMemorySize").await, "256");
    account.clean_up();
}
