//! Runs a reset or a top-up: reads the shards, plans, writes all of them in one transaction, and
//! finds out what became of a transaction whose answer was lost.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    error::{Disabled, Error, Invalid, Unavailable},
    limiter::{
        admin::records::records_of, api::RateLimiter, engine::Backend, resolver::Resolution,
        terms::ConfigVersion,
    },
    model::{
        AuditAction, AuditEvent, AuditSubject, BucketKey, BucketOperation, BucketStamps,
        BucketState, ConfigScope, Create, Entity, LimitName, MILLI, Operation, OperationKind,
        OperationRecord, Renewal, WriteId, new_id,
        plan::{self, Desired, LedgerDelta, WantedOperation},
    },
    pause,
    store::{ReadConsistency, Records, StoreErrorKind},
};

/// The number of times that an operation is planned if the bucket changes between the read and the
/// write, or if the answer is lost.
const MOST_TRIES: u32 = 10;

/// The longest pause before the second try, ms. Those before later tries are longer.
const LONGEST_PAUSE: u64 = 20;

/// The arguments that both operations have.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) limiter: RateLimiter,
    pub(super) bucket: BucketKey,
    /// The caller's idempotency key.
    pub(super) key: Option<String>,
    /// The identity that the history shows.
    pub(super) principal: Option<String>,
}

/// The operation that the caller wants.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// Resets these limits, or all.
    Reset(Option<Vec<LimitName>>),
    /// Adds whole tokens.
    TopUp(BTreeMap<LimitName, i64>),
}

impl Wanted {
    fn kind(&self) -> OperationKind {
        match self {
            Self::Reset(_) => OperationKind::Reset,
            Self::TopUp(_) => OperationKind::TopUp,
        }
    }

    fn as_plan(&self) -> WantedOperation<'_> {
        match self {
            Self::Reset(limits) => WantedOperation::Reset(limits.as_deref()),
            Self::TopUp(amounts) => WantedOperation::TopUp(amounts),
        }
    }

    /// Returns the names of the limits, if the caller names some.
    fn names(&self) -> Vec<&LimitName> {
        match self {
            Self::Reset(limits) => limits.iter().flatten().collect(),
            Self::TopUp(amounts) => amounts.keys().collect(),
        }
    }
}

/// Runs an operation.
pub(super) async fn operate(call: Call, wanted: Wanted) -> Result<BucketOperation, Error> {
    let store = call.limiter.store();
    let records = records_of(&*store)?;
    let run = Run::begin(call, wanted, records).await?;
    if run.call.key.is_some()
        && let Some(known) = run.recorded().await?
    {
        return run.repeated(&known);
    }
    let mut problem = Unavailable::Contended;
    for attempt in 0..MOST_TRIES {
        if attempt > 0 {
            // The write may have been done although there was no answer.
            if let Some(known) = run.recorded().await? {
                return run.repeated(&known);
            }
            // In memory, nobody else can have changed the bucket for long.
            if let Backend::Gated(_) = run.call.limiter.backend() {
                pause::random(0..=LONGEST_PAUSE * u64::from(attempt)).await;
            }
        }
        match run.attempt().await {
            Ok(Some(done)) => return Ok(done),
            Ok(None) => problem = Unavailable::Contended,
            Err(Error::Unavailable(error)) if may_be_repeated(&error) => problem = error,
            Err(error) => return run.failed(error).await,
        }
    }
    match run.recorded().await? {
        Some(known) => run.repeated(&known),
        None => Err(problem.into()),
    }
}

/// Returns `true` if another try may succeed. There is one record for all tries, so only one of
/// them can be done.
fn may_be_repeated(error: &Unavailable) -> bool {
    match error {
        Unavailable::Store(error) => matches!(
            error.kind(),
            StoreErrorKind::Unknown | StoreErrorKind::Busy | StoreErrorKind::HotKey
        ),
        _ => false,
    }
}

/// An operation that is under way.
struct Run<'a> {
    call: Call,
    wanted: Wanted,
    records: &'a dyn Records,
    entity: Option<Entity>,
    resolution: Resolution,
    /// The caller's key, or a new one.
    key: String,
    /// A random text of this call.
    writer: String,
}

impl<'a> Run<'a> {
    /// Looks up the stored limits and the entity.
    async fn begin(
        call: Call,
        mut wanted: Wanted,
        records: &'a dyn Records,
    ) -> Result<Self, Error> {
        let limiter = &call.limiter;
        let BucketKey {
            entity, resource, ..
        } = &call.bucket;
        let scopes = ConfigScope::levels(entity, resource);
        let found = records.look_up(Some(entity), &scopes, None, ReadConsistency::Strong);
        let found = limiter.asked(found).await?;
        let entity = found.entity.clone();
        let resolution = Resolution::new(&scopes, found, ConfigVersion::NEWEST, limiter.now());
        if let Some(attribute) = resolution.not_understood {
            return Err(Invalid::NotUnderstood(attribute).into());
        }
        if let (Wanted::Reset(limits @ None), Some(stored)) = (&mut wanted, &resolution.stored) {
            let names = stored.limits.iter().map(|limit| limit.name().clone());
            *limits = Some(names.collect());
        }
        let now = limiter.system_time();
        Ok(Self {
            key: call.key.clone().unwrap_or_else(|| new_id(now)),
            writer: new_id(now),
            call,
            wanted,
            records,
            entity,
            resolution,
        })
    }

