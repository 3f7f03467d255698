//! A limit.

use std::time::Duration;

use tollgate::{
    Limit, LimitName,
    model::{InvalidLimit, Quota, ResetSchedule},
};

use super::{fields::Fields, reader::Reader};
use crate::{source::Place, yaml::Node};

const KEYS: [&str; 8] = [
    "capacity",
    "burst",
    "refill_amount",
    "refill_period",
    "schedule",
    "reset_schedule",
    "reset_after_seconds",
    "soft",
];

/// The refill period of a limit that names none, seconds.
const PERIOD: u64 = 60;

/// The longest refill period: 100 years of 365.25 days.
const LONGEST_PERIOD: Duration = Duration::from_secs(3_155_760_000);

/// More than the number of a limit's numbers that can be wrong, one after the other.
const MOST_NUMBERS: u8 = 4;

/// The zones of a config's schedules, with their places.
pub(super) type Zones = Vec<(String, Place)>;

/// The time at which a quota begins anew.
enum Reset {
    Calendar(ResetSchedule),
    Session(Duration),
}

impl Reader<'_> {
    /// Reads the limit whose name is at `key`. Adds its zones to `zones`. Without a name, for the
    /// faults only.
    pub(super) fn limit(
        &mut self,
        name: Option<LimitName>,
        key: Place,
        node: &Node,
        zones: &mut Zones,
    ) -> Option<Limit> {
        let known = self.faults.len();
        let fields = self.fields(node, "a limit", &KEYS)?;
        let is_there = |field| fields.get(field).is_some_and(|node| !node.is_null());
        let has_reset = is_there("reset_schedule") || is_there("reset_after_seconds");
        let others = zones.len();
        let capacity = self.capacity(&fields, key);
        let reset = self.reset(&fields, zones);
        // A name that is missing is told. The rest is checked with another one.
        let stand_in = name.clone().or_else(|| LimitName::new("limit").ok())?;
        let limit = if has_reset {
            self.quota(&fields, key, &stand_in, capacity, reset)
        } else {
            self.bucket(&fields, key, &stand_in, capacity)
        };
        let soft = fields.get("soft").filter(|node| !node.is_null());
        let is_soft = soft.and_then(|node| self.boolean(node, "soft"));
        let schedule = fields.get("schedule").filter(|node| !node.is_null());
        let schedule = schedule.and_then(|node| self.schedule(node, zones));
        let mut limit = limit?;
        if let Some(schedule) = schedule {
            limit = match limit.with_schedule(schedule) {
                Ok(limit) => limit,
                Err(error) => {
                    // It is told once, and not for the config too.
                    zones.truncate(others);
                    let place = fields.key("schedule").unwrap_or(key);
                    self.fault(place, error.to_string());
                    return None;
                }
            };
        }
        if name.is_none() || self.faults.len() > known {
            return None;
        }
        Some(if is_soft == Some(true) {
            limit.soft()
        } else {
            limit
        })
    }

    fn capacity(&mut self, fields: &Fields<'_>, key: Place) -> Option<u64> {
        let Some(capacity) = fields.get("capacity") else {
            self.fault(key, "the limit has no capacity: add one, in tokens");
            return None;
        };
        let capacity = self.whole(capacity, "capacity");
        match fields.get("burst") {
            Some(burst) => self.whole(burst, "burst"),
            None => capacity,
        }
    }

    fn reset(&mut self, fields: &Fields<'_>, zones: &mut Zones) -> Option<Reset> {
        let calendar = fields.get("reset_schedule").filter(|node| !node.is_null());
        let session = fields
            .get("reset_after_seconds")
            .filter(|node| !node.is_null());
        match (calendar, session) {
            (None, None) => None,
            (Some(_), Some(node)) => {
                let problem = format!("{}: remove one of the two resets", InvalidLimit::Mixed);
                self.fault(node.place, problem);
                None
            }
            (Some(node), None) => self.reset_schedule(node, zones).map(Reset::Calendar),
            (None, Some(node)) => {
                let seconds = self.whole(node, "reset_after_seconds")?;
                Some(Reset::Session(Duration::from_secs(seconds)))
            }
        }
    }

    /// Returns a quota that has no faults besides those that are told. What is wrong or missing is
    /// replaced, so that all of them are found.
    fn quota(
        &mut self,
        fields: &Fields<'_>,
        key: Place,
        name: &LimitName,
        capacity: Option<u64>,
        reset: Option<Reset>,
    ) -> Option<Limit> {
        if let Some(node) = fields.get("refill_amount")
            && self
                .whole(node, "refill_amount")
                .is_some_and(|amount| amount > 0)
        {
            self.fault(node.place, format!("{}: remove this", InvalidLimit::Mixed));
        }
        // The format has a refill period here, and nothing refills.
        if let Some(node) = fields.get("refill_period") {
            self.whole(node, "refill_period");
        }
        let mut capacity = capacity.unwrap_or(1);
        let mut reset = reset.unwrap_or(Reset::Session(Duration::from_secs(1)));
        for _ in 0..MOST_NUMBERS {
            let quota = Limit::quota(name.clone(), capacity);
            let error = match match &reset {
                Reset::Calendar(schedule) => quota.schedule(schedule.clone()),
                Reset::Session(length) => quota.session(*length),
            } {
                Ok(limit) => return Some(limit),
                Err(error) => error,
            };
            self.wrong(fields, key, &error);
            match error {
                InvalidLimit::NoCapacity | InvalidLimit::TooManyTokens { .. } => capacity = 1,
                InvalidLimit::Session { .. } => reset = Reset::Session(Duration::from_secs(1)),
                _ => return None,
            }
        }
        None
    }

    /// Returns a limit that is refilled, as [`quota`](Self::quota) does.
    fn bucket(
        &mut self,
        fields: &Fields<'_>,
        key: Place,
        name: &LimitName,
        capacity: Option<u64>,
    ) -> Option<Limit> {
        let whole = |reader: &mut Self, field: &'static str| {
            let node = fields.get(field)?;
            Some(reader.whole(node, field).unwrap_or(1))
        };
        let mut capacity = capacity.unwrap_or(1);
        let mut amount = whole(self, "refill_amount");
        let mut period = whole(self, "refill_period").unwrap_or(PERIOD);
        for _ in 0..MOST_NUMBERS {
            let refill = amount.unwrap_or(capacity);
            let limit = Limit::new(name.clone(), capacity, refill, Duration::from_secs(period));
            let error = match limit {
                Ok(limit) => return Some(limit),
                Err(error) => error,
            };
            match error {
                InvalidLimit::NoCapacity => {
                    self.wrong(fields, key, &error);
                    capacity = 1;
                }
                InvalidLimit::TooManyTokens { .. } if capacity > Limit::MAX_TOKENS => {
                    self.wrong(fields, key, &error);
                    capacity = 1;
                }
                InvalidLimit::NoRefill | InvalidLimit::TooManyTokens { .. } => {
                    let place = fields.get("refill_amount").map_or(key, |node| node.place);
                    self.fault(place, error.to_string());
                    amount = Some(1);
                }
                InvalidLimit::Period { .. } => {
                    self.wrong(fields, key, &error);
                    period = PERIOD;
                }
                error => {
                    self.wrong(fields, key, &error);
                    return None;
                }
            }
        }
        None
    }

    /// Gives the library's error about a number or a reset a place, and the words of the format.
    fn wrong(&mut self, fields: &Fields<'_>, key: Place, error: &InvalidLimit) {
        let capacity = if fields.get("burst").is_some() {
            "burst"
        } else {
            "capacity"
        };
        let seconds = |what: &str, most: Duration, given: &Duration| {
            let (most, given) = (most.as_secs(), given.as_secs());
            format!("{what} must be a whole number of seconds, from 1 to {most}, not {given}")
        };
        let (of, problem) = match error {
            InvalidLimit::NoCapacity | InvalidLimit::TooManyTokens { .. } => {
                (capacity, error.to_string())
            }
            InvalidLimit::Period { period } => {
                let problem = seconds("refill_period", LONGEST_PERIOD, period);
                ("refill_period", problem)
            }
            InvalidLimit::Session { length } => {
                let most = Quota::LONGEST_SESSION;
                let problem = seconds("reset_after_seconds", most, length);
                ("reset_after_seconds", problem)
            }
            error => ("reset_schedule", error.to_string()),
        };
        let place = fields.get(of).map_or(key, |node| node.place);
        self.fault(place, problem);
    }
}
