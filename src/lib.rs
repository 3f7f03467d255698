//! Rate limits that hold across machines.

pub mod clock;
pub mod error;
#[cfg(feature = "axum")]
pub mod extract;
pub mod layer;
pub mod limiter;
pub mod model;
pub mod store;
mod telemetry;

pub use error::Error;
pub use layer::RateLimitLayer;
pub use limiter::{Lease, RateLimiter};
pub use model::{Cost, Denied, EntityId, Limit, LimitName, Limits, Resource};
