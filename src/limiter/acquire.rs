//! Acquiring a lease.
#![allow(clippy::disallowed_methods, reason = "no owner yet: the time left until a deadline")]

use std::{
    future::IntoFuture,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::{
    charge::{Charged, Charges, Charging, charge},
    deadline::Deadline,
    lease::Lease,
    prefetch::Prefetch,
    recourse,
    request::{Planned, Request},
};
use crate::{
    error::{Error, Unavailable},
    model::{Cost, Denied, IntoLimits},
    telemetry::{self, Begun, Watch},
};

/// Builds an acquire: await it for a [`Lease`].
///
/// A limit that no cost names is charged 1.
///
/// # Errors
/// [`Error::Denied`] if a limit is short, [`Error::ExceedsCapacity`] if the cost is above the capacity of a limit,
/// [`Error::Unavailable`] if the store gave no answer in time, [`Error::Invalid`] if an argument is wrong.
///
/// # Dropping
/// If the future is dropped while its write is in flight, another write gives the charge back. This is limited: in the
/// time in which a bucket refills from empty to full, a limiter gives back 16 such requests of it. The charges of
/// further ones stay. Otherwise a client that cancels its requests could make the limiter write for free, as often as
/// it likes. Requests that miss their deadline are always given back, and so are all requests in memory.
///
/// # Cost
/// One round trip and one write unit, shared with other requests of the bucket that wait at the same time. None if the
/// bucket is known to be short, or lives in memory.
///
/// If the stored limits and the parent of the entity are not cached, one more round trip before (a read of up to five
/// items), and another one when a parent is first discovered. The bucket of a parent costs another write unit; both are
/// written at the same time.
#[derive(Clone, Debug)]
#[must_use = "an acquire does nothing until it is awaited"]
pub struct Acquire {
    /// The error is boxed because a request is moved often.
    request: Result<Request, Box<Error>>,
}

impl Acquire {
    #[inline]
    pub(super) fn new(request: Result<Request, Box<Error>>) -> Self {
        Self { request }
    }

    /// Sets the limits of the bucket, whatever is stored: a [`Limit`](crate::Limit), an array or a vector of them, or
    /// [`Limits`](crate::Limits). They also apply to the parent's bucket if that is charged.
    ///
    /// If the stored bucket has other parameters for one of these limits, the write that grants the request changes
    /// them. A limit that only the bucket has stays as it is.
    #[inline]
    pub fn limits(mut self, limits: impl IntoLimits) -> Self {
        self.edit(|request| request.set_limits(limits));
        self
    }

    /// Sets the limits of the bucket for the case that none are stored.
    #[inline]
    pub fn default_limits(mut self, limits: impl IntoLimits) -> Self {
        self.edit(|request| request.set_default_limits(limits));
        self
    }

    /// Charges only the entity's own bucket, and does not look up whether the entity has a parent. Together with
    /// [`limits`](Self::limits), this saves one round trip for the first acquire of an entity and resource.
    pub fn without_parent(mut self) -> Self {
        self.edit(|request| {
            request.without_parent();
            Ok::<_, Error>(())
        });
        self
    }

    /// Grants from prefetched tokens, and prefetches them: see [`Prefetch`] for the cost. It has no effect in memory.
    pub fn prefetch(mut self, prefetch: Prefetch) -> Self {
        self.edit(|request| {
            request.set_prefetch(prefetch);
            Ok::<_, Error>(())
        });
        self
    }

    /// Charges the entity and its parent in one transaction, instead of two writes at the same time. If one of them is
    /// short, the other one is never charged, not even for the short time until it would be given back.
    ///
    /// Each acquire is a transaction of its own: it shares no write with others, and [prefetches](Self::prefetch)
    /// nothing. Transactions that conflict at a busy parent are repeated, up to twelve tries in all. Then the acquire
    /// fails with [`Unavailable::Contended`](crate::error::Unavailable::Contended). So this is for parents with a few
    /// acquires at a time. It has no effect in memory, or if the entity has no parent.
    ///
    /// With [`until_ready`](Self::until_ready) the transaction takes a place in both buckets. It succeeds only if both
    /// buckets still hold what it was planned with. If others have written meanwhile, it is planned again.
    ///
    /// # Cost
    /// One round trip and four write units instead of two. The first transaction of a bucket that this process has not
    /// seen yet reads the bucket before, and creates it if it does not exist.
    pub fn in_one_transaction(mut self) -> Self {
        self.edit(|request| {
            request.set_together();
            Ok::<_, Error>(())
        });
        self
    }

    /// Asks for `tokens` of the limit `name`.
    pub fn cost(mut self, name: impl AsRef<str>, tokens: u64) -> Self {
        self.edit(|request| request.add_cost(name.as_ref(), tokens));
        self
    }

    /// Asks for all amounts of `cost`.
    pub fn costs(mut self, cost: &Cost) -> Self {
        self.edit(|request| {
            request.add_costs(cost);
            Ok::<_, Error>(())
        });
        self
    }

    /// Sets the longest time that this acquire waits for the store, instead of the limiter's deadline. In milliseconds,
    /// rounded up.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.edit(|request| {
            request.set_deadline(deadline.into());
            Ok::<_, Error>(())
        });
        self
    }

    /// Acquires, runs `work` with the lease, and settles it. The lease is committed if `work` returns `Ok`, and rolled
    /// back if `work` returns `Err`, panics or is dropped.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let limits = Limit::per_minute("tpm", 1000);
    /// let answer = limiter
    ///     .acquire("user-1", "gpt-4")
    ///     .limits(limits)
    ///     .cost("tpm", 100)
    ///     .run(async |lease| {
    ///         lease.settle("tpm", 180)?;
    ///         Ok::<_, tollgate::Error>("answer")
    ///     })
    ///     .await?;
    /// assert_eq!(answer, "answer");
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of the acquire, converted to the error type of `work`, and those of `work`.
    pub async fn run<T, E>(self, work: impl AsyncFnOnce(&mut Lease) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        let mut lease = self.await?;
        let output = work(&mut lease).await?;
        lease.commit();
        Ok(output)
    }

    #[inline]
    pub(super) fn edit<E: Into<Error>>(&mut self, change: impl FnOnce(&mut Request) -> Result<(), E>) {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(Box::new(error.into()));
        }
    }

    /// Starts the acquire, and returns its result at once if it needs no store call.
    #[inline]
    pub(crate) fn start(self) -> Started {
        let begun = Begun::now();
        match self.request {
            Err(error) => Started::Done(Err(*error)),
            Ok(request) => match decide(&request) {
                None => start_slowly(request, begun),
                Some(decision) => Started::Done(answer(request, decision, begun)),
            },
        }
    }
}

