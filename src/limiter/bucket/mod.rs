//! Buckets as requests see them, and what they grant.

mod acquiring;
#[expect(
    clippy::module_inception,
    reason = "the bucket, beside what it is made of"
)]
mod bucket;
mod grant;
mod grants;
mod memory;
mod memory_bucket;
mod scripted;

pub use scripted::{Script, ScriptDecision, ScriptEvent, ScriptRequest};

pub(super) use acquiring::Acquiring;
pub(super) use bucket::{Bucket, BucketAnswer, GrantedTokens};
pub(super) use grant::Grant;
pub(super) use grants::{BucketGrant, BucketGrants, MOST_USED};
pub(super) use memory::{LimitsRef, Memory, MemoryPlace, ResolvedBucket, resolve};
pub(super) use memory_bucket::MemoryBucket;
pub(super) use scripted::Scripted;
