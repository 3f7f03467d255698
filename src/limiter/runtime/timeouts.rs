//! The deadlines of all requests that wait, with one timer for all of them.
//!
//! A timer of the runtime for each deadline would be set and dropped for every request. If such a
//! timer is the nearest one, setting it wakes the thread that waits for the network. Most deadlines
//! are never reached. So one task, the watchman, sleeps until the first deadline and then looks
//! which requests still wait.
//!
//! A runtime of one thread stands still while no thread drives it, and the watchman stands still
//! too. If a request waits outside of such a runtime, a separate thread checks the deadlines as
//! well.
#![allow(
    clippy::disallowed_methods,
    reason = "the queue of all deadlines keeps the time, and has a task and a thread of its own"
)]

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread::{self, Thread},
    time::Duration,
};

use super::finally::Finally;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Notify,
    time::{Instant, timeout_at},
};

/// The shortest interval between two looks of the watchman: a deadline is late by this much at
/// most.
const LEAST: Duration = Duration::from_millis(2);

/// The longest interval between two looks while a request waits. The watchman outlives its limiter
/// by this much at most, and far timers of the store's client wake no thread.
const MOST: Duration = Duration::from_millis(100);

/// The deadlines of all requests that wait.
#[derive(Debug)]
pub(crate) struct DeadlineQueue {
    runtime: Handle,
    state: Mutex<QueueState>,
    /// Tells the watchman to look earlier than planned.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    places: Vec<TimerSlot>,
    /// The free places.
    free: Vec<u32>,
    /// The time of the watchman's next look. `None` if there is no watchman.
    looks: Option<Instant>,
    /// The thread that looks too, if there is one, and the time of its next look.
    outside: Option<(Thread, Instant)>,
}

#[derive(Debug)]
enum TimerSlot {
    Free,
    Waiting(Instant, Waker),
    Over,
}

