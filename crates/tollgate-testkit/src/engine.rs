//! The embedded DynamoDB engine.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_dynamodb::{
    Client, config::Builder, error::DisplayErrorContext, types::AttributeValue,
};
use dynoxide::Database;
use tokio::net::TcpSocket;

use crate::{
    background::{Background, bound, hold, off_thread},
    client,
};

/// A loopback port that the system chooses.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A DynamoDB engine inside the test's process, listening on a loopback port.
///
/// Give every test its own engine: it starts in a millisecond or two, in memory or in a file
/// ([`with_file`](Self::with_file)). A new engine in memory has no tables. The engine runs on its
/// own threads, so it answers even if the test's runtime is busy. Dropping it stops it: the port
/// and all connections are closed, and data in memory is lost.
///
/// # Examples
///
/// A store that stops and resumes with its data:
///
/// ```
/// use tollgate_testkit::Engine;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let engine = Engine::start().await;
/// let client = engine.client();
/// assert!(client.list_tables().send().await.is_ok());
///
/// engine.stop().await;
/// assert!(client.list_tables().send().await.is_err());
///
/// engine.resume().await;
/// assert!(client.list_tables().send().await.is_ok());
/// # }
/// ```
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    address: SocketAddr,
    /// Declared before the database, so that the server ends before the database closes.
    port: Mutex<Port>,
    database: Database,
}

/// The owner of the engine's port: the server or, while the engine is stopped, a socket that
/// refuses connections and reserves the port.
struct Port {
    server: Option<Background>,
    held: Option<TcpSocket>,
}

impl Engine {
    /// Starts an empty engine in memory, on a port that the system chooses.
    ///
    /// # Panics
    ///
    /// If the engine or its threads cannot be started.
    pub async fn start() -> Self {
        Self::start_at(ANY_PORT).await
    }

    /// Starts an empty engine in memory at `address`.
    ///
    /// # Panics
    ///
    /// If `address` is taken, or if the engine or its threads cannot be started.
    pub async fn start_at(address: SocketAddr) -> Self {
        off_thread(move || Self::open(address, in_memory())).await
    }

