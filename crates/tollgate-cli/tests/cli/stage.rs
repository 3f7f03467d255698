//! A table, a proxy in front of it, and the command.

use std::{
    collections::BTreeMap,
    io,
    process::{Command, Output, Stdio},
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use serde_json::Value;
use tollgate::{RateLimiter, store::dynamodb::CreateTable};
use tollgate_testkit::{Engine, Proxy};

/// The stack of the tests.
pub(crate) const STACK: &str = "limits";

/// The operations that write.
const WRITES: [&str; 8] = [
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "CreateTable",
    "UpdateTable",
    "UpdateTimeToLive",
];

/// An item of the table.
pub(crate) type Item = BTreeMap<String, AttributeValue>;

/// An engine, and a proxy that counts what the command sends.
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) proxy: Proxy,
}

/// The result of a run of the command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Stage {
    /// Starts an engine without tables.
    pub(crate) async fn empty() -> Self {
        let engine = Engine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        Self { engine, proxy }
    }

    /// Starts an engine with a stack and its namespace `default`.
    pub(crate) async fn with_stack() -> Self {
        let stage = Self::empty().await;
        stage.limiter().await;
        stage
    }

    /// Starts an engine with a stack without a stream: with one, every write of the engine reads all
    /// earlier changes.
    pub(crate) async fn without_stream() -> Self {
        let stage = Self::empty().await;
        let table = CreateTable::new().without_stream();
        stage.limiter_over(table).await;
        stage
    }

    /// Returns a limiter of the namespace `default`.
    pub(crate) async fn limiter(&self) -> RateLimiter {
        self.limiter_over(CreateTable::new()).await
    }

    /// Returns a limiter of the namespace `default`. The table is created if there is none.
    async fn limiter_over(&self, table: CreateTable) -> RateLimiter {
        RateLimiter::open()
            .stack(STACK)
            .namespace("default")
            .client(self.engine.client())
            .provision(table)
            .await
            .unwrap()
    }

    /// Writes into the version record that the stack has functions.
    pub(crate) async fn set_functions(&self) {
        let update = self.engine.client().update_item().table_name(STACK);
        update
            .key("PK", AttributeValue::S("_/SYSTEM#".into()))
            .key("SK", AttributeValue::S("#VERSION".into()))
            .update_expression("SET lambda_version = :version")
            .expression_attribute_values(":version", AttributeValue::S("0.17.0".into()))
            .send()
            .await
            .unwrap();
    }

    /// Returns the command, with nothing of the environment but credentials and a region.
    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = bare();
        command
            .args(arguments)
            .args(["--endpoint-url", &self.proxy.endpoint(), "--name", STACK]);
        command
    }

    /// Runs the command.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        ran(self.command(arguments.split_whitespace()))
    }

    /// Runs the command, which must succeed, and returns what it printed.
    pub(crate) fn ok(&self, arguments: &str) -> String {
        let Ran { code, out, err } = self.run(arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{arguments}");
        out
    }

    /// Runs the command with JSON as its output, and parses it.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{arguments} --output json"))).unwrap()
    }

    /// Returns the number of writes that were sent through the proxy.
    pub(crate) fn writes(&self) -> u64 {
        WRITES.iter().map(|write| self.proxy.count(write)).sum()
    }

    /// Returns all items of the table.
    pub(crate) async fn items(&self) -> Vec<Item> {
        items(&self.engine).await
    }
}

/// Returns all items of the table in an engine.
pub(crate) async fn items(engine: &Engine) -> Vec<Item> {
    scan(&engine.client(), STACK).await
}

/// Returns all items of a table.
pub(crate) async fn scan(client: &Client, table: &str) -> Vec<Item> {
    let scan = client.scan().table_name(table).consistent_read(true);
    let output = scan.send().await.unwrap();
    assert!(output.last_evaluated_key.is_none(), "one page is enough");
    let items = output.items.unwrap_or_default().into_iter();
    items.map(|item| item.into_iter().collect()).collect()
}

/// Returns the command without arguments, and with nothing of the environment but credentials and
/// a region.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.env_clear().stdin(Stdio::null()).envs([
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    command
}

/// Runs a command.
pub(crate) fn ran(mut command: Command) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Ran {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Prints that something is skipped, even if the harness captures the output.
pub(crate) fn skipped(what: &str) {
    use io::Write;
    #[expect(clippy::explicit_write, reason = "the macro for it is captured")]
    writeln!(io::stderr(), "skipped: {what}").unwrap();
}
