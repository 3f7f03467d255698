//! Deadlines of all that wait: one timer for all of them.
//!
//! A timer of the runtime for each of them would be set and dropped for every request, and where it is
//! the nearest one it wakes the thread that waits for the network. Mostly nothing comes to its deadline;
//! so one task, the watchman, sleeps until the first one, and looks then who still waits.
//!
//! A runtime of one thread stands still while nobody drives it, and its watchman with it. Whoever waits
//! outside of it then has a thread that watches, too.

use std::{
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

/// The watchman looks no more often than that: a deadline is at most so much late.
const LEAST: Duration = Duration::from_millis(2);

/// And no less often, where anything waits. It does not outlive its limiter by more, and timers of the
/// store's client that are further away wake nobody.
const MOST: Duration = Duration::from_millis(100);

/// Who waits, and until when.
#[derive(Debug)]
pub(super) struct Waits {
    runtime: Handle,
    state: Mutex<State>,
    /// That the watchman has to look earlier than it meant to.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct State {
    places: Vec<Place>,
    /// Those that are free.
    free: Vec<u32>,
    /// When the watchman looks next; `None` where there is none.
    looks: Option<Instant>,
    /// The thread that looks too, where there is one, and when it does next.
    outside: Option<(Thread, Instant)>,
}

#[derive(Debug)]
enum Place {
    Free,
    Waiting(Instant, Waker),
    Over,
}

impl Waits {
    pub(super) fn new(runtime: Handle) -> Self {
        Self { runtime, state: Mutex::default(), earlier: Notify::new() }
    }

    /// A wait that is over in `time`, to within the watchman's least interval. It costs a place in a list
    /// from its first poll on.
    pub(super) fn timeout(self: &Arc<Self>, time: Duration) -> Timeout {
        let now = Instant::now();
        // Too far away to be a time: as good as never.
        let until = now.checked_add(time).unwrap_or_else(|| now + Duration::from_secs(1 << 30));
        Timeout { waits: self.clone(), until, place: None }
    }

    /// Lets the watchman go where nothing waits any more.
    pub(super) fn hurry(&self) {
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
                self.runtime.spawn(Watchman { waits: self.clone(), gone: false }.watch());
            }
        }
        place
    }

    /// Returns `true` if it is not the caller who drives the runtime, so that perhaps nobody does.
    fn may_stand_still(&self) -> bool {
        let lonely = matches!(self.runtime.runtime_flavor(), RuntimeFlavor::CurrentThread);
        lonely && Handle::try_current().map_or(true, |current| current.id() != self.runtime.id())
    }

    /// Lets a thread look as long as anything waits.
    #[cold]
    fn watch_outside(self: &Arc<Self>, state: &mut State, until: Instant) {
        if let Some((thread, looks)) = &mut state.outside {
            if *looks > until + LEAST {
                *looks = until;
                thread.unpark();
            }
            return;
        }
        let waits = self.clone();
        let watching = thread::Builder::new().name("tollgate-deadlines".into()).spawn(move || {
            while let Some(pause) = waits.look() {
                thread::park_timeout(pause);
            }
        });
        // Without a thread the runtime has to do.
        state.outside = watching.ok().map(|handle| (handle.thread().clone(), until));
    }

    /// Ends what is due: how long to pause before the next look, if anything waits still.
    fn look(&self) -> Option<Duration> {
        let now = Instant::now();
        let (over, next) = {
            let mut state = self.lock();
            let over = state.end(Some(now));
            let next = state.next(now);
            state.outside = state.outside.take().zip(next).map(|((thread, _), next)| (thread, next));
            (over, next)
        };
        over.into_iter().for_each(Waker::wake);
        next.map(|next| next.saturating_duration_since(now))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, until: Instant, waker: Waker) -> u32 {
        let entry = Place::Waiting(until, waker);
        if let Some(free) = self.free.pop()
            && let Some(place) = self.places.get_mut(free as usize)
        {
            *place = entry;
            return free;
        }
        self.places.push(entry);
        // There is no room in memory for more.
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    /// What was there: not to be dropped under the lock.
    fn leave(&mut self, place: u32) -> Option<Place> {
        let left = std::mem::replace(self.places.get_mut(place as usize)?, Place::Free);
        self.free.push(place);
        Some(left)
    }

    /// Ends what is due at `now`, or everything: whom to wake.
    fn end(&mut self, now: Option<Instant>) -> Vec<Waker> {
        let mut over = Vec::new();
        for place in &mut self.places {
            if let Place::Waiting(until, _) = place
                && now.is_none_or(|now| *until <= now)
                && let Place::Waiting(_, waker) = std::mem::replace(place, Place::Over)
            {
                over.push(waker);
            }
        }
        over
    }

    /// When to look next; never where nothing waits.
    fn next(&self, now: Instant) -> Option<Instant> {
        let waiting = self.places.iter().filter_map(|place| match place {
            Place::Waiting(until, _) => Some(*until),
            _ => None,
        });
        waiting.min().map(|first| first.clamp(now + LEAST, now + MOST))
    }

    /// Notes when the watchman looks next.
    fn plan(&mut self, now: Instant) -> Option<Instant> {
        self.looks = self.next(now);
        if self.free.len() == self.places.len() {
            // What a crowd has left behind.
            (self.places, self.free) = Default::default();
        }
        self.looks
    }
}

/// A wait for a deadline. Dropped: it was not needed.
#[derive(Debug)]
#[must_use = "it ends nothing by itself"]
pub(super) struct Timeout {
    waits: Arc<Waits>,
    until: Instant,
    place: Option<u32>,
}

impl Timeout {
    /// When it is over.
    pub(super) fn until(&self) -> Instant {
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
        let Some(Place::Waiting(_, waker)) = state.places.get_mut(place as usize) else {
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

/// Looks who has waited long enough, as long as anybody waits. Dropped before: its runtime was shut down,
/// and nobody waits any longer.
struct Watchman {
    waits: Arc<Waits>,
    gone: bool,
}

impl Watchman {
    async fn watch(mut self) {
        loop {
            let now = Instant::now();
            let (over, next) = {
                let mut state = self.waits.lock();
                (state.end(Some(now)), state.plan(now))
            };
            // Under the lock, one of them might want it.
            over.into_iter().for_each(Waker::wake);
            let Some(next) = next else {
                self.gone = true;
                return;
            };
            // Either way it is time to look.
            let _ = timeout_at(next, self.waits.earlier.notified()).await;
        }
    }
}

impl Drop for Watchman {
    fn drop(&mut self) {
        if !self.gone {
            let over = {
                let mut state = self.waits.lock();
                state.looks = None;
                state.end(None)
            };
            over.into_iter().for_each(Waker::wake);
        }
    }
}