    /// Starts an engine on the file at `path`, which is created if it does not exist. The data
    /// outlives the engine and the process.
    ///
    /// # Examples
    ///
    /// ```
    /// use tollgate_testkit::Engine;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let path = std::env::temp_dir().join(format!("tollgate-doc-{}.db", std::process::id()));
    /// let engine = Engine::with_file(&path).await;
    /// assert!(engine.client().list_tables().send().await.is_ok());
    /// drop(engine);
    /// assert!(path.exists());
    /// # std::fs::remove_file(&path).unwrap();
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `path` is not valid UTF-8, if the file cannot be opened, or if the engine or its threads
    /// cannot be started.
    pub async fn with_file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        off_thread(move || Self::open(ANY_PORT, in_file(&path))).await
    }

    /// Starts an empty engine in memory, for callers without a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use tollgate_testkit::Engine;
    ///
    /// fn main() {
    ///     let engine = Engine::start_blocking();
    ///     println!("a store at {}", engine.endpoint());
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If the engine or its threads cannot be started.
    pub fn start_blocking() -> Self {
        Self::open(ANY_PORT, in_memory())
    }

    fn open(address: SocketAddr, database: Database) -> Self {
        let socket = hold(address);
        let address = bound(&socket);
        let port = Port {
            server: Some(serve(socket, &database)),
            held: None,
        };
        Self {
            shared: Arc::new(Shared {
                address,
                port: Mutex::new(port),
                database,
            }),
        }
    }

    /// Returns the address of the engine, even while it is stopped.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Returns the engine's endpoint URL as an SDK expects it: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns an SDK configuration for this engine, which can be changed further.
    ///
    /// The configuration has fake credentials, the region `us-east-1`, its own HTTP client, and no
    /// retries, so that a test sees every failure.
    ///
    /// # Examples
    ///
    /// ```
    /// use aws_sdk_dynamodb::{Client, config::retry::RetryConfig};
    /// use tollgate_testkit::Engine;
    ///
    /// let engine = Engine::start_blocking();
    /// let patient = engine.dynamodb_config().retry_config(RetryConfig::standard()).build();
    /// let client = Client::from_conf(patient);
    /// ```
    pub fn dynamodb_config(&self) -> Builder {
        client::config(self.endpoint())
    }

    /// Returns a new SDK client for this engine, configured by
    /// [`dynamodb_config`](Self::dynamodb_config).
    ///
    /// The connections of a client belong to the runtime that opened them: use a client in one
    /// runtime only.
    pub fn client(&self) -> Client {
        Client::from_conf(self.dynamodb_config().build())
    }

    /// Closes the port and all connections. The data is kept.
    ///
    /// A request in progress may take effect, but its answer is lost. New connections are refused
    /// until [`resume`](Self::resume). Does nothing if the engine is already stopped.
    pub async fn stop(&self) {
        let shared = Arc::clone(&self.shared);
        off_thread(move || shared.stop()).await;
    }

    /// Listens again on the same port with the same data, after [`stop`](Self::stop). Does nothing
    /// if the engine is running.
    ///
    /// # Panics
    ///
    /// If the engine's threads cannot be started.
    pub async fn resume(&self) {
        let shared = Arc::clone(&self.shared);
        off_thread(move || shared.resume()).await;
    }

    /// Deletes expired items in every table with time to live enabled, and returns their number.
    /// DynamoDB deletes them by itself some time after they expired; the engine only in this call.
    ///
    /// # Panics
    ///
    /// If the engine's database fails.
    pub fn sweep_ttl(&self) -> usize {
        self.shared
            .database
            .sweep_ttl()
            .unwrap_or_else(|error| panic!("the engine cannot sweep expired items: {error}"))
    }

    /// Returns the item with the keys `PK` = `pk` and `SK` = `sk`, read consistently with a new SDK
    /// client.
    ///
    /// # Panics
    ///
    /// If the read fails, because the engine is stopped or has no such table with these key
    /// attributes.
    pub async fn item(
        &self,
        table: &str,
        pk: &str,
        sk: &str,
    ) -> Option<HashMap<String, AttributeValue>> {
        self.client()
            .get_item()
            .table_name(table)
            .key("PK", AttributeValue::S(pk.to_owned()))
            .key("SK", AttributeValue::S(sk.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .unwrap_or_else(|error| {
                panic!(
                    "cannot read {pk} {sk} in {table}: {}",
                    DisplayErrorContext(error)
                )
            })
            .item
    }
}

#[cfg(feature = "functions")]
impl Engine {
    /// Returns the engine's database.
    pub(crate) fn database(&self) -> &Database {
        &self.shared.database
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn port(&self) -> MutexGuard<'_, Port> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        let mut port = self.port();
        if let Some(server) = port.server.take() {
            drop(server);
            port.held = Some(hold(self.address));
        }
    }

    fn resume(&self) {
        let mut port = self.port();
        if port.server.is_none() {
            let socket = port.held.take().unwrap_or_else(|| hold(self.address));
            port.server = Some(serve(socket, &self.database));
        }
    }
}

fn serve(socket: TcpSocket, database: &Database) -> Background {
    let database = database.clone();
    Background::serve("tollgate-engine", socket, |listener| {
        dynoxide::server::serve_on(listener, database)
    })
}

fn in_memory() -> Database {
    Database::memory().unwrap_or_else(|error| panic!("cannot open an engine in memory: {error}"))
}

fn in_file(path: &Path) -> Database {
    let name = path
        .to_str()
        .unwrap_or_else(|| panic!("the path {} is not UTF-8", path.display()));
    Database::new(name)
        .unwrap_or_else(|error| panic!("cannot open the engine's file {name}: {error}"))
}
