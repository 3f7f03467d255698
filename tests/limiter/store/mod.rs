//! The stores of this crate: both pass the conformance suite, and DynamoDB keeps the rules of a
//! shared table.

mod failures;
mod foreign_items;
mod inspection;
mod peers;
mod table;

use tollgate::store::{MemoryStore, dynamodb::DynamoDbStore};
use tollgate_testkit::conformance::{self, Capabilities};

use table::{TABLE, Table};

fn everything() -> Capabilities {
    Capabilities::new().with_transactions().with_splits()
}

#[tokio::test]
async fn the_memory_store_conforms() {
    conformance::run(everything(), async || MemoryStore::new()).await;
}

/// Each trial has a namespace of its own.
#[tokio::test]
async fn the_dynamodb_store_conforms() {
    let table = Table::create().await;
    let mut trial = 0;
    let store = async || {
        trial += 1;
        DynamoDbStore::new(&table.client, TABLE, format!("trial{trial:06}"))
    };
    conformance::run(everything(), store).await;
}
