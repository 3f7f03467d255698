use crate::{limiter::runtime::breaker::*, store::StoreErrorKind};

fn switch() -> CircuitBreaker {
    CircuitBreaker::new(Some(
        Breaker::new()
            .failures(3)
            .cool_down(Duration::from_secs(10)),
    ))
}

fn failure(kind: StoreErrorKind) -> Result<(), StoreError> {
    Err(StoreError::new(kind, "no"))
}

fn open() -> CircuitBreaker {
    let switch = switch();
    for _ in 0..3 {
        switch.heard(&failure(StoreErrorKind::NotApplied), || 0);
    }
    assert_eq!(switch.state(), BreakerState::Open);
    switch
}

#[test]
fn the_breaker_opens_after_a_number_of_failures_in_a_row() {
    let switch = switch();
    for _ in 0..10 {
        switch.heard(&failure(StoreErrorKind::Unknown), || 0);
        switch.timed_out(0);
        switch.heard(&Ok::<_, StoreError>(()), || 0);
    }
    assert!(switch.admits(|| 0));
    switch.heard(&failure(StoreErrorKind::Unknown), || 0);
    switch.timed_out(0);
    switch.heard(&failure(StoreErrorKind::Busy), || 0);
    assert_eq!(switch.state(), BreakerState::Closed);
    switch.heard(&failure(StoreErrorKind::NotApplied), || 0);
    assert!(!switch.admits(|| 0) && switch.state() == BreakerState::Open);
}

#[test]
fn the_breaker_opens_if_too_many_of_the_last_calls_failed() {
    let rated = |percent, calls| {
        CircuitBreaker::new(Some(
            Breaker::new().failures(1000).failure_rate(percent, calls),
        ))
    };
    let hear = |switch: &CircuitBreaker, failed: bool| {
        if failed {
            switch.timed_out(0)
        } else {
            switch.heard(&Ok::<_, StoreError>(()), || 0)
        }
    };
    // Every third call fails: never half of the last ten.
    let switch = rated(50, 10);
    (0..300).for_each(|call| hear(&switch, call % 3 == 0));
    assert_eq!(switch.state(), BreakerState::Closed);
    // Every other call fails: the fifth failure is among the last ten calls.
    let switch = rated(50, 10);
    for call in 0..9 {
        assert_eq!(switch.state(), BreakerState::Closed, "{call}");
        hear(&switch, call % 2 == 0);
    }
    assert_eq!(switch.state(), BreakerState::Open);
    // A throttled call does not count.
    let switch = rated(100, 3);
    for kind in [
        StoreErrorKind::Unknown,
        StoreErrorKind::Busy,
        StoreErrorKind::Unknown,
        StoreErrorKind::Busy,
    ] {
        switch.heard(&failure(kind), || 0);
    }
    assert_eq!(switch.state(), BreakerState::Closed);
    switch.heard(&failure(StoreErrorKind::NotApplied), || 0);
    assert_eq!(switch.state(), BreakerState::Open);
}

#[test]
fn failures_before_the_breaker_closed_count_no_more() {
    let switch = CircuitBreaker::new(Some(Breaker::new().failures(1000).failure_rate(50, 4)));
    (0..2).for_each(|_| switch.timed_out(0));
    assert_eq!(switch.state(), BreakerState::Open);
    assert!(switch.admits(|| 10_000));
    switch.heard(&Ok::<_, StoreError>(()), || 10_000);
    switch.timed_out(10_000);
    assert_eq!(switch.state(), BreakerState::Closed);
    switch.timed_out(10_000);
    assert_eq!(switch.state(), BreakerState::Open);
}

#[test]
fn any_failure_rate_is_valid() {
    for (percent, calls, opens_after) in [
        (0, 0, 1),
        (0, 64, 1),
        (1, 64, 1),
        (100, 64, 64),
        (1000, 1000, 64),
        (50, 1, 1),
        (33, 10, 4),
    ] {
        let switch = CircuitBreaker::new(Some(
            Breaker::new().failures(1000).failure_rate(percent, calls),
        ));
        let failures = (1..1000).find(|_| {
            switch.timed_out(0);
            switch.state() == BreakerState::Open
        });
        assert_eq!(failures, Some(opens_after), "{percent} % of {calls}");
    }
}

