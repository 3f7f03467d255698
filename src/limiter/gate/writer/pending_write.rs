//! Sends a write, and finds out how it ended.

use crate::{
    limiter::gate::{batch::Batch, gate::Gate},
    model::{BucketState, Create, Guard, LimitName, NewLimit, Update, WriteId},
    store::{StoreError, StoreErrorKind, WriteOutcome},
    telemetry::{self, Retry, StoreAnswer, StoreCall},
};

/// A batch and the write that serves it.
pub(super) struct Write {
    pub(super) batch: Batch,
    pub(super) pending_write: PendingWrite,
}

/// A write that can be sent again without being done twice.
pub(super) enum PendingWrite {
    Update(Box<Update>),
    Create(Box<Create>),
}

impl PendingWrite {
    pub(super) fn id(&self) -> &WriteId {
        match self {
            Self::Update(update) => &update.id,
            Self::Create(create) => &create.id,
        }
    }

    /// Returns the time for which the write was planned, epoch ms.
    pub(super) fn planned_at(&self) -> i64 {
        match self {
            Self::Update(update) => update.now,
            Self::Create(create) => create.now,
        }
    }

    /// Returns the sessions that the write begins, with the times at which they begin: epoch ms.
    pub(super) fn opened(&self) -> Vec<(LimitName, i64)> {
        match self {
            Self::Update(update) => update.opened(),
            Self::Create(create) if create.shard_count > 1 => {
                let opened = |new: &NewLimit| {
                    Some((new.limit.clone(), new.period.as_ref()?.session_start()?))
                };
                create.limits().iter().filter_map(opened).collect()
            }
            Self::Create(_) => Vec::new(),
        }
    }

    fn has_written(&self, state: &BucketState) -> bool {
        state.last_write.as_ref() == Some(self.id())
    }

    /// Returns how the write ended. If the write was refused, but the item shows the id of this
    /// write, an earlier try of the write was done.
    fn own(&self, outcome: WriteOutcome) -> WriteOutcome {
        match outcome {
            WriteOutcome::Refused(Some(state)) if self.has_written(&state) => {
                WriteOutcome::Applied(state)
            }
            outcome => outcome,
        }
    }

    /// Adds the condition that the write was not done before. A create needs none: if it was done,
    /// the bucket exists.
    fn guard(&mut self) {
        if let Self::Update(update) = self {
            update.guard = Guard::NotLanded(update.id.clone());
        }
    }

    async fn send(&self, gate: &Gate) -> Result<WriteOutcome, StoreError> {
        match self {
            Self::Update(update) => {
                gate.call(
                    StoreCall::Update,
                    gate.context.store.update(&gate.key, update),
                )
                .await
            }
            Self::Create(create) => {
                gate.call(
                    StoreCall::Create,
                    gate.context.store.create(&gate.key, create),
                )
                .await
            }
        }
    }
}

/// Sends a write, and sends it again if its answer was lost. If the error says that the store is
/// busy or has not applied the write, nothing has changed.
pub(super) async fn execute(gate: &Gate, write: &mut Write) -> Result<WriteOutcome, StoreError> {
    let pending_write = &mut write.pending_write;
    let gives = write.batch.changes.iter().any(|change| change.give > 0);
    if gives {
        // Never mint tokens: if the network delivers this write twice, it must not give back twice.
        pending_write.guard();
    }
    let error = match pending_write.send(gate).await {
        Err(error) if error.kind() == StoreErrorKind::Unknown => error,
        answer => return answer.map(|outcome| pending_write.own(outcome)),
    };
    if gives {
        // Never mint tokens: a write that gives tokens back is not sent twice. A read shows if it
        // was done.
        return match gate.read().await {
            Ok(Some(state)) if pending_write.has_written(&state) => {
                Ok(WriteOutcome::Applied(state))
            }
            _ => Err(error),
        };
    }
    pending_write.guard();
    telemetry::store_retried(Retry::LostAnswer);
    match pending_write
        .send(gate)
        .await
        .map(|outcome| pending_write.own(outcome))
    {
        Ok(WriteOutcome::Applied(state)) => Ok(WriteOutcome::Applied(state)),
        // The write may have been done before another write replaced its id.
        Ok(WriteOutcome::Refused(_)) | Err(_) => Err(error),
    }
}

impl Gate {
    /// Makes a store call, with the store deadline.
    pub(crate) async fn call<T: StoreAnswer>(
        &self,
        which: StoreCall,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let result = which
            .watch(&self.key.resource, self.context.in_time(call))
            .await;
        if let Err(error) = &result {
            self.context.refusals.note(which, &self.key.resource, error);
        }
        if result
            .as_ref()
            .is_err_and(|error| error.kind() == StoreErrorKind::Missing)
        {
            self.context.doubt_table();
        }
        result
    }
}
