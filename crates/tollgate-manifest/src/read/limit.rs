//! A limit.

use std::time::Duration;

use tollgate::{
    Limit, LimitName,
    model::{InvalidLimit, ResetSchedule},
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

/// The zones of a config's schedules, with their places.
pub(super) type Zones = Vec<(String, Place)>;

/// The time at which a quota begins anew.
enum Reset {
    Calendar(ResetSchedule),
    Session(Duration),
}

impl Reader<'_> {
    /// Reads the limit whose name is at `key`. Adds its zones to `zones`.
    pub(super) fn limit(
        &mut self,
        name: LimitName,
        key: Place,
        node: &Node,
        zones: &mut Zones,
    ) -> Option<Limit> {
        let fields = self.fields(node, "a limit", &KEYS)?;
        let capacity = self.capacity(&fields, key);
        let known = self.faults.len();
        let reset = self.reset(&fields, zones);
        let is_wrong = self.faults.len() > known;
        let limit = match reset {
            Some(reset) => self.quota(&fields, name, capacity?, reset),
            // Without its reset, the rest would be told to be wrong too.
            None if is_wrong => return None,
            None => self.bucket(&fields, name, capacity),
        };
        let soft = fields.get("soft").filter(|node| !node.is_null());
        let soft = soft.map(|node| self.boolean(node, "soft"));
        let schedule = fields.get("schedule").filter(|node| !node.is_null());
        let schedule = schedule.map(|node| self.schedule(node, zones));
        let mut limit = self.built(&fields, key, limit?)?;
        if let Some(schedule) = schedule {
            let place = fields.key("schedule").unwrap_or(key);
            limit = match limit.with_schedule(schedule?) {
                Ok(limit) => limit,
                Err(error) => {
                    self.fault(place, error.to_string());
                    return None;
                }
            };
        }
        match soft {
            None => Some(limit),
            Some(soft) => Some(if soft? { limit.soft() } else { limit }),
        }
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

    fn quota(
        &mut self,
        fields: &Fields<'_>,
        name: LimitName,
        capacity: u64,
        reset: Reset,
    ) -> Option<Result<Limit, InvalidLimit>> {
        if let Some(node) = fields.get("refill_amount")
            && self.whole(node, "refill_amount")? > 0
        {
            self.fault(node.place, format!("{}: remove this", InvalidLimit::Mixed));
            return None;
        }
        // The format has a refill period here, and nothing refills.
        if let Some(node) = fields.get("refill_period") {
            self.whole(node, "refill_period")?;
        }
        let quota = Limit::quota(name, capacity);
        Some(match reset {
            Reset::Calendar(schedule) => quota.schedule(schedule),
            Reset::Session(length) => quota.session(length),
        })
    }

    fn bucket(
        &mut self,
        fields: &Fields<'_>,
        name: LimitName,
        capacity: Option<u64>,
    ) -> Option<Result<Limit, InvalidLimit>> {
        let amount = match fields.get("refill_amount") {
            Some(node) => self.whole(node, "refill_amount"),
            None => capacity,
        };
        let period = match fields.get("refill_period") {
            Some(node) => self.whole(node, "refill_period"),
            None => Some(PERIOD),
        };
        let period = Duration::from_secs(period?);
        Some(Limit::new(name, capacity?, amount?, period))
    }

    /// Returns the limit, or gives the library's error a place.
    fn built(
        &mut self,
        fields: &Fields<'_>,
        key: Place,
        limit: Result<Limit, InvalidLimit>,
    ) -> Option<Limit> {
        let error = match limit {
            Ok(limit) => return Some(limit),
            Err(error) => error,
        };
        let capacity = if fields.get("burst").is_some() {
            "burst"
        } else {
            "capacity"
        };
        let of = match &error {
            InvalidLimit::NoCapacity => capacity,
            InvalidLimit::NoRefill => "refill_amount",
            InvalidLimit::TooManyTokens { amount } => {
                let is_there = |field: &&str| {
                    let node = fields.get(field);
                    node.is_some_and(|node| {
                        self.source
                            .text
                            .get(node.place.start..node.place.end)
                            .is_some_and(|text| text.replace('_', "") == amount.to_string())
                    })
                };
                [capacity, "refill_amount"]
                    .into_iter()
                    .find(is_there)
                    .unwrap_or(capacity)
            }
            InvalidLimit::Period { .. } => "refill_period",
            InvalidLimit::Session { .. } => "reset_after_seconds",
            _ => "reset_schedule",
        };
        let place = fields.get(of).map_or(key, |node| node.place);
        self.fault(place, error.to_string());
        None
    }
}
