use std::sync::Arc;

use crate::{
    limiter::{gate::compact::*, terms::ConfigVersion},
    model::{EntityId, LimitState, Parameters, Period, Pressure, Renewal, WriteId},
};

fn level(random: &mut fastrand::Rng) -> Level {
    Level {
        tokens: random.i64(-5_000..20_000),
        remainder: random.i64(..1_000),
    }
}

/// Returns a bucket that a store may show.
fn bucket(random: &mut fastrand::Rng) -> BucketState {
    let mut bucket = BucketState::new(random.i64(..));
    bucket.expires_at = match random.u8(..8) {
        0 => None,
        1 => Some(0),
        2 => Some(i64::from(u32::MAX)),
        3 => Some(i64::from(u32::MAX) + 1),
        4 => Some(-7),
        5 => Some(i64::MAX),
        _ => Some(random.i64(1..4_000_000_000)),
    };
    for number in 0..random.u8(..4) {
        let parameters = Parameters::new(
            random.i64(1..100_000),
            random.i64(1..1_000),
            random.i64(1..10_000),
        )
        .unwrap();
        let name = format!("limit-{number}").parse().unwrap();
        let mut level = level(random);
        let period = random.bool().then(|| {
            level.remainder = 0;
            Period::at(Renewal::Session(18_000_000), 0).with_end(random.i64(..))
        });
        let limit = LimitState::new(name, parameters, (0, 1), level, random.i64(..)).unwrap();
        bucket.limits.push(limit.with_period(period));
    }
    match random.u8(..4) {
        0 => {}
        1 => bucket.set_valid_until(Some(random.i64(0..))),
        _ => bucket.set_valid_until(bucket.first_end()),
    }
    if random.bool() {
        let rule = Parameters::new(1_000_000, 1_000_000, 1_000)
            .unwrap()
            .whole();
        bucket.pressure = Some(Pressure::new(rule, Level::new(rule.capacity(), 0), 0));
    }
    bucket.parent = random.bool().then(|| EntityId::new("parent").unwrap());
    bucket.last_write = Some(WriteId::from_number(random.u64(..)));
    bucket
}

/// Checks many changes from one record to the next.
#[test]
fn a_compact_image_keeps_everything_that_decides() {
    let mut random = fastrand::Rng::with_seed(7);
    let (interner, mut record) = (Interner::default(), None::<CompactImage>);
    for _ in 0..10_000 {
        let (seen_at, version) = (random.i64(..), ConfigVersion::as_of(random.i64(..)));
        let seen = match random.u8(..6) {
            0 => Seen::Unknown,
            1 => Seen::Absent,
            _ => Seen::Present(bucket(&mut random)),
        };
        let mut state = GateState {
            seen_at,
            version,
            ..GateState::default()
        };
        let mut before = match &seen {
            Seen::Present(bucket) => Some(bucket.clone()),
            _ => None,
        };
        let absent = matches!(seen, Seen::Absent);
        state.seen = seen;
        let asked = before.iter().flat_map(|bucket| &bucket.limits).next();
        if let Some(limit) = asked {
            state
                .most_asked
                .push((limit.name.clone(), limit.parameters.capacity()));
        }
        let consumed: Option<i64> = random.bool().then(|| random.i64(1..));
        state
            .others
            .consumed
            .extend(consumed.filter(|_| asked.is_some()));
        state.others.peer_at = random.i64(0..4_000_000_000) * 1000;
        let (known, peer_at) = (state.others.consumed.clone(), state.others.peer_at);
        let seen = before.is_some();
        let kept = record.insert(CompactImage::of(state, record.as_ref(), &interner));
        let state = kept.wake();
        assert_eq!((state.seen_at, state.version), (seen_at, version));
        assert_eq!(state.others.consumed, known);
        assert!(!seen || state.others.peer_at == peer_at);
        // No decision depends on these fields.
        for limit in before.iter_mut().flat_map(|bucket| &mut bucket.limits) {
            limit.consumed = 0;
            assert_eq!(state.most_asked(&limit.name), limit.parameters.capacity());
        }
        if let Some(bucket) = &mut before {
            bucket.last_write = None;
        }
        match (state.seen, before) {
            (Seen::Present(after), Some(before)) => assert_eq!(after, before),
            (Seen::Absent, None) => assert!(absent),
            (Seen::Unknown, None) => assert!(!absent),
            (after, before) => panic!("{before:?} has become {after:?}"),
        }
    }
}

/// Sessions begin at any time. Buckets whose sessions end at different times are of one kind.
#[test]
fn buckets_with_sessions_share_what_they_have_in_common() {
    let interner = Interner::default();
    let image = |end: i64| {
        let name = "session".parse().unwrap();
        let quota = Parameters::new(1000, 0, 1000).unwrap();
        let level = Level::new(400, 0);
        let limit = LimitState::new(name, quota, (0, 1), level, 0).unwrap();
        let period = Period::at(Renewal::Session(18_000_000), 0).with_end(end);
        let mut bucket = BucketState::new(5);
        bucket.limits.push(limit.with_period(Some(period)));
        bucket.set_valid_until(Some(end));
        let state = GateState {
            seen: Seen::Present(bucket),
            ..GateState::default()
        };
        CompactImage::of(state, None, &interner)
    };
    let (one, other) = (image(1_000_000), image(2_000_000));
    assert!(Arc::ptr_eq(
        one.kind.as_ref().unwrap(),
        other.kind.as_ref().unwrap()
    ));
}

#[test]
fn most_compact_images_are_small() {
    assert!(size_of::<CompactImage>() <= 96);
}