impl DeadlineQueue {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            state: Mutex::default(),
            earlier: Notify::new(),
        }
    }

    /// Returns a timeout that ends after `time`, late by the watchman's shortest interval at most.
    /// It takes a place in the list at its first poll.
    pub(crate) fn timeout(self: &Arc<Self>, time: Duration) -> Timeout {
        let now = Instant::now();
        // The time is too far away to be represented: as good as never.
        let until = now
            .checked_add(time)
            .unwrap_or_else(|| now + Duration::from_secs(1 << 30));
        Timeout {
            waits: self.clone(),
            until,
            place: None,
        }
    }

    /// Lets the watchman end if no request waits any more.
    pub(crate) fn hurry(&self) {
        self.earlier.notify_one();
    }

    fn enter(self: &Arc<Self>, until: Instant, waker: Waker) -> u32 {
        let mut state = self.lock();
        let place = state.enter(until, waker);
        if self.may_stand_still() {
            self.watch_outside(&mut state, until);
        }
        match state.looks {
            Some(looks) if looks <= until + LEAST => {}
            Some(_) => {
                state.looks = Some(until);
                drop(state);
                self.earlier.notify_one();
            }
            None => {
                state.looks = Some(until);
                drop(state);
                self.watch();
            }
        }
        place
    }

    /// Starts the watchman: a task that ends waits that are due, until no request waits. If its
    /// runtime is shut down, it ends all waits.
    fn watch(self: &Arc<Self>) {
        let waits = self.clone();
        let end = Finally::new(move |ended| {
            if !ended {
                let over = {
                    let mut state = waits.lock();
                    state.looks = None;
                    state.end(None)
                };
                over.into_iter().for_each(Waker::wake);
            }
        });
        let waits = self.clone();
        self.runtime.spawn(async move {
            loop {
                let now = Instant::now();
                let (over, next) = {
                    let mut state = waits.lock();
                    (state.end(Some(now)), state.plan(now))
                };
                // Wake without the lock: a task that is woken may need it.
                over.into_iter().for_each(Waker::wake);
                let Some(next) = next else {
                    return end.ended();
                };
                // Whether the time is up or an earlier deadline came: it is time to look.
                let _ = timeout_at(next, waits.earlier.notified()).await;
            }
        });
    }

    /// Returns `true` if the caller is not the thread that drives the runtime, so that perhaps no
    /// thread does.
    fn may_stand_still(&self) -> bool {
        let lonely = matches!(self.runtime.runtime_flavor(), RuntimeFlavor::CurrentThread);
        lonely && Handle::try_current().map_or(true, |current| current.id() != self.runtime.id())
    }

    /// Lets a thread look too while any request waits.
    #[cold]
    fn watch_outside(self: &Arc<Self>, state: &mut QueueState, until: Instant) {
        if let Some((thread, looks)) = &mut state.outside {
            if *looks > until + LEAST {
                *looks = until;
                thread.unpark();
            }
            return;
        }
        let waits = self.clone();
        let watching = thread::Builder::new()
            .name("tollgate-deadlines".into())
            .spawn(move || {
                while let Some(pause) = waits.look() {
                    thread::park_timeout(pause);
                }
            });
        // If no thread can be started, only the watchman looks.
        state.outside = watching.ok().map(|handle| (handle.thread().clone(), until));
    }

    /// Ends what is due. Returns the time until the next look if any request still waits.
    fn look(&self) -> Option<Duration> {
        let now = Instant::now();
        let (over, next) = {
            let mut state = self.lock();
            let over = state.end(Some(now));
            let next = state.next(now);
            state.outside = state
                .outside
                .take()
                .zip(next)
                .map(|((thread, _), next)| (thread, next));
            (over, next)
        };
        over.into_iter().for_each(Waker::wake);
        next.map(|next| next.saturating_duration_since(now))
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    fn enter(&mut self, until: Instant, waker: Waker) -> u32 {
        let entry = TimerSlot::Waiting(until, waker);
        if let Some(free) = self.free.pop()
            && let Some(place) = self.places.get_mut(free as usize)
        {
            *place = entry;
            return free;
        }
        self.places.push(entry);
        // Memory ends long before there are as many places.
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    /// Frees a place and returns its content, which must not be dropped under the lock.
    fn leave(&mut self, place: u32) -> Option<TimerSlot> {
        let left = std::mem::replace(self.places.get_mut(place as usize)?, TimerSlot::Free);
        self.free.push(place);
        Some(left)
    }

    /// Ends all waits that are due at `now`, or all waits if `now` is `None`. Returns the wakers.
    fn end(&mut self, now: Option<Instant>) -> Vec<Waker> {
        let mut over = Vec::new();
        for place in &mut self.places {
            if let TimerSlot::Waiting(until, _) = place
                && now.is_none_or(|now| *until <= now)
                && let TimerSlot::Waiting(until, waker) = std::mem::replace(place, TimerSlot::Over)
            {
                over.push((until, waker));
            }
        }
        // Requests that wait for capacity start in the order of their times.
        over.sort_by_key(|(until, _)| *until);
        over.into_iter().map(|(_, waker)| waker).collect()
    }

    /// Returns the time of the next look, or `None` if no request waits.
    fn next(&self, now: Instant) -> Option<Instant> {
        let waiting = self.places.iter().filter_map(|place| match place {
            TimerSlot::Waiting(until, _) => Some(*until),
            _ => None,
        });
        waiting
            .min()
            .map(|first| first.clamp(now + LEAST, now + MOST))
    }

    /// Sets and returns the time of the watchman's next look.
    fn plan(&mut self, now: Instant) -> Option<Instant> {
        self.looks = self.next(now);
        if self.free.len() == self.places.len() {
            // All places are free: release the memory of a burst.
            (self.places, self.free) = Default::default();
        }
        self.looks
    }
}

/// A wait for a deadline. Dropping it means that the deadline is not needed any more.
#[derive(Debug)]
#[must_use = "it ends nothing by itself"]
pub(crate) struct Timeout {
    waits: Arc<DeadlineQueue>,
    until: Instant,
    place: Option<u32>,
}

impl Timeout {
    /// Returns the time at which it ends.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }
}

impl Future for Timeout {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(place) = self.place else {
            self.place = Some(self.waits.enter(self.until, context.waker().clone()));
            return Poll::Pending;
        };
        let mut state = self.waits.lock();
        let Some(TimerSlot::Waiting(_, waker)) = state.places.get_mut(place as usize) else {
            return Poll::Ready(());
        };
        if !waker.will_wake(context.waker()) {
            let before = std::mem::replace(waker, context.waker().clone());
            drop(state);
            drop(before);
        }
        Poll::Pending
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let left = self.waits.lock().leave(place);
            drop(left);
        }
    }
}
