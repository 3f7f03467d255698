//! The serialized form of a limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Calendar, IntoName, InvalidLimit, InvalidSchedule, Limit, Renewal, ResetSchedule, Schedule,
    ScheduleEntry, invalid_limit::MAX_PERIOD,
};

/// The serialized form of a limit, with the words and units of the Python client.
#[derive(Serialize, Deserialize)]
pub(super) struct LimitForm {
    name: String,
    capacity: u64,
    refill_amount: u64,
    refill_period_seconds: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    schedule: Vec<EntryForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reset_schedule: Vec<ResetForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reset_after_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    soft: bool,
}

/// The serialized form of one cron expression of a quota.
#[derive(Serialize, Deserialize)]
struct ResetForm {
    cron: String,
    #[serde(default = "utc")]
    tz: String,
}

/// The serialized form of one entry of a schedule.
#[derive(Serialize, Deserialize)]
struct EntryForm {
    cron: String,
    #[serde(default = "utc")]
    tz: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capacity: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refill_amount: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refill_period_seconds: Option<u64>,
}

impl EntryForm {
    fn of(entry: &ScheduleEntry, zone: &str) -> Self {
        Self {
            cron: entry.cron().to_owned(),
            tz: zone.to_owned(),
            scale: entry.scale(),
            capacity: entry.capacity(),
            refill_amount: entry.refill_amount(),
            refill_period_seconds: entry.refill_period().map(|period| period.as_secs()),
        }
    }

    fn entry(&self) -> Result<ScheduleEntry, InvalidLimit> {
        let (capacity, amount) = (self.capacity, self.refill_amount);
        let period = self.refill_period_seconds.map(Duration::from_secs);
        let replaces = capacity.is_some() || amount.is_some() || period.is_some();
        Ok(match self.scale {
            Some(_) if replaces => return Err(InvalidSchedule::ScaleAndNumbers.into()),
            Some(scale) => ScheduleEntry::scaled(&self.cron, scale)?,
            None => ScheduleEntry::replaced(&self.cron, capacity, amount, period)?,
        })
    }
}

fn utc() -> String {
    "UTC".into()
}

impl LimitForm {
    /// Returns the same limit with the schedule of the form.
    fn scheduled(&self, limit: Limit) -> Result<Limit, InvalidLimit> {
        let Some(first) = self.schedule.first() else {
            return Ok(limit);
        };
        if self.schedule.iter().any(|entry| entry.tz != first.tz) {
            return Err(InvalidLimit::Zones);
        }
        let entries: Result<Vec<_>, _> = self.schedule.iter().map(EntryForm::entry).collect();
        limit.with_schedule(Schedule::new(entries?, &first.tz)?)
    }

    /// Returns the periods of a quota.
    fn renewal(&self) -> Result<Option<Renewal>, InvalidLimit> {
        let length = self.reset_after_seconds.map(Duration::from_secs);
        match (self.reset_schedule.first(), length) {
            (None, None) => Ok(None),
            (Some(first), None) => {
                let crons = self.reset_schedule.iter().map(|entry| entry.cron.as_str());
                if self.reset_schedule.iter().any(|entry| entry.tz != first.tz) {
                    return Err(InvalidLimit::Zones);
                }
                let schedule = ResetSchedule::new(crons, &first.tz)?;
                Ok(Some(Renewal::Calendar(Calendar::new(schedule))))
            }
            (None, Some(length)) => {
                let limit = Limit::quota(&self.name, self.capacity).session(length)?;
                Ok(limit.renewal().cloned())
            }
            (Some(_), Some(_)) => Err(InvalidLimit::Mixed),
        }
    }
}

impl TryFrom<LimitForm> for Limit {
    /// The text names the limit, because a file usually has several.
    type Error = String;

    fn try_from(fields: LimitForm) -> Result<Self, String> {
        // Rounded to milliseconds, because 0.1 seconds has no exact binary representation.
        let seconds = fields.refill_period_seconds;
        let period = if seconds.is_finite() && seconds >= 0.0 && seconds <= MAX_PERIOD.as_secs_f64()
        {
            Duration::from_millis((seconds * 1000.0).round() as u64)
        } else {
            Duration::ZERO
        };
        let limit = match fields.renewal() {
            Ok(None) => Self::new(&fields.name, fields.capacity, fields.refill_amount, period),
            Ok(Some(_)) if fields.refill_amount > 0 => Err(InvalidLimit::Mixed),
            Ok(Some(renewal)) => fields
                .name
                .as_str()
                .into_name()
                .map_err(InvalidLimit::from)
                .and_then(|name| Self::renewed(name, fields.capacity, renewal)),
            Err(error) => Err(error),
        };
        let soft = fields.soft;
        let limit = limit.and_then(|limit| fields.scheduled(limit));
        let limit = limit.map(|limit| limit.with_softness(soft));
        limit.map_err(|error| format!("limit {:?}: {error}", fields.name))
    }
}

impl From<Limit> for LimitForm {
    fn from(limit: Limit) -> Self {
        let (mut reset_schedule, mut reset_after_seconds) = (Vec::new(), None);
        match limit.renewal() {
            None => {}
            Some(Renewal::Calendar(calendar)) => {
                let schedule = calendar.schedule();
                let entry = |cron: &str| ResetForm {
                    cron: cron.to_owned(),
                    tz: schedule.zone().to_owned(),
                };
                reset_schedule = schedule.crons().map(entry).collect();
            }
            Some(Renewal::Session(length)) => {
                reset_after_seconds = u64::try_from(length / 1000).ok();
            }
        }
        let schedule = limit.schedule().map_or_else(Vec::new, |schedule| {
            let entries = schedule.entries().iter();
            entries
                .map(|entry| EntryForm::of(entry, schedule.zone()))
                .collect()
        });
        Self {
            schedule,
            reset_schedule,
            reset_after_seconds,
            soft: limit.is_soft(),
            refill_period_seconds: limit.refill_period().as_secs_f64(),
            capacity: limit.capacity(),
            refill_amount: limit.refill_amount(),
            name: limit.name().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_serialized_in_the_words_of_the_peer() {
        let limit = Limit::new("rpm", 10, 5, Duration::from_millis(100)).unwrap();
        let json = serde_json::to_value(&limit).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"name": "rpm", "capacity": 10, "refill_amount": 5, "refill_period_seconds": 0.1})
        );
        assert_eq!(serde_json::from_value::<Limit>(json).unwrap(), limit);
        let bad = serde_json::json!({"name": "rpm", "capacity": 10, "refill_amount": 5, "refill_period_seconds": -1});
        let error = serde_json::from_value::<Limit>(bad).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("limit \"rpm\": a refill period must be")
        );
    }
}
