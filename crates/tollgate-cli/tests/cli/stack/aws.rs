//! The emulated account, and the command in it.

use std::{
    env,
    path::PathBuf,
    process::{self, Command},
};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde_json::Value;
use tollgate::{
    RateLimiter,
    model::StackName,
    store::dynamodb::{JoinOnly, Stack},
};
use tollgate_aws::manager::StackManager;

use crate::stage::{Item, Ran, bare, ran, scan, skipped};

/// The options that a stack without functions has on the emulator.
pub(super) const NO_FUNCTIONS: &str = "--no-aggregator --no-provisioner";

/// A stack of its own in the emulated account. It need not exist.
pub(super) struct Account {
    pub(super) endpoint: String,
    pub(super) stack: String,
}

impl Account {
    /// Returns the account with a name for a stack; `None` without an emulator.
    pub(super) fn new(name: &str) -> Option<Self> {
        let Ok(endpoint) = env::var("TOLLGATE_STACK_ENDPOINT") else {
            skipped("stacks: TOLLGATE_STACK_ENDPOINT names no emulator of AWS");
            return None;
        };
        let stack = format!("{name}-{}", process::id());
        Some(Self { endpoint, stack })
    }

    pub(super) fn config(&self) -> SdkConfig {
        let http_client = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let credentials = Credentials::new("test", "test", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(&self.endpoint)
            .http_client(http_client)
            .build()
    }

    pub(super) fn name(&self) -> StackName {
        StackName::new(&self.stack).unwrap()
    }

    pub(super) fn manager(&self) -> StackManager {
        StackManager::new(&self.config(), self.name())
    }

    /// Returns a limiter of the namespace `default`.
    pub(super) async fn limiter(&self) -> RateLimiter {
        let opened = RateLimiter::open()
            .stack(self.stack.as_str())
            .namespace("default")
            .client(Client::new(&self.config()))
            .provision(JoinOnly::new());
        opened.await.unwrap()
    }

    pub(super) async fn items(&self) -> Vec<Item> {
        scan(&Client::new(&self.config()), &self.stack).await
    }

    /// Returns true if the table exists.
    pub(super) async fn has_table(&self) -> bool {
        let client = Client::new(&self.config());
        let described = client.describe_table().table_name(&self.stack);
        described.send().await.is_ok()
    }

    /// Returns the attribute by which items of the table expire.
    pub(super) async fn expiry(&self) -> Option<String> {
        let stack = Stack::new(Client::new(&self.config()), self.name());
        stack.inspect().await.unwrap().expiry_attribute.unwrap()
    }

    /// Returns a parameter of the stack.
    pub(super) async fn parameter(&self, name: &str) -> String {
        let stack = self.manager().describe().await.unwrap().unwrap();
        stack.parameters[name].clone()
    }

    pub(super) fn command(&self, arguments: &str) -> Command {
        let mut command = bare();
        command.args(arguments.split_whitespace()).args([
            "--endpoint-url",
            &self.endpoint,
            "--name",
            &self.stack,
        ]);
        command
    }

    pub(super) fn run(&self, arguments: &str) -> Ran {
        ran(self.command(arguments))
    }

    /// Runs the command with JSON as its output, which must succeed without a word on the standard
    /// error, and parses it.
    pub(super) fn json(&self, arguments: &str) -> Value {
        let told = self.run(&format!("{arguments} --output json"));
        assert_eq!(
            (told.code, told.err.as_str()),
            (0, ""),
            "{arguments}: {told:?}"
        );
        serde_json::from_str(&told.out).unwrap()
    }

    /// Deletes the stack and its data.
    pub(super) fn clean_up(&self) {
        let deleted = self.json("delete --data --yes");
        assert_eq!(deleted["table_deleted"], true);
    }
}

/// Returns the static executable for functions; `None` if there is none.
pub(super) fn bootstrap() -> Option<PathBuf> {
    let path = env::var_os("TOLLGATE_BOOTSTRAP").map(PathBuf::from);
    if path.is_none() {
        skipped("functions of a stack: TOLLGATE_BOOTSTRAP names no static executable");
    }
    path
}
