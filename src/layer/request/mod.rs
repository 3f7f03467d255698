//! A request, from its head to its lease, and what its handler finds in the extensions.

pub(super) mod admission;
pub(super) mod extensions;
pub(super) mod outcome;
mod request_limiter;

pub use request_limiter::BoundLimiter;
