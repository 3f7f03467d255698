//! Asking for a lease.

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

/// An acquire that is being put together: await it for a [`Lease`].
///
/// A limit that no cost names is charged 1.
///
/// # Errors
/// [`Error::Denied`] where a limit is short, [`Error::ExceedsCapacity`] where it could never be
/// granted, [`Error::Unavailable`] where the store gave no answer in time, [`Error::Invalid`]
/// where an argument is wrong.
///
/// # Dropping
/// If the future is dropped before there is an answer, what a write under way charges is given back, by another write.
/// That is not without bound: in the time in which a bucket fills, a limiter gives back 16 such requests of it; what
/// others were charged stays. Whoever cancels could else make it write for nothing, as often as they like. Requests that
/// miss their deadline are always given back, and in memory all are.
///
/// # Cost
/// One round trip and one write unit, shared with other requests of the bucket that wait at the
/// same time; none where the bucket is known to be short, or lives in memory.
///
/// One round trip before (a read of up to five items) where the entity's stored limits and parent
/// are not known yet, and one more where a parent is first discovered. A parent's bucket costs
/// another write unit, at the same time.
#[derive(Clone, Debug)]
#[must_use = "an acquire does nothing until it is awaited"]
pub struct Acquire {
    /// The error boxed: a request is moved often.
    request: Result<Request, Box<Error>>,
}

impl Acquire {
    #[inline]
    pub(super) fn new(request: Result<Request, Box<Error>>) -> Self {
        Self { request }
    }

    /// The limits of the bucket, whatever is stored: a [`Limit`](crate::Limit), an array or a
    /// vector of them, or [`Limits`](crate::Limits). They hold for the parent's bucket too, where it is charged.
    ///
    /// Where the stored bucket has other parameters for one of them, the write that grants the
    /// request changes them; a limit that only the bucket has stays as it is.
    #[inline]
    pub fn limits(mut self, limits: impl IntoLimits) -> Self {
        self.edit(|request| request.set_limits(limits));
        self
    }

    /// The limits of the bucket where none are stored.
    #[inline]
    pub fn default_limits(mut self, limits: impl IntoLimits) -> Self {
        self.edit(|request| request.set_default_limits(limits));
        self
    }

    /// Charges the entity's own bucket alone, and does not look whether it has a parent: with
    /// limits of the caller's own that saves the first acquire of an entity and resource one round trip.
    pub fn without_parent(mut self) -> Self {
        self.edit(|request| {
            request.without_parent();
            Ok::<_, Error>(())
        });
        self
    }

    /// Grants from tokens that were taken ahead, and takes them ahead: see [`Prefetch`] for what it
    /// costs. In memory it changes nothing.
    pub fn prefetch(mut self, prefetch: Prefetch) -> Self {
        self.edit(|request| {
            request.set_prefetch(prefetch);
            Ok::<_, Error>(())
        });
        self
    }

    /// Charges the entity and its parent in one transaction, instead of two writes at the same time: where
    /// one is short, others never see the other one charged, not even until it is given back.
    ///
    /// Each acquire is a transaction of its own: it shares no write with others, and takes nothing
    /// [ahead](Self::prefetch). Those that meet at a busy parent are repeated, up to twelve times, then it is
    /// [`Unavailable::Contended`](crate::error::Unavailable::Contended): for parents of a few acquires at a time. For an
    /// entity without a parent it changes nothing, nor in memory.
    ///
    /// With [`until_ready`](Self::until_ready) the transaction takes a place in both buckets. It must find in them what was
    /// seen before: if others have written meanwhile, it is planned again.
    ///
    /// # Cost
    /// One round trip and four write units instead of two; the first one for a bucket that this process has not
    /// seen yet reads it before, and makes it where there is none.
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

    /// The longest that this acquire waits for the store, instead of the limiter's deadline. In
    /// milliseconds, rounded up.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.edit(|request| {
            request.set_deadline(deadline.into());
            Ok::<_, Error>(())
        });
        self
    }

    /// Acquires, runs `work` with the lease, and settles: committed where it returns `Ok`, rolled
    /// back where it returns `Err`, panics or is dropped.
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
    /// Those of the acquire, as the error type of `work`; and those of `work`.
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

    /// Starts, and says at once what needs no store call.
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

/// What is decided in the simplest way, unless somebody traces it.
#[inline]
fn decide(request: &Request) -> Option<Result<i64, Box<Denied>>> {
    if telemetry::traces_acquires() {
        return None;
    }
    request.decide()
}

/// What was decided, as a lease.
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

/// As [`Acquire::start`], for whatever is not decided in the simplest way.
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

/// As [`start_slowly`], for whatever has no answer in place, or is traced.
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

/// Returns `true` if the store has not decided.
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

/// Asks once, and takes the answer as it is.
pub(super) fn ask_plainly(request: Request) -> Started {
    let deadline = request.deadline();
    match request.plan() {
        Ok(Planned::Now(charges)) => begin(charges, deadline),
        Ok(Planned::Later(request)) => Started::Waiting(AcquireFuture::boxed(Box::pin(resolve(request)))),
        Err(error) => Started::Done(Err(error)),
    }
}

/// Looks up what is not known yet, then charges. All of it within the deadline.
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

/// An [`Acquire`] under way.
#[must_use = "a future does nothing until it is awaited"]
pub struct AcquireFuture(Stage);

/// What an acquire waits for.
enum Stage {
    /// For the first poll.
    New(Request),
    /// For nothing: its arguments were wrong.
    Refused(Box<Error>),
    /// For limits or a parent that are not known yet, or for more than one answer.
    Boxed(Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send>>),
    /// For the buckets.
    Charging(Box<Charging>, Deadline),
    /// As one of the others, and somebody wants to know how it ends.
    Watched(Box<Watched>),
    /// For nothing any more.
    Done,
}

/// An acquire that is watched until it is decided.
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

    /// As any other poll. The answer has a place of its own: shared with the simplest one, that would be put
    /// together in memory too, and read at once, which stalls the processor.
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
            // Polled again after it was ready: nothing is left to wait for.
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
