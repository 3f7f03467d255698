//! The schedules of a limit: of its numbers, and of its resets.

use std::time::Duration;

use tollgate::model::{InvalidLimit, InvalidSchedule, ResetSchedule, Schedule, ScheduleEntry};

use super::{fields::Fields, limit::Zones, reader::Reader, scalar::shown};
use crate::{
    source::Place,
    yaml::{Node, Value},
};

const UTC: &str = "UTC";

/// An expression that stands in for one that is wrong.
const ANY_CRON: &str = "0 0 * * *";

const NUMBERS: [&str; 3] = ["capacity", "refill_amount", "refill_period_seconds"];

impl Reader<'_> {
    /// Reads the schedule of a limit's numbers.
    pub(super) fn schedule(&mut self, node: &Node, zones: &mut Zones) -> Option<Schedule> {
        let known = [
            "cron",
            "tz",
            "scale",
            "capacity",
            "refill_amount",
            "refill_period_seconds",
        ];
        let (known_faults, mut own) = (self.faults.len(), Vec::new());
        let mut entries = Vec::new();
        for item in self.items(node, "schedule")? {
            let before = self.faults.len();
            let Some(fields) = self.fields(item, "an entry", &known) else {
                entries.push(None);
                continue;
            };
            let is_wrong = self.faults.len() > before;
            self.zone(&fields, item, &mut own);
            entries.push(self.entry_of(&fields, item, is_wrong));
        }
        let zone = self.one_zone(own, zones);
        // Those that are wrong are told. The number of all is checked too.
        let entries = entries.into_iter().map(|entry| {
            let stand_in = || ScheduleEntry::scaled(ANY_CRON, 1.0).ok();
            entry.or_else(stand_in)
        });
        let entries: Option<Vec<_>> = entries.collect();
        let schedule = Schedule::new(entries?, zone.as_deref().unwrap_or(UTC));
        self.checked(schedule, node.place, known_faults)
    }

    /// Reads the schedule of a quota's resets.
    pub(super) fn reset_schedule(
        &mut self,
        node: &Node,
        zones: &mut Zones,
    ) -> Option<ResetSchedule> {
        let (known_faults, mut own) = (self.faults.len(), Vec::new());
        let mut crons = Vec::new();
        for item in self.items(node, "reset_schedule")? {
            crons.push(ANY_CRON);
            let Some(fields) = self.fields(item, "a reset", &["cron", "tz"]) else {
                continue;
            };
            self.zone(&fields, item, &mut own);
            let Some(node) = self.cron(&fields, item) else {
                continue;
            };
            let Some(text) = self.text(node, "cron") else {
                continue;
            };
            match (ResetSchedule::new([text], UTC), crons.last_mut()) {
                (Ok(_), Some(cron)) => *cron = text,
                (Err(error), _) => self.fault(node.place, error.to_string()),
                _ => {}
            }
        }
        let zone = self.one_zone(own, zones);
        let schedule = ResetSchedule::new(crons, zone.as_deref().unwrap_or(UTC));
        self.checked(schedule, node.place, known_faults)
    }

    /// Returns a schedule that has no faults.
    fn checked<T>(
        &mut self,
        schedule: Result<T, InvalidSchedule>,
        list: Place,
        known_faults: usize,
    ) -> Option<T> {
        match schedule {
            Ok(schedule) => (self.faults.len() == known_faults).then_some(schedule),
            Err(error) => {
                self.fault(list, error.to_string());
                None
            }
        }
    }

    /// Reads an entry. `is_wrong` is true if it has a fault that may be the cause of others.
    fn entry_of(
        &mut self,
        fields: &Fields<'_>,
        item: &Node,
        is_wrong: bool,
    ) -> Option<ScheduleEntry> {
        let known = self.faults.len();
        let mut cron = ANY_CRON;
        if let Some(node) = self.cron(fields, item)
            && let Some(text) = self.text(node, "cron")
        {
            match ScheduleEntry::scaled(text, 1.0) {
                Ok(_) => cron = text,
                Err(error) => self.fault(node.place, error.to_string()),
            }
        }
        let scale = fields.get("scale").map(|node| self.scale(node));
        let numbers = NUMBERS.map(|name| fields.get(name).map(|node| self.replacing(node, name)));
        let replaces = numbers.iter().any(Option::is_some);
        match fields.get("scale") {
            Some(node) if replaces => {
                self.fault(node.place, InvalidSchedule::ScaleAndNumbers.to_string());
            }
            None if !replaces && !is_wrong => {
                self.fault(item.place, InvalidSchedule::NothingSet.to_string());
            }
            _ => {}
        }
        if self.faults.len() > known {
            return None;
        }
        let entry = match scale {
            Some(scale) => ScheduleEntry::scaled(cron, scale?),
            None => {
                let [capacity, amount, period] = numbers.map(Option::flatten);
                let period = period.map(Duration::from_secs);
                ScheduleEntry::replaced(cron, capacity, amount, period)
            }
        };
        entry.ok()
    }

    /// Reads a scale. One that would be stored as another one is a fault.
    fn scale(&mut self, node: &Node) -> Option<f64> {
        let scale = self.number(node, "scale")?;
        if let Err(error) = ScheduleEntry::scaled(ANY_CRON, scale) {
            self.fault(node.place, error.to_string());
            return None;
        }
        let text = shown(node);
        let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
        if fraction.trim_end_matches('0').len() > 3 {
            let problem = format!(
                "scale has at most three digits after the point, not {text}: thousandths are stored"
            );
            self.fault(node.place, problem);
            return None;
        }
        Some(scale)
    }

    /// Reads a number of an entry.
    fn replacing(&mut self, node: &Node, name: &str) -> Option<u64> {
        let number = self.whole(node, name)?;
        let alone = |of: &str| (name == of).then_some(number);
        let [capacity, amount, period] = NUMBERS.map(alone);
        let period = period.map(Duration::from_secs);
        match ScheduleEntry::replaced(ANY_CRON, capacity, amount, period) {
            Ok(_) => Some(number),
            Err(error) => {
                self.fault(node.place, error.to_string());
                None
            }
        }
    }

    fn cron<'n>(&mut self, fields: &Fields<'n>, item: &Node) -> Option<&'n Node> {
        let cron = fields.get("cron");
        if cron.is_none() {
            let problem = "the entry has no cron: add one, such as `cron: \"0 0 * * *\"`";
            self.fault(item.place, problem);
        }
        cron
    }

    /// Reads the zone of an item, and adds it to `zones` if it exists.
    fn zone(&mut self, fields: &Fields<'_>, item: &Node, zones: &mut Zones) {
        let Some(node) = fields.get("tz").filter(|node| !node.is_null()) else {
            zones.push((UTC.to_owned(), item.place));
            return;
        };
        let Some(zone) = self.text(node, "tz") else {
            return;
        };
        match ResetSchedule::new([ANY_CRON], zone) {
            Ok(_) => zones.push((zone.to_owned(), node.place)),
            Err(error) => self.fault(node.place, error.to_string()),
        }
    }

    /// Returns the only zone of a schedule, and adds it to those of the config.
    fn one_zone(&mut self, own: Zones, zones: &mut Zones) -> Option<String> {
        let (first, place) = own.first().cloned()?;
        let mut is_one = true;
        for (zone, place) in &own {
            if *zone != first {
                self.fault(*place, InvalidLimit::Zones.to_string());
                is_one = false;
            }
        }
        if !is_one {
            return None;
        }
        zones.push((first.clone(), place));
        Some(first)
    }

    fn items<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) if !items.is_empty() => Some(items),
            Value::List(_) => {
                self.fault(node.place, format!("{what} is empty: remove it"));
                None
            }
            _ => {
                let problem = format!("{what} must be a list, not {}", shown(node));
                self.fault(node.place, problem);
                None
            }
        }
    }
}
