//! The load, as arguments.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use tollgate_loadtest::{Load, LoadTest};

use super::{figures::counted, units};
use crate::failure::Failure;

/// The users of a test whose arguments name neither users nor a rate.
const USERS: u32 = 10;

/// The load, and the bounds of a call.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadArguments {
    /// Closed loop: users that ask again when they have their answer [default: 10, or 64 for
    /// max-rate]
    #[arg(long, conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: Option<u32>,
    /// Open loop: calls a second, which come even if earlier ones wait
    #[arg(long, value_name = "RATE", value_parser = units::rate)]
    rate: Option<f64>,
    /// Time in which the load rises from 0, before the duration; not in the figures
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = units::duration)]
    ramp: Duration,
    /// Time of the full load before the duration; not in the figures
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = units::duration)]
    warm_up: Duration,
    /// Time of the test, such as 500ms, 30s, 5m or 1h
    #[arg(long, short = 'd', value_name = "TIME", default_value = "30s", value_parser = units::positive)]
    duration: Duration,
    /// End after this number of calls, with those of ramp and warm-up
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// Time that a user pauses after each call
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = units::duration, conflicts_with = "rate")]
    pause: Duration,
    /// Users wait as long as a denial says
    #[arg(long, conflicts_with = "rate")]
    obey_retry_after: bool,
    /// Longest time of a call
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::positive)]
    timeout: Duration,
    /// Most calls of an open loop in flight, in each process; later ones wait
    #[arg(long, value_name = "CALLS", default_value = "10000")]
    max_in_flight: NonZeroU32,
}

impl LoadArguments {
    /// Returns the test. Without users and rate it has `users`.
    pub(super) fn test(&self, users: Option<u32>) -> LoadTest {
        let load = match self.rate {
            Some(rate) => Load::rate(rate),
            None => Load::users(self.users.or(users).unwrap_or(USERS)).pause(self.pause),
        };
        let mut load = load.lasting(self.warm_up + self.duration);
        if !self.ramp.is_zero() {
            load = load.ramp(self.ramp);
        }
        let mut test = LoadTest::new(load)
            .warm_up(self.ramp + self.warm_up)
            .timeout(self.timeout)
            .max_in_flight(self.max_in_flight)
            .obey_retry_after(self.obey_retry_after);
        if let Some(requests) = self.requests {
            test = test.requests(requests);
        }
        test
    }

    /// Returns the load in words: `200 calls/s`, or `10 users`.
    pub(super) fn told(&self, users: Option<u32>) -> String {
        match self.rate {
            Some(rate) => format!("{rate} calls/s"),
            None => {
                let users = self.users.or(users).unwrap_or(USERS);
                counted(u64::from(users), "user", "users")
            }
        }
    }

    /// Checks that each process has something to do.
    pub(super) fn check(&self, processes: u32) -> Result<(), Failure> {
        match self.users {
            Some(users) if users < processes => Err(Failure::Usage(format!(
                "{users} users cannot be shared by {processes} processes: each needs one at least"
            ))),
            _ => Ok(()),
        }
    }
}
