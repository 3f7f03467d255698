//! Operations on whole buckets, which `tollgate entity` and `tollgate bucket` both have.

mod idempotency;
mod record;
mod reset;
mod top_up;

pub(super) use reset::ResetOptions;
pub(super) use top_up::TopUpOptions;
