//! A limiter as the target.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tollgate::{
    Error, LimitName, RateLimiter, error::Unavailable, limiter::Acquire, model::Limits,
};

use super::{amount::Amount, keys::Keys, stream::TokenStream};
use crate::{
    reply::Reply,
    target::{Call, Target},
};

/// Acquires of a limiter, each of a key.
///
/// A granted call commits its lease. Its latency is the time to the decision.
#[derive(Clone, Debug)]
pub struct LimiterTarget {
    limiter: RateLimiter,
    keys: Keys,
    resource: Arc<str>,
    limits: Option<Limits>,
    costs: Vec<(LimitName, Amount)>,
    stream: Option<TokenStream>,
    deadline: Option<Duration>,
}

impl LimiterTarget {
    /// Returns acquires of `resource`, with stored limits, that cost 1 of each limit.
    pub fn new(limiter: RateLimiter, keys: Keys, resource: impl Into<Arc<str>>) -> Self {
        Self {
            limiter,
            keys,
            resource: resource.into(),
            limits: None,
            costs: Vec::new(),
            stream: None,
            deadline: None,
        }
    }

    /// Sets the limits, instead of stored ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Sets the cost of a limit.
    pub fn cost(mut self, limit: LimitName, amount: impl Into<Amount>) -> Self {
        self.costs.push((limit, amount.into()));
        self
    }

    /// Holds each lease while a stream of tokens comes, and settles it by that.
    pub fn stream(mut self, stream: TokenStream) -> Self {
        self.stream = Some(stream);
        self
    }

    /// Sets the deadline of each acquire, instead of the limiter's.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    fn acquire(&self) -> Acquire {
        let mut acquire = self.limiter.acquire(&*self.keys.pick(), &*self.resource);
        if let Some(limits) = &self.limits {
            acquire = acquire.limits(limits.clone());
        }
        if let Some(deadline) = self.deadline {
            acquire = acquire.deadline(deadline);
        }
        for (limit, amount) in &self.costs {
            acquire = acquire.cost(limit, amount.pick());
        }
        if let Some(stream) = &self.stream {
            let (limit, tokens) = stream.reservation();
            acquire = acquire.cost(limit, tokens);
        }
        acquire
    }
}

impl Target for LimiterTarget {
    async fn call(&self, _: Call) -> Reply {
        let acquired = self.acquire().await;
        let decided = Instant::now();
        let mut lease = match acquired {
            Ok(lease) => lease,
            Err(error) => return refused(&error).answered_at(decided),
        };
        if let Some(stream) = &self.stream
            && let Err(error) = stream.flow(&mut lease).await
        {
            return refused(&error);
        }
        let reply = if lease.is_degraded() {
            Reply::unavailable("granted without the store's decision")
        } else {
            Reply::granted()
        };
        // Its writes go on in the background.
        let _ = lease.commit();
        reply.answered_at(decided)
    }
}

fn refused(error: &Error) -> Reply {
    if let Some(denied) = error.denied() {
        return Reply::denied(denied.retry_after());
    }
    match error {
        Error::Unavailable(Unavailable::Store(store)) => {
            Reply::unavailable(format!("the store failed: {:?}", store.kind()))
        }
        Error::Unavailable(other) => Reply::unavailable(other.to_string()),
        other => Reply::error(other.to_string()),
    }
}
