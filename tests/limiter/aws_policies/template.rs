//! The definitions of the table on the guide's page match the table that `open` creates.

use std::collections::BTreeMap;

use super::Account;

const PAGE: &str = include_str!("../../../docs/guide/aws.md");

fn code(language: &str) -> &'static str {
    let (_, code) = PAGE
        .split_once(&format!("```{language}\n"))
        .expect("the definition");
    code.split_once("```").expect("its end").0
}

/// Returns the values of `key` in `text`, in order, from `key: value`, `{ key: value }` and `key =
/// value`.
fn values<'a>(text: &'a str, key: &str, sign: &str) -> Vec<&'a str> {
    let beginning = format!("{key}{sign}");
    text.split(&beginning)
        .skip(1)
        .map(|rest| {
            rest.trim_start()
                .split(['\n', ',', ' ', '}'])
                .next()
                .expect("a value")
                .trim_matches('"')
        })
        .collect()
}

#[tokio::test]
async fn the_page_defines_the_table_that_is_created() {
    let account = Account::with_table().await;
    let client = account.engine.client();
    let table = client
        .describe_table()
        .table_name(super::STACK)
        .send()
        .await
        .unwrap()
        .table
        .unwrap();
    let indexes: BTreeMap<_, _> = table
        .global_secondary_indexes()
        .iter()
        .map(|index| {
            let keys: Vec<_> = index
                .key_schema()
                .iter()
                .map(|key| key.attribute_name().to_owned())
                .collect();
            let projection = index
                .projection()
                .unwrap()
                .projection_type()
                .unwrap()
                .to_string();
            (index.index_name().unwrap().to_owned(), (keys, projection))
        })
        .collect();

    let template = code("yaml");
    let (_, from_indexes) = template.split_once("GlobalSecondaryIndexes:").unwrap();
    let (from_indexes, _) = from_indexes.split_once("StreamSpecification").unwrap();
    let names = values(from_indexes, "IndexName", ":");
    let keys = values(from_indexes, "AttributeName", ":");
    let projections = values(from_indexes, "ProjectionType", ":");
    let defined: BTreeMap<_, _> = names
        .iter()
        .zip(keys.chunks(2).zip(projections))
        .map(|(name, (keys, projection))| {
            (
                (*name).to_owned(),
                (
                    keys.iter().map(|key| (*key).to_owned()).collect(),
                    projection.to_owned(),
                ),
            )
        })
        .collect();
    assert_eq!(defined, indexes);
    let mut attributes: Vec<_> = table
        .attribute_definitions()
        .iter()
        .map(|attribute| attribute.attribute_name())
        .collect();
    let (_, from_attributes) = template.split_once("AttributeDefinitions:").unwrap();
    let (from_attributes, _) = from_attributes
        .split_once("GlobalSecondaryIndexes:")
        .unwrap();
    let mut named = values(from_attributes, "AttributeName", ":");
    attributes.sort_unstable();
    named.sort_unstable();
    assert_eq!(named, attributes);
    let stream = table
        .stream_specification()
        .unwrap()
        .stream_view_type()
        .unwrap();
    assert_eq!(values(template, "StreamViewType", ":"), [stream.as_str()]);

    let terraform = code("terraform");
    for (name, (_, projection)) in &indexes {
        assert_eq!(values(terraform, name, " = "), [projection], "{name}");
    }
    for attribute in attributes {
        assert!(
            terraform.contains(&format!("\"{attribute}\"")),
            "{attribute}"
        );
    }
}
