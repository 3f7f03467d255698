//! Requests for a bucket of several shards: one shard serves them, or several in one transaction.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{
    bucket::{Asked, Bucket, Refusal, Verdict},
    charge::Mode,
    gate::{Gate, Image},
    lease::{Amounts, Grant},
};
use crate::{
    error::Unavailable,
    model::{
        LimitStatus, Limits,
        plan::{self, Seen},
    },
    store::{StoreError, StoreErrorKind},
};

/// How often a transaction is tried that others come before.
const MOST_DRAWS: u32 = 8;

/// How long a request is rather told to wait for one shard than drawn from several: a transaction costs
/// two write units for each.
const WORTH_WAITING: Duration = Duration::from_millis(250);

/// What is asked of a bucket.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) limits: Limits,
    pub(super) mode: Mode,
    pub(super) amounts: Amounts,
    /// Until when somebody waits.
    pub(super) until: Instant,
}

/// Where the limits stand, if all shards were seen a short time ago and are short together, and the request
/// may not have it from what was taken ahead.
pub(super) fn known_denial(
    first: &Arc<Gate>,
    limits: &Limits,
    mode: &Mode,
    amounts: &[i64],
) -> Option<Vec<LimitStatus>> {
    let gates = first.all();
    if mode.prefetch.is_some() && gates.iter().any(|gate| gate.holds_ahead(limits, amounts)) {
        return None;
    }
    let images: Option<Vec<Image>> = gates.iter().map(|gate| gate.fresh_image()).collect();
    let statuses = statuses(&images?, limits, amounts, first.now());
    statuses.iter().any(LimitStatus::exceeded).then_some(statuses)
}

/// Where the limits stand, as far as the shards were seen.
pub(super) fn glance(first: &Arc<Gate>, limits: &Limits, amounts: &[i64]) -> Vec<LimitStatus> {
    let images: Vec<Image> = first.all().iter().filter_map(|gate| gate.image()).collect();
    statuses(&images, limits, amounts, first.now())
}

/// Where the limits stand, after a fresh read of every shard.
pub(super) async fn read(first: &Arc<Gate>, limits: &Limits, amounts: &[i64]) -> Result<Vec<LimitStatus>, Unavailable> {
    let images: Vec<Image> = read_all(&first.all(), true).await?.into_iter().flatten().collect();
    Ok(statuses(&images, limits, amounts, first.now()))
}

fn statuses(images: &[Image], limits: &Limits, amounts: &[i64], now: i64) -> Vec<LimitStatus> {
    plan::statuses_of_shards(&seen(images), limits, amounts, now)
}

fn seen(images: &[Image]) -> Vec<Seen<'_>> {
    images.iter().map(|image| (&image.bucket, &image.pending)).collect()
}

/// Asks the shard that granted last, then the one that seems to hold most; then all of them together,
/// where no single one will hold enough soon.
///
/// Not each in turn: where a bucket is short, all of its shards are, and hundreds of processes that try
/// every one of them would get less done than on a single item.
pub(super) async fn acquire(first: Arc<Gate>, ask: Ask) -> Verdict {
    if let Some(refusal) = first.known_refusal() {
        return Verdict::Refused(refusal);
    }
    let gates = first.all();
    let home = &gates[first.preferred() % gates.len()];
    let mut denials = Vec::new();
    if home.may_grant(&ask.limits, &ask.mode, &ask.amounts) {
        match ask_one(&first, home, &ask).await {
            Verdict::Denied(statuses) => denials.push(statuses),
            verdict => return verdict,
        }
    }
    if first.explores() {
        // Once in a while: what others have left elsewhere.
        let _ = read_all(&gates, false).await;
    }
    let others =
        gates.iter().filter(|gate| !Arc::ptr_eq(gate, home) && gate.may_grant(&ask.limits, &ask.mode, &ask.amounts));
    if let Some(other) = others.max_by_key(|gate| gate.headroom(&ask.limits, &ask.amounts)) {
        match ask_one(&first, other, &ask).await {
            Verdict::Denied(statuses) => denials.push(statuses),
            verdict => return verdict,
        }
    }
    if let Some(statuses) = known_denial(&first, &ask.limits, &ask.mode, &ask.amounts) {
        return Verdict::Denied(statuses);
    }
    if let Some(statuses) = soon(&first, &gates, denials, &ask) {
        return Verdict::Denied(statuses);
    }
    // No caller's drop cancels it: a grant that nobody takes gives itself back.
    let (reply, answer) = oneshot::channel();
    first.spawn({
        let first = first.clone();
        async move {
            let _ = reply.send(draw(&first, &ask).await);
        }
    });
    answer.await.unwrap_or(Verdict::Unavailable(Unavailable::ShutDown))
}

