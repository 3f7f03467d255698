//! Attributes of items, as JSON.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use tollgate_ops::record::Item;

/// Reads an item. The error is the path of what cannot be read.
pub(super) fn item(value: &Value) -> Result<Item, String> {
    let fields = value.as_object().ok_or_else(|| "no object".to_owned())?;
    let fields = fields.iter().map(|(name, value)| {
        let read = attribute(value).map_err(|path| format!("{name}: {path}"));
        Ok((name.clone(), read?))
    });
    fields.collect()
}

fn attribute(value: &Value) -> Result<AttributeValue, String> {
    let fields = value.as_object().filter(|fields| fields.len() == 1);
    let Some((kind, value)) = fields.and_then(|fields| fields.iter().next()) else {
        return Err("no attribute".to_owned());
    };
    let read = match kind.as_str() {
        "S" => value
            .as_str()
            .map(|text| AttributeValue::S(text.to_owned())),
        "N" => value
            .as_str()
            .filter(|text| is_number(text))
            .map(|text| AttributeValue::N(text.to_owned())),
        "BOOL" => value.as_bool().map(AttributeValue::Bool),
        "SS" => texts(value).map(AttributeValue::Ss),
        "NS" => texts(value).map(AttributeValue::Ns),
        "M" => return item(value).map(AttributeValue::M),
        "L" => {
            let all = value.as_array().ok_or_else(|| "no list".to_owned())?;
            let all = all.iter().map(attribute).collect::<Result<_, _>>()?;
            return Ok(AttributeValue::L(all));
        }
        // Neither buckets nor events of the history have bytes, and newer types are not for us.
        _ => Some(AttributeValue::Null(true)),
    };
    read.ok_or_else(|| format!("no {kind}"))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let all = value.as_array()?.iter();
    all.map(|text| text.as_str().map(str::to_owned)).collect()
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_of_all_types_are_read() {
        let read = item(&json!({
            "s": {"S": "text"}, "n": {"N": "-1.5"}, "t": {"BOOL": true}, "z": {"NULL": true},
            "b": {"B": "AAEC"}, "new": {"ZZ": 1}, "set": {"SS": ["a"]},
            "m": {"M": {"l": {"L": [{"N": "1"}, {"S": "x"}]}}},
        }));
        let read = read.unwrap();
        assert_eq!(read["s"], AttributeValue::S("text".into()));
        assert_eq!(read["n"], AttributeValue::N("-1.5".into()));
        assert_eq!(read["b"], AttributeValue::Null(true));
        assert_eq!(read["set"], AttributeValue::Ss(vec!["a".into()]));
        let list = read["m"].as_m().unwrap()["l"].as_l().unwrap();
        assert_eq!(list[1], AttributeValue::S("x".into()));
    }

    #[test]
    fn the_error_names_the_place() {
        let problem = |value| item(&value).unwrap_err();
        assert_eq!(problem(json!({"a": {"N": 5}})), "a: no N");
        assert_eq!(problem(json!({"a": {"N": "NaN"}})), "a: no N");
        assert_eq!(problem(json!({"a": {"M": {"b": {"S": 1}}}})), "a: b: no S");
        assert_eq!(
            problem(json!({"a": {"S": "x", "N": "1"}})),
            "a: no attribute"
        );
        assert_eq!(problem(json!({"a": "x"})), "a: no attribute");
        assert_eq!(problem(json!([])), "no object");
    }
}
