//! Records which permission each call to DynamoDB needs.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::BeforeSerializationInterceptorContextRef,
    },
    error::BoxError,
    operation::{
        batch_get_item::BatchGetItemInput, batch_write_item::BatchWriteItemInput,
        create_table::CreateTableInput, delete_item::DeleteItemInput,
        describe_table::DescribeTableInput, get_item::GetItemInput, put_item::PutItemInput,
        query::QueryInput, transact_write_items::TransactWriteItemsInput,
        update_item::UpdateItemInput, update_time_to_live::UpdateTimeToLiveInput,
    },
    types::AttributeValue,
};

/// A permission that a call needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    /// The action, for example `dynamodb:GetItem`.
    pub(super) action: String,
    /// The last part of the ARN: `table/{name}` or `table/{name}/index/{index}`.
    pub(super) resource: String,
    /// The partition key; `None` for calls on a whole table.
    pub(super) leading_key: Option<String>,
}

/// All permissions that were needed so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder(Arc<Mutex<BTreeSet<Need>>>);

impl Recorder {
    /// Returns the permissions that were needed so far, and forgets them.
    pub(super) fn take(&self) -> BTreeSet<Need> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.lock().unwrap().extend(needs(context));
        Ok(())
    }
}

type Item = HashMap<String, AttributeValue>;

fn on_item(action: &str, table: Option<&str>, item: Option<&Item>) -> Need {
    let key = item
        .and_then(|item| item.get("PK"))
        .expect("an item has a key")
        .as_s()
        .expect("text");
    Need {
        action: format!("dynamodb:{action}"),
        resource: format!("table/{}", table.expect("a table")),
        leading_key: Some(key.clone()),
    }
}

fn on_table(action: &str, table: Option<&str>) -> Need {
    let resource = format!("table/{}", table.expect("a table"));
    Need {
        action: format!("dynamodb:{action}"),
        resource,
        leading_key: None,
    }
}

fn on_partition(query: &QueryInput) -> Need {
    let table = query.table_name().expect("a table");
    let resource = match query.index_name() {
        Some(index) => format!("table/{table}/index/{index}"),
        None => format!("table/{table}"),
    };
    // The first clause of the condition names the partition.
    let condition = query.key_condition_expression().expect("a condition");
    let mut words = condition.split_whitespace();
    let value = words.find(|word| word.starts_with(':')).expect("a value");
    let values = query.expression_attribute_values().expect("values");
    let key = values.get(value).expect("the value").as_s().expect("text");
    Need {
        action: "dynamodb:Query".to_owned(),
        resource,
        leading_key: Some(key.clone()),
    }
}

/// Returns the permissions that a call needs. A transaction needs those of its items, a batch those
/// of its requests.
fn needs(context: &BeforeSerializationInterceptorContextRef<'_>) -> Vec<Need> {
    let input = context.input();
    if let Some(input) = input.downcast_ref::<GetItemInput>() {
        vec![on_item("GetItem", input.table_name(), input.key())]
    } else if let Some(input) = input.downcast_ref::<PutItemInput>() {
        vec![on_item("PutItem", input.table_name(), input.item())]
    } else if let Some(input) = input.downcast_ref::<UpdateItemInput>() {
        vec![on_item("UpdateItem", input.table_name(), input.key())]
    } else if let Some(input) = input.downcast_ref::<DeleteItemInput>() {
        vec![on_item("DeleteItem", input.table_name(), input.key())]
    } else if let Some(input) = input.downcast_ref::<QueryInput>() {
        vec![on_partition(input)]
    } else if let Some(input) = input.downcast_ref::<BatchGetItemInput>() {
        let tables = input.request_items().expect("tables").iter();
        tables
            .flat_map(|(table, request)| {
                request
                    .keys()
                    .iter()
                    .map(move |key| on_item("BatchGetItem", Some(table), Some(key)))
            })
            .collect()
    } else if let Some(input) = input.downcast_ref::<BatchWriteItemInput>() {
        let tables = input.request_items().expect("tables").iter();
        tables
            .flat_map(|(table, requests)| {
                requests.iter().map(move |request| {
                    let item = request.put_request().map(|put| put.item());
                    let item = item.or_else(|| request.delete_request().map(|delete| delete.key()));
                    on_item("BatchWriteItem", Some(table), item)
                })
            })
            .collect()
    } else if let Some(input) = input.downcast_ref::<TransactWriteItemsInput>() {
        let part = |item: &aws_sdk_dynamodb::types::TransactWriteItem| {
            if let Some(put) = item.put() {
                on_item("PutItem", Some(put.table_name()), Some(put.item()))
            } else if let Some(update) = item.update() {
                on_item("UpdateItem", Some(update.table_name()), Some(update.key()))
            } else if let Some(delete) = item.delete() {
                on_item("DeleteItem", Some(delete.table_name()), Some(delete.key()))
            } else {
                let check = item.condition_check().expect("an action");
                on_item(
                    "ConditionCheckItem",
                    Some(check.table_name()),
                    Some(check.key()),
                )
            }
        };
        input.transact_items().iter().map(part).collect()
    } else if let Some(input) = input.downcast_ref::<DescribeTableInput>() {
        vec![on_table("DescribeTable", input.table_name())]
    } else if let Some(input) = input.downcast_ref::<CreateTableInput>() {
        vec![on_table("CreateTable", input.table_name())]
    } else if let Some(input) = input.downcast_ref::<UpdateTimeToLiveInput>() {
        vec![on_table("UpdateTimeToLive", input.table_name())]
    } else {
        panic!("a call that nobody has written a policy for: {input:?}");
    }
}
