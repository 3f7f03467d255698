//! The slot for a request's lease, which the layer and handlers share.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use smallvec::SmallVec;

use crate::layer::{
    Outcome, Policy, RateLimitStatus, ShadowVerdict,
    headers::{PartitionKey, PartitionKeys},
};
use crate::{
    error::{Error, Invalid},
    limiter::{Lease, LeasePartMut, LeftOfOne, More, PartIndex, RateLimiter},
    model::{LimitName, LimitStatus, Limits},
    telemetry::{nothing_charged, settle_value_absurd},
};

/// The slot for a request's lease. Dropping it commits the lease.
pub(crate) struct LeaseSlot {
    state: Mutex<State>,
    policy: Policy,
    /// The lease of the layer around this one. The link does not keep it open.
    outer: OnceLock<Weak<LeaseSlot>>,
}

/// The state of the request's lease.
enum State {
    /// The lease is held.
    Lease(TrackedLease),
    /// The handler has not acquired it yet.
    Open,
    /// There is no lease: the request passed uncharged.
    Uncharged(Box<RateLimitStatus>),
    /// The lease was rolled back.
    Closed,
}

/// A lease, and the marks of its limits.
struct TrackedLease {
    lease: Lease,
    /// The marks of the request's own resource.
    own: Marks,
    /// The marks of the resources that the policy charges in addition.
    also: Box<[Marks]>,
}

/// Three sets of limits of one resource. A set has one bit for each [position](Lease::position).
#[derive(Clone, Copy, Default)]
struct Marks {
    /// Limits that rules leave alone, because a handler has set them or because they were given
    /// back.
    fixed: u32,
    /// Limits whose real use is known.
    known: u32,
    /// Limits for which a rule has found more than a request can have used.
    absurd: u32,
}

/// The future of an acquire for more tokens.
pub(crate) type TopUpFuture = Pin<Box<dyn Future<Output = Result<More, Error>> + Send>>;

impl TrackedLease {
    fn new(lease: Lease) -> Self {
        let also = (1..lease.parts()).map(|_| Marks::default()).collect();
        Self {
            lease,
            own: Marks::default(),
            also,
        }
    }

    /// Returns `true` if the request was charged nothing, and neither a rule nor a handler has said
    /// that it has used nothing.
    fn charges_nothing(&self) -> bool {
        let told = |marks: &Marks| marks.fixed | marks.known | marks.absurd != 0;
        let is_told = told(&self.own) || self.also.iter().any(told);
        !is_told && self.lease.uses_nothing()
    }

    /// Returns the bit of a limit; 0 for limits beyond the first 32 of its resource. Nothing is
    /// recorded about those, so rules always settle them.
    fn bit(&self, part: PartIndex, limit: &str) -> u32 {
        let position = self
            .lease
            .part_at(part)
            .position(limit)
            .and_then(|position| u32::try_from(position).ok());
        position
            .and_then(|position| 1_u32.checked_shl(position))
            .unwrap_or(0)
    }

    fn marks(&mut self, part: PartIndex) -> &mut Marks {
        part.checked_sub(1)
            .and_then(|index| self.also.get_mut(index))
            .unwrap_or(&mut self.own)
    }

    fn all_marks(&mut self) -> impl Iterator<Item = &mut Marks> {
        std::iter::once(&mut self.own).chain(&mut self.also)
    }

    /// Learns from the lease, which is about to be committed.
    fn learn(&mut self, policy: &Policy) {
        for (part, cost) in policy.rules.costs() {
            let known = self.marks(part).known;
            cost.learn(self.lease.part_at(part), |limit| {
                known & self.bit(part, limit) != 0
            });
        }
    }
}

/// Shows no fields, because they contain the whole limiter.
impl fmt::Debug for LeaseSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseSlot").finish_non_exhaustive()
    }
}

impl Drop for LeaseSlot {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let State::Lease(mut tracked) = std::mem::replace(state, State::Closed) {
            // With a fixed cost of one token there is always a charge.
            if !self.policy.rules.plain.decision && tracked.charges_nothing() {
                nothing_charged(tracked.lease.resource());
            }
            tracked.learn(&self.policy);
            // The settlement is written even if its future is dropped.
            drop(tracked.lease.commit());
        }
    }
}

