//! A folder for a local table, and the command in it.

use std::{
    env, fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    types::AttributeValue,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use rusqlite::Connection;
use serde_json::Value;

use crate::stage::{Ran, bare, ran};

/// The table of the tests.
pub(crate) const TABLE: &str = "zae-limiter";

/// A folder of one test. Dropping it stops the server in it.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
}

impl Place {
    /// Creates a place without a folder.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tollgate-local-{}-{number}", process::id());
        Self {
            folder: env::temp_dir().join(name).join("data"),
        }
    }

    /// Creates a place with a server.
    pub(crate) fn up() -> Self {
        let place = Self::new();
        place.ok("local up");
        place
    }

    /// Returns the command in this place.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = bare();
        command
            .args(arguments.split_whitespace())
            .env("TOLLGATE_LOCAL_DATA", &self.folder)
            .env("TOLLGATE_LOCAL_PORT", "0");
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Ran {
        ran(self.command(arguments))
    }

    /// Runs the command, which must succeed, and returns what it printed.
    pub(crate) fn ok(&self, arguments: &str) -> String {
        let Ran { code, out, err } = self.run(arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{arguments}");
        out
    }

    /// Runs the command, which must fail with one line, and returns that.
    pub(crate) fn fails(&self, arguments: &str, code: i32) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "{arguments}: {ran:?}");
        let line = ran.err.strip_suffix('\n').expect("a line");
        assert!(!line.contains('\n'), "{ran:?}");
        line.strip_prefix("error: ").expect("an error").to_owned()
    }

    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{arguments} --output json"))).unwrap()
    }

    pub(crate) fn state(&self) -> String {
        self.json("local status")["state"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Returns the process id of the server.
    pub(crate) fn pid(&self) -> u32 {
        let pid = self.json("local status")["pid"].as_u64();
        pid.expect("a server").try_into().unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        let status = self.json("local status");
        let (_, port) = status["endpoint"]
            .as_str()
            .unwrap()
            .rsplit_once(':')
            .unwrap();
        port.parse().unwrap()
    }

    /// Returns the environment that `local env` prints.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let Value::Object(variables) =
            serde_json::from_str(&self.ok("local env --format json")).unwrap()
        else {
            panic!("no object");
        };
        let variables = variables.into_iter();
        variables
            .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
            .collect()
    }

    /// Runs another command with the environment of `local env`, which must succeed.
    pub(crate) fn there(&self, arguments: &str) -> String {
        let ran = self.run_there(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments}");
        ran.out
    }

    /// Runs another command with the environment of `local env`, and nothing of another one.
    pub(crate) fn run_there(&self, arguments: &str) -> Ran {
        let mut command = self.command(arguments);
        command.env_remove("AWS_REGION").envs(self.environment());
        ran(command)
    }

    /// Returns a client of the engine.
    pub(crate) fn client(&self) -> Client {
        let http_client = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port()))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client);
        Client::from_conf(config.build())
    }

    /// Opens the data file beside the engine.
    pub(crate) fn database(&self) -> Connection {
        let database = Connection::open(self.folder.join("table.db")).unwrap();
        database.busy_timeout(Duration::from_secs(10)).unwrap();
        database
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.command("local down").output();
        if let Some(above) = self.folder.parent() {
            let _ = fs::remove_dir_all(above);
        }
    }
}

/// Sends a signal to a process of the test.
pub(crate) fn signal(name: &str, pid: u32) {
    let kill = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(kill.unwrap().success());
}

/// Waits until something holds, for as long as a slow machine may need.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(90), "it never holds");
        sleep(Duration::from_millis(50));
    }
}

/// A process that does nothing. Dropping it ends it.
pub(crate) struct Sleeper(pub(crate) Child);

impl Sleeper {
    pub(crate) fn start() -> Self {
        let mut sleep = Command::new("sleep");
        sleep.arg("600").stdin(Stdio::null()).stdout(Stdio::null());
        Self(sleep.stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the key of an item of the tests.
pub(crate) fn key(pk: &str) -> [(String, AttributeValue); 2] {
    [("PK", pk), ("SK", "#TEST")]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
}
