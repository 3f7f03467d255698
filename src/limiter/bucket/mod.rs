//! Buckets as requests see them, and what they grant.

#[expect(
    clippy::module_inception,
    reason = "the bucket, beside what it is made of"
)]
mod bucket;
mod grant;
mod memory;
mod memory_bucket;
mod script;
mod scripted;

pub use script::{Script, ScriptDecision, ScriptEvent, ScriptRequest};

pub(super) use bucket::{Acquiring, Bucket, Charged};
pub(super) use grant::{Grant, GrantedResources, Grants};
pub(super) use memory::{LimitsRef, Memory, MemoryPlace, ResolvedBucket, resolve};
pub(super) use memory_bucket::{MemoryBucket, MemoryCharge};
pub(super) use scripted::Scripted;
