//! The largest number of limits that a bucket takes, and one more.

use tollgate::{
    Error, Limit, Limits, RateLimiter,
    clock::ManualClock,
    error::Invalid,
    layer::{InvalidPolicy, Policy, keys},
    model::{ConfigScope, InvalidLimits, StoredConfig},
};

use super::fixture::{START, Table, settings};

/// Returns `count` limits with the longest names allowed.
fn limits(count: usize, capacity: u64) -> Vec<Limit> {
    (0..count)
        .map(|index| Limit::per_hour(format!("{}{index:02}", "n".repeat(62)), capacity))
        .collect()
}

#[tokio::test]
async fn the_most_limits_of_a_bucket_are_charged_again_and_again() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(settings(&clock)).await;
    // Ask with two sets of limits for the same bucket. The first set stays in the item.
    for name in ["a", "b"] {
        let limits: Vec<_> = (0..Limits::MOST)
            .map(|index| Limit::per_hour(format!("{name}{index}"), 1000))
            .collect();
        for capacity in 0..3 {
            let limits: Vec<_> = limits
                .iter()
                .map(|limit| Limit::per_hour(limit.name().as_str(), 1000 + capacity))
                .collect();
            for _ in 0..3 {
                let mut acquire = limiter.acquire("user", "api").limits(limits.clone());
                for limit in &limits {
                    acquire = acquire.cost(limit.name(), 2);
                }
                let mut lease = acquire.await.unwrap();
                for limit in &limits {
                    lease.adjust(limit.name().as_str(), -1).unwrap();
                }
                lease.commit().await.unwrap();
                clock.advance(std::time::Duration::from_secs(1));
            }
        }
    }
    let longest = limits(Limits::MOST, 10);
    for _ in 0..3 {
        limiter
            .acquire("long", "api")
            .limits(longest.clone())
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn one_limit_too_many_is_refused_by_the_call_that_adds_it() {
    let too_many = limits(Limits::MOST + 1, 10);
    let error = Limits::new(too_many.clone()).unwrap_err();
    assert_eq!(error, InvalidLimits::TooMany(Limits::MOST + 1));
    assert!(error.to_string().contains("at most 16"), "{error}");
    let limiter = RateLimiter::memory();
    let is_too_many = |error: &Error| {
        matches!(
            error,
            Error::Invalid(Invalid::Limits(InvalidLimits::TooMany(17)))
        )
    };
    let error = limiter
        .acquire("user", "api")
        .limits(too_many.clone())
        .await
        .unwrap_err();
    assert!(is_too_many(&error), "{error}");
    let error = limiter
        .config()
        .set(ConfigScope::System, StoredConfig::new(too_many.clone()))
        .await
        .unwrap_err();
    assert!(is_too_many(&error), "{error}");
    let policy = Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("api"));
    let policy = too_many
        .into_iter()
        .fold(policy, |policy, limit| policy.limit(limit));
    assert!(matches!(
        policy.build(),
        Err(InvalidPolicy::Limits(InvalidLimits::TooMany(17)))
    ));
}
