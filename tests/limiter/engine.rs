//! The engine under test: the embedded one, or the one that `TOLLGATE_ENGINE_ENDPOINT` names.

use std::{
    collections::HashMap,
    env,
    io::{self, Write},
    net::SocketAddr,
    sync::Mutex,
};

use aws_sdk_dynamodb::{
    Client,
    config::{Builder, Credentials},
    types::AttributeValue,
};
use tollgate_testkit::{Engine, Fault, Proxy};

/// The variable with the address of another engine, such as `127.0.0.1:4566`.
const ENDPOINT: &str = "TOLLGATE_ENGINE_ENDPOINT";

/// Prints once that `what` is skipped, even if the test harness captures the output of passing
/// tests.
pub(crate) fn skipped(what: &'static str) {
    static SAID: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let mut said = SAID.lock().unwrap();
    if !said.contains(&what) {
        said.push(what);
        #[expect(clippy::explicit_write, reason = "the macro for it is captured")]
        writeln!(io::stderr(), "skipped: {what}").unwrap();
    }
}

/// An engine that shows a test only its own tables.
pub(crate) enum TestEngine {
    /// An embedded engine of this test alone.
    Embedded(Engine),
    /// One engine for all tests. Each test has an account of its own: its access key is twelve
    /// digits. A test can stop the proxy in front of it.
    Shared { account: String, front: Proxy },
}

impl TestEngine {
    pub(crate) async fn start() -> Self {
        let Ok(endpoint) = env::var(ENDPOINT) else {
            return Self::Embedded(Engine::start().await);
        };
        let address = endpoint
            .trim_start_matches("http://")
            .parse()
            .expect("an address and a port");
        let account = (0..12).map(|_| fastrand::digit(10)).collect();
        Self::Shared {
            account,
            front: Proxy::start(address).await,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Embedded(engine) => engine.address(),
            Self::Shared { front, .. } => front.address(),
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the access key for an SDK client in another process.
    pub(crate) fn access_key(&self) -> &str {
        match self {
            Self::Embedded(_) => "test",
            Self::Shared { account, .. } => account,
        }
    }

    pub(crate) fn client(&self) -> Client {
        match self {
            Self::Embedded(engine) => engine.client(),
            Self::Shared { front, .. } => self.through(front),
        }
    }

    /// Returns a client that reaches this engine through a proxy.
    pub(crate) fn through(&self, proxy: &Proxy) -> Client {
        Client::from_conf(self.config_through(proxy).build())
    }

    pub(crate) fn config_through(&self, proxy: &Proxy) -> Builder {
        let credentials = Credentials::new(self.access_key(), "test", None, None, "test");
        proxy.dynamodb_config().credentials_provider(credentials)
    }

    /// Returns the embedded engine, for features that no other engine has. Without it, the test is
    /// skipped, and that is printed.
    pub(crate) fn embedded(&self) -> Option<&Engine> {
        match self {
            Self::Embedded(engine) => Some(engine),
            Self::Shared { .. } => {
                skipped("what only the embedded engine can do");
                None
            }
        }
    }

    pub(crate) async fn stop(&self) {
        match self {
            Self::Embedded(engine) => engine.stop().await,
            Self::Shared { front, .. } => front.set_fault(Fault::refuse()),
        }
    }

    pub(crate) async fn resume(&self) {
        match self {
            Self::Embedded(engine) => engine.resume().await,
            Self::Shared { front, .. } => front.clear_faults(),
        }
    }

    pub(crate) async fn item(
        &self,
        table: &str,
        pk: &str,
        sk: &str,
    ) -> Option<HashMap<String, AttributeValue>> {
        let (pk, sk) = (
            AttributeValue::S(pk.to_owned()),
            AttributeValue::S(sk.to_owned()),
        );
        let get = self
            .client()
            .get_item()
            .table_name(table)
            .key("PK", pk)
            .key("SK", sk)
            .consistent_read(true);
        get.send().await.unwrap().item
    }
}
