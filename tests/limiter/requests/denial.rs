//! Denials: when they happen, what they report, and that they charge nothing.

use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use tollgate::{Error, Limit, error::Invalid, model::InvalidLimits};

use super::fixture::{Fixture, on_every_limiter};

on_every_limiter!(
    a_denial_charges_no_limit,
    a_denial_reports_the_level_of_every_limit,
    a_cost_above_a_capacity_is_an_error_of_its_own,
    wrong_arguments_charge_nothing,
    an_availability_request_charges_nothing,
    a_limit_with_cost_0_has_no_floor,
    retry_after_is_exact_after_some_histories,
);

fn limits() -> [Limit; 3] {
    [
        Limit::per_minute("rpm", 60),
        Limit::per_hour("tokens", 100),
        Limit::per_day("rpd", 1000),
    ]
}

/// Spends from `rpm` and `tokens`, and nothing from `rpd`.
async fn spend(at: &Fixture, rpm: u64, tokens: u64) -> Result<(), Error> {
    let acquire = at.limiter.acquire("user", "api").limits(limits());
    let lease = acquire
        .cost("rpm", rpm)
        .cost("tokens", tokens)
        .cost("rpd", 0)
        .await?;
    lease.commit().await.unwrap();
    Ok(())
}

async fn raw(at: &Fixture) -> [(i64, i64); 3] {
    [
        at.raw("user", "api", "rpm").await,
        at.raw("user", "api", "tokens").await,
        at.raw("user", "api", "rpd").await,
    ]
}

async fn a_denial_charges_no_limit(at: Fixture) {
    spend(&at, 10, 60).await.unwrap();
    let before = raw(&at).await;
    assert_eq!(before, [(50_000, 10_000), (40_000, 60_000), (1_000_000, 0)]);
    // After a second the gate no longer trusts what it knows, so it asks the store.
    for wait in [0, 1000] {
        at.advance(wait);
        let error = spend(&at, 10, 41).await.unwrap_err();
        assert!(error.denied().is_some(), "{error:?}");
    }
    let [(rpm, _), (tokens, _), _] = raw(&at).await;
    // In place, a denied request may have stored the refill: 1 a second for `rpm`, 100 an hour for
    // `tokens`.
    assert!([50_000, 51_000].contains(&rpm), "{rpm}");
    assert!([40_000, 40_027].contains(&tokens), "{tokens}");
    assert_eq!(
        raw(&at).await.map(|(_, consumed)| consumed),
        [10_000, 60_000, 0]
    );
}

async fn a_denial_reports_the_level_of_every_limit(at: Fixture) {
    spend(&at, 55, 60).await.unwrap();
    let error = spend(&at, 10, 50).await.unwrap_err();
    let denied = error.denied().expect("it is short");
    assert_eq!(
        (denied.entity.as_str(), denied.resource.as_str()),
        ("user", "api")
    );
    let seen: Vec<_> = denied
        .limits
        .iter()
        .map(|status| {
            (
                status.limit.name().as_str(),
                status.available,
                status.requested,
            )
        })
        .collect();
    assert_eq!(seen, [("rpm", 5, 10), ("tokens", 40, 50), ("rpd", 1000, 0)]);
    let names = |statuses: Vec<&tollgate::model::LimitStatus>| -> Vec<String> {
        statuses
            .iter()
            .map(|status| status.limit.name().to_string())
            .collect()
    };
    assert_eq!(names(denied.violated().collect()), ["rpm", "tokens"]);
    assert_eq!(names(denied.passed().collect()), ["rpd"]);
    assert_eq!(
        denied
            .violated()
            .map(|status| status.deficit())
            .collect::<Vec<_>>(),
        [5, 10]
    );
    // 10 tokens at 36 s each take longer than 5 requests at 1 s each.
    assert_eq!(denied.primary().unwrap().limit.name().as_str(), "tokens");
    assert_eq!(denied.retry_after(), Some(Duration::from_secs(360)));
    assert_eq!(denied.limits[0].reset_after, Duration::from_secs(55));
}

async fn a_cost_above_a_capacity_is_an_error_of_its_own(at: Fixture) {
    spend(&at, 1, 1).await.unwrap();
    let before = raw(&at).await;
    let error = spend(&at, 1, 101).await.unwrap_err();
    let Error::ExceedsCapacity(exceeds) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (exceeds.limit.as_str(), exceeds.requested, exceeds.capacity),
        ("tokens", 101, 100)
    );
    assert_eq!(raw(&at).await, before);
}

