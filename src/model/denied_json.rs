//! A denial as JSON in the shape of the Python client, and as a header.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Denied, LimitStatus, Owner};

impl Denied {
    /// Returns the denial in the shape of the Python client's `as_dict`, for answers of services
    /// that have both. `now` is the time of the denial.
    ///
    /// Limits of the parent have no `entity_id`, because clients need not know it:
    /// [`parent`](Self::parent) is the id. `retry_after_seconds` and `retry_after_ms` are null if
    /// the request asks for more than a capacity.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let acquire = || limiter.acquire("user-1", "api").limits(Limit::per_minute("rpm", 1));
    /// acquire().await?.commit();
    /// let error = acquire().await.unwrap_err();
    /// let json = error.denied().expect("one a minute").to_json(SystemTime::now());
    /// assert_eq!(json["error"], "rate_limit_exceeded");
    /// assert_eq!((&json["limits"][0]["limit_name"], &json["limits"][0]["exceeded"]), (&"rpm".into(), &true.into()));
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self, now: SystemTime) -> Value {
        let wait = self.retry_after();
        let limits: Vec<_> = self
            .limits
            .iter()
            .map(|status| self.limit_json(status, now))
            .collect();
        json!({
            "error": "rate_limit_exceeded",
            "message": self.to_string(),
            "contended": false,
            "retry_after_seconds": wait.map(|wait| wait.as_secs_f64()),
            "retry_after_ms": wait.map(millis),
            "limits": limits,
        })
    }

    /// Returns the value of the header `Retry-After`: whole seconds, rounded up, at least 1. `None`
    /// if waiting does not help, because the request asks for more than a capacity.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let acquire = || limiter.acquire("user-1", "api").limits(Limit::per_second("rps", 1));
    /// acquire().await?.commit();
    /// let error = acquire().await.unwrap_err();
    /// assert_eq!(error.denied().and_then(|denied| denied.retry_after_header()), Some(1));
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retry_after_header(&self) -> Option<u64> {
        let wait = self.retry_after()?;
        let seconds = wait
            .as_secs()
            .saturating_add(u64::from(wait.subsec_nanos() > 0));
        Some(seconds.max(1))
    }

    fn limit_json(&self, status: &LimitStatus, now: SystemTime) -> Value {
        let limit = &status.limit;
        let entity = match status.owner {
            Owner::Entity => Some(&self.entity),
            Owner::Parent => None,
        };
        let mut json = json!({
            "entity_id": entity,
            "resource": self.resource,
            "limit_name": limit.name(),
            "kind": if limit.is_quota() { "quota" } else { "rate" },
            "capacity": limit.capacity(),
            "available": status.available,
            "requested": status.requested,
            "exceeded": status.exceeded(),
            "retry_after_seconds": status.retry_after.map(|wait| wait.as_secs_f64()),
            "soft": false,
        });
        if limit.is_quota() {
            let resets_at = status.resets_at(now).duration_since(UNIX_EPOCH);
            json["resets_at_ms"] = json!(resets_at.ok().map(millis));
        } else {
            json["refill_amount"] = json!(limit.refill_amount());
            json["refill_period_seconds"] = json!(period(limit.refill_period()));
        }
        json
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Returns whole seconds as an integer, as the Python client has them.
fn period(time: Duration) -> Value {
    if time.subsec_nanos() == 0 {
        json!(time.as_secs())
    } else {
        json!(time.as_secs_f64())
    }
}
