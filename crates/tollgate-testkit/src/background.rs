//! A separate runtime for everything that listens on one port.

use std::{future::Future, net::SocketAddr, panic::resume_unwind, thread, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::{Builder, Runtime},
    sync::oneshot,
};

/// The longest wait for running tasks when a runtime ends.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// The number of connections that the kernel queues until the listener accepts them.
const BACKLOG: u32 = 1024;

/// A listener and its connections, on threads outside of the test's runtime.
///
/// Dropping this value closes the listener and every connection before it returns.
pub(crate) struct Background {
    runtime: Option<Runtime>,
}

impl Background {
    /// Listens on a bound `socket` and runs the future that `serve` returns for the listener.
    ///
    /// Connections made from now on are queued by the kernel until the task accepts them.
    pub(crate) fn serve<F>(
        thread_name: &str,
        socket: TcpSocket,
        serve: impl FnOnce(TcpListener) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name(thread_name)
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("cannot start a runtime for {thread_name}: {error}"));
        let listener = {
            let _context = runtime.enter();
            socket
                .listen(BACKLOG)
                .unwrap_or_else(|error| panic!("cannot listen for {thread_name}: {error}"))
        };
        runtime.spawn(serve(listener));
        Self {
            runtime: Some(runtime),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A separate thread, because a runtime must not be shut down inside another runtime,
            // and tests usually drop this value inside theirs.
            let ending = thread::spawn(move || runtime.shutdown_timeout(SHUTDOWN));
            let _ = ending.join();
        }
    }
}

/// Binds `address` without listening: the system does not give its port to others that ask for any
/// port, and connections to it are refused.
pub(crate) fn hold(address: SocketAddr) -> TcpSocket {
    let bind = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Connections of the previous listener may still be closing. On Windows, the option is not
        // needed, and would let others take the port.
        #[cfg(not(windows))]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        std::io::Result::Ok(socket)
    };
    bind().unwrap_or_else(|error| panic!("cannot bind {address}: {error}"))
}

/// Returns the address of `socket`, with the port that the system chose.
pub(crate) fn bound(socket: &TcpSocket) -> SocketAddr {
    socket
        .local_addr()
        .unwrap_or_else(|error| panic!("a bound socket has no address: {error}"))
}

/// Runs blocking `work` on a thread of its own. The work runs to its end even if the caller stops
/// waiting.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (running, ended) = oneshot::channel::<()>();
    let thread = thread::spawn(move || {
        // `_running` is dropped last, after the work has returned or panicked.
        let _running = running;
        work()
    });
    let _ = ended.await;
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
