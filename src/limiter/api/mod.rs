//! The façade: the limiter, its builder, and the requests that it takes.

mod acquire;
mod availability;
mod bucket_handle;
mod builder;
mod rate_limiter;

#[cfg(feature = "dynamodb")]
mod open;
#[cfg(feature = "dynamodb")]
mod opening;
#[cfg(feature = "dynamodb")]
pub use open::Open;

pub use acquire::Acquire;
pub use availability::{Query, QueryWait};
pub use bucket_handle::BucketHandle;
pub use builder::Builder;
pub use rate_limiter::RateLimiter;
