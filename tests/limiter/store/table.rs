//! A table of its own, whose items a test can change.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use tollgate::{
    model::StackName,
    store::dynamodb::{CreateTable, DynamoDbStore, Provision, Stack},
};

use crate::engine::TestEngine;

pub(crate) const NAMESPACE: &str = "abcdefghijk";
pub(crate) const TABLE: &str = "limits";

pub(crate) type Item = HashMap<String, AttributeValue>;

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
        CreateTable::new()
            .without_stream()
            .provision(&stack)
            .await
            .unwrap();
        Self { engine, client }
    }

    pub(crate) fn store(&self) -> DynamoDbStore {
        DynamoDbStore::new(&self.client, TABLE, NAMESPACE)
    }

    /// Returns the item of the bucket `key()`.
    pub(crate) async fn item(&self) -> Option<Item> {
        self.engine.item(TABLE, &partition_key(), "#STATE").await
    }

    /// Changes attributes of the bucket `key()` in the table; `None` removes one.
    pub(crate) async fn set<const N: usize>(
        &self,
        attributes: [(&str, Option<AttributeValue>); N],
    ) {
        let mut item = self.item().await.expect("there is a bucket");
        for (name, value) in attributes {
            match value {
                Some(value) => item.insert(name.to_owned(), value),
                None => item.remove(name),
            };
        }
        self.client
            .put_item()
            .table_name(TABLE)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }
}

fn partition_key() -> String {
    format!("{NAMESPACE}/BUCKET#user-1#api#0")
}

pub(crate) fn number_value(number: impl ToString) -> Option<AttributeValue> {
    Some(AttributeValue::N(number.to_string()))
}

pub(crate) fn text_value(text: &str) -> Option<AttributeValue> {
    Some(AttributeValue::S(text.to_owned()))
}
