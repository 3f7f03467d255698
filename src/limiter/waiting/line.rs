//! Who waits for which bucket, in the order in which they came. No I/O, no time of its own.
//!
//! Somebody of a line is always busy with it: the first one sleeps until its cost is there, or some
//! ask for it. A grant tells what is left, so as many of the next as that is enough for ask together,
//! and the first one that it is not enough for knows how long to sleep.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::forecast::{asked, times_until};
use crate::model::{BucketKey, Cost, KeyParts, LimitStatus};

/// The lines of a limiter: one for each bucket that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: Mutex<HashMap<BucketKey, Line>>,
    /// How many there are.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Line {
    members: VecDeque<Member>,
    next_ticket: u64,
    /// Where the limits stood when they were last heard of.
    seen: Option<(Vec<LimitStatus>, Instant)>,
}

#[derive(Debug)]
struct Member {
    ticket: u64,
    cost: Cost,
    phase: Phase,
    /// What it is told to do next.
    told: Option<Step>,
    turn: Arc<Notify>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It asks for its tokens.
    Asking,
    /// It is the first, and waits until its tokens are there.
    Sleeping,
    /// It waits for its turn.
    Queued,
}

/// What one who waits does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Asks for its tokens.
    Ask,
    /// Sleeps until they are there.
    Sleep(Duration),
    /// Waits until it is told.
    Queue,
}

/// A place in a line. Dropped: the next one moves up.
#[derive(Debug)]
pub(super) struct Place<'a> {
    lines: &'a Lines,
    key: BucketKey,
    ticket: u64,
    turn: Arc<Notify>,
}

impl Lines {
    /// Whether nobody waits for the bucket.
    pub(in crate::limiter) fn is_clear(&self, key: KeyParts<'_>) -> bool {
        self.count.load(Ordering::Acquire) == 0 || !self.lock().contains_key(&key.to_key())
    }

