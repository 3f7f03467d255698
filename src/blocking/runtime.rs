//! The runtime of a blocking limiter.

use std::{
    io,
    sync::{Arc, mpsc},
};

use tokio::runtime::{Builder, Handle, Runtime as TokioRuntime};

use crate::error::Unavailable;

/// A runtime with one worker thread. Clones share it. It ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub(super) struct Runtime(Arc<Owned>);

#[derive(Debug)]
struct Owned(Option<TokioRuntime>);

impl Drop for Owned {
    fn drop(&mut self) {
        // To wait for its end here could deadlock, because this may be one of its own threads.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Runtime {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("tollgate").enable_all().build()?;
        Ok(Self(Arc::new(Owned(Some(runtime)))))
    }

    pub(super) fn handle(&self) -> Option<&Handle> {
        self.0.0.as_ref().map(TokioRuntime::handle)
    }

    /// Runs `work` on the runtime's thread, and waits for the result. May be called on any thread, because the calling
    /// thread does not enter a runtime.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (answer, answered) = mpsc::sync_channel(1);
        let handle = self.handle().ok_or(Unavailable::RuntimeGone)?;
        handle.spawn(async move {
            let _ = answer.send(work.await);
        });
        answered.recv().map_err(|_| Unavailable::RuntimeGone)
    }
}
