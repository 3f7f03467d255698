//! Operations on whole buckets: reset and top-up.

use std::{collections::BTreeMap, future::IntoFuture, pin::Pin};

use crate::{
    error::{Error, Invalid},
    limiter::{
        admin::operation::{Call, Wanted, operate},
        api::RateLimiter,
    },
    model::{BucketKey, BucketOperation, EntityId, IntoName, LimitName, Resource},
};

/// The most tokens that one top-up adds to a limit.
const MOST_ADDED: u64 = 1_000_000_000_000_000;

/// The longest idempotency key.
const LONGEST_KEY: usize = 64;

/// Operations on whole buckets. Returned by [`RateLimiter::buckets`].
///
/// An operation changes all shards of a bucket at once, or nothing. Requests that are granted at
/// the same time stay charged: what they take is not given back by a reset.
#[derive(Clone, Debug)]
pub struct BucketOperations {
    limiter: RateLimiter,
}

impl RateLimiter {
    /// Returns the operations on whole buckets.
    pub fn buckets(&self) -> BucketOperations {
        BucketOperations {
            limiter: self.clone(),
        }
    }
}

impl BucketOperations {
    /// Gives a bucket its whole amounts again: a token bucket is full, without debts; a calendar
    /// quota begins its current period anew; the session of a session quota ends, and the next
    /// charge begins one. Await the returned [`BucketReset`].
    ///
    /// The parent's bucket and other resources stay as they are. A bucket that does not exist is
    /// not created: its first request finds it full. What leases that were granted before the reset
    /// give back to a quota is dropped.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, model::ConfigScope};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let monthly = Limit::quota("tokens", 1000).monthly("UTC")?;
    /// limiter.config().set(ConfigScope::system(), [monthly]).await?;
    /// limiter.acquire("user-1", "gpt-4").cost("tokens", 900).await?.commit();
    ///
    /// let reset = limiter.buckets().reset("user-1", "gpt-4").by("support").await?;
    /// assert_eq!(reset.amount("tokens"), 900);
    /// limiter.acquire("user-1", "gpt-4").cost("tokens", 1000).await?.commit();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset<E, R>(&self, entity: E, resource: R) -> BucketReset
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        BucketReset {
            call: self.call(entity, resource),
            limits: Ok(None),
        }
    }

    /// Adds whole tokens to limits of a bucket. Await the returned [`BucketTopUp`].
    ///
    /// A quota gets exactly the amount, even above its own, until its period ends. If no session
    /// of a session quota runs, one begins. A token bucket is filled up to its capacity at most:
    /// that is a refund and no purchase. The result says how much each limit got.
    ///
    /// If the bucket does not exist, it is created: quotas have their whole amount and the added
    /// tokens; token buckets are full and get nothing.
    ///
    /// Use an [idempotency key](BucketTopUp::idempotency_key), for example the id of the purchase:
    /// without one, a call that is repeated after an error may add the tokens twice.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, model::ConfigScope};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let monthly = Limit::quota("tokens", 1000).monthly("UTC")?;
    /// limiter.config().set(ConfigScope::system(), [monthly]).await?;
    /// limiter.acquire("user-1", "gpt-4").cost("tokens", 1000).await?.commit();
    ///
    /// let buckets = limiter.buckets();
    /// let top_up = || buckets.top_up("user-1", "gpt-4", [("tokens", 500)]).idempotency_key("order-17");
    /// assert_eq!(top_up().await?.amount("tokens"), 500);
    /// assert!(top_up().await?.is_repeat); // and nothing was added
    /// limiter.acquire("user-1", "gpt-4").cost("tokens", 500).await?.commit();
    /// assert!(limiter.acquire("user-1", "gpt-4").cost("tokens", 1).await.is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn top_up<E, R, N>(
        &self,
        entity: E,
        resource: R,
        amounts: impl IntoIterator<Item = (N, u64)>,
    ) -> BucketTopUp
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
        N: IntoName<LimitName>,
    {
        let mut sums: Result<BTreeMap<LimitName, i64>, Error> = Ok(BTreeMap::new());
        for (name, amount) in amounts {
            sums = sums.and_then(|mut sums| {
                let name = name.into_name().map_err(Error::from)?;
                let amount = i64::try_from(amount).unwrap_or(i64::MAX);
                let sum = sums.entry(name).or_insert(0);
                *sum = sum.saturating_add(amount);
                Ok(sums)
            });
        }
        BucketTopUp {
            call: self.call(entity, resource),
            amounts: sums,
        }
    }

    fn call<E, R>(&self, entity: E, resource: R) -> Result<Call, Error>
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        let bucket = BucketKey::new(
            entity.into_name().map_err(Error::from)?,
            resource.into_name().map_err(Error::from)?,
        );
        Ok(Call {
            limiter: self.limiter.clone(),
            bucket,
            key: None,
            principal: None,
        })
    }
}

