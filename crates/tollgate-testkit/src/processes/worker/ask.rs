//! Makes one request in the mode of the scenario.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use tokio::task::JoinHandle;
use tollgate::{
    Error, Lease, Limit, RateLimitLayer, RateLimiter,
    error::Unavailable,
    layer::{Policy, keys},
    limiter::Prefetch,
};
use tower::ServiceExt;

use super::super::{
    log::{Kind, Log},
    mode::Mode,
    order::{ENTITY, Order, RESOURCE},
};

/// The maximum wait of [`Mode::Waiting`].
const WAIT: Duration = Duration::from_secs(1);

/// The maximum time until [`Mode::Settle`] settles.
const WORK: Duration = Duration::from_millis(50);

/// Makes requests and logs their answers. Clones share everything.
#[derive(Clone)]
pub(super) struct Asker {
    shared: Arc<Shared>,
}

struct Shared {
    limiter: RateLimiter,
    log: Arc<Log>,
    limits: Vec<Limit>,
    cost: u64,
    mode: Mode,
    parent: bool,
    requests: AtomicU64,
    random: Mutex<fastrand::Rng>,
    /// The router of [`Mode::Layer`].
    router: Router,
    /// The settlements that are not known to be written yet.
    settling: Mutex<Vec<JoinHandle<()>>>,
}

impl Asker {
    pub(super) fn new(limiter: RateLimiter, order: &Order, log: Arc<Log>) -> Self {
        let router = router(&limiter, order, Arc::clone(&log));
        Self {
            shared: Arc::new(Shared {
                limiter,
                log,
                limits: order.limits.clone(),
                cost: order.cost,
                mode: order.mode,
                parent: order.parent,
                requests: AtomicU64::new(1),
                // A different seed from that of the arrivals.
                random: Mutex::new(fastrand::Rng::with_seed(!order.seed)),
                router,
                settling: Mutex::new(Vec::new()),
            }),
        }
    }

    /// Makes one request. The error is the time to wait before the next one if the request was
    /// denied, or `None` if there was no decision.
    pub(super) async fn ask(&self) -> Result<(), Option<Duration>> {
        let shared = &self.shared;
        let request = shared.requests.fetch_add(1, Ordering::Relaxed);
        shared.log.note(request, Kind::Asked);
        if shared.mode == Mode::Layer {
            return self.send(request).await;
        }
        let result = self.acquire().await;
        let lease = result.map_err(|error| shared.refused(request, &error))?;
        let left = lease.statuses().iter().map(|status| status.available).min();
        shared.log.note(request, Kind::Granted { left });
        if shared.mode == Mode::Settle {
            self.work(request, lease).await;
        } else {
            lease.commit();
        }
        Ok(())
    }

    async fn acquire(&self) -> Result<Lease, Error> {
        let shared = &self.shared;
        let mut acquire = shared
            .limiter
            .acquire(ENTITY, RESOURCE)
            .limits(shared.limits.clone());
        for limit in &shared.limits {
            acquire = acquire.cost(limit.name(), shared.cost);
        }
        if !shared.parent {
            acquire = acquire.without_parent();
        }
        match shared.mode {
            Mode::Prefetch => acquire.prefetch(Prefetch::new()).await,
            Mode::Waiting => acquire.until_ready(WAIT).await,
            Mode::Plain | Mode::Settle | Mode::Layer => acquire.await,
        }
    }

