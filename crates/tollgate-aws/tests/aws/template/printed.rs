//! The printed forms of the template.

use serde_json::Value;
use tollgate_aws::Template;

use super::resolved::template;

/// The longest template that CloudFormation takes in a call.
const LONGEST: usize = 51_200;

#[test]
fn yaml_and_json_are_the_same_document() {
    let yaml = Template::new().to_yaml().unwrap();
    let yaml: Value = serde_saphyr::from_str(&yaml).unwrap();
    let compact = Template::new().to_compact_json().unwrap();
    let compact: Value = serde_json::from_str(&compact).unwrap();
    assert_eq!(yaml, template());
    assert_eq!(compact, template());
}

#[test]
fn the_template_fits_into_a_call() {
    let template = Template::new();
    let compact = template.to_compact_json().unwrap();
    assert!(compact.len() <= LONGEST, "{} bytes of JSON", compact.len());
    let yaml = template.to_yaml().unwrap();
    assert!(yaml.len() <= LONGEST, "{} bytes of YAML", yaml.len());
}

#[test]
fn no_condition_needs_more_than_comparisons() {
    // Some emulators of CloudFormation cannot split texts there.
    let conditions = template()["Conditions"].to_string();
    assert!(!conditions.contains("Fn::Split") && !conditions.contains("Fn::Select"));
}

#[test]
fn the_parts_have_the_same_logical_ids_in_every_version() {
    // CloudFormation replaces a part whose logical id changes: a table would begin empty.
    let resources = template()["Resources"].clone();
    let resources = resources.as_object().unwrap();
    let mut found: Vec<_> = resources
        .iter()
        .map(|(id, resource)| format!("{id} {}", resource["Type"].as_str().unwrap()))
        .collect();
    found.sort();
    let written: Vec<_> = include_str!("logical_ids.txt").lines().collect();
    assert_eq!(found, written);
}
