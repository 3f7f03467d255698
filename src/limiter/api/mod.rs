//! The façade: the limiter, its builder, and the requests that it takes.

mod acquire;
mod availability;
mod bucket_handle;
mod builder;
#[cfg(feature = "dynamodb")]
mod early;
mod rate_limiter;

#[cfg(feature = "dynamodb")]
mod open;
#[cfg(feature = "dynamodb")]
mod opening;
#[cfg(feature = "dynamodb")]
pub use open::OpenOptions;

pub use acquire::Acquire;
pub use availability::{AvailabilityRequest, WaitRequest};
pub use bucket_handle::BucketHandle;
pub use builder::RateLimiterBuilder;
pub use rate_limiter::RateLimiter;
