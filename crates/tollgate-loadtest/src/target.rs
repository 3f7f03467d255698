//! The target of a load test: a limiter, a URL, or a function.

use std::sync::Arc;

use crate::reply::Reply;

/// A call that a test makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The number of the call among those of this process, from 0.
    pub number: u64,
    /// The number of the user that makes it, from 0. In an open loop there are no users, and it is
    /// the number of the call.
    pub user: u64,
}

/// The target of the calls.
///
/// A test of yours can have a target of its own: state that all calls share, and a call. For a
/// function without state there is [`from_fn`].
///
/// A call that takes longer than the timeout of the test is dropped.
pub trait Target: Send + Sync + 'static {
    /// Makes one call, and says how it ended.
    fn call(&self, call: Call) -> impl Future<Output = Reply> + Send;
}

impl<T: Target> Target for Arc<T> {
    fn call(&self, call: Call) -> impl Future<Output = Reply> + Send {
        T::call(self, call)
    }
}

/// Returns a target that calls a function.
///
/// ```
/// use std::time::Duration;
/// use tollgate_loadtest::{Load, LoadTest, Reply, from_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let load = Load::users(2).lasting(Duration::from_secs(60));
/// let report = LoadTest::new(load)
///     .requests(10)
///     .run(from_fn(|call| async move {
///         if call.number % 2 == 0 { Reply::granted() } else { Reply::denied(None) }
///     }))
///     .await;
/// assert_eq!((report.counts.granted, report.counts.denied), (5, 5));
/// # }
/// ```
pub fn from_fn<F, R>(function: F) -> impl Target
where
    F: Fn(Call) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    FromFn(function)
}

struct FromFn<F>(F);

impl<F, R> Target for FromFn<F>
where
    F: Fn(Call) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    fn call(&self, call: Call) -> impl Future<Output = Reply> + Send {
        (self.0)(call)
    }
}
