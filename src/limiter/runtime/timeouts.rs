//! The deadlines of all requests that wait, with one timer for all of them.
//!
//! A timer of the runtime for each deadline would be set and dropped for every request. If such a
//! timer is the nearest one, setting it wakes the thread that waits for the network. Most deadlines
//! are never reached. So one task, the timer task, sleeps until the first deadline and then looks
//! which requests still wait.
//!
//! A runtime of one thread stands still while no thread drives it, and the timer task stands still
//! too. If a request waits outside of such a runtime, a separate thread checks the deadlines as
//! well.
#![allow(
    clippy::disallowed_methods,
    reason = "the queue of all deadlines keeps the time, and has a task and a thread of its own"
)]

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread::{self, Thread},
    time::Duration,
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::finally::Finally;

/// The shortest interval between two looks of the timer task: a deadline is late by this much at
/// most.
const LEAST: Duration = Duration::from_millis(2);

/// The longest interval between two looks while a request waits. The timer task outlives its
/// limiter by this much at most, and far timers of the store's client wake no thread.
const MOST: Duration = Duration::from_millis(100);

/// The deadlines of all requests that wait.
#[derive(Debug)]
pub(crate) struct DeadlineQueue {
    runtime: Handle,
    state: Mutex<QueueState>,
    /// Tells the timer task to look earlier than planned.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    /// The requests that wait, by deadline and number.
    waiting: BTreeMap<QueueKey, Waker>,
    /// The number of requests that have entered the queue so far.
    entered: u64,
    /// The time of the timer task's next look. `None` if there is no timer task.
    looks: Option<Instant>,
    /// The thread that also looks for waits that are due, if there is one, and the time of its next
    /// look.
    outside: Option<(Thread, Instant)>,
}

/// The deadline of a request, and a number that no other request has.
type QueueKey = (Instant, u64);

impl DeadlineQueue {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            state: Mutex::default(),
            earlier: Notify::new(),
        }
    }

    /// Returns a timeout that ends after `time`, late by the timer task's shortest interval at
    /// most. The timeout enters the queue at its first poll.
    pub(crate) fn timeout(self: &Arc<Self>, time: Duration) -> Timeout {
        let now = Instant::now();
        // The time is too far away to be represented: as good as never.
        let until = now
            .checked_add(time)
            .unwrap_or_else(|| now + Duration::from_secs(1 << 30));
        Timeout {
            waits: self.clone(),
            until,
            key: None,
        }
    }

    /// Lets the timer task end if no request waits any more.
    pub(crate) fn hurry(&self) {
        self.earlier.notify_one();
    }

    fn enter(self: &Arc<Self>, until: Instant, waker: Waker) -> QueueKey {
        let mut state = self.lock();
        let key = (until, state.entered);
        state.entered += 1;
        state.waiting.insert(key, waker);
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
        key
    }

    /// Starts the timer task: a task that ends the waits that are due, until no request waits. If
    /// its runtime is shut down, the task ends all waits.
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
                // The time is up, or an earlier deadline was added: look in both cases.
                let _ = timeout_at(next, waits.earlier.notified()).await;
            }
        });
    }

    /// Returns `true` if the caller is not the thread that drives the runtime. Then perhaps no
    /// thread drives the runtime.
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
        // If no thread can be started, only the timer task looks.
        state.outside = watching.ok().map(|handle| (handle.thread().clone(), until));
    }

    /// Ends the waits that are due. Returns the time until the next look if any request still
    /// waits.
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
    /// Ends all waits that are due at `now`, or all waits if `now` is `None`. Returns the wakers in
    /// the order of the deadlines, in which requests that wait for capacity start.
    fn end(&mut self, now: Option<Instant>) -> Vec<Waker> {
        let mut over = Vec::new();
        while let Some(first) = self.waiting.first_entry()
            && now.is_none_or(|now| first.key().0 <= now)
        {
            over.push(first.remove());
        }
        over
    }

    /// Returns the time of the next look, or `None` if no request waits.
    fn next(&self, now: Instant) -> Option<Instant> {
        let ((first, _), _) = self.waiting.first_key_value()?;
        Some((*first).clamp(now + LEAST, now + MOST))
    }

    /// Sets and returns the time of the timer task's next look.
    fn plan(&mut self, now: Instant) -> Option<Instant> {
        self.looks = self.next(now);
        self.looks
    }
}

/// A wait for a deadline. Dropping it means that the deadline is not needed any more.
#[derive(Debug)]
#[must_use = "it ends nothing by itself"]
pub(crate) struct Timeout {
    waits: Arc<DeadlineQueue>,
    until: Instant,
    /// `None` until the timeout enters the queue.
    key: Option<QueueKey>,
}

impl Timeout {
    /// Returns the time at which the timeout ends.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }
}

impl Future for Timeout {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(key) = self.key else {
            self.key = Some(self.waits.enter(self.until, context.waker().clone()));
            return Poll::Pending;
        };
        let mut state = self.waits.lock();
        let Some(waker) = state.waiting.get_mut(&key) else {
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
        if let Some(key) = self.key {
            // The waker must not be dropped under the lock.
            let left = self.waits.lock().waiting.remove(&key);
            drop(left);
        }
    }
}
