//! Buckets in a DynamoDB table, shared by every process that uses it.
//!
//! | part | for |
//! |---|---|
//! | [`DynamoDbStore`] | executes bucket writes: one `UpdateItem` or `PutItem` each |
//! | [`Provision`], [`CreateTable`], [`JoinOnly`] | what [`RateLimiter::open`](crate::RateLimiter::open) does if the table is missing |
//! | [`Stack`] | a table and a client for it: [set up](Stack::set_up), [inspected](Stack::inspect) |
//!
//! The table's format is shared with the Python library zae-limiter. The guide's page on
//! [sharing a table](crate::guide::sharing_a_table_with_python) describes what that means.
//!
//! Bucket writes are sent once. The SDK's own retries are off for them, because a blind repeat of
//! an addition charges or refunds twice. The limiter repeats a write only if that is safe.

mod attributes;
mod caller;
mod client;
mod consumed;
mod credentials;
mod date;
mod decode;
mod definition;
mod deployment;
mod diagnostics;
mod encode;
mod expression;
mod failure;
mod inspection;
mod namespace_record;
mod namespaces;
mod operations;
mod provision;
mod quota;
mod records;
mod recovery;
mod registry;
mod retry;
mod sdk_error;
mod set_up;
mod shards;
mod stack;
mod stack_call;
mod store;
mod table;
mod timetable;
mod version;

pub(crate) use client::{AwsOptions, load_config_from};
pub use client::{config_loader, load_config};
pub use inspection::{
    IndexInspection, PermissionPurpose, PermissionResult, PermissionTrial, TableInspection,
};
pub use provision::{CreateTable, JoinOnly, Provision, ProvisionFuture};
pub use records::decode_bucket;
pub use set_up::SetUp;
pub use stack::Stack;
pub use store::DynamoDbStore;

pub(crate) use caller::CallerIdentity;
pub(crate) use client::asks_for_caller;
pub(crate) use definition::check_definition;
pub(crate) use registry::{Registry, VersionCheck};
