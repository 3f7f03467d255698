//! The embedded DynamoDB engine.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_dynamodb::{Client, config::Builder, error::DisplayErrorContext, types::AttributeValue};
use dynoxide::Database;
use tokio::net::TcpSocket;

use crate::{
    background::{Background, bound, hold, off_thread},
    client,
};

/// A port that the system chooses, on this machine only.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A DynamoDB engine inside the test's process, listening on a loopback port.
///
/// Give every test an engine of its own: one is up in a millisecond or two, in memory unless
/// [`with_file`](Self::with_file) says otherwise. The engine starts empty, without tables. It runs on its
/// own threads and answers whatever the test's runtime is doing. Dropping it ends it: the port is closed,
/// connections are severed, data in memory is gone.
///
/// # Examples
///
/// A store that goes away and comes back, with its data:
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
    /// Declared before the database, so that its users end before it closes.
    port: Mutex<Port>,
    database: Database,
}

/// Who has the engine's port: the server, or, while the engine is stopped, a socket that refuses
/// connections and keeps the port from being given to somebody else.
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

    /// Starts an engine over the file at `path`, which is created if it does not exist. What was written
    /// outlives the engine, and the process.
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
    /// If `path` is not valid UTF-8, if the file cannot be opened, or if the engine or its threads cannot
    /// be started.
    pub async fn with_file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        off_thread(move || Self::open(ANY_PORT, in_file(&path))).await
    }

    /// Starts an empty engine in memory where there is no runtime to wait in.
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
        let port = Port { server: Some(serve(socket, &database)), held: None };
        Self { shared: Arc::new(Shared { address, port: Mutex::new(port), database }) }
    }

    /// Where the engine listens, also while it is stopped.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The engine's endpoint URL, as an SDK takes it: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// An SDK configuration for this engine, to be changed further or built.
    ///
    /// It has made-up credentials, the region `us-east-1`, an HTTP client of its own, and no retries: a
    /// test sees every failure.
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

    /// A new SDK client for this engine, configured by [`dynamodb_config`](Self::dynamodb_config).
    ///
    /// The connections of a client live in the runtime that made them: use a client in one runtime.
    pub fn client(&self) -> Client {
        Client::from_conf(self.dynamodb_config().build())
    }

    /// Closes the port and severs every connection; the data is kept.
    ///
    /// A request that is being handled may have its effect, and loses its answer. Connecting is refused at
    /// once until [`resume`](Self::resume). Nothing happens if the engine is stopped already.
    pub async fn stop(&self) {
        let shared = Arc::clone(&self.shared);
        off_thread(move || shared.stop()).await;
    }

    /// Listens again on the same port with the same data, after [`stop`](Self::stop). Nothing happens if
    /// the engine is running.
    ///
    /// # Panics
    ///
    /// If the engine's threads cannot be started.
    pub async fn resume(&self) {
        let shared = Arc::clone(&self.shared);
        off_thread(move || shared.resume()).await;
    }

    /// Deletes the items whose time to live has passed, in every table that has it enabled, and tells how
    /// many they were. DynamoDB does this by itself some time after they expired; the engine only here.
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

    /// The item with the keys `PK` = `pk` and `SK` = `sk`, read consistently through a new SDK client.
    ///
    /// # Panics
    ///
    /// If the read fails: the engine is stopped, or has no such table with these key attributes.
    pub async fn item(&self, table: &str, pk: &str, sk: &str) -> Option<HashMap<String, AttributeValue>> {
        self.client()
            .get_item()
            .table_name(table)
            .key("PK", AttributeValue::S(pk.to_owned()))
            .key("SK", AttributeValue::S(sk.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .unwrap_or_else(|error| panic!("cannot read {pk} {sk} in {table}: {}", DisplayErrorContext(error)))
            .item
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("address", &self.address()).finish_non_exhaustive()
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
    Background::serve("tollgate-engine", socket, |listener| dynoxide::server::serve_on(listener, database))
}

fn in_memory() -> Database {
    Database::memory().unwrap_or_else(|error| panic!("cannot open an engine in memory: {error}"))
}

fn in_file(path: &Path) -> Database {
    let name = path.to_str().unwrap_or_else(|| panic!("the path {} is not UTF-8", path.display()));
    Database::new(name).unwrap_or_else(|error| panic!("cannot open the engine's file {name}: {error}"))
}
