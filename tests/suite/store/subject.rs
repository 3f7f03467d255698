//! The stores under test, and writes composed by hand.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use tollgate::{
    LimitName,
    model::{
        BucketKey, BucketState, Create, Level, LimitState, Line, NewLimit, Parameters, StackName, TokenChange, Update,
        WriteId,
    },
    store::{
        Outcome, Store,
        dynamodb::{CreateTable, DynamoDbStore, Provision, Stack},
    },
};

use crate::engine::TestEngine;

/// The time of each first write, epoch ms, in the middle of a second.
pub(crate) const NOW: i64 = 1_800_000_000_500;

pub(crate) const NAMESPACE: &str = "abcdefghijk";
pub(crate) const TABLE: &str = "limits";

pub(crate) type Item = HashMap<String, AttributeValue>;

/// Runs each body on both stores.
macro_rules! on_both {
    ($($body:ident)*) => {$(
        mod $body {
            #[tokio::test]
            async fn memory() {
                super::$body(&tollgate::store::MemoryStore::new()).await;
            }

            #[tokio::test]
            async fn dynamodb() {
                let table = crate::store::Table::create().await;
                super::$body(&table.store()).await;
            }
        }
    )*};
}
pub(super) use on_both;

/// A table of its own.
pub(crate) struct Table {
    pub(crate) engine: TestEngine,
    pub(crate) client: Client,
}

impl Table {
    pub(crate) async fn create() -> Self {
        let engine = TestEngine::start().await;
        let client = engine.client();
        let stack = Stack::new(client.clone(), StackName::new(TABLE).unwrap());
        CreateTable::new().without_stream().provision(&stack).await.unwrap();
        Self { engine, client }
    }

    pub(crate) fn store(&self) -> DynamoDbStore {
        DynamoDbStore::new(&self.client, TABLE, NAMESPACE)
    }

    /// Returns the item of the bucket [`key`].
    pub(crate) async fn item(&self) -> Option<Item> {
        self.engine.item(TABLE, &partition_key(), "#STATE").await
    }

    /// Changes attributes of the bucket [`key`] in the table; `None` removes one.
    pub(crate) async fn set<const N: usize>(&self, attributes: [(&str, Option<AttributeValue>); N]) {
        let mut item = self.item().await.expect("there is a bucket");
        for (name, value) in attributes {
            match value {
                Some(value) => item.insert(name.to_owned(), value),
                None => item.remove(name),
            };
        }
        self.client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
    }
}

fn partition_key() -> String {
    format!("{NAMESPACE}/BUCKET#user-1#api#0")
}

pub(crate) fn n(number: impl ToString) -> Option<AttributeValue> {
    Some(AttributeValue::N(number.to_string()))
}

pub(crate) fn s(text: &str) -> Option<AttributeValue> {
    Some(AttributeValue::S(text.to_owned()))
}

pub(crate) fn key() -> BucketKey {
    key_of("user-1", "api")
}

pub(crate) fn key_of(entity: &str, resource: &str) -> BucketKey {
    BucketKey::new(entity.try_into().unwrap(), resource.try_into().unwrap())
}

pub(crate) fn id() -> WriteId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    WriteId::from_number(NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn name(limit: &str) -> LimitName {
    LimitName::new(limit).unwrap()
}

/// 10 tokens, refilled at one a second.
pub(crate) fn parameters() -> Parameters {
    Parameters::new(10_000, 1_000, 1_000).unwrap()
}

pub(crate) fn limit(limit: &str, tokens: i64) -> NewLimit {
    NewLimit::new(name(limit), parameters(), Level::new(tokens, 0))
}

pub(crate) fn create<const N: usize>(limits: [NewLimit; N]) -> Create {
    Create::new(id(), NOW, limits)
}

/// Returns a line that adds `amount` without conditions.
pub(crate) fn add(limit: &str, amount: i64) -> Line {
    Line::new(name(limit), TokenChange::Add(amount)).with_consumed(-amount)
}

/// Returns the line of a plain spend.
pub(crate) fn spend(limit: &str, amount: i64) -> Line {
    add(limit, -amount).with_floor(amount)
}

pub(crate) fn update<const N: usize>(lines: [Line; N]) -> Update {
    lines.into_iter().fold(Update::new(id(), NOW), Update::with_line)
}

/// Creates a bucket with the limits.
pub(crate) async fn put<const N: usize>(store: &dyn Store, limits: [NewLimit; N]) -> BucketState {
    applied(store.create(&key(), &create(limits)).await.unwrap())
}

/// Executes an update that must be applied, and asserts that the store has the new state.
pub(crate) async fn apply(store: &dyn Store, update: &Update) -> BucketState {
    let state = applied(store.update(&key(), update).await.unwrap());
    assert_eq!(state.last_write.as_ref(), Some(&update.id));
    assert_eq!(store.read(&key()).await.unwrap().as_ref(), Some(&state), "applied returns the new state");
    state
}

/// Executes an update that must be refused, and asserts that nothing has changed.
pub(crate) async fn refuse(store: &dyn Store, update: &Update) -> BucketState {
    let before = store.read(&key()).await.unwrap();
    let Outcome::Refused(state) = store.update(&key(), update).await.unwrap() else {
        panic!("applied: {update:?}");
    };
    assert_eq!(state, before, "refused returns the current state");
    assert_eq!(store.read(&key()).await.unwrap(), before, "refused changes nothing");
    state.expect("refused returns the bucket")
}

pub(crate) fn applied(outcome: Outcome) -> BucketState {
    match outcome {
        Outcome::Applied(state) => state,
        Outcome::Refused(state) => panic!("refused: {state:?}"),
    }
}

pub(crate) fn of<'a>(state: &'a BucketState, limit: &str) -> &'a LimitState {
    state.limit(&name(limit)).unwrap_or_else(|| panic!("no limit {limit}: {state:?}"))
}

/// Returns the tokens and the consumption of a limit, in millitokens.
pub(crate) fn held(state: &BucketState, limit: &str) -> (i64, i64) {
    let limit = of(state, limit);
    (limit.level.tokens, limit.consumed)
}
