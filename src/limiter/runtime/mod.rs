//! Background tasks, timeouts and the circuit breaker: what a limiter needs of the runtime and of
//! its store.

mod breaker;
mod counter;
mod finally;
mod monitored_store;
mod places;
mod tasks;
mod timeouts;
mod timer;

pub use breaker::Breaker;

pub(super) use breaker::Switch;
pub(super) use counter::Counted;
pub(super) use monitored_store::{MonitoredStore, watch};
pub(super) use places::{InFlight, Places};
pub(super) use tasks::Background;
pub(super) use timeouts::Timeout;
pub(super) use timer::{Timer, sleep_here};