    fn incarnation(&self) -> &str {
        let entity = self.entity.as_ref();
        entity
            .and_then(|entity| entity.incarnation.as_deref())
            .unwrap_or(OperationRecord::NO_INCARNATION)
    }

    /// Reads the record of the key, if it counts for this entity.
    async fn recorded(&self) -> Result<Option<OperationRecord>, Error> {
        let find = self.records.find_operation(&self.call.bucket, &self.key);
        let known = self.call.limiter.asked(find).await?;
        Ok(known.filter(|known| known.is_of(self.incarnation())))
    }

    /// Returns the recorded result.
    fn repeated(&self, known: &OperationRecord) -> Result<BucketOperation, Error> {
        if known.kind != self.wanted.kind() {
            return Err(Invalid::KeyUsed {
                key: self.key.clone(),
                kind: known.kind,
            }
            .into());
        }
        self.call.limiter.engine().show(&self.call.bucket, None);
        let mut result = self.result(known);
        result.is_repeat = known.writer != self.writer;
        Ok(result)
    }

    /// Returns the result of this call's own write, if it was done in spite of the error.
    async fn failed(&self, error: Error) -> Result<BucketOperation, Error> {
        if !matches!(error, Error::Unavailable(_)) {
            return Err(error);
        }
        match self.recorded().await {
            Ok(Some(known)) if known.writer == self.writer => self.repeated(&known),
            _ => Err(error),
        }
    }

    fn result(&self, record: &OperationRecord) -> BucketOperation {
        BucketOperation {
            entity: self.call.bucket.entity.clone(),
            resource: self.call.bucket.resource.clone(),
            shards: record.shards,
            amounts: record.amounts.clone(),
            idempotency_key: self.key.clone(),
            is_repeat: false,
        }
    }

    /// Reads, plans and writes once. Returns `None` if the bucket has changed in the meantime.
    async fn attempt(&self) -> Result<Option<BucketOperation>, Error> {
        let limiter = &self.call.limiter;
        let now = limiter.now();
        let shards = self.records.read_shards(&self.call.bucket);
        let mut shards = limiter.asked(shards).await?;
        shards.retain(|state| !state.is_expired(now));
        self.check_names(&shards)?;
        if shards.is_empty() {
            return self.without_bucket(now).await;
        }
        let mut stamps = shards.iter().filter_map(|state| state.stamps.as_ref());
        if let Some(attribute) = stamps.find_map(|stamps| stamps.not_understood.clone()) {
            return Err(Invalid::NotUnderstood(attribute).into());
        }
        let own = self.resolution.stored.as_ref();
        let own = own.map(|stored| stored.source.is_own());
        let ttl = limiter.engine().settings().gate.bucket_ttl;
        let plan = plan::operation(&shards, self.wanted.as_plan(), (own, ttl), now);
        let plan = plan.map_err(Invalid::NotInBucket)?;
        if plan.tops_up_a_quota {
            limiter.asked(self.records.allow_top_up()).await?;
        }
        let count = u32::try_from(plan.changes.len()).unwrap_or(u32::MAX);
        let mut operation = self.operation(now, count, plan.amounts).await;
        operation.changes = plan.changes;
        if !limiter.asked(self.records.operate(&operation)).await? {
            return Ok(None);
        }
        let mut is_sound = true;
        for (state, change) in shards.iter_mut().zip(&operation.changes) {
            is_sound &= change.apply(state).is_ok();
        }
        let shards = Some(shards).filter(|_| is_sound);
        limiter.engine().show(&self.call.bucket, shards);
        Ok(Some(self.result(&operation.record)))
    }

    /// Checks that each named limit is stored, or that the bucket has it.
    fn check_names(&self, shards: &[BucketState]) -> Result<(), Invalid> {
        let stored = self.resolution.stored.as_ref();
        let is_stored = |name: &LimitName| {
            stored.is_some_and(|stored| stored.limits.iter().any(|limit| limit.name() == name))
        };
        let is_known = |name: &LimitName| {
            is_stored(name) || shards.iter().any(|state| state.limit(name).is_some())
        };
        match self.wanted.names().into_iter().find(|name| !is_known(name)) {
            Some(name) => Err(Invalid::UnknownLimit(name.to_string())),
            None => Ok(()),
        }
    }

