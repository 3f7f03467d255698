//! Runs real processes that share one table, and checks their grants.
//!
//! A [`Scenario`] starts an engine and some worker processes. Each worker opens a limiter through
//! its own proxy, which simulates the worker's distance from the engine. While the workers load one
//! bucket, the driver kills workers, restarts the engine and steps clocks. Each worker logs its
//! answers, and the proxies record every write that the engine did. Afterwards, both records are
//! checked, and the results are returned in a [`Report`].
//!
//! # Workers
//!
//! A worker is a new process of the driver's executable, so it needs no build step, under `cargo
//! test` and under `cargo nextest`. One test of the executable must be the entry of the workers:
//!
//! ```
//! // #[test]
//! fn worker() {
//!     tollgate_testkit::processes::work_if_told();
//! }
//!
//! // #[test]
//! fn two_processes_share_a_bucket() {
//!     use std::time::Duration;
//!     use tollgate::Limit;
//!     use tollgate_testkit::processes::{Scenario, Workers};
//!
//!     let report = Scenario::new(Workers::test("worker"))
//!         .processes(2)
//!         .tasks(2)
//!         .distance(Duration::from_millis(20))
//!         .limit(Limit::per_second("tokens", 100))
//!         .time(Duration::from_secs(1))
//!         .run();
//!     report.assert_nothing_minted();
//!     report.assert_ledger();
//! }
//! ```
//!
//! A program calls [`work_if_told`] first, returns if it returns `true`, and uses
//! [`Workers::program`].
//!
//! # The rule
//!
//! Over any interval, a bucket grants at most its capacity plus the refill of the interval. The
//! interval is widened by an [`Allowance`]: the time that a write is in transit, the slack of a
//! bucket that several processes spend from, and the error of the clocks. All times are from one
//! system clock, which the workers share with the driver and which no [`Event::StepClock`] changes.
//!
//! # Options of a scenario
//!
//! | option | default |
//! |---|---|
//! | [`processes`](Scenario::processes) | 2 |
//! | [`tasks`](Scenario::tasks) of each process | 1 |
//! | [`distance`](Scenario::distance), [`distances`](Scenario::distances) | 0 |
//! | [`limit`](Scenario::limit) | 1000 `tokens` a second |
//! | [`cost`](Scenario::cost) of each limit | 1 |
//! | [`demand`](Scenario::demand) | [`Demand::closed`] |
//! | [`mode`](Scenario::mode) | [`Mode::Plain`] |
//! | [`parent`](Scenario::parent) | none |
//! | [`deadline`](Scenario::deadline) | 250 ms or four round trips, whichever is more |
//! | [`time`](Scenario::time) | 2 s |
//! | [`seed`](Scenario::seed) | 0 |
//! | [`event`](Scenario::event) | none |
//! | [`allow`](Scenario::allow) | [`Allowance::of`] the scenario |

mod allowance;
mod check;
mod demand;
mod driver;
mod event;
mod log;
mod mode;
mod order;
mod process;
mod report;
mod scenario;
mod store;
mod time;
mod worker;
mod workers;

pub use self::{
    allowance::Allowance,
    check::{Conservation, Ledger, Rule},
    demand::Demand,
    event::Event,
    mode::Mode,
    report::{BucketReport, Report, WorkerReport},
    scenario::Scenario,
    worker::work_if_told,
    workers::Workers,
};
