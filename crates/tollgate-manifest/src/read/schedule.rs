//! The schedules of a limit: of its numbers, and of its resets.

use std::time::Duration;

use tollgate::model::{InvalidLimit, InvalidSchedule, ResetSchedule, Schedule, ScheduleEntry};

use super::{fields::Fields, limit::Zones, reader::Reader, scalar::shown};
use crate::{
    source::Place,
    yaml::{Node, Value},
};

const UTC: &str = "UTC";

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
        let (mut entries, mut own) = (Vec::new(), Vec::new());
        let items = self.items(node, "schedule")?;
        for item in items {
            let before = self.faults.len();
            let Some(fields) = self.fields(item, "an entry", &known) else {
                continue;
            };
            let is_wrong = self.faults.len() > before;
            self.zone(&fields, item, &mut own);
            entries.push(self.entry_of(&fields, item, is_wrong));
        }
        let (zone, place) = self.one_zone(own, zones)?;
        let entries: Option<Vec<_>> = entries.into_iter().collect();
        match Schedule::new(entries?, &zone) {
            Ok(schedule) => Some(schedule),
            Err(error) => self.refused(&error, node.place, place),
        }
    }

    /// Reads the schedule of a quota's resets.
    pub(super) fn reset_schedule(
        &mut self,
        node: &Node,
        zones: &mut Zones,
    ) -> Option<ResetSchedule> {
        let (mut crons, mut own) = (Vec::new(), Vec::new());
        for item in self.items(node, "reset_schedule")? {
            let Some(fields) = self.fields(item, "a reset", &["cron", "tz"]) else {
                continue;
            };
            self.zone(&fields, item, &mut own);
            let cron = self.cron(&fields, item);
            let checked = cron.and_then(|node| {
                let text = self.text(node, "cron")?;
                match ResetSchedule::new([text], UTC) {
                    Ok(_) => Some(text),
                    Err(error) => {
                        self.fault(node.place, error.to_string());
                        None
                    }
                }
            });
            crons.push(checked);
        }
        let (zone, place) = self.one_zone(own, zones)?;
        let crons: Option<Vec<_>> = crons.into_iter().collect();
        match ResetSchedule::new(crons?, &zone) {
            Ok(schedule) => Some(schedule),
            Err(error) => self.refused(&error, node.place, place),
        }
    }

    /// Reads an entry. `is_wrong` is true if it has a fault that may be the cause of others.
    fn entry_of(
        &mut self,
        fields: &Fields<'_>,
        item: &Node,
        is_wrong: bool,
    ) -> Option<ScheduleEntry> {
        let cron = self.cron(fields, item);
        let numbers = NUMBERS.map(|name| fields.get(name).map(|node| self.whole(node, name)));
        let scale = fields.get("scale").map(|node| self.number(node, "scale"));
        let cron_node = cron?;
        let cron = self.text(cron_node, "cron")?;
        let replaces = numbers.iter().any(Option::is_some);
        let entry = match scale {
            Some(_) if replaces => Err(InvalidSchedule::ScaleAndNumbers),
            Some(scale) => ScheduleEntry::scaled(cron, scale?),
            None => {
                let [capacity, amount, period] = numbers;
                let (capacity, amount, period) = (given(capacity)?, given(amount)?, given(period)?);
                let period = period.map(Duration::from_secs);
                ScheduleEntry::replaced(cron, capacity, amount, period)
            }
        };
        match entry {
            Ok(entry) => Some(entry),
            Err(InvalidSchedule::NothingSet) if is_wrong => None,
            Err(error) => {
                let scale = fields.get("scale");
                let place = match &error {
                    InvalidSchedule::Cron(_) => cron_node.place,
                    InvalidSchedule::Scale | InvalidSchedule::ScaleAndNumbers => {
                        scale.map_or(item.place, |node| node.place)
                    }
                    InvalidSchedule::Number { .. } => {
                        let given = NUMBERS.iter().find_map(|name| fields.get(name));
                        given.map_or(item.place, |node| node.place)
                    }
                    _ => item.place,
                };
                self.fault(place, error.to_string());
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

    fn zone(&mut self, fields: &Fields<'_>, item: &Node, zones: &mut Zones) {
        let node = fields.get("tz").filter(|node| !node.is_null());
        let zone = node.map(|node| self.text(node, "tz"));
        match (zone, node) {
            (None, _) => zones.push((UTC.to_owned(), item.place)),
            (Some(Some(zone)), Some(node)) => zones.push((zone.to_owned(), node.place)),
            _ => {}
        }
    }

    /// Returns the only zone of a schedule, and adds it to those of the config.
    fn one_zone(&mut self, own: Zones, zones: &mut Zones) -> Option<(String, Place)> {
        let first = own.first().cloned()?;
        let mut is_one = true;
        for (zone, place) in &own {
            if *zone != first.0 {
                self.fault(*place, InvalidLimit::Zones.to_string());
                is_one = false;
            }
        }
        zones.extend(own);
        is_one.then_some(first)
    }

    fn refused<T>(&mut self, error: &InvalidSchedule, list: Place, zone: Place) -> Option<T> {
        let place = match error {
            InvalidSchedule::Zone(..) => zone,
            _ => list,
        };
        self.fault(place, error.to_string());
        None
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

/// Returns `None` if a number is given and wrong.
fn given(number: Option<Option<u64>>) -> Option<Option<u64>> {
    match number {
        None => Some(None),
        Some(number) => number.map(Some),
    }
}