    /// Tops up a bucket that does not exist, by creating it. A reset has nothing to do then.
    async fn without_bucket(&self, now: i64) -> Result<Option<BucketOperation>, Error> {
        let stored = self.resolution.stored.as_ref();
        let is_quota = |name: &LimitName| {
            let mut limits = stored.iter().flat_map(|stored| stored.limits.iter());
            limits.any(|limit| limit.name() == name && limit.renewal().is_some())
        };
        let amounts: BTreeMap<LimitName, i64> = match &self.wanted {
            Wanted::Reset(names) => {
                let names = names.iter().flatten();
                names.map(|name| (name.clone(), 0)).collect()
            }
            // A token bucket begins full.
            Wanted::TopUp(amounts) => amounts
                .iter()
                .map(|(name, amount)| (name.clone(), if is_quota(name) { *amount } else { 0 }))
                .collect(),
        };
        let limiter = &self.call.limiter;
        let creates = amounts.values().any(|amount| *amount > 0);
        if !creates {
            let operation = self.operation(now, 0, amounts).await;
            let result = self.result(&operation.record);
            // The record makes repeats with the caller's key change nothing either, even if the
            // bucket exists by then.
            if self.call.key.is_none() {
                return Ok(Some(result));
            }
            let done = limiter.asked(self.records.operate(&operation)).await?;
            return Ok(done.then_some(result));
        }
        if let Some(level) = self.resolution.disabled {
            let BucketKey {
                entity, resource, ..
            } = self.call.bucket.clone();
            return Err(Error::Disabled(Box::new(Disabled::new(
                entity, resource, level,
            ))));
        }
        limiter.asked(self.records.allow_top_up()).await?;
        let create = self.create(&amounts, now);
        let mut operation = self.operation(now, 1, amounts).await;
        operation.create = Some(create);
        if !limiter.asked(self.records.operate(&operation)).await? {
            return Ok(None);
        }
        limiter.engine().show(&self.call.bucket, None);
        Ok(Some(self.result(&operation.record)))
    }

    /// Returns the creation of a bucket with its whole amounts and the added tokens.
    fn create(&self, amounts: &BTreeMap<LimitName, i64>, now: i64) -> Create {
        let gates = &self.call.limiter.engine().settings().gate;
        let stored = self.resolution.stored.as_ref();
        let desired = Desired {
            limits: stored.map_or(&[], |stored| &*stored.limits),
            own: stored.map(|stored| stored.source.is_own()),
            lineage: self.resolution.lineage.as_deref(),
            ttl: gates.bucket_ttl,
            ..Desired::default()
        };
        // The end of the text is random.
        let id = WriteId::from_text(self.writer.get(15..).unwrap_or_default());
        let mut create = plan::create(&LedgerDelta::new(), desired, now, id);
        for new in &mut create.limits {
            let added = amounts.get(&new.limit).copied().unwrap_or(0);
            let added = added.saturating_mul(MILLI);
            let Some(period) = new.period.as_mut().filter(|_| added > 0) else {
                continue;
            };
            if let Renewal::Session(_) = period.renewal {
                period.ends_at = period.renewal.end_after(now);
            }
            period.topped_up = added;
            new.level.tokens = new.level.tokens.saturating_add(added);
        }
        // Python clients see a bypass and soft limits by the stamps only.
        let end = gates.stamp_ttl.end(now);
        let soft = self.resolution.soft_limits().into_iter();
        create.with_stamps(BucketStamps {
            bypassed_until: self.resolution.bypassed.then_some(end),
            soft_until: soft.map(|name| (name, end)).collect(),
            ..BucketStamps::default()
        })
    }

    /// Returns the operation with its record and its event, without the changes.
    async fn operation(
        &self,
        now: i64,
        shards: u32,
        amounts: BTreeMap<LimitName, i64>,
    ) -> Operation {
        let limiter = &self.call.limiter;
        let BucketKey {
            entity, resource, ..
        } = &self.call.bucket;
        let action = match self.wanted.kind() {
            OperationKind::Reset => AuditAction::BucketReset,
            OperationKind::TopUp => AuditAction::BucketToppedUp,
        };
        let subject = AuditSubject::Entity(entity.clone());
        let mut event = AuditEvent::new(&subject, action, limiter.system_time());
        event.resource = Some(resource.to_string());
        event.principal.clone_from(&self.call.principal);
        if let Value::Object(details) = json!({"amounts": amounts, "shards": shards}) {
            event.details = details;
        }
        let (event, expires_at) = limiter.signed(event, self.records).await;
        let record = OperationRecord::new(
            &self.key,
            self.wanted.kind(),
            &self.writer,
            self.incarnation(),
        );
        let record = record.with_result(shards, amounts);
        Operation::new(self.call.bucket.clone(), now, record, event, expires_at)
    }
}
