//! The order of a worker, from the driver: JSON in an environment variable.

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tollgate::Limit;

use super::{demand::Demand, mode::Mode};

/// The environment variable with the order. A process that has it is a worker.
pub(super) const VARIABLE: &str = "TOLLGATE_TESTKIT_WORKER";

/// The names in the table that the driver creates.
pub(super) const STACK: &str = "limits";
pub(super) const NAMESPACE: &str = "default";
pub(super) const ENTITY: &str = "user";
pub(super) const PARENT: &str = "team";
pub(super) const RESOURCE: &str = "api";

/// The configuration of a worker.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    pub(super) endpoint: String,
    pub(super) log: PathBuf,
    pub(super) limits: Vec<Limit>,
    pub(super) cost: u64,
    pub(super) mode: Mode,
    pub(super) parent: bool,
    pub(super) tasks: usize,
    /// The demand of this process alone.
    pub(super) demand: Demand,
    pub(super) deadline: Duration,
    pub(super) seed: u64,
    /// The milliseconds by which the wall clock is ahead.
    pub(super) ahead: i64,
}

impl Order {
    pub(super) fn to_json(&self) -> String {
        let limits = self.limits.iter().map(|limit| {
            let name = limit.name().as_str();
            json!([
                name,
                limit.capacity(),
                limit.refill_amount(),
                millis(limit.refill_period())
            ])
        });
        let (think, per_second) = match self.demand {
            Demand::Closed { think } => (Some(micros(think)), None),
            Demand::Open { per_second } => (None, Some(per_second)),
        };
        let order = json!({
            "endpoint": self.endpoint,
            "log": self.log.display().to_string(),
            "limits": limits.collect::<Vec<_>>(),
            "cost": self.cost,
            "mode": self.mode.name(),
            "parent": self.parent,
            "tasks": self.tasks,
            "think_us": think,
            "per_second": per_second,
            "deadline_us": micros(self.deadline),
            "seed": self.seed,
            "ahead_ms": self.ahead,
        });
        order.to_string()
    }

    /// Parses an order. Returns `None` if `text` is not one.
    pub(super) fn from_json(text: &str) -> Option<Self> {
        let order: Value = serde_json::from_str(text).ok()?;
        let number = |name: &str| order[name].as_u64();
        let limits = order["limits"].as_array()?.iter().map(|limit| {
            let number = |index: usize| limit[index].as_u64();
            let period = Duration::from_millis(number(3)?);
            Limit::new(limit[0].as_str()?, number(1)?, number(2)?, period).ok()
        });
        let demand = match order["per_second"].as_f64() {
            Some(per_second) => Demand::Open { per_second },
            None => Demand::Closed {
                think: Duration::from_micros(number("think_us")?),
            },
        };
        Some(Self {
            endpoint: order["endpoint"].as_str()?.to_owned(),
            log: order["log"].as_str()?.into(),
            limits: limits.collect::<Option<_>>()?,
            cost: number("cost")?,
            mode: Mode::named(order["mode"].as_str()?)?,
            parent: order["parent"].as_bool()?,
            tasks: usize::try_from(number("tasks")?).ok()?,
            demand,
            deadline: Duration::from_micros(number("deadline_us")?),
            seed: number("seed")?,
            ahead: order["ahead_ms"].as_i64()?,
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let order = Order {
            endpoint: "http://127.0.0.1:8000".to_owned(),
            log: "/tmp/worker 1.log".into(),
            limits: vec![
                Limit::per_second("tokens", 5).with_burst(7),
                Limit::per_day("rpd", 100),
            ],
            cost: 3,
            mode: Mode::Waiting,
            parent: true,
            tasks: 16,
            demand: Demand::open(12.5),
            deadline: Duration::from_millis(320),
            seed: u64::MAX,
            ahead: -3_600_000,
        };
        assert_eq!(Order::from_json(&order.to_json()), Some(order));
        assert_eq!(Order::from_json("{}"), None);
    }
}