async fn ask_one(first: &Gate, gate: &Arc<Gate>, ask: &Ask) -> Verdict {
    let left = ask.until.saturating_duration_since(Instant::now());
    let verdict = match gate.acquire(&ask.limits, &ask.mode, &ask.amounts, left.into()) {
        Ok(answer) => answer.await,
        Err(Asked::Granted(shares)) => {
            let bucket = Bucket::Gated { gate: gate.clone(), limits: ask.limits.clone() };
            Verdict::Granted(Grant::new(bucket, shares))
        }
        Err(Asked::Denied(statuses)) => Verdict::Denied(statuses),
        Err(Asked::Refused(refusal)) => Verdict::Refused(refusal),
        Err(Asked::Unavailable(error)) => Verdict::Unavailable(error),
        // Gates answer at once, or give an answer to wait for: that.
        Err(Asked::Waiting(_)) => Verdict::Unavailable(Unavailable::ShutDown),
    };
    if let Verdict::Granted(_) = verdict {
        first.prefer(gate.key().shard);
    }
    verdict
}

/// The denial of a request that one shard alone will have enough for soon: that costs less than drawing
/// from several at once.
fn soon(first: &Arc<Gate>, gates: &[Arc<Gate>], denials: Vec<Vec<LimitStatus>>, ask: &Ask) -> Option<Vec<LimitStatus>> {
    let seen = gates.iter().filter(|gate| gate.image().is_some()).map(|gate| gate.glance(&ask.limits, &ask.amounts));
    let wait = |statuses: &Vec<LimitStatus>| {
        let waits: Option<Vec<Duration>> = statuses.iter().map(|status| status.retry_after).collect();
        waits.and_then(|waits| waits.into_iter().max()).filter(|wait| !wait.is_zero())
    };
    let denials = denials.into_iter().chain(seen).filter_map(|statuses| Some((wait(&statuses)?, statuses)));
    let (wait, statuses) = denials.min_by_key(|(wait, _)| *wait)?;
    if wait > WORTH_WAITING {
        return None;
    }
    // Of what is not short, all shards together tell.
    let all = glance(first, &ask.limits, &ask.amounts);
    Some(all.into_iter().zip(statuses).map(|(all, one)| if one.exceeded() { one } else { all }).collect())
}

/// Draws from several shards in one transaction.
async fn draw(first: &Arc<Gate>, ask: &Ask) -> Verdict {
    for attempt in 0..MOST_DRAWS {
        let gates = first.all();
        let images = match read_all(&gates, attempt > 0).await {
            Ok(images) => images,
            Err(error) => return Verdict::Unavailable(error),
        };
        // A shard that is missing holds nothing.
        let (gates, images): (Vec<_>, Vec<_>) =
            gates.into_iter().zip(images).filter_map(|(gate, image)| Some((gate, image?))).unzip();
        if let Some(refusal) = images.iter().find_map(|image| Refusal::of(&image.bucket)) {
            return Verdict::Refused(refusal);
        }
        let now = first.now();
        let Some(parts) = plan::draw(&seen(&images), &ask.limits, &ask.amounts, now) else {
            return Verdict::Denied(statuses(&images, &ask.limits, &ask.amounts, now));
        };
        let mut drawn = Vec::new();
        let mut updates = Vec::new();
        for ((gate, image), part) in gates.into_iter().zip(&images).zip(parts) {
            if part.iter().any(|amount| *amount > 0) {
                updates.push((gate.key().clone(), gate.plan_spend(&image.bucket, &ask.limits, &ask.mode, &part, now)));
                drawn.push((Bucket::Gated { gate, limits: ask.limits.clone() }, part));
            }
        }
        match first.transact(&updates).await {
            Ok(true) => {
                let left = statuses(&images, &ask.limits, &[], now);
                let left = left.iter().zip(&ask.amounts);
                let left = left.map(|(status, amount)| status.available.saturating_mul(1000).saturating_sub(*amount));
                let left = left.collect();
                return Verdict::Granted(Grant::drawn(drawn, left));
            }
            Ok(false) => {}
            Err(error) if error.kind() == StoreErrorKind::Busy => {
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=4 << attempt.min(4)))).await;
            }
            Err(error) => return Verdict::Unavailable(Unavailable::Store(error)),
        }
    }
    Verdict::Unavailable(Unavailable::Contended)
}

/// The shards as they are; `None` for one that is missing. Those that were seen a short time ago are
/// not read again, unless all are `anew`.
async fn read_all(gates: &[Arc<Gate>], anew: bool) -> Result<Vec<Option<Image>>, Unavailable> {
    // All at once, in the limiter's own runtime.
    let reads: Vec<_> = gates
        .iter()
        .map(|gate| match gate.fresh_image().filter(|_| !anew) {
            Some(image) => Ok(image),
            None => {
                let (reply, answer) = oneshot::channel::<Result<Option<Image>, StoreError>>();
                let reading = gate.clone();
                gate.spawn(async move {
                    let _ = reply.send(reading.look().await);
                });
                Err(answer)
            }
        })
        .collect();
    let mut images = Vec::with_capacity(gates.len());
    for read in reads {
        images.push(match read {
            Ok(image) => Some(image),
            Err(answer) => answer.await.map_err(|_| Unavailable::ShutDown)?.map_err(Unavailable::Store)?,
        });
    }
    Ok(images)
}
