//! A schedule of parameters that remembers its last windows.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
};

use super::{
    InvalidSchedule, LimitNumbers, Parameters, Schedule, ScheduleEntry, schedule::ReachedEntries,
};

/// The number of timetables that are remembered, so that limits and buckets share them.
const MOST_SHARED: usize = 1024;

/// The number of windows that a timetable remembers: some buckets are still in an earlier one.
const REMEMBERED: usize = 4;

/// A [`Schedule`] that remembers its last windows. Clones share it.
#[derive(Clone)]
pub struct Timetable(Arc<TimetableState>);

struct TimetableState {
    schedule: Schedule,
    compact: Box<str>,
    windows: Mutex<Windows>,
    /// The entries that are ever active, once somebody has asked.
    reach: OnceLock<ReachedEntries>,
}

/// The last windows, and the place of the next one.
#[derive(Default)]
struct Windows {
    known: [Window; REMEMBERED],
    next: usize,
}

/// A time in which the numbers of a limit stay. Epoch ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// A time in it, before which nothing is known.
    from: i64,
    /// Its end.
    pub(crate) until: i64,
    /// The index of the active entry; `None` if the limit's own numbers count.
    active: Option<usize>,
}

impl Timetable {
    /// Returns the timetable of a schedule. Limits with the same schedule share it.
    pub fn new(schedule: Schedule) -> Self {
        let compact: Box<str> = schedule.encode().into();
        let key = (compact.clone(), Box::<str>::from(schedule.zone()));
        let mut shared = shared();
        if let Some(known) = shared
            .get(&key)
            .filter(|known| known.0.schedule == schedule)
        {
            return known.clone();
        }
        let timetable = Self(Arc::new(TimetableState {
            schedule,
            compact,
            windows: Mutex::default(),
            reach: OnceLock::new(),
        }));
        if shared.len() >= MOST_SHARED {
            shared.clear();
        }
        shared.insert(key, timetable.clone());
        timetable
    }

    /// Decodes the form that a table stores. Buckets with the same schedule share it.
    ///
    /// # Errors
    /// The errors of [`Schedule::decode`].
    pub fn decode(compact: &str, zone: &str) -> Result<Self, InvalidSchedule> {
        let key = (Box::<str>::from(compact), Box::<str>::from(zone));
        if let Some(known) = shared().get(&key) {
            return Ok(known.clone());
        }
        Schedule::decode(compact, zone).map(Self::new)
    }

    /// Returns the schedule.
    pub fn schedule(&self) -> &Schedule {
        &self.0.schedule
    }

    /// Returns the name of the time zone.
    pub fn zone(&self) -> &str {
        self.0.schedule.zone()
    }

    /// Returns the form that a table stores.
    pub fn compact(&self) -> &str {
        &self.0.compact
    }

    /// Returns the window that contains `at`: epoch ms.
    pub(crate) fn window(&self, at: i64) -> Window {
        let windows = || {
            self.0
                .windows
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let contains = |window: &&Window| (window.from..window.until).contains(&at);
        if let Some(known) = windows().known.iter().find(contains) {
            return *known;
        }
        // Searched without the lock, which other threads need.
        let window = Window {
            from: at,
            until: self.0.schedule.next_boundary(at),
            active: self.0.schedule.active(at),
        };
        let mut windows = windows();
        let next = windows.next;
        windows.known[next % REMEMBERED] = window;
        windows.next = next.wrapping_add(1);
        window
    }

    /// Returns the parameters in a window.
    pub(crate) fn parameters_in(&self, base: Parameters, window: Window) -> Parameters {
        let entries = self.0.schedule.entries();
        match window.active.and_then(|index| entries.get(index)) {
            Some(entry) => base.adjusted(entry),
            None => base,
        }
    }

    /// Returns the parameters at `at`: epoch ms.
    pub(crate) fn parameters_at(&self, base: Parameters, at: i64) -> Parameters {
        self.parameters_in(base, self.window(at))
    }

    /// Returns the parameters that the limit has at some time: without those of entries that are
    /// never active, and without its own if some entry is always active.
    pub(crate) fn reached(&self, base: Parameters) -> impl Iterator<Item = Parameters> {
        let reach = *self.0.reach.get_or_init(|| self.0.schedule.reach());
        let kinds = std::iter::once(None).chain((0..).map(Some));
        let all = self.all(base).zip(kinds);
        all.filter(move |(_, entry)| reach.has(*entry))
            .map(|(parameters, _)| parameters)
    }

    /// Returns all parameters that the limit's numbers and its entries name.
    pub(crate) fn all(&self, base: Parameters) -> impl Iterator<Item = Parameters> {
        let entries = self.0.schedule.entries().iter();
        std::iter::once(base).chain(entries.map(move |entry| base.adjusted(entry)))
    }
}

impl Parameters {
    /// Returns the parameters while the entry is active.
    fn adjusted(self, entry: &ScheduleEntry) -> Self {
        let LimitNumbers {
            capacity,
            refill_amount,
            refill_period,
        } = entry.apply(LimitNumbers {
            capacity: self.capacity(),
            refill_amount: self.refill_amount(),
            refill_period: self.refill_period(),
        });
        // Nothing refills a quota.
        let refill_amount = if self.refill_amount() == 0 {
            0
        } else {
            refill_amount
        };
        Self::of_limit(capacity, refill_amount, refill_period)
    }
}

/// The timetables by their compact form and zone.
type TimetablesByText = HashMap<(Box<str>, Box<str>), Timetable>;

fn shared() -> MutexGuard<'static, TimetablesByText> {
    static SHARED: LazyLock<Mutex<TimetablesByText>> = LazyLock::new(Mutex::default);
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PartialEq for Timetable {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.schedule == other.0.schedule
    }
}

impl Eq for Timetable {}

impl Hash for Timetable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.schedule.hash(state);
    }
}

impl fmt::Debug for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.schedule.fmt(f)
    }
}