/// Tries the simplest decision in memory, unless acquires are traced.
#[inline]
fn decide(request: &Request) -> Option<Result<i64, Box<Denied>>> {
    if telemetry::traces_acquires() {
        return None;
    }
    request.decide()
}

/// Turns a decision into a lease or an error.
#[inline]
fn answer(request: Request, decision: Result<i64, Box<Denied>>, begun: Begun) -> Result<Lease, Error> {
    match decision {
        Err(denied) => Err(refused(denied, begun)),
        Ok(left) => {
            telemetry::decided_in_memory(begun, request.key().resource, None);
            request.grant(left).ok_or_else(|| Unavailable::Internal("a grant without a bucket").into())
        }
    }
}

#[cold]
pub(super) fn refused(denied: Box<Denied>, begun: Begun) -> Error {
    let error = Error::Denied(denied);
    if let Error::Denied(denied) = &error {
        telemetry::decided_in_memory(begun, &denied.resource, Some(&error));
    }
    error
}

/// Starts an acquire that was not decided in the simplest way.
#[inline(never)]
fn start_slowly(request: Request, begun: Begun) -> Started {
    if telemetry::traces_acquires() {
        return start_watching(request, begun);
    }
    match request.decide_any() {
        None => start_watching(request, begun),
        Some(Err(denied)) => Started::Done(Err(refused(denied, begun))),
        Some(Ok(shares)) => {
            telemetry::decided_in_memory(begun, request.key().resource, None);
            Started::Done(
                request.grant_any(shares).ok_or_else(|| Unavailable::Internal("a grant without a bucket").into()),
            )
        }
    }
}

/// Starts an acquire that was not decided in memory, or that is traced.
fn start_watching(request: Request, begun: Begun) -> Started {
    let watch = request.watch(begun);
    match watch.within(|| start_watched(request)) {
        Started::Done(result) => {
            watch.decided(false, is_degraded(&result), result.as_ref().err());
            Started::Done(result)
        }
        Started::Waiting(future) => {
            Started::Waiting(AcquireFuture(Stage::Watched(Box::new(Watched { future, watch: Some(watch) }))))
        }
    }
}

/// Returns `true` if the result is not a decision of the store.
fn is_degraded(result: &Result<Lease, Error>) -> bool {
    match result {
        Ok(lease) => lease.is_degraded(),
        Err(Error::Denied(denied)) => denied.degraded,
        Err(Error::Unavailable(_)) => true,
        Err(_) => false,
    }
}

fn start_watched(request: Request) -> Started {
    match request.recourse() {
        None => ask_plainly(request),
        Some(recourse) => {
            let recourse = recourse.clone();
            recourse::start(request, recourse)
        }
    }
}

/// Asks once, without the options that change the result.
pub(super) fn ask_plainly(request: Request) -> Started {
    let deadline = request.deadline();
    match request.plan() {
        Ok(Planned::Now(charges)) => begin(charges, deadline),
        Ok(Planned::Later(request)) => Started::Waiting(AcquireFuture::boxed(Box::pin(resolve(request)))),
        Err(error) => Started::Done(Err(error)),
    }
}

