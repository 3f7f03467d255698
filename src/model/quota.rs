//! Quotas: limits whose tokens all come back at once, when a period ends.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
};

use super::{InvalidSchedule, ResetSchedule};

/// The time that the search for an edge covers, ms: 41 years. The rarest edges, those on the 29th
/// of February if it is a certain day of the week, are at most 40 years apart.
const MOST_SEARCHED: i64 = 41 * 366 * 86_400_000;

/// The number of calendars that are remembered after they were decoded.
const MOST_DECODED: usize = 1024;

/// The number of periods of which the most frequent length is the usual one.
const SAMPLES: usize = 15;

/// A minute, ms.
const MINUTE: i64 = 60_000;

/// The time after which these periods begin: 2024-01-01, 00:00 in UTC.
const SAMPLED_FROM: i64 = 1_704_067_200_000;

/// The periods of a quota.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Renewal {
    /// Periods begin at the edges of a calendar.
    Calendar(Calendar),
    /// A period begins with the first request after the end of the last one, and lasts for this
    /// number of milliseconds.
    Session(i64),
}

impl Renewal {
    /// Returns the end of the period that contains `time`, or that begins at `time`: epoch ms.
    pub fn end_after(&self, time: i64) -> i64 {
        match self {
            Self::Calendar(calendar) => calendar.end_after(time),
            Self::Session(length) => time.saturating_add(*length),
        }
    }

    /// Returns the [id](Period::id) of the period that ends at `ends_at` (epoch ms), after this
    /// number of resets.
    pub(crate) fn id(&self, ends_at: i64, resets: i64) -> i64 {
        match self {
            // The edges of calendars are at whole minutes. The rest is free for other things.
            Self::Calendar(calendar) => {
                let mark = resets.wrapping_add(calendar.0.mark).rem_euclid(MINUTE);
                ends_at.saturating_add(mark)
            }
            Self::Session(_) => ends_at,
        }
    }

    /// Returns the calendar; `None` for sessions.
    pub fn calendar(&self) -> Option<&Calendar> {
        match self {
            Self::Calendar(calendar) => Some(calendar),
            Self::Session(_) => None,
        }
    }

    /// Returns the length of a session, or the [cycle](ResetSchedule::shortest_cycle) of a calendar,
    /// ms. A calendar with several edges in a cycle has shorter periods.
    pub(crate) fn cycle(&self) -> i64 {
        match self {
            Self::Calendar(calendar) => calendar.schedule().shortest_cycle(),
            Self::Session(length) => *length,
        }
    }

    /// Returns the length of a session, or of most periods of a calendar: ms. Months have 31 days.
    pub fn usual_length(&self) -> i64 {
        match self {
            Self::Calendar(calendar) => calendar.usual_length(),
            Self::Session(length) => *length,
        }
    }
}

/// A reset schedule that remembers the last period. Clones share it.
#[derive(Clone)]
pub struct Calendar(Arc<CalendarState>);

struct CalendarState {
    schedule: ResetSchedule,
    compact: Box<str>,
    /// A number that other calendars hardly ever have.
    mark: i64,
    /// A time in the last period that was asked for, and the period's end. Epoch ms.
    last: Mutex<(i64, i64)>,
    usual_length: OnceLock<i64>,
}

impl Calendar {
    /// Returns the calendar of a schedule.
    pub fn new(schedule: ResetSchedule) -> Self {
        let compact: Box<str> = schedule.encode().into();
        let text = compact.bytes().chain(schedule.zone().bytes());
        let mark = text.fold(7, |mark: i64, byte| (mark * 31 + i64::from(byte)) % MINUTE);
        let last = Mutex::new((0, 0));
        Self(Arc::new(CalendarState {
            schedule,
            compact,
            mark,
            last,
            usual_length: OnceLock::new(),
        }))
    }

    /// Decodes the form that a table stores. Buckets with the same calendar share it.
    ///
    /// # Errors
    /// The errors of [`ResetSchedule::decode`].
    pub fn decode(compact: &str, zone: &str) -> Result<Self, InvalidSchedule> {
        let key = (Box::<str>::from(compact), Box::<str>::from(zone));
        if let Some(known) = decoded().get(&key) {
            return Ok(known.clone());
        }
        let calendar = ResetSchedule::decode(compact, zone).map(Self::new)?;
        let mut decoded = decoded();
        if decoded.len() >= MOST_DECODED {
            decoded.clear();
        }
        decoded.insert(key, calendar.clone());
        Ok(calendar)
    }

    /// Returns the schedule.
    pub fn schedule(&self) -> &ResetSchedule {
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

    /// Returns the first edge after `time`: epoch ms. `i64::MAX` if there is none.
    pub fn end_after(&self, time: i64) -> i64 {
        let last = || self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, end) = *last();
        if (from..end).contains(&time) {
            return end;
        }
        let end = self.search(time);
        *last() = (time, end);
        end
    }

    fn usual_length(&self) -> i64 {
        *self.0.usual_length.get_or_init(|| {
            let mut start = self.search(SAMPLED_FROM);
            let mut lengths: Vec<i64> = (0..SAMPLES)
                .map(|_| {
                    let end = self.search(start);
                    end.saturating_sub(std::mem::replace(&mut start, end))
                })
                .collect();
            lengths.sort_unstable();
            let count = |length: &&i64| lengths.iter().filter(|other| other == length).count();
            lengths.iter().max_by_key(count).copied().unwrap_or(0)
        })
    }

    fn search(&self, time: i64) -> i64 {
        let mut from = time;
        while from.saturating_sub(time) < MOST_SEARCHED {
            // An expression without an edge in its cycle may have an earlier one after it.
            let sure = self.0.schedule.next_boundary(from);
            match self.0.schedule.next_edge(from) {
                Some(edge) if edge <= sure => return edge,
                _ => from = sure,
            }
        }
        i64::MAX
    }
}

/// The calendars that were decoded, by their compact form and zone.
type CalendarsByText = HashMap<(Box<str>, Box<str>), Calendar>;

fn decoded() -> MutexGuard<'static, CalendarsByText> {
    static DECODED: LazyLock<Mutex<CalendarsByText>> = LazyLock::new(Mutex::default);
    DECODED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.schedule == other.0.schedule
    }
}

impl Eq for Calendar {}

impl Hash for Calendar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.schedule.hash(state);
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.schedule.fmt(f)
    }
}