async fn wrong_arguments_charge_nothing(at: Fixture) {
    spend(&at, 1, 1).await.unwrap();
    let (before, writes) = (raw(&at).await, at.writes());
    let acquire = || at.limiter.acquire("user", "api");
    let twice = [Limit::per_minute("rpm", 1), Limit::per_hour("rpm", 1)];
    let none: [Limit; 0] = [];
    let refused = [
        acquire().await,
        acquire().limits(none).await,
        acquire().limits(twice).await,
        acquire().limits(limits()).cost("other", 1).await,
        acquire().limits(limits()).cost("not a name", 1).await,
        at.limiter.acquire("", "api").limits(limits()).await,
        at.limiter.acquire("user#1", "api").limits(limits()).await,
        at.limiter.acquire("user", "a b").limits(limits()).await,
    ];
    let invalid: Vec<_> = refused
        .into_iter()
        .map(|result| match result.unwrap_err() {
            Error::Invalid(invalid) => invalid,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(invalid[0], Invalid::NoLimits);
    assert_eq!(invalid[1], Invalid::Limits(InvalidLimits::Empty));
    assert!(matches!(
        invalid[2],
        Invalid::Limits(InvalidLimits::Duplicate(_))
    ));
    assert_eq!(invalid[3], Invalid::UnknownLimit("other".into()));
    assert!(
        invalid[4..]
            .iter()
            .all(|invalid| matches!(invalid, Invalid::Name(_))),
        "{invalid:?}"
    );
    assert_eq!((raw(&at).await, at.writes()), (before, writes));
}

async fn an_availability_request_charges_nothing(at: Fixture) {
    spend(&at, 60, 60).await.unwrap();
    let (before, writes) = (raw(&at).await, at.writes());
    let query = at
        .limiter
        .available("user", "api")
        .limits(limits())
        .cost("tokens", 41);
    let available = query.await.unwrap();
    assert!(!available.is_available());
    assert_eq!(available.get("tokens").unwrap().available, 40);
    assert_eq!(available.retry_after(), Some(Duration::from_secs(36)));
    let wait = |rpm, tokens| {
        at.limiter
            .time_until_available("user", "api")
            .limits(limits())
            .cost("rpm", rpm)
            .cost("tokens", tokens)
    };
    assert_eq!(wait(2, 40).await.unwrap(), Some(Duration::from_secs(2)));
    assert_eq!(wait(0, 40).await.unwrap(), Some(Duration::ZERO));
    assert_eq!(wait(0, 101).await.unwrap(), None);
    assert_eq!((raw(&at).await, at.writes()), (before, writes));
    // No request has used this bucket yet.
    let available = at
        .limiter
        .available("nobody", "api")
        .limits(limits())
        .await
        .unwrap();
    assert_eq!(available.get("rpd").unwrap().available, 1000);
}

async fn a_limit_with_cost_0_has_no_floor(at: Fixture) {
    spend(&at, 1, 1).await.unwrap();
    let acquire = at
        .limiter
        .acquire("user", "api")
        .limits(limits())
        .cost("rpm", 0)
        .cost("tokens", 1);
    let mut lease = acquire.await.unwrap();
    lease.settle("rpm", 500).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(at.raw("user", "api", "rpm").await.0, -441_000);
    spend(&at, 0, 1).await.unwrap();
    assert_eq!(
        spend(&at, 1, 0)
            .await
            .unwrap_err()
            .denied()
            .unwrap()
            .violated()
            .count(),
        1
    );
}

/// Two limits, earlier waits and spends, and the costs of the last request.
type History = (Vec<Limit>, Vec<(u64, Vec<u64>)>, Vec<u64>);

fn history() -> impl Strategy<Value = History> {
    let limit = (1..50u64, 1..20u64, 1..5000u64);
    (limit.clone(), limit).prop_flat_map(|(first, second)| {
        let limit = |name, (capacity, amount, period)| {
            Limit::new(name, capacity, amount, Duration::from_millis(period)).unwrap()
        };
        let limits = vec![limit("first", first), limit("second", second)];
        let costs = || (0..=first.0, 0..=second.0).prop_map(|(first, second)| vec![first, second]);
        (Just(limits), vec((0..3000u64, costs()), 1..8), costs())
    })
}

/// Acquires the costs. Returns how long to wait if they are denied.
async fn ask(at: &Fixture, entity: &str, limits: &[Limit], costs: &[u64]) -> Result<(), Duration> {
    let acquire = at
        .limiter
        .acquire(entity, "api")
        .limits(limits)
        .cost("first", costs[0])
        .cost("second", costs[1]);
    match acquire.await {
        Ok(lease) => {
            lease.commit();
            Ok(())
        }
        Err(error) => Err(error
            .denied()
            .unwrap_or_else(|| panic!("{error:?}"))
            .retry_after()
            .unwrap()),
    }
}

/// The request is granted at the time that its denial states, and not a millisecond earlier.
async fn retry_after_is_exact(at: &Fixture, entity: &str, (limits, past, costs): History) {
    for (wait, costs) in past {
        at.advance(wait);
        let _ = ask(at, entity, &limits, &costs).await;
    }
    let millisecond = Duration::from_millis(1);
    let Err(wait) = ask(at, entity, &limits, &costs).await else {
        return;
    };
    assert!(wait >= millisecond);
    let looked = at
        .limiter
        .time_until_available(entity, "api")
        .limits(&limits[..]);
    assert_eq!(
        looked
            .cost("first", costs[0])
            .cost("second", costs[1])
            .await
            .unwrap(),
        Some(wait)
    );
    at.clock.advance(wait - millisecond);
    assert_eq!(ask(at, entity, &limits, &costs).await, Err(millisecond));
    at.clock.advance(millisecond);
    assert_eq!(ask(at, entity, &limits, &costs).await, Ok(()));
}

async fn retry_after_is_exact_after_some_histories(at: Fixture) {
    let mut runner = TestRunner::deterministic();
    for number in 0..20 {
        let history = history().new_tree(&mut runner).unwrap().current();
        retry_after_is_exact(&at, &format!("user-{number}"), history).await;
    }
}

fn retry_after_is_exact_after_any_history(fixture: fn() -> Fixture) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(512)
    };
    let result = TestRunner::new(config).run(&history(), |history| {
        runtime.block_on(async { retry_after_is_exact(&fixture(), "user", history).await });
        Ok(())
    });
    result.unwrap();
}

#[test]
fn retry_after_is_exact_in_memory() {
    retry_after_is_exact_after_any_history(Fixture::in_memory);
}

#[test]
fn retry_after_is_exact_behind_gates() {
    retry_after_is_exact_after_any_history(Fixture::gated);
}
