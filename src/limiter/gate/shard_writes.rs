//! Writes of several shards in one transaction.

use std::sync::Arc;

use crate::{
    limiter::{
        gate::{gate::Gate, state::Seen},
        terms::ChargeContext,
    },
    model::{
        BucketState, LimitName, Limits, Update,
        plan::{self, Desired, LedgerDelta, Siblings},
    },
    store::{StoreError, StoreErrorKind},
    telemetry::StoreCall,
};

/// A write of one shard in a transaction.
#[derive(Debug)]
pub(crate) struct ShardWrite {
    gate: Arc<Gate>,
    /// The image of the shard that the write was planned from.
    from: BucketState,
    update: Update,
}

impl ShardWrite {
    pub(crate) fn is_of(&self, gate: &Arc<Gate>) -> bool {
        Arc::ptr_eq(&self.gate, gate)
    }

    /// Tells the bucket's other shards of the sessions that the write has begun.
    pub(crate) fn spread(&self) {
        self.gate.spread(self.update.opened());
    }

    /// Returns the image of the shard after the write.
    pub(crate) fn after(&self) -> Option<BucketState> {
        let mut after = self.from.clone();
        self.update.apply(&mut after).ok().map(|()| after)
    }
}

/// Executes the writes of several shards, all or none. Returns `false` if one of them was refused.
/// The caller holds the permit of the store call.
pub(crate) async fn transact(writes: &[ShardWrite]) -> Result<bool, StoreError> {
    let Some(ShardWrite { gate, update, .. }) = writes.first() else {
        return Ok(true);
    };
    let updates: Vec<_> = writes
        .iter()
        .map(|write| (write.gate.key.clone(), write.update.clone()))
        .collect();
    writes
        .iter()
        .for_each(|write| write.gate.lock().others.begin_unseen());
    let mut result = gate
        .call(StoreCall::Transact, gate.context.store.transact(&updates))
        .await;
    if result
        .as_ref()
        .is_err_and(|error| error.kind() == StoreErrorKind::Unknown)
    {
        // The answer was lost: one of the items shows if the transaction was done.
        let read = gate
            .call(StoreCall::Read, gate.context.store.read(&gate.key))
            .await;
        if matches!(read, Ok(Some(state)) if state.last_write.as_ref() == Some(&update.id)) {
            result = Ok(true);
        }
    }
    let done = matches!(result, Ok(true));
    writes
        .iter()
        .for_each(|write| write.gate.transacted(write, done));
    result
}

impl Gate {
    /// Plans the write that does `changes` to the shard, from its image `from`.
    pub(crate) fn plan(
        self: &Arc<Self>,
        from: BucketState,
        limits: &Limits,
        context: &ChargeContext,
        changes: &LedgerDelta,
        sessions: &[(LimitName, i64)],
    ) -> ShardWrite {
        let time = self.context.now();
        let mut desired = {
            let state = self.lock();
            let others = self.others(&state, time.at);
            let ttl = self.context.settings.bucket_ttl;
            if context.version.is_older_than(state.version) {
                Desired {
                    others,
                    ttl,
                    ..Desired::default()
                }
            } else {
                Desired {
                    limits,
                    own: Some(context.own),
                    lineage: context.lineage.as_deref(),
                    others,
                    siblings: Siblings::default(),
                    ttl,
                }
            }
        };
        desired.siblings = Siblings {
            raises_to: None,
            sessions: sessions.to_vec(),
            covered: Vec::new(),
        };
        let update = plan::update(&from, changes, desired, time, self.context.write_ids.next());
        ShardWrite {
            gate: self.clone(),
            from,
            update,
        }
    }

    /// Notes the result of a planned write.
    fn transacted(&self, write: &ShardWrite, done: bool) {
        let mut state = self.lock();
        state.others.end_unseen();
        // Take over the new image only if the image is still the one from which the write was
        // planned.
        let known = matches!(&state.seen, Seen::Present(seen) if *seen == write.from);
        let after = write.after().filter(|_| known && done);
        let seen_at = match after {
            Some(after) => {
                // The store has not shown this image, so it keeps the age of the image before.
                let seen_at = state.seen_at;
                state.saw(Some(after), self.context.now());
                seen_at
            }
            None => i64::MIN,
        };
        state.seen_at = seen_at;
    }
}