    /// The last place of a bucket's line, unless as many as `most` have one: then how many there are.
    pub(super) fn enter(&self, key: KeyParts<'_>, cost: &Cost, most: usize) -> Result<Place<'_>, usize> {
        let key = key.to_key();
        let mut lines = self.lock();
        let waiting = lines.get(&key).map_or(0, |line| line.members.len());
        if waiting >= most {
            return Err(waiting);
        }
        let line = lines.entry(key.clone()).or_default();
        let (ticket, turn) = (line.next_ticket, Arc::new(Notify::new()));
        line.next_ticket += 1;
        let told = (waiting == 0).then_some(Step::Ask);
        let phase = if waiting == 0 { Phase::Asking } else { Phase::Queued };
        line.members.push_back(Member { ticket, cost: cost.clone(), phase, told, turn: turn.clone() });
        self.count.store(lines.len(), Ordering::Release);
        Ok(Place { lines: self, key, ticket, turn })
    }

    /// Where the limits stand for somebody who came last, as far as is known.
    pub(super) fn expected(&self, key: KeyParts<'_>, cost: &Cost) -> Option<Vec<LimitStatus>> {
        self.lock().get(&key.to_key())?.expected(u64::MAX, cost)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BucketKey, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// What to do next, once that is known.
    pub(super) async fn told(&self) -> Step {
        loop {
            if let Some(step) = self.with(|line| line.member(self.ticket)?.told.take()) {
                return step;
            }
            self.turn.notified().await;
        }
    }

    /// What to do next, for one who has slept.
    pub(super) fn woke(&self) -> Step {
        self.with(|line| Some(line.woke(self.ticket))).unwrap_or(Step::Ask)
    }

    /// What to do next, for one who was denied.
    pub(super) fn denied(&self, limits: Vec<LimitStatus>, wait: Duration) -> Step {
        self.with(|line| {
            line.saw(limits);
            Some(line.denied(self.ticket, wait))
        })
        .unwrap_or(Step::Sleep(wait))
    }

    /// Tells the next ones what a grant has left.
    pub(super) fn granted(self, limits: Vec<LimitStatus>) {
        self.with(|line| {
            line.saw(limits);
            line.members.retain(|member| member.ticket != self.ticket);
            line.move_up(true);
            Some(())
        });
    }

    /// Where the limits stand for it and all who came before, as far as is known.
    pub(super) fn expected(&self, cost: &Cost) -> Option<Vec<LimitStatus>> {
        self.with(|line| line.expected(self.ticket, cost))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Line) -> Option<T>) -> Option<T> {
        act(self.lines.lock().get_mut(&self.key)?)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.lines.lock();
        let Some(line) = lines.get_mut(&self.key) else { return };
        let before = line.members.len();
        line.members.retain(|member| member.ticket != self.ticket);
        if line.members.len() != before {
            line.move_up(false);
        }
        if line.members.is_empty() {
            lines.remove(&self.key);
            self.lines.count.store(lines.len(), Ordering::Release);
        }
    }
}

impl Line {
    fn member(&mut self, ticket: u64) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.ticket == ticket)
    }

    fn saw(&mut self, limits: Vec<LimitStatus>) {
        self.seen = Some((limits, Instant::now()));
    }

    /// Whether somebody who came earlier does not ask.
    fn is_behind(&self, ticket: u64) -> bool {
        self.members.iter().take_while(|member| member.ticket < ticket).any(|member| member.phase != Phase::Asking)
    }

    fn denied(&mut self, ticket: u64, wait: Duration) -> Step {
        let behind = self.is_behind(ticket);
        let Some(member) = self.member(ticket) else { return Step::Sleep(wait) };
        member.phase = if behind { Phase::Queued } else { Phase::Sleeping };
        member.told = None;
        if behind { Step::Queue } else { Step::Sleep(wait) }
    }

    fn woke(&mut self, ticket: u64) -> Step {
        let behind = self.is_behind(ticket);
        let Some(member) = self.member(ticket) else { return Step::Ask };
        member.phase = if behind { Phase::Queued } else { Phase::Asking };
        if behind { Step::Queue } else { Step::Ask }
    }

    /// Tells the first ones of those who wait what to do. `knows`: what a grant has left was just seen.
    fn move_up(&mut self, knows: bool) {
        let mut asking: Vec<Cost> = Vec::new();
        for index in 0..self.members.len() {
            let member = &self.members[index];
            match member.phase {
                Phase::Asking => asking.push(member.cost.clone()),
                // It knows when.
                Phase::Sleeping => return,
                Phase::Queued => {
                    let wait = match (&self.seen, knows) {
                        (Some((limits, _)), true) => {
                            let all = times_until(limits, asking.iter().chain([&member.cost]));
                            all.max().unwrap_or_default()
                        }
                        // Nothing is known: one alone finds out, once nobody else is about to.
                        _ if asking.is_empty() => Duration::ZERO,
                        _ => return,
                    };
                    let cost = member.cost.clone();
                    let member = &mut self.members[index];
                    if wait.is_zero() {
                        member.tell(Phase::Asking, Step::Ask);
                        asking.push(cost);
                    } else if asking.is_empty() {
                        member.tell(Phase::Sleeping, Step::Sleep(wait));
                        return;
                    } else {
                        // What those who ask are told says more.
                        return;
                    }
                }
            }
            if !knows && !asking.is_empty() {
                return;
            }
        }
    }

    /// Where the limits stand for a request, after all who came before it.
    fn expected(&self, ticket: u64, cost: &Cost) -> Option<Vec<LimitStatus>> {
        let (limits, at) = self.seen.as_ref()?;
        let ahead = self.members.iter().take_while(|member| member.ticket < ticket).map(|member| &member.cost);
        let gone = at.elapsed();
        let times = times_until(limits, ahead.chain([cost]));
        let status = |(status, time): (&LimitStatus, Duration)| LimitStatus {
            requested: asked(cost, status),
            retry_after: Some(time.saturating_sub(gone)),
            ..status.clone()
        };
        Some(limits.iter().zip(times).map(status).collect())
    }
}

impl Member {
    fn tell(&mut self, phase: Phase, step: Step) {
        self.phase = phase;
        self.told = Some(step);
        self.turn.notify_one();
    }
}
