//! Bucket handles: requests without another look-up of the bucket.

use std::time::Duration;

use tollgate::{
    Error, Limit, Limits, RateLimiter,
    clock::ManualClock,
    error::{Invalid, Unavailable},
    model::{ConfigScope, Entity},
    store::MemoryStore,
};

use super::fixture::{START, settings};

/// Returns a limiter in memory and one over a store.
fn both() -> [RateLimiter; 2] {
    let clock = ManualClock::at(START);
    let gated = settings(&clock).build(MemoryStore::new()).unwrap();
    [settings(&clock).build_memory(MemoryStore::new()), gated]
}

fn scope() -> ConfigScope {
    ConfigScope::EntityResource("user".try_into().unwrap(), "api".try_into().unwrap())
}

fn is_denied<T>(result: Result<T, Error>) -> bool {
    result.is_err_and(|error| error.denied().is_some())
}

#[tokio::test]
async fn a_handle_charges_the_bucket_that_its_names_have() {
    for limiter in both() {
        let limits = Limits::from(Limit::per_hour("rph", 3));
        let handle = limiter
            .bucket("user", "api")
            .unwrap()
            .limits(&limits)
            .unwrap();
        assert_eq!(
            (handle.entity().as_str(), handle.resource().as_str()),
            ("user", "api")
        );
        handle.acquire().await.unwrap().commit().await.unwrap();
        handle
            .clone()
            .acquire()
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        limiter
            .acquire("user", "api")
            .limits(&limits)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        assert!(is_denied(handle.acquire().await));
        // Limits that one acquire brings take precedence.
        let wider = Limit::per_hour("other", 5);
        handle
            .acquire()
            .limits(wider)
            .await
            .unwrap()
            .rollback()
            .await
            .unwrap();
        let unknown = handle.acquire().cost("tph", 1).await.unwrap_err();
        assert!(
            matches!(unknown, Error::Invalid(Invalid::UnknownLimit(_))),
            "{unknown:?}"
        );
        let never = handle.acquire().cost("rph", 4).await.unwrap_err();
        assert!(matches!(never, Error::ExceedsCapacity(_)), "{never:?}");
    }
}

#[tokio::test]
async fn a_handle_without_limits_goes_by_what_is_stored_at_the_time() {
    for limiter in both() {
        let handle = limiter.bucket("user", "api").unwrap();
        let none = handle.acquire().await.unwrap_err();
        assert!(
            matches!(none, Error::Invalid(Invalid::NoLimits)),
            "{none:?}"
        );
        let default = handle
            .clone()
            .default_limits(Limit::per_hour("rph", 1))
            .unwrap();
        default.acquire().await.unwrap().commit().await.unwrap();
        assert!(is_denied(default.acquire().await));

        limiter
            .config()
            .set(scope(), vec![Limit::per_hour("rph", 2)])
            .await
            .unwrap();
        let lease = handle.acquire().limits(Limit::per_hour("rph", 2)).await;
        assert!(is_denied(lease), "a larger capacity brings no tokens");
        limiter
            .config()
            .set(scope(), vec![Limit::per_hour("rpd", 7)])
            .await
            .unwrap();
        for handle in [handle, default] {
            let lease = handle.acquire().await.unwrap();
            assert_eq!(lease.limits()[0], Limit::per_hour("rpd", 7));
            lease.commit().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_handle_charges_the_parent_that_its_entity_gets() {
    for limiter in both() {
        let limits = Limits::from(Limit::per_hour("rph", 2));
        let handle = limiter
            .bucket("child", "api")
            .unwrap()
            .limits(&limits)
            .unwrap();
        let entity = Entity::new("child".try_into().unwrap())
            .with_parent("parent".try_into().unwrap())
            .cascading();
        limiter.entities().create(entity).await.unwrap();
        let lease = handle.acquire().await.unwrap();
        assert_eq!(lease.parent().map(|parent| parent.as_str()), Some("parent"));
        lease.commit().await.unwrap();
        handle
            .acquire()
            .without_parent()
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        limiter
            .acquire("parent", "api")
            .limits(&limits)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        assert!(is_denied(
            limiter.acquire("parent", "api").limits(&limits).await
        ));
    }
}

#[tokio::test]
async fn a_handle_outlives_the_deletion_of_its_entity() {
    let clock = ManualClock::at(START);
    let limiter = settings(&clock).build_memory(MemoryStore::new());
    let handle = limiter
        .bucket("user", "api")
        .unwrap()
        .limits(Limit::per_hour("rph", 1))
        .unwrap();
    let mut lease = handle.acquire().await.unwrap();
    limiter
        .entities()
        .delete(&"user".try_into().unwrap())
        .await
        .unwrap();
    // The bucket is new. The tokens that the old lease used beyond its charge are charged to it.
    lease.settle("rph", 2).unwrap();
    lease.commit().await.unwrap();
    assert!(is_denied(handle.acquire().await));
    assert!(is_denied(
        limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("rph", 1))
            .await
    ));
    clock.advance(Duration::from_secs(3600));
    handle.acquire().await.unwrap().commit();
}

#[tokio::test]
async fn each_acquire_of_a_handle_reports_a_full_store() {
    let clock = ManualClock::at(START);
    let limiter = settings(&clock).build_memory(MemoryStore::with_capacity(1));
    let limits = Limits::from(Limit::per_hour("rph", 1));
    for number in 0..1000 {
        let _ = limiter
            .acquire(format!("user-{number}"), "api")
            .limits(&limits)
            .await
            .map(|lease| lease.commit());
    }
    let handle = limiter
        .bucket("late", "api")
        .unwrap()
        .limits(&limits)
        .unwrap();
    let full = handle.acquire().await.unwrap_err();
    assert!(
        matches!(full, Error::Unavailable(Unavailable::Store(_))),
        "{full:?}"
    );
    clock.advance(Duration::from_secs(3600));
    handle.acquire().await.unwrap().commit();
    assert!(is_denied(handle.acquire().await));
}

#[test]
fn a_handle_with_wrong_names_is_refused_at_once() {
    let error = RateLimiter::memory()
        .bucket("two words", "api")
        .unwrap_err();
    assert!(
        matches!(error, Error::Invalid(Invalid::Name(_))),
        "{error:?}"
    );
}
