//! The proxy's listener and its methods.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use aws_sdk_dynamodb::{Client, config::Builder};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::{exchange::Exchange, fault::Fault, observer::Observer};
use crate::{
    background::{Background, bound, hold, off_thread},
    client,
};

/// A proxy in front of a DynamoDB endpoint that injects the faults of networks and busy stores.
///
/// The proxy forwards requests until it gets a [`Fault`]. It can have several faults: the first one
/// that applies to a request and is not used up affects it, in the order in which they were added.
///
/// If the upstream cannot be reached or fails while it answers, the proxy closes the connection.
///
/// # Examples
///
/// ```
/// use tollgate_testkit::{Engine, Fault, Proxy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let engine = Engine::start().await;
/// let proxy = Proxy::start(engine.address()).await;
/// let client = proxy.client();
///
/// // The store answers, but the next answer is lost.
/// proxy.set_fault(Fault::lose_response().once());
/// assert!(client.list_tables().send().await.is_err());
/// assert_eq!(proxy.count("ListTables"), 1);
///
/// // The following request succeeds.
/// assert!(client.list_tables().send().await.is_ok());
/// assert_eq!(proxy.count("ListTables"), 2);
/// # }
/// ```
pub struct Proxy {
    address: SocketAddr,
    exchange: Arc<Exchange>,
    _server: Background,
}

impl Proxy {
    /// Starts a proxy in front of `upstream`, on a loopback port that the system chooses. The
    /// upstream may be down.
    ///
    /// # Panics
    ///
    /// If the proxy's threads cannot be started.
    pub async fn start(upstream: SocketAddr) -> Self {
        off_thread(move || Self::start_blocking(upstream)).await
    }

    /// Starts a proxy, for callers without a runtime.
    ///
    /// # Panics
    ///
    /// If the proxy's threads cannot be started.
    pub fn start_blocking(upstream: SocketAddr) -> Self {
        Self::open(upstream, None)
    }

    /// Starts a proxy whose requests and answers are reported to `observer`.
    #[cfg(feature = "processes")]
    pub(crate) async fn observed(upstream: SocketAddr, observer: Arc<dyn Observer>) -> Self {
        off_thread(move || Self::open(upstream, Some(observer))).await
    }

    fn open(upstream: SocketAddr, observer: Option<Arc<dyn Observer>>) -> Self {
        let socket = hold(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
        let exchange = Arc::new(Exchange::new(upstream, observer));
        Self {
            address: bound(&socket),
            exchange: Arc::clone(&exchange),
            _server: Background::serve("tollgate-proxy", socket, |listener| {
                accept(listener, exchange)
            }),
        }
    }

    /// Returns the address of the proxy.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the proxy's endpoint URL as an SDK expects it: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns an SDK configuration for this proxy, otherwise like
    /// [`Engine::dynamodb_config`](crate::Engine::dynamodb_config).
    pub fn dynamodb_config(&self) -> Builder {
        client::config(self.endpoint())
    }

    /// Returns a new SDK client for this proxy, otherwise like
    /// [`Engine::client`](crate::Engine::client).
    pub fn client(&self) -> Client {
        Client::from_conf(self.dynamodb_config().build())
    }

    /// Replaces all faults with this one, for requests that arrive from now on.
    pub fn set_fault(&self, fault: Fault) {
        self.exchange.plan.replace(Some(fault));
    }

    /// Adds a fault, for requests to which no earlier fault applies.
    ///
    /// # Examples
    ///
    /// The next two requests fail in different ways, and all later ones succeed:
    ///
    /// ```
    /// # use tollgate_testkit::{ErrorAnswer, Fault, Proxy};
    /// # fn example(proxy: &Proxy) {
    /// proxy.set_fault(Fault::lose_response().once());
    /// proxy.add_fault(Fault::answer(ErrorAnswer::throttling()).once());
    /// # }
    /// ```
    pub fn add_fault(&self, fault: Fault) {
        self.exchange.plan.add(fault);
    }

    /// Removes all faults, for requests that arrive from now on.
    pub fn clear_faults(&self) {
        self.exchange.plan.replace(None);
    }

    /// Returns the number of requests for `operation` that were forwarded and answered upstream,
    /// including those with a lost response.
    pub fn count(&self, operation: &str) -> u64 {
        self.exchange.answered.of(operation)
    }

    /// Returns the [`count`](Self::count) of every operation that was forwarded at least once.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.exchange.answered.all()
    }

    /// Waits until at least `requests` requests for `operation` have been forwarded and answered
    /// upstream.
    ///
    /// A test can use this to wait for a request whose client has given up.
    pub async fn until_count(&self, operation: &str, requests: u64) {
        self.exchange.answered.until(operation, requests).await;
    }

    /// Returns the number of requests for `operation` that arrived, with any result. Connections
    /// that were closed before a request arrived do not count.
    pub fn received(&self, operation: &str) -> u64 {
        self.exchange.received.of(operation)
    }

    /// Waits until at least `requests` requests for `operation` have arrived.
    ///
    /// A test can use this to wait until a request is delayed or swallowed.
    pub async fn until_received(&self, operation: &str, requests: u64) {
        self.exchange.received.until(operation, requests).await;
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, exchange: Arc<Exchange>) {
    loop {
        match listener.accept().await {
            // Dropping the connection closes it.
            Ok(_) if exchange.plan.refuses_connection() => {}
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, Arc::clone(&exchange)));
            }
            // There are no file descriptors left, or the client is gone. The pause avoids a busy
            // loop if the error lasts.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(stream: TcpStream, exchange: Arc<Exchange>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| Arc::clone(&exchange).answer(request));
    // An error is caused by a fault or by a client that is gone. In both cases, the connection is
    // closed.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
