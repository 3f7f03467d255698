//! The lease of a request, which the layer and handlers share, and the state of its limits.

mod handle;
pub(super) mod lease_slot;
mod marks;
pub(super) mod status;

pub use handle::LeaseHandle;
pub use status::{RateLimitStatus, ShadowVerdict};