#[test]
fn a_throttled_or_corrupt_answer_is_no_failure() {
    let switch = switch();
    for _ in 0..100 {
        switch.heard(&failure(StoreErrorKind::Busy), || 0);
        switch.heard(&failure(StoreErrorKind::HotKey), || 0);
        switch.heard(&failure(StoreErrorKind::Corrupt), || 0);
    }
    assert!(switch.admits(|| 0));
}

#[test]
fn one_probe_at_a_time_is_sent_soon_and_then_less_and_less_often() {
    let switch = open();
    assert!(!switch.admits(|| 49));
    assert!(switch.admits(|| 75));
    assert_eq!(switch.state(), BreakerState::HalfOpen);
    assert!(!switch.admits(|| 75));
    switch.heard(&failure(StoreErrorKind::Unknown), || 80);
    // The pause is twice as long.
    assert!(switch.state() == BreakerState::Open && !switch.admits(|| 179));
    // If a probe never ends, another one follows.
    assert!(switch.admits(|| 230) && !switch.admits(|| 231));
    assert!(switch.admits(|| 380));
    switch.heard(&Ok::<_, StoreError>(()), || 400);
    assert!(
        switch.state() == BreakerState::Closed && switch.admits(|| 400) && switch.admits(|| 400)
    );
}

#[test]
fn the_store_is_left_alone_for_the_cool_down_at_the_most() {
    let switch = open();
    let mut now = 0;
    for pause in [50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
        assert!(!switch.admits(|| now + pause - 1), "{pause}");
        now += pause + pause / 2;
        assert!(switch.admits(|| now), "{pause}");
        switch.heard(&failure(StoreErrorKind::Unknown), || now);
    }
}

#[test]
fn a_missed_deadline_counts_if_the_store_is_silent() {
    let switch = switch();
    switch.heard(&Ok::<_, StoreError>(()), || 1000);
    for _ in 0..10 {
        switch.missed(1100, 100);
    }
    assert_eq!(switch.state(), BreakerState::Closed);
    for _ in 0..3 {
        assert_eq!(switch.state(), BreakerState::Closed);
        switch.missed(1101, 100);
    }
    assert_eq!(switch.state(), BreakerState::Open);
}

#[test]
fn the_breaker_waits_up_to_half_as_long_again() {
    let times: std::collections::HashSet<_> =
        (0..200).map(|_| open().retry_at.into_inner()).collect();
    assert!(
        times.iter().all(|time| (50..=75).contains(time)) && times.len() > 10,
        "{times:?}"
    );
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_the_breaker_open() {
    let switch = switch();
    for _ in 0..3 {
        switch.timed_out(1_000_000_000);
    }
    assert!(!switch.admits(|| 1_000_000_000));
    assert!(switch.admits(|| 0));
}

#[test]
fn a_breaker_without_settings_never_opens() {
    let switch = CircuitBreaker::new(None);
    for _ in 0..100 {
        switch.timed_out(0);
    }
    assert!(switch.admits(|| 0) && !switch.is_on());
}

/// If a store fails partly, calls that are in flight may succeed.
#[test]
fn a_call_in_flight_does_not_close_the_breaker() {
    let switch = CircuitBreaker::new(Some(
        Breaker::new()
            .failure_rate(50, 4)
            .cool_down(Duration::from_secs(10)),
    ));
    for _ in 0..2 {
        switch.heard(&Ok::<_, StoreError>(()), || 0);
        switch.heard(&failure(StoreErrorKind::Unknown), || 0);
    }
    assert_eq!(switch.state(), BreakerState::Open);
    switch.heard(&Ok::<_, StoreError>(()), || 0);
    assert_eq!(switch.state(), BreakerState::Open);
    assert!(switch.admits(|| 60_000));
    switch.heard(&Ok::<_, StoreError>(()), || 60_000);
    assert_eq!(switch.state(), BreakerState::Closed);
}
