//! Real processes that share one table, and checks of what they were granted.
//!
//! A [`Scenario`] starts an engine and some worker processes. Each worker opens a limiter through a proxy of
//! its own, so that it can be as far away from the engine as the scenario says. While the workers load one
//! bucket, the driver kills workers, restarts the engine and steps clocks. Each worker writes what it was told
//! to a log; the proxies record every write that the engine did. Both are checked afterwards, and told in a
//! [`Report`].
//!
//! # Workers
//!
//! A worker is the same executable as the driver, started again: it needs no build step, under `cargo test` as
//! under `cargo nextest`. One test of the executable has to be its entry:
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
//! A program calls [`work_if_told`] first, returns if it says `true`, and uses [`Workers::program`].
//!
//! # The rule
//!
//! Over any interval, a bucket grants at most its capacity and the refill of the interval, which is widened by
//! an [`Allowance`]: the time that a write is on its way, the slack of a bucket that several processes spend from,
//! and the error of the clocks. All times are those of one system clock, which the workers share with the
//! driver and which no [`Event::StepClock`] moves.
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
