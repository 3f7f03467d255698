//! A runtime of its own for everything that listens on one port.

use std::{future::Future, net::SocketAddr, panic::resume_unwind, thread, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::{Builder, Runtime},
    sync::oneshot,
};

/// How long the end of a runtime waits for a task that is in the middle of a step.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Connections that the kernel keeps for a listener that has not accepted them yet.
const BACKLOG: u32 = 1024;

/// A listener and its connections, on threads that the test's runtime knows nothing about.
///
/// Dropping it closes the listener and every connection before it returns.
pub(crate) struct Background {
    runtime: Option<Runtime>,
}

impl Background {
    /// Listens on a bound `socket` and runs what `serve` makes of the listener.
    ///
    /// Connections made from now on are queued by the kernel until the task accepts them.
    pub(crate) fn serve<F>(thread_name: &str, socket: TcpSocket, serve: impl FnOnce(TcpListener) -> F) -> Self
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
            socket.listen(BACKLOG).unwrap_or_else(|error| panic!("cannot listen for {thread_name}: {error}"))
        };
        runtime.spawn(serve(listener));
        Self { runtime: Some(runtime) }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A thread, because a runtime must not be waited for inside another one, where a test
            // usually drops this.
            let ending = thread::spawn(move || runtime.shutdown_timeout(SHUTDOWN));
            let _ = ending.join();
        }
    }
}

/// Binds `address` without listening: the system gives its port to nobody who asks for any port, and
/// connecting to it is refused.
pub(crate) fn hold(address: SocketAddr) -> TcpSocket {
    let bind = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Connections of the previous listener may still be winding down. On Windows the option would
        // let others take the port instead, and is not needed.
        #[cfg(not(windows))]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        std::io::Result::Ok(socket)
    };
    bind().unwrap_or_else(|error| panic!("cannot bind {address}: {error}"))
}

/// The address that `socket` was bound to, with the port that the system chose.
pub(crate) fn bound(socket: &TcpSocket) -> SocketAddr {
    socket.local_addr().unwrap_or_else(|error| panic!("a bound socket has no address: {error}"))
}

/// Runs blocking `work` on a thread of its own; it runs to its end even if the caller stops waiting.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (running, ended) = oneshot::channel::<()>();
    let thread = thread::spawn(move || {
        // Dropped last, when the work has returned or panicked.
        let _running = running;
        work()
    });
    let _ = ended.await;
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
