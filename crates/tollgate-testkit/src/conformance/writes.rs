//! Writes composed by hand, for the trials and for a store's own tests.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use tollgate::{
    LimitName,
    model::{
        BucketKey, BucketState, Create, Level, LimitState, Line, NewLimit, Parameters, TokenChange,
        Update, WriteId,
    },
    store::{Store, WriteOutcome},
};

/// The time of each first write, epoch ms, in the middle of a second.
pub const NOW: i64 = 1_800_000_000_500;

/// Returns the key of the bucket that most trials use.
pub fn key() -> BucketKey {
    key_of("user-1", "api")
}

/// Returns the key of the first shard of a bucket.
///
/// # Panics
/// If the entity or the resource is not a valid name.
pub fn key_of(entity: &str, resource: &str) -> BucketKey {
    BucketKey::new(entity.try_into().unwrap(), resource.try_into().unwrap())
}

/// Returns an id that no other write has, neither of this process nor of another one.
pub fn id() -> WriteId {
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        AtomicU64::new(since.as_nanos() as u64)
    });
    WriteId::from_number(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the name of a limit.
///
/// # Panics
/// If the text is not a valid name.
pub fn name(limit: &str) -> LimitName {
    LimitName::new(limit).unwrap()
}

/// Returns the parameters of 10 tokens, refilled at one a second.
pub fn parameters() -> Parameters {
    Parameters::new(10_000, 1_000, 1_000).unwrap()
}

/// Returns a limit with [`parameters`] that holds `tokens` (millitokens).
pub fn limit(limit: &str, tokens: i64) -> NewLimit {
    NewLimit::new(name(limit), parameters(), Level::new(tokens, 0))
}

/// Returns the creation of a bucket at [`NOW`].
pub fn create<const N: usize>(limits: [NewLimit; N]) -> Create {
    Create::new(id(), NOW, limits)
}

/// Returns a line that adds `amount` without conditions.
pub fn add(limit: &str, amount: i64) -> Line {
    Line::new(name(limit), TokenChange::Add(amount)).with_consumed(-amount)
}

/// Returns the line of a plain spend.
pub fn spend(limit: &str, amount: i64) -> Line {
    add(limit, -amount).with_floor(amount)
}

/// Returns an update at [`NOW`] that has no condition except those of its lines.
pub fn update<const N: usize>(lines: [Line; N]) -> Update {
    lines
        .into_iter()
        .fold(Update::new(id(), NOW), Update::with_line)
}

/// Creates the bucket [`key`] with the limits.
///
/// # Panics
/// If the store refuses the write.
pub async fn put<const N: usize>(store: &dyn Store, limits: [NewLimit; N]) -> BucketState {
    applied(store.create(&key(), &create(limits)).await.unwrap())
}

/// Executes an update that must be applied, and asserts that the store has the new state.
///
/// # Panics
/// If the store refuses the update, or has another state afterwards.
pub async fn apply(store: &dyn Store, update: &Update) -> BucketState {
    let state = applied(store.update(&key(), update).await.unwrap());
    assert_eq!(state.last_write.as_ref(), Some(&update.id));
    assert_eq!(
        store.read(&key()).await.unwrap().as_ref(),
        Some(&state),
        "applied returns the new state"
    );
    state
}

/// Executes an update that must be refused, and asserts that nothing has changed.
///
/// # Panics
/// If the store applies the update or changes anything.
pub async fn refuse(store: &dyn Store, update: &Update) -> BucketState {
    let before = store.read(&key()).await.unwrap();
    let WriteOutcome::Refused(state) = store.update(&key(), update).await.unwrap() else {
        panic!("applied: {update:?}");
    };
    assert_eq!(state, before, "refused returns the current state");
    assert_eq!(
        store.read(&key()).await.unwrap(),
        before,
        "refused changes nothing"
    );
    state.expect("refused returns the bucket")
}

/// Returns the state after a write that must be applied.
///
/// # Panics
/// If the write was refused.
pub fn applied(outcome: WriteOutcome) -> BucketState {
    match outcome {
        WriteOutcome::Applied(state) => state,
        WriteOutcome::Refused(state) => panic!("refused: {state:?}"),
    }
}

/// Returns a limit of the bucket.
///
/// # Panics
/// If the bucket does not have it.
pub fn of<'a>(state: &'a BucketState, limit: &str) -> &'a LimitState {
    state
        .limit(&name(limit))
        .unwrap_or_else(|| panic!("no limit {limit}: {state:?}"))
}

/// Returns the tokens and the consumption of a limit, in millitokens.
///
/// # Panics
/// If the bucket does not have it.
pub fn held(state: &BucketState, limit: &str) -> (i64, i64) {
    let limit = of(state, limit);
    (limit.level.tokens, limit.consumed)
}
