//! Background tasks, timeouts and the circuit breaker: what a limiter needs of the runtime and of
//! its store.

mod breaker;
mod counter;
mod finally;
mod monitored_store;
mod permits;
mod tasks;
mod timeouts;
mod timer;

pub use breaker::Breaker;

pub(super) use breaker::CircuitBreaker;
pub(super) use counter::Counted;
pub(super) use monitored_store::{MonitoredStore, watch};
pub(super) use permits::{Permit, StoreCallPermits};
pub(super) use tasks::Background;
pub(super) use timeouts::Timeout;
pub(super) use timer::{Timer, sleep_here};
