//! A limiter with scripted decisions.

mod lease;
mod script;
mod step;

use std::{fmt, sync::Arc};

use tollgate::{RateLimiter, clock::ManualClock, store::MemoryStore};

use script::{Notes, Recorder};

pub use lease::{LeaseOutcome, Recorded};
pub use step::Step;

/// A limiter for the tests of a service. Its decisions follow a script, its clock moves only if the
/// test moves it, and it records requests and use.
///
/// The layer, the extractors and the leases are the real ones. A request without a step in the
/// script is decided by a bucket in memory, with the limits of the policy.
///
/// ```
/// use std::time::Duration;
///
/// use axum::{Router, body::Body, http::Request, routing::get};
/// use tollgate::{Limit, RateLimitLayer, layer::{Policy, keys}};
/// use tollgate_testkit::{LimitedResponse, Step, TestLimiter};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tollgate::layer::InvalidPolicy> {
/// let limiter = TestLimiter::new();
/// let policy = Policy::builder()
///     .entity(keys::header("x-user"))
///     .resource(keys::fixed("api"))
///     .limit(Limit::per_minute("rpm", 60))
///     .build()?;
/// let app = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(RateLimitLayer::new(limiter.limiter(), policy));
/// let ask = || Request::get("/").header("x-user", "alice").body(Body::empty()).unwrap();
///
/// limiter.then(Step::deny(Duration::from_secs(30)).entity("alice"));
/// let response = app.clone().oneshot(ask()).await.unwrap();
/// response.assert_denied(Duration::from_secs(30));
///
/// let response = app.oneshot(ask()).await.unwrap();
/// response.assert_remaining("rpm", 59);
/// limiter.last().assert_used("rpm", 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestLimiter {
    limiter: RateLimiter,
    clock: ManualClock,
    notes: Arc<Notes>,
}

impl TestLimiter {
    /// Returns a limiter without a script. Its clock shows a fixed time in 2023.
    pub fn new() -> Self {
        let clock = ManualClock::at(1_700_000_000_000);
        let notes = Arc::new(Notes::default());
        let builder = RateLimiter::builder().clock(clock.clone());
        let limiter =
            builder.build_scripted(MemoryStore::with_capacity(10_000), Recorder(notes.clone()));
        Self {
            limiter,
            clock,
            notes,
        }
    }

    /// Returns the limiter for the service under test.
    pub fn limiter(&self) -> RateLimiter {
        self.limiter.clone()
    }

    /// Returns the clock by which the buckets refill.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::Limit;
    /// use tollgate_testkit::TestLimiter;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::Error> {
    /// let limiter = TestLimiter::new();
    /// let acquire = || limiter.limiter().acquire("alice", "api").limits(Limit::per_minute("rpm", 1));
    /// acquire().await?.commit();
    /// assert!(acquire().await.is_err());
    /// limiter.clock().advance(Duration::from_secs(60));
    /// acquire().await?.commit();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A month passes as fast as a minute. A denial says how long it takes until the next one begins.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::Limit;
    /// use tollgate_testkit::TestLimiter;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let limiter = TestLimiter::new();
    /// let plan = Limit::quota("plan", 1000).monthly("Europe/Berlin")?;
    /// let acquire = || limiter.limiter().acquire("alice", "api").limits(plan.clone());
    /// for _month in 0..12 {
    ///     acquire().cost("plan", 1000).await?.commit();
    ///     let error = acquire().await.unwrap_err();
    ///     let next_month = error.denied().and_then(|denied| denied.retry_after());
    ///     let next_month = next_month.expect("a quota ends at some time");
    ///     assert!(next_month <= Duration::from_secs(31 * 86_400 + 3600));
    ///
    ///     limiter.clock().advance(next_month - Duration::from_millis(1));
    ///     assert!(acquire().await.is_err(), "the last millisecond of the month");
    ///     limiter.clock().advance(Duration::from_millis(1));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Adds a step to the script. A request takes the first step that applies to it and is not used
    /// up. If there is no such step, the request's bucket decides.
    pub fn then(&self, step: Step) -> &Self {
        self.notes.add(step);
        self
    }

    /// Removes the remaining steps. The records and the buckets stay.
    pub fn clear(&self) {
        self.notes.clear();
    }

    /// Returns the records of all requests so far, in order. The request to a parent's bucket has
    /// its own record, after the child's. So has every later request of a lease.
    pub fn records(&self) -> Vec<Recorded> {
        self.notes.records()
    }

    /// Returns the record of the last request.
    ///
    /// # Panics
    ///
    /// If there was no request.
    #[track_caller]
    pub fn last(&self) -> Recorded {
        match self.records().pop() {
            Some(record) => record,
            None => panic!("nothing was asked of the limiter"),
        }
    }

    /// Returns the tokens of the limit `limit` that `entity` has used of `resource`, over all its
    /// leases.
    pub fn used(&self, entity: &str, resource: &str, limit: &str) -> u64 {
        let records = self.records();
        let of_bucket = records
            .iter()
            .filter(|record| record.entity == entity && record.resource == resource);
        of_bucket.map(|record| record.used(limit)).sum()
    }
}

impl Default for TestLimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestLimiter")
            .field("records", &self.records())
            .finish_non_exhaustive()
    }
}
