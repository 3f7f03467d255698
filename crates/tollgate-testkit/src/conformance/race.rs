//! Writes at the same time.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tollgate::store::{Store, WriteOutcome};

use super::{
    trial::trials,
    writes::{create, held, key, limit, put, spend, update},
};

trials! {
    a_bucket_is_created_once
    no_token_is_spent_twice
    no_addition_is_lost
}

/// Returns the results of all futures, which run at the same time.
async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures
        .into_iter()
        .map(|future| (Box::pin(future), None))
        .collect();
    let mut done = pin!(poll_fn(|context| {
        for (future, result) in &mut running {
            if result.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *result = Some(ready);
            }
        }
        if running.iter().all(|(_, result)| result.is_some()) {
            return Poll::Ready(
                running
                    .iter_mut()
                    .filter_map(|(_, result)| result.take())
                    .collect(),
            );
        }
        Poll::Pending
    }));
    done.as_mut().await
}

fn count_applied(outcomes: Vec<WriteOutcome>) -> usize {
    outcomes
        .iter()
        .filter(|outcome| matches!(outcome, WriteOutcome::Applied(_)))
        .count()
}

async fn a_bucket_is_created_once(store: &dyn Store) {
    let creates = all((0..8).map(async |tokens| {
        store
            .create(&key(), &create([limit("rpm", tokens)]))
            .await
            .unwrap()
    }));
    assert_eq!(count_applied(creates.await), 1);
}

async fn no_token_is_spent_twice(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let spends = all((0..16).map(async |_| {
        store
            .update(&key(), &update([spend("rpm", 1_000)]))
            .await
            .unwrap()
    }));
    assert_eq!(count_applied(spends.await), 5);
    assert_eq!(
        held(&store.read(&key()).await.unwrap().unwrap(), "rpm"),
        (0, 5_000)
    );
}

async fn no_addition_is_lost(store: &dyn Store) {
    put(store, [limit("rpm", 5_000), limit("tpm", 5_000)]).await;
    let names = ["rpm", "tpm"].into_iter().cycle().take(16);
    let spends = all(names.map(async |name| {
        store
            .update(&key(), &update([spend(name, 100)]))
            .await
            .unwrap()
    }));
    assert_eq!(count_applied(spends.await), 16);
    let state = store.read(&key()).await.unwrap().unwrap();
    assert_eq!(
        (held(&state, "rpm"), held(&state, "tpm")),
        ((4_200, 800), (4_200, 800))
    );
}
