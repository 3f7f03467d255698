//! One suite for every store: the same test bodies on the memory store, and on DynamoDB through the SDK.

mod anchor;
mod create;
mod expiry;
mod failures;
mod foreign;
mod guard;
mod lineage;
mod names;
mod numbers;
mod rows;
mod subject;
mod update;

use subject::{Table, on_both};