/// Builds a [reset](BucketOperations::reset): await it for the [`BucketOperation`].
///
/// # Errors
/// [`Invalid::UnknownLimit`] for a limit that neither the stored limits nor the bucket have;
/// [`Invalid::IdempotencyKey`], [`Invalid::KeyUsed`], [`Invalid::Name`] for invalid arguments;
/// [`Invalid::NotUnderstood`] if newer clients use attributes that this version does not know.
/// [`Error::Unavailable`] if the store fails: then the bucket may have been reset, and the call can
/// be repeated with the same idempotency key.
///
/// # Cost
/// Three round trips: the stored limits, the shards, one transaction. One more with an idempotency
/// key, one more for buckets of more than two shards. Two write units for each shard, the record
/// and the event of the history.
#[derive(Clone, Debug)]
#[must_use = "a reset does nothing until it is awaited"]
pub struct BucketReset {
    call: Result<Call, Error>,
    limits: Result<Option<Vec<LimitName>>, Error>,
}

/// Builds a [top-up](BucketOperations::top_up): await it for the [`BucketOperation`].
///
/// # Errors
/// [`Invalid::TopUp`] for amounts of 0 or above 10^15; [`Invalid::UnknownLimit`] for a limit that
/// neither the stored limits nor the bucket have; [`Invalid::NotInBucket`] for a stored limit that
/// the bucket does not have yet; [`Invalid::IdempotencyKey`], [`Invalid::KeyUsed`],
/// [`Invalid::Name`] for invalid arguments; [`Invalid::NotUnderstood`] if newer clients use
/// attributes that this version does not know. [`Error::Disabled`] if the bucket does not exist and
/// the resource is disabled. [`Error::Unavailable`] if the store fails: then the tokens may have
/// been added, and the call can be repeated with the same idempotency key. It also fails, with a
/// [`Rejected`](crate::store::StoreErrorKind::Rejected) store error, if the table's functions are
/// older than 0.17.0 and would take the tokens away.
///
/// # Cost
/// As for a [`BucketReset`]. A top-up of a quota has one more round trip, which reads the table's
/// version.
#[derive(Clone, Debug)]
#[must_use = "a top-up does nothing until it is awaited"]
pub struct BucketTopUp {
    call: Result<Call, Error>,
    amounts: Result<BTreeMap<LimitName, i64>, Error>,
}

impl BucketReset {
    /// Resets these limits only. Default: all limits that are stored for the bucket; if none are
    /// stored, all limits of the bucket.
    pub fn limits<N>(mut self, names: impl IntoIterator<Item = N>) -> Self
    where
        N: IntoName<LimitName>,
    {
        let names = names.into_iter().map(IntoName::into_name);
        let names: Result<Vec<LimitName>, _> = names.collect();
        self.limits = names.map(Some).map_err(Error::from);
        self
    }

    /// Names the operation. For three days, a call with the same key for the same bucket returns the
    /// result of the first one and changes nothing, even if its amounts differ. 1 to 64 letters,
    /// digits, `.`, `_`, `:` or `-`.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        name(&mut self.call, key.into());
        self
    }

    /// Sets the identity that the history shows. Default: that of the limiter.
    pub fn by(mut self, principal: impl Into<String>) -> Self {
        if let Ok(call) = &mut self.call {
            call.principal = Some(principal.into());
        }
        self
    }

    async fn run(self) -> Result<BucketOperation, Error> {
        let limits = self.limits?;
        operate(self.call?, Wanted::Reset(limits)).await
    }
}

impl BucketTopUp {
    /// Names the operation: see [`BucketReset::idempotency_key`].
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        name(&mut self.call, key.into());
        self
    }

    /// Sets the identity that the history shows. Default: that of the limiter.
    pub fn by(mut self, principal: impl Into<String>) -> Self {
        if let Ok(call) = &mut self.call {
            call.principal = Some(principal.into());
        }
        self
    }

    async fn run(self) -> Result<BucketOperation, Error> {
        let amounts = self.amounts?;
        let is_valid = |amount: &i64| {
            u64::try_from(*amount).is_ok_and(|amount| (1..=MOST_ADDED).contains(&amount))
        };
        if amounts.is_empty() || !amounts.values().all(is_valid) {
            return Err(Invalid::TopUp.into());
        }
        operate(self.call?, Wanted::TopUp(amounts)).await
    }
}

/// Sets the key of a call, or its error if the key is invalid.
fn name(call: &mut Result<Call, Error>, key: String) {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    let Ok(known) = call else {
        return;
    };
    if (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(is_valid) {
        known.key = Some(key);
    } else {
        *call = Err(Invalid::IdempotencyKey(key).into());
    }
}

impl IntoFuture for BucketReset {
    type Output = Result<BucketOperation, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl IntoFuture for BucketTopUp {
    type Output = Result<BucketOperation, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
