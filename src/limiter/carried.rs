//! Work that its caller carries: polled by the task that waits for it, as long as nobody else does.
//!
//! That saves what a task of its own costs: to be started, and to wake its caller when it is done. And yet
//! nobody depends on the caller. The work becomes a task of the limiter's runtime as soon as
//!
//! - its caller is dropped, or is polled elsewhere than in a task of that runtime;
//! - somebody else needs it: the caller may not be polled for as long as it likes;
//! - the limiter is shut down.

use std::{
    fmt, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use tokio::{runtime::Handle, task};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The caller's end. Dropped before the work is done: the rest is a task.
#[derive(Debug)]
#[must_use = "dropped, it is a task"]
pub(super) struct Carried(Arc<Load>);

/// Everybody else's end.
#[derive(Debug)]
pub(super) struct Handover(Arc<Load>);

#[derive(Debug)]
struct Load {
    runtime: Handle,
    state: Mutex<State>,
}

enum State {
    /// Between two polls: what is left to do, and whom it will wake.
    Waiting(Task, Option<Waker>),
    /// Its caller polls it. Whether the rest becomes a task.
    Polled { handed_over: bool },
    /// Done, or a task.
    Gone,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting(..) => "Waiting",
            Self::Polled { .. } => "Polled",
            Self::Gone => "Gone",
        })
    }
}

impl Carried {
    pub(super) fn handover(&self) -> Handover {
        Handover(self.0.clone())
    }

    /// Goes on with it. Ready where nothing is left to do here: it is done, or a task.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some((mut task, waker)) = self.0.begin() else { return Poll::Ready(()) };
        if self.0.is_at_home() {
            if task.as_mut().poll(context).is_ready() {
                self.0.end();
                return Poll::Ready(());
            }
            let waker = waker.filter(|waker| waker.will_wake(context.waker()));
            let waker = waker.unwrap_or_else(|| context.waker().clone());
            match self.0.keep(task, waker) {
                None => return Poll::Pending,
                Some(handed_over) => task = handed_over,
            }
        } else {
            self.0.end();
        }
        self.0.runtime.spawn(task);
        Poll::Ready(())
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if let Some((task, _)) = self.0.take() {
            self.0.runtime.spawn(task);
        }
    }
}

impl Handover {
    /// Makes it a task, if it is not done.
    pub(super) fn hand_over(self) {
        self.0.hand_over();
    }
}

impl Load {
    /// Whether this is a task of the runtime: while it is polled, that is not shut down.
    fn is_at_home(&self) -> bool {
        task::try_id().is_some() && Handle::try_current().is_ok_and(|current| current.id() == self.runtime.id())
    }

    /// Takes it for a poll, if it is there.
    fn begin(&self) -> Option<(Task, Option<Waker>)> {
        let mut state = self.lock();
        match mem::replace(&mut *state, State::Polled { handed_over: false }) {
            State::Waiting(task, waker) => Some((task, waker)),
            State::Polled { .. } | State::Gone => {
                *state = State::Gone;
                None
            }
        }
    }

    /// Keeps it until the next poll; or gives it back, if it was handed over meanwhile.
    fn keep(&self, task: Task, waker: Waker) -> Option<Task> {
        let mut state = self.lock();
        if let State::Polled { handed_over: false } = *state {
            *state = State::Waiting(task, Some(waker));
            return None;
        }
        *state = State::Gone;
        Some(task)
    }

    fn end(&self) {
        *self.lock() = State::Gone;
    }

    /// Takes it for good; where it is polled just now, as soon as that is over.
    fn take(&self) -> Option<(Task, Option<Waker>)> {
        let mut state = self.lock();
        match mem::replace(&mut *state, State::Gone) {
            State::Waiting(task, waker) => return Some((task, waker)),
            State::Polled { .. } => *state = State::Polled { handed_over: true },
            State::Gone => {}
        }
        None
    }

    fn hand_over(&self) {
        if let Some((task, waker)) = self.take() {
            self.runtime.spawn(task);
            // It waits for the answer from now on.
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What callers of a limiter carry.
#[derive(Debug, Default)]
pub(super) struct Loads(Mutex<Vec<Weak<Load>>>);

/// So many are noted without looking which of them are done.
const LEAST_ROOM: usize = 16;

impl Loads {
    /// Work for its caller to carry, in `runtime`.
    pub(super) fn add(&self, runtime: Handle, task: Task) -> Carried {
        let load = Arc::new(Load { runtime, state: Mutex::new(State::Waiting(task, None)) });
        let mut loads = self.lock();
        if loads.len() == loads.capacity() {
            loads.retain(|load| load.strong_count() > 0);
            // Twice the room that they take: to look costs no more than to note them.
            let more = loads.len().max(LEAST_ROOM);
            loads.shrink_to_fit();
            loads.reserve_exact(more);
        }
        loads.push(Arc::downgrade(&load));
        Carried(load)
    }

    /// Makes tasks of all.
    pub(super) fn hand_over(&self) {
        let loads = mem::take(&mut *self.lock());
        loads.iter().filter_map(Weak::upgrade).for_each(|load| load.hand_over());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Load>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
