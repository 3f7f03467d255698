//! Waiting for capacity, first come first served.
//!
//! | event | store calls |
//! |---|---|
//! | nobody waits for the bucket, and it has the tokens | those of the acquire |
//! | it does not | none more until the time that the denial gives, then one |
//! | others wait already | none until they have been granted, then one |

mod forecast;
mod line;

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, Sleep};

pub(crate) use line::Lines;

use self::line::{Place, Step};
use super::{
    lease::Lease,
    recourse::{Recourse, attempt},
    request::Request,
};
use crate::{
    error::{Error, Invalid, QueueFull},
    model::{Denied, KeyParts, LimitStatus},
    telemetry,
};

/// How long to wait for capacity, and how many may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) most: Duration,
    pub(crate) waiters: usize,
}

impl Wait {
    /// How many may wait for one bucket, where nobody says otherwise.
    pub(crate) const WAITERS: usize = 100;
}

/// The shortest sleep: denials count in ms, and a clock may lag a little behind the timer.
const LEAST: Duration = Duration::from_millis(1);

/// Waits until the request is granted, or cannot be in time. `denial` is what it met, if it has asked.
pub(super) async fn wait(
    request: &Request,
    recourse: &Arc<Recourse>,
    wait: Wait,
    denial: Option<Box<Denied>>,
) -> Result<Lease, Error> {
    let waited = telemetry::Waited::begin();
    let result = stand_in_line(request, recourse, wait, denial).await;
    waited.end(result.is_ok());
    result
}

async fn stand_in_line(
    request: &Request,
    recourse: &Arc<Recourse>,
    wait: Wait,
    denial: Option<Box<Denied>>,
) -> Result<Lease, Error> {
    let until = Instant::now().checked_add(wait.most);
    let line = Waiting { request, recourse, until };
    let place = match request.lines().enter(request.key(), request.cost(), wait.waiters) {
        Ok(place) => place,
        Err(waiters) => {
            let expected = request.lines().expected(request.key(), request.cost());
            let known = expected.or(denial.map(|denial| denial.limits)).unwrap_or_default();
            return Err(QueueFull::new(waiters, denied(request.key(), known)).into());
        }
    };
    let mut step = match denial {
        // It came first, or as many asked at once.
        Some(denial) => line.after(&place, denial)?,
        None => Step::Queue,
    };
    loop {
        match step {
            Step::Ask => match attempt(request, recourse, None).await {
                Ok(lease) => {
                    place.granted(line.enforced(lease.statuses()));
                    return Ok(lease);
                }
                Err(Error::Denied(denial)) => step = line.after(&place, denial)?,
                Err(error) => return Err(error),
            },
            Step::Sleep(time) => {
                if !line.is_in_time(time) {
                    return Err(line.late(&place));
                }
                line.timer(time.max(LEAST))?.await;
                step = place.woke();
            }
            Step::Queue => {
                let told = place.expected(request.cost());
                if told.is_some_and(|limits| !line.is_in_time(longest(&limits))) {
                    return Err(line.late(&place));
                }
                step = match line.turn(&place).await? {
                    Some(step) => step,
                    None => return Err(line.late(&place)),
                };
            }
        }
    }
}

/// One who waits.
struct Waiting<'a> {
    request: &'a Request,
    recourse: &'a Recourse,
    /// `None`: as long as it takes.
    until: Option<Instant>,
}

impl Waiting<'_> {
    /// What comes after a denial.
    fn after(&self, place: &Place<'_>, denial: Box<Denied>) -> Result<Step, Error> {
        let Some(time) = denial.retry_after().filter(|time| self.is_in_time(*time)) else {
            return Err(Error::Denied(denial));
        };
        Ok(place.denied(self.enforced(denial.limits.into_iter()), time))
    }

    /// Nobody waits for limits that only observe.
    fn enforced(&self, limits: impl Iterator<Item = LimitStatus>) -> Vec<LimitStatus> {
        limits.filter(|status| !self.recourse.shadow.covers(status.limit.name())).collect()
    }

    fn is_in_time(&self, wait: Duration) -> bool {
        match (self.until, Instant::now().checked_add(wait)) {
            (Some(until), Some(ready)) => ready <= until,
            (Some(_), None) => false,
            (None, _) => true,
        }
    }

    /// The denial of one who cannot be served in time.
    fn late(&self, place: &Place<'_>) -> Error {
        let known = place.expected(self.request.cost()).unwrap_or_default();
        denied(self.request.key(), known).into()
    }

    /// What it is told to do; `None` where the time is over before.
    async fn turn(&self, place: &Place<'_>) -> Result<Option<Step>, Error> {
        let Some(until) = self.until else {
            return Ok(Some(place.told().await));
        };
        let timer = self.timer(until.saturating_duration_since(Instant::now()))?;
        tokio::pin!(timer);
        let told = place.told();
        tokio::pin!(told);
        Ok(std::future::poll_fn(|context| {
            if let std::task::Poll::Ready(step) = told.as_mut().poll(context) {
                return std::task::Poll::Ready(Some(step));
            }
            timer.as_mut().poll(context).map(|()| None)
        })
        .await)
    }

    /// A timer, wherever it is made.
    fn timer(&self, time: Duration) -> Result<Sleep, Error> {
        if self.request.is_in_memory() && tokio::runtime::Handle::try_current().is_err() {
            return Err(Invalid::NoRuntime.into());
        }
        Ok(self.request.timer(time))
    }
}

fn longest(limits: &[LimitStatus]) -> Duration {
    limits.iter().filter_map(|status| status.retry_after).max().unwrap_or_default()
}

fn denied(KeyParts { entity, resource, .. }: KeyParts<'_>, limits: Vec<LimitStatus>) -> Denied {
    Denied::new(entity.clone(), resource.clone(), limits)
}
