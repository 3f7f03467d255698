//! A request: its head, its admission, its lease, and what its handler finds in the extensions.

pub(super) mod admission;
pub(super) mod extensions;
mod handle;
mod head;
pub(super) mod lease_slot;
pub(super) mod outcome;
mod request_limiter;
pub(super) mod status;

pub use handle::LeaseHandle;
pub use head::RequestHead;
pub use request_limiter::BoundLimiter;
pub use status::{RateLimitStatus, ShadowVerdict};