/// Looks up what is not cached yet, then charges, all within the deadline.
async fn resolve(request: Request) -> Result<Lease, Error> {
    let deadline = Duration::from(request.deadline());
    let mut timeout = request.timeout();
    let begun = tokio::time::Instant::now();
    let missed = request.clone();
    let mut resolving = std::pin::pin!(request.look_up(true));
    let charges = std::future::poll_fn(|context| {
        if let Poll::Ready(charges) = resolving.as_mut().poll(context) {
            return Poll::Ready(charges);
        }
        match &mut timeout {
            Some(timeout) => Pin::new(timeout).poll(context).map(|()| Err(missed.missed_deadline().into())),
            None => Poll::Pending,
        }
    })
    .await?;
    match begin(charges, deadline.saturating_sub(begun.elapsed()).into()) {
        Started::Done(result) => result,
        Started::Waiting(future) => future.await,
    }
}

fn begin(charges: Charges, deadline: Deadline) -> Started {
    match charge(charges, deadline) {
        Charged::Done(result) => Started::Done(result.map(|holdings| Lease::new(holdings, deadline))),
        Charged::Waiting(charging) => Started::Waiting(AcquireFuture(Stage::Charging(charging, deadline))),
    }
}

/// An acquire that was started.
#[derive(Debug)]
pub(crate) enum Started {
    Done(Result<Lease, Error>),
    Waiting(AcquireFuture),
}

/// The future of an [`Acquire`].
#[must_use = "a future does nothing until it is awaited"]
pub struct AcquireFuture(Stage);

/// The next step of an acquire.
enum Stage {
    /// It has not been polled yet.
    New(Request),
    /// Its arguments were wrong.
    Refused(Box<Error>),
    /// It looks up limits or a parent, or needs more than one answer.
    Boxed(Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send>>),
    /// It waits for its buckets.
    Charging(Box<Charging>, Deadline),
    /// It waits, and its outcome is reported to the telemetry.
    Watched(Box<Watched>),
    /// It has returned its result.
    Done,
}

/// An acquire whose outcome is reported to the telemetry.
struct Watched {
    future: AcquireFuture,
    watch: Option<Watch>,
}

impl Watched {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Lease, Error>> {
        let Some(watch) = &self.watch else { return Poll::Pending };
        let polled = watch.within(|| Pin::new(&mut self.future).poll(context));
        if let (Poll::Ready(result), Some(watch)) = (&polled, self.watch.take_if(|_| polled.is_ready())) {
            watch.decided(true, is_degraded(result), result.as_ref().err());
        }
        polled
    }
}

impl std::fmt::Debug for AcquireFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Stage::New(..) => "AcquireFuture::New",
            Stage::Refused(_) => "AcquireFuture::Refused",
            Stage::Boxed(_) => "AcquireFuture::Boxed",
            Stage::Charging(..) => "AcquireFuture::Charging",
            Stage::Watched(_) => "AcquireFuture::Watched",
            Stage::Done => "AcquireFuture::Done",
        })
    }
}

impl Future for AcquireFuture {
    type Output = Result<Lease, Error>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let begun = Begun::now();
        if let Stage::New(request) = &self.0
            && let Some(decision) = decide(request)
            && let Stage::New(request) = std::mem::replace(&mut self.0, Stage::Done)
        {
            return Poll::Ready(answer(request, decision, begun));
        }
        let mut slow = Poll::Pending;
        self.poll_slowly(context, begun, &mut slow);
        slow
    }
}

impl AcquireFuture {
    pub(super) fn boxed(future: Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send>>) -> Self {
        Self(Stage::Boxed(future))
    }

    /// Polls an acquire that was not decided at once. It writes its result to `answer`: if it returned the result, the
    /// simplest decision would share that place, and would write it to memory in pieces and read it at once, which
    /// stalls the processor.
    #[inline(never)]
    fn poll_slowly(&mut self, context: &mut Context<'_>, begun: Begun, answer: &mut Poll<Result<Lease, Error>>) {
        *answer = self.poll_any(context, begun);
    }

    #[inline(always)]
    fn poll_any(&mut self, context: &mut Context<'_>, begun: Begun) -> Poll<Result<Lease, Error>> {
        self.0 = match std::mem::replace(&mut self.0, Stage::Done) {
            Stage::New(request) => match start_slowly(request, begun) {
                Started::Done(result) => return Poll::Ready(result),
                Started::Waiting(future) => future.0,
            },
            Stage::Refused(error) => return Poll::Ready(Err(*error)),
            stage => stage,
        };
        match &mut self.0 {
            Stage::Boxed(future) => future.as_mut().poll(context),
            Stage::Charging(charging, deadline) => {
                let deadline = *deadline;
                Pin::new(charging).poll(context).map(|result| Ok(Lease::new(result?, deadline)))
            }
            Stage::Watched(watched) => watched.poll(context),
            // It was polled again after it was ready: nothing is left to wait for.
            Stage::New(_) | Stage::Refused(_) | Stage::Done => Poll::Pending,
        }
    }
}

impl IntoFuture for Acquire {
    type Output = Result<Lease, Error>;
    type IntoFuture = AcquireFuture;

    #[inline]
    fn into_future(self) -> AcquireFuture {
        AcquireFuture(match self.request {
            Ok(request) => Stage::New(request),
            Err(error) => Stage::Refused(error),
        })
    }
}