impl LeaseSlot {
    /// Links the lease to that of the layer around this one.
    pub(crate) fn stands_inside(&self, outer: Option<Weak<Self>>) {
        if let Some(outer) = outer {
            // A lease marks its request once.
            let _ = self.outer.set(outer);
        }
    }

    /// Returns the link to the lease of the layer around this one.
    pub(crate) fn outer(&self) -> Option<&Weak<Self>> {
        self.outer.get()
    }

    /// Returns true if this is a lease of this policy and limiter for the same entity and resource.
    /// Then the request has passed the same layer before.
    pub(crate) fn is_for(
        &self,
        policy: &Policy,
        limiter: &RateLimiter,
        entity: &str,
        resource: &str,
    ) -> bool {
        Arc::ptr_eq(&self.policy.rules, &policy.rules)
            && matches!(&*self.lock(), State::Lease(tracked) if {
                let lease = &tracked.lease;
                lease.entity().as_str() == entity && lease.resource().as_str() == resource && lease.is_of(limiter.engine())
            })
    }

    /// Creates the slot of a granted request.
    pub(crate) fn new(lease: Lease, policy: Policy) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::Lease(TrackedLease::new(lease))),
            policy,
            outer: OnceLock::new(),
        })
    }

    /// Creates the slot of a request that passes uncharged.
    pub(crate) fn uncharged(status: RateLimitStatus, policy: Policy) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::Uncharged(Box::new(status))),
            policy,
            outer: OnceLock::new(),
        })
    }

    /// Creates a slot whose lease the handler acquires.
    pub(crate) fn open(policy: Policy) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::Open),
            policy,
            outer: OnceLock::new(),
        })
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn fill(&self, lease: Lease) -> Result<(), Invalid> {
        if let Some(warnings) = &self.policy.rules.warnings {
            warnings.see(&lease);
        }
        self.fill_with(State::Lease(TrackedLease::new(lease)))
    }

    pub(crate) fn fill_uncharged(&self, status: RateLimitStatus) -> Result<(), Invalid> {
        self.fill_with(State::Uncharged(Box::new(status)))
    }

    fn fill_with(&self, filling: State) -> Result<(), Invalid> {
        let mut state = self.lock();
        match *state {
            State::Open => *state = filling,
            // The lease is dropped, which rolls it back.
            State::Closed => return Err(Invalid::LeaseClosed),
            State::Lease(_) | State::Uncharged(_) => return Err(Invalid::LeaseHeld),
        }
        Ok(())
    }

    pub(crate) fn is_degraded(&self) -> bool {
        match &*self.lock() {
            State::Lease(tracked) => tracked.lease.is_degraded(),
            State::Uncharged(status) => status.degraded,
            State::Open | State::Closed => false,
        }
    }

    pub(crate) fn status(&self) -> RateLimitStatus {
        match &*self.lock() {
            State::Lease(tracked) => RateLimitStatus::of(&tracked.lease),
            State::Uncharged(status) => (**status).clone(),
            State::Open => RateLimitStatus::open(),
            State::Closed => RateLimitStatus::undecided(),
        }
    }

    /// Returns the number of the part of the lease that belongs to `resource`. Returns 0 if the
    /// request passed uncharged: then the number has no effect.
    pub(crate) fn part_index(&self, resource: &str) -> Result<PartIndex, Invalid> {
        match &*self.lock() {
            State::Lease(tracked) => tracked.lease.part_index(resource),
            State::Uncharged(_) => Ok(0),
            State::Open | State::Closed => Err(Invalid::LeaseClosed),
        }
    }

    pub(crate) fn consumed(&self, part: PartIndex, name: &str) -> Option<u64> {
        self.of_lease(|lease| lease.part_at(part).consumed(name))
    }

    /// Returns the state of the limits of all resources; empty if there is no lease.
    pub(crate) fn statuses(&self) -> SmallVec<[LimitStatus; 1]> {
        let mut statuses = SmallVec::new();
        if let State::Lease(tracked) = &*self.lock() {
            // Faster than `collect`, because the loop runs inside the iterator.
            tracked
                .lease
                .each_status_of_all()
                .for_each(|status| statuses.push(status));
        }
        statuses
    }

    /// See [`Lease::left_of_one`].
    pub(crate) fn left_of_one(&self, limits: &Limits) -> Option<LeftOfOne> {
        self.of_lease(|lease| lease.left_of_one(limits))
    }

    /// Returns the verdict of the limits that only observe, if there are any.
    pub(crate) fn shadow_verdict(&self) -> Option<ShadowVerdict> {
        match &*self.lock() {
            State::Lease(tracked) => ShadowVerdict::of(&tracked.lease),
            State::Uncharged(status) => status.shadow.clone(),
            State::Open | State::Closed => None,
        }
    }

    /// Returns the time until the same request would be granted again, and the current time (epoch
    /// ms). `None` if it never would be granted, or if there is no lease.
    pub(crate) fn wait_for_the_same(&self) -> Option<(Duration, i64)> {
        self.of_lease(|lease| Some((lease.wait_for_the_same()?, lease.now())))
    }

    /// Returns the current time in epoch ms; 0 if there is no lease.
    pub(crate) fn now(&self) -> i64 {
        self.of_lease(|lease| Some(lease.now())).unwrap_or(0)
    }

    pub(crate) fn partition(&self, keys: &PartitionKeys) -> Option<PartitionKey> {
        self.of_lease(|lease| Some(keys.key(lease.entity(), lease.resource())))
    }

    /// Returns the tokens of the limit that are used beyond what was charged.
    pub(crate) fn overdraft(&self, name: &LimitName) -> u64 {
        self.of_lease(|lease| Some(lease.overdraft(name.as_str())))
            .unwrap_or(0)
    }

    /// Returns the tokens of the limit that a full bucket holds.
    pub(crate) fn capacity(&self, name: &LimitName) -> Option<u64> {
        self.of_lease(|lease| lease.capacity(name.as_str()))
    }

    /// Settles the limit to the amount that a rule has found, unless rules leave the limit alone,
    /// or the amount is more than a request can have used. Has no effect if the lease lacks the
    /// limit, as it may with stored limits.
    pub(crate) fn found(&self, part: PartIndex, limit: &LimitName, tokens: u64) {
        // The event is emitted after the lock is released, because its listeners may lock the
        // lease, too.
        if let Some(most) = self.take_found(part, limit, tokens) {
            settle_value_absurd(limit, most);
        }
    }

    /// Does what [`found`](Self::found) says. If the amount is more than a request can have used,
    /// and this was not reported before, returns the most that it can have used.
    fn take_found(&self, part: PartIndex, limit: &LimitName, tokens: u64) -> Option<u64> {
        let name = limit.as_str();
        let State::Lease(tracked) = &mut *self.lock() else {
            return None;
        };
        let bit = tracked.bit(part, name);
        let capacity = tracked.lease.part_at(part).capacity(name);
        let most = self.policy.rules.settlement(part).most(limit, capacity);
        let marks = tracked.marks(part);
        if marks.fixed & bit != 0 {
            return None;
        }
        if tokens > most {
            // Report it once, even if a streaming body exceeds the maximum with every frame.
            let is_news = marks.absurd & bit == 0;
            marks.absurd |= bit;
            return is_news.then_some(most);
        }
        if tracked.lease.part_at_mut(part).settle(name, tokens).is_ok() {
            tracked.marks(part).known |= bit;
        }
        None
    }

    /// Returns `true` if no rule has found an amount for the limit, and it was neither set by a
    /// handler nor given back.
    pub(crate) fn is_untold(&self, part: PartIndex, name: &LimitName) -> bool {
        let State::Lease(tracked) = &mut *self.lock() else {
            return false;
        };
        let bit = tracked.bit(part, name.as_str());
        let marks = tracked.marks(part);
        bit != 0 && (marks.known | marks.fixed | marks.absurd) & bit == 0
    }

    /// Applies a handler's change to the lease. Has no effect if the request passed uncharged.
    pub(crate) fn change(
        &self,
        part: PartIndex,
        name: &str,
        change: impl FnOnce(LeasePartMut<'_>) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        match &mut *self.lock() {
            State::Lease(tracked) => {
                change(tracked.lease.part_at_mut(part))?;
                let bit = tracked.bit(part, name);
                let marks = tracked.marks(part);
                marks.fixed |= bit;
                marks.known |= bit;
                Ok(())
            }
            State::Uncharged(_) => Ok(()),
            State::Open | State::Closed => Err(Invalid::LeaseClosed),
        }
    }

    /// Gives a limit back, for each resource that has it. Amounts that rules have found, or will
    /// find, do not count.
    pub(crate) fn refund(&self, name: &str) {
        let State::Lease(tracked) = &mut *self.lock() else {
            return;
        };
        for part in 0..tracked.lease.parts() {
            let bit = tracked.bit(part, name);
            // If the resource has no such limit, there is nothing to give back.
            let _ = tracked.lease.part_at_mut(part).settle(name, 0);
            let marks = tracked.marks(part);
            marks.fixed |= bit;
            marks.known &= !bit;
        }
    }

    /// Gives everything back. Amounts that rules have found, or will find, do not count.
    pub(crate) fn refund_all(&self) {
        let State::Lease(tracked) = &mut *self.lock() else {
            return;
        };
        tracked.lease.settle_all(0);
        for marks in tracked.all_marks() {
            (marks.fixed, marks.known) = (u32::MAX, 0);
        }
    }

    /// Asks for more of these limits of a part, all or none. The future does not hold the lock.
    /// Returns `None` if the request passed uncharged.
    pub(crate) fn ask(
        &self,
        part: PartIndex,
        cost: &[(&str, u64)],
    ) -> Result<Option<TopUpFuture>, Error> {
        match &*self.lock() {
            State::Lease(tracked) => Ok(Some(Box::pin(tracked.lease.ask_all(part, cost)?))),
            State::Uncharged(_) => Ok(None),
            State::Open | State::Closed => Err(Invalid::LeaseClosed.into()),
        }
    }

    /// Adds what was granted to the lease. If there is no lease any more, the grant is dropped,
    /// which gives it back.
    pub(crate) fn absorb(&self, more: More) -> Result<(), Invalid> {
        match &mut *self.lock() {
            State::Lease(tracked) => {
                tracked.lease.absorb(more);
                Ok(())
            }
            _ => Err(Invalid::LeaseClosed),
        }
    }

    /// Does the same as [`absorb`](Self::absorb) for tokens that the lease already counts as used.
    pub(crate) fn absorb_used(&self, name: &LimitName, more: More) {
        if let State::Lease(tracked) = &mut *self.lock() {
            let used = tracked.lease.consumed(name.as_str()).unwrap_or(0);
            tracked.lease.absorb(more);
            // The lease has the limit, because more of it was granted.
            let _ = tracked.lease.settle(name.as_str(), used);
        }
    }

    pub(crate) fn rollback(&self) {
        let state = std::mem::replace(&mut *self.lock(), State::Closed);
        if let State::Lease(tracked) = state {
            drop(tracked.lease.rollback());
        }
    }

    /// Does what the policy says if the inner service fails.
    pub(crate) fn failed(&self) {
        self.end_by(&self.policy.rules.settlement.on_error);
    }

    /// Does what the policy says if the inner service panics.
    pub(crate) fn panicked(&self) {
        self.end_by(&self.policy.rules.settlement.on_panic);
    }

    fn end_by(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Keep => {}
            Outcome::Refund => self.rollback(),
            Outcome::RefundLimits(limits) => limits.iter().for_each(|limit| self.refund(limit)),
        }
    }

    fn of_lease<T>(&self, tell: impl FnOnce(&Lease) -> Option<T>) -> Option<T> {
        match &*self.lock() {
            State::Lease(tracked) => tell(&tracked.lease),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
