//! Reads bucket writes and images from the bodies of requests and answers.
//!
//! This reader is independent of the library's own codec, so that errors in the codec show up as
//! differences.

use std::collections::BTreeMap;

use serde_json::Value;

use super::write::{Image, bucket_of};

/// The internal limit that counts write units. It is not part of the scenario.
const PRESSURE: &str = "wcu";

/// A bucket write as its request describes it: the item's partition key, and the millitokens that
/// it adds to the consumption counter of each limit.
pub(super) struct Asked {
    pub(super) item: String,
    pub(super) charges: BTreeMap<String, i64>,
}

/// Returns the bucket writes of a request.
pub(super) fn asked(operation: &str, body: &Value) -> Vec<Asked> {
    match operation {
        "UpdateItem" => update(body).into_iter().collect(),
        "PutItem" => put(body).into_iter().collect(),
        "TransactWriteItems" => {
            let actions = body["TransactItems"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            actions
                .iter()
                .filter_map(|action| update(&action["Update"]).or_else(|| put(&action["Put"])))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn update(body: &Value) -> Option<Asked> {
    let item = bucket_item(&body["Key"])?;
    let expression = body["UpdateExpression"].as_str()?;
    let words: Vec<&str> = expression
        .split([' ', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let mut charges = BTreeMap::new();
    for (index, word) in words.iter().enumerate() {
        let name = body["ExpressionAttributeNames"][*word]
            .as_str()
            .unwrap_or(word);
        let Some(limit) = limit_of(name, "_tc") else {
            continue;
        };
        // `ADD #tc :difference`. A write that sets the counter is not understood, and shows up as a
        // gap.
        let Some(value) = words.get(index + 1).filter(|value| value.starts_with(':')) else {
            continue;
        };
        if let Some(charge) = number(&body["ExpressionAttributeValues"][*value]) {
            charges.insert(limit.to_owned(), charge);
        }
    }
    Some(Asked { item, charges })
}

fn put(body: &Value) -> Option<Asked> {
    let item = bucket_item(&body["Item"])?;
    let levels = image(&body["Item"])?.levels;
    let charges = levels
        .into_iter()
        .map(|(limit, level)| (limit, level.consumed))
        .collect();
    Some(Asked { item, charges })
}

fn bucket_item(key: &Value) -> Option<String> {
    let item = key["PK"]["S"].as_str()?;
    bucket_of(item).map(|_| item.to_owned())
}

/// Returns the image in a bucket's item.
pub(crate) fn image(item: &Value) -> Option<Image> {
    let attributes = item.as_object()?;
    let mut image = Image {
        refilled_at: number(&item["rf"])?,
        shards: number(&item["shard_count"]).unwrap_or(1),
        levels: BTreeMap::new(),
    };
    for limit in attributes.keys().filter_map(|name| limit_of(name, "_tk")) {
        let field = |field: &str| number(&item[format!("b_{limit}_{field}")]);
        let level = super::write::Level {
            tokens: field("tk")?,
            capacity: field("cp")?,
            amount: field("ra")?,
            period: field("rp")?,
            consumed: field("tc").unwrap_or(0),
            remainder: field("fr").unwrap_or(0),
        };
        image.levels.insert(limit.to_owned(), level);
    }
    Some(image)
}

fn limit_of<'a>(attribute: &'a str, field: &str) -> Option<&'a str> {
    attribute
        .strip_prefix("b_")?
        .strip_suffix(field)
        .filter(|limit| *limit != PRESSURE)
}

fn number(value: &Value) -> Option<i64> {
    value["N"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_charges_of_an_update_are_read() {
        let body = json!({
            "Key": { "PK": { "S": "ns/BUCKET#user#api#0" }, "SK": { "S": "#STATE" } },
            "UpdateExpression": "SET #0 = :0 ADD #1 :1, #2 :2,b_rpm_tc :3, #3 :3",
            "ExpressionAttributeNames": { "#0": "rf", "#1": "b_tpm_tk", "#2": "b_tpm_tc", "#3": "b_wcu_tc" },
            "ExpressionAttributeValues": { ":0": { "N": "5" }, ":1": { "N": "-7" }, ":2": { "N": "7" }, ":3": { "N": "1" } },
        });
        let asked = asked("UpdateItem", &body);
        assert_eq!(asked[0].item, "ns/BUCKET#user#api#0");
        assert_eq!(
            asked[0].charges,
            BTreeMap::from([("rpm".to_owned(), 1), ("tpm".to_owned(), 7)])
        );
    }

    #[test]
    fn writes_of_other_items_are_left_out() {
        let body = json!({ "Item": { "PK": { "S": "ns/ENTITY#user" }, "SK": { "S": "#META" } } });
        assert!(asked("PutItem", &body).is_empty());
        assert!(asked("GetItem", &body).is_empty());
    }

    #[test]
    fn an_image_is_read() {
        let item = json!({
            "rf": { "N": "1000" }, "b_rpm_tk": { "N": "-5" }, "b_rpm_cp": { "N": "60" }, "b_rpm_ra": { "N": "10" },
            "b_rpm_rp": { "N": "100" }, "b_rpm_tc": { "N": "65" }, "b_rpm_fr": { "N": "90" }, "b_wcu_tk": { "N": "1" },
        });
        let image = image(&item).unwrap();
        assert_eq!(image.holds("rpm", 1001), Some(-4));
        assert_eq!(image.holds("rpm", 1000), Some(-5));
        assert_eq!(image.holds("rpm", 9000), Some(60));
        assert_eq!(image.levels.len(), 1);
    }
}