    /// Uses between 0 and twice the cost, and settles.
    async fn work(&self, request: u64, mut lease: Lease) {
        let shared = Arc::clone(&self.shared);
        let (time, used) = {
            let mut random = shared.random.lock().unwrap_or_else(PoisonError::into_inner);
            (WORK.mul_f64(random.f64()), random.u64(0..=shared.cost * 2))
        };
        tokio::time::sleep(time).await;
        let difference = used.cast_signed() - shared.cost.cast_signed();
        for limit in &shared.limits {
            lease
                .settle(limit.name().as_str(), used)
                .unwrap_or_else(|error| panic!("the lease has the limit: {error}"));
        }
        shared.log.note(request, Kind::Owed { difference });
        let settlement = lease.commit();
        let noting = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let kind = if settlement.await.is_ok() {
                    Kind::Settled
                } else {
                    Kind::Lost
                };
                shared.log.note(request, kind);
            }
        });
        shared
            .settling
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(noting);
    }

    /// Waits until all settlements are written.
    pub(super) async fn settled(&self) {
        let settling = std::mem::take(
            &mut *self
                .shared
                .settling
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for noting in settling {
            let _ = noting.await;
        }
    }

    /// Sends a request through the layer. The handler logs grants.
    async fn send(&self, number: u64) -> Result<(), Option<Duration>> {
        let request = Request::get("/")
            .header("x-user", ENTITY)
            .extension(Number(number))
            .body(Body::empty());
        let request = request.unwrap_or_else(|error| panic!("the request is one: {error}"));
        let response = self
            .shared
            .router
            .clone()
            .oneshot(request)
            .await
            .unwrap_or_else(|never| match never {});
        let retry = retry_after(&response);
        match response.status() {
            StatusCode::OK => Ok(()),
            StatusCode::TOO_MANY_REQUESTS => {
                let millis =
                    retry.map(|retry| u64::try_from(retry.as_millis()).unwrap_or(u64::MAX));
                self.shared.log.note(
                    number,
                    Kind::Denied {
                        left: None,
                        retry: millis,
                    },
                );
                Err(Some(retry.unwrap_or_default()))
            }
            status => {
                self.shared.log.note(
                    number,
                    Kind::Failed {
                        why: format!("status-{}", status.as_u16()),
                    },
                );
                Err(None)
            }
        }
    }
}

impl Shared {
    /// Logs an error, and returns the time to wait before the next request.
    fn refused(&self, request: u64, error: &Error) -> Option<Duration> {
        let Some(denied) = error.denied() else {
            self.log.note(
                request,
                Kind::Failed {
                    why: word(error).to_owned(),
                },
            );
            return None;
        };
        let left = denied.limits.iter().map(|status| status.available).min();
        let retry = denied.retry_after();
        let millis = retry.map(|retry| u64::try_from(retry.as_millis()).unwrap_or(u64::MAX));
        self.log.note(
            request,
            Kind::Denied {
                left,
                retry: millis,
            },
        );
        Some(retry.unwrap_or_default())
    }
}

/// Returns one word for an error without a decision.
fn word(error: &Error) -> &'static str {
    match error {
        Error::Unavailable(Unavailable::Deadline) => "deadline",
        Error::Unavailable(Unavailable::Store(_)) => "store",
        Error::Unavailable(Unavailable::BreakerOpen) => "breaker",
        Error::Unavailable(Unavailable::Contended) => "contended",
        Error::Unavailable(Unavailable::ShutDown) => "shutdown",
        _ => "other",
    }
}

/// The number of a request, for the handler.
#[derive(Clone, Copy)]
struct Number(u64);

fn router(limiter: &RateLimiter, order: &Order, log: Arc<Log>) -> Router {
    let mut policy = Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed(RESOURCE));
    for limit in &order.limits {
        policy = policy
            .limit(limit.clone())
            .cost(limit.name().as_str(), order.cost);
    }
    if !order.parent {
        policy = policy.without_parent();
    }
    let policy = policy
        .build()
        .unwrap_or_else(|error| panic!("the policy is one: {error}"));
    let handler = move |request: Request<Body>| {
        if let Some(Number(number)) = request.extensions().get() {
            log.note(*number, Kind::Granted { left: None });
        }
        async { "granted" }
    };
    Router::new()
        .fallback(handler)
        .layer(RateLimitLayer::new(limiter.clone(), policy))
}

/// Returns the wait time in a refusal, in whole seconds.
fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let seconds = response
        .headers()
        .get("retry-after")?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}
