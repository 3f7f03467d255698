//! The template for every combination of its conditions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    resolved::{Resolved, Values, only_entry, template},
    switches::{ALONE, COMBINED, Switch, combinations},
};

/// The parameters for names: a condition for each of them.
fn name_parameters(template: &Value) -> Vec<String> {
    let names = template["Parameters"].as_object().unwrap().keys();
    names
        .filter(|name| name.ends_with("RoleName") || name.ends_with("PolicyName"))
        .cloned()
        .collect()
}

/// Returns the parameters on which a condition depends, directly or by way of other conditions.
fn parameters_of(template: &Value, condition: &Value) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    match only_entry(condition) {
        Some(("Condition", name)) => {
            let other = &template["Conditions"][name.as_str().unwrap()];
            named.extend(parameters_of(template, other));
        }
        Some(("Ref", name)) => {
            named.insert(name.as_str().unwrap().to_owned());
        }
        Some((_, Value::Array(parts))) => {
            named.extend(parts.iter().flat_map(|part| parameters_of(template, part)));
        }
        _ => {}
    }
    named
}

#[test]
fn conditions_depend_on_the_parameters_that_are_varied_and_combine_no_others() {
    let template = template();
    let owned = |switch: &Switch| switch.0.to_owned();
    let combined: BTreeSet<String> = COMBINED.iter().map(owned).collect();
    let names = name_parameters(&template);
    let alone: BTreeSet<String> = ALONE.iter().map(owned).chain(names).collect();
    let mut found = BTreeSet::new();
    for (name, condition) in template["Conditions"].as_object().unwrap() {
        let parameters = parameters_of(&template, condition);
        assert!(
            parameters.is_subset(&combined) || parameters.is_subset(&alone),
            "{name} depends on {parameters:?}"
        );
        found.extend(parameters);
    }
    assert_eq!(found, combined.union(&alone).cloned().collect());
}

/// Fails if a part of the template is wrong with these values.
fn check(template: &Value, values: &Values) {
    let resolved = Resolved::new(template, values);
    let resources = resolved.resources();
    let known = |name: &str| resources.contains_key(name) || name.starts_with("AWS::");
    let check_names = |place: &str, part: &Value| {
        for_each_name(part, &mut |name| {
            let is_given = values.get(name).is_some_and(|value| !value.is_empty());
            assert!(
                known(name) || is_given,
                "{place} names {name}, which is not there: {values:?}"
            );
        });
    };
    for (id, resource) in &resources {
        check_names(id, &resource["Properties"]);
        check_sizes(id, &resource["Properties"]);
    }
    let outputs = resolved.outputs();
    for (id, output) in &outputs {
        check_names(id, output);
        let value = &output["Value"];
        // CloudFormation refuses an empty export, and takes the whole stack back.
        assert!(value != "" && !value.is_null(), "{id} is empty: {values:?}");
    }
    // The switches that are asked for here are on by default.
    let on = |name| values.get(name).is_none_or(|value| value == "true");
    let given = |name| values.get(name).is_some_and(|value| !value.is_empty());
    let has_role = on("EnableIAM") || given("AggregatorRoleArn");
    let aggregates = on("EnableAggregator") && has_role && given("FunctionCodeKey");
    let provisions = on("EnableProvisioner") && on("EnableIAM") && given("FunctionCodeKey");
    let archives = on("EnableAggregator") && has_role && on("EnableAuditArchival");
    for (id, expected) in [
        ("RateLimitsTable", true),
        ("AggregatorFunction", aggregates),
        ("AggregatorEventSourceMapping", aggregates),
        ("ProvisionerFunction", provisions),
        ("AuditArchiveBucket", archives),
        ("AggregatorDLQ", on("EnableAggregator")),
        ("FullAccessPolicy", on("EnableIAM")),
        ("AggregatorDLQAlarm", aggregates && on("EnableAlarms")),
        ("ProvisionerErrorAlarm", provisions && on("EnableAlarms")),
        (
            "AggregatorIdleAlarm",
            aggregates && on("EnableAlarms") && on("EnableIdleAlarm"),
        ),
        ("NamespaceIndexThrottleAlarm", on("EnableAlarms")),
    ] {
        assert_eq!(resources.contains_key(id), expected, "{id}: {values:?}");
    }
    check_alarms(&resources, given("AlarmSNSTopicArn"));
}

/// Fails if a list is empty.
fn check_sizes(place: &str, value: &Value) {
    match value {
        Value::Array(items) => {
            assert!(!items.is_empty(), "{place} has an empty list");
            items.iter().for_each(|item| check_sizes(place, item));
        }
        Value::Object(entries) => {
            assert!(!entries.is_empty(), "{place} has an empty map");
            entries.values().for_each(|value| check_sizes(place, value));
        }
        _ => {}
    }
}

fn check_alarms(resources: &BTreeMap<String, Value>, has_topic: bool) {
    for (id, alarm) in resources {
        if alarm["Type"] == "AWS::CloudWatch::Alarm" {
            let actions = &alarm["Properties"]["AlarmActions"];
            assert_eq!(actions.is_array(), has_topic, "{id}");
        }
    }
}

#[test]
fn every_combination_of_conditions_is_whole() {
    let template = template();
    for values in combinations() {
        check(&template, &values);
    }
}

#[test]
fn every_other_parameter_is_whole_by_itself() {
    let template = template();
    let names = name_parameters(&template);
    assert_eq!(names.len(), 11);
    for (name, choices) in ALONE {
        for choice in choices {
            check(&template, &Values::from([(name, choice.to_owned())]));
        }
    }
}

#[test]
fn names_are_the_given_ones_or_begin_with_the_stack() {
    let template = template();
    for (id, property) in [
        ("AppRole", "RoleName"),
        ("AggregatorRole", "RoleName"),
        ("NamespaceAcquirePolicy", "ManagedPolicyName"),
    ] {
        let mut values = Values::from([("EnableIAMRoles", "true".to_owned())]);
        let of = |values: &Values| {
            let resources = Resolved::new(&template, values).resources();
            resources[id]["Properties"][property].clone()
        };
        let default = of(&values);
        let default = default["Fn::Sub"].as_str().unwrap();
        assert!(default.starts_with("${AWS::StackName}-"), "{default}");
        for parameter in [
            "AppRoleName",
            "AggregatorRoleName",
            "NamespaceAcquirePolicyName",
        ] {
            values.insert(parameter, "given".to_owned());
        }
        assert_eq!(of(&values), "given");
    }
}

#[test]
fn data_is_kept_restorable_and_protected_by_default() {
    let template = template();
    let resources = Resolved::new(&template, &Values::new()).resources();
    for id in ["RateLimitsTable", "AuditArchiveBucket"] {
        assert_eq!(resources[id]["DeletionPolicy"], "Retain", "{id}");
        assert_eq!(resources[id]["UpdateReplacePolicy"], "Retain", "{id}");
    }
    let table = &resources["RateLimitsTable"]["Properties"];
    assert_eq!(table["DeletionProtectionEnabled"], true);
    let recovery = &table["PointInTimeRecoverySpecification"];
    assert_eq!(recovery["PointInTimeRecoveryEnabled"], true);
    let kept = resources
        .values()
        .filter(|resource| resource["DeletionPolicy"] == "Retain");
    // The code bucket too: CloudFormation deletes only empty buckets.
    assert_eq!(kept.count(), 3);
}

#[test]
fn the_indexes_are_those_of_the_library_or_of_python() {
    let template = template();
    let projections = |values: &Values, kind: &str| -> Vec<String> {
        let resources = Resolved::new(&template, values).resources();
        let indexes = resources["RateLimitsTable"]["Properties"][kind].clone();
        let indexes = indexes.as_array().cloned().unwrap_or_default();
        let projection = |index: &Value| {
            index["Projection"]["ProjectionType"]
                .as_str()
                .map(str::to_owned)
        };
        indexes.iter().filter_map(projection).collect()
    };
    let (own, python) = (
        Values::new(),
        Values::from([("EnablePythonIndexes", "true".to_owned())]),
    );
    let global = "GlobalSecondaryIndexes";
    let keys = "KEYS_ONLY";
    assert_eq!(projections(&own, global), ["ALL", keys, keys, keys]);
    assert_eq!(projections(&python, global), ["ALL", "ALL", keys, keys]);
    let local = "LocalSecondaryIndexes";
    assert!(projections(&own, local).is_empty());
    assert_eq!(
        projections(&python, local),
        ["ALL", keys, "ALL", keys, "ALL"]
    );
    // DynamoDB refuses definitions of attributes that are no keys.
    for (values, expected) in [(own, 10), (python, 15)] {
        let resources = Resolved::new(&template, &values).resources();
        let table = &resources["RateLimitsTable"]["Properties"];
        let attributes = table["AttributeDefinitions"].as_array().unwrap();
        let defined: BTreeSet<_> = attributes
            .iter()
            .map(|key| key["AttributeName"].as_str())
            .collect();
        let indexes = [global, local]
            .into_iter()
            .filter_map(|kind| table[kind].as_array());
        let schemas = indexes.flatten().map(|index| &index["KeySchema"]);
        let used: BTreeSet<_> = schemas
            .chain([&table["KeySchema"]])
            .flat_map(|schema| schema.as_array().unwrap())
            .map(|key| key["AttributeName"].as_str())
            .collect();
        assert_eq!(defined, used);
        assert_eq!(used.len(), expected);
    }
}

/// Calls `found` with the logical id of each resource that a value names.
fn for_each_name(value: &Value, found: &mut impl FnMut(&str)) {
    match only_entry(value) {
        Some(("Ref", name)) => return found(name.as_str().unwrap()),
        Some(("Fn::GetAtt", arguments)) => return found(arguments[0].as_str().unwrap()),
        Some(("Fn::Sub", pattern)) => {
            let pattern = pattern.as_str().expect("a pattern");
            for part in pattern.split("${").skip(1) {
                let (name, _) = part.split_once('}').expect("a closed variable");
                found(name.split('.').next().unwrap());
            }
            return;
        }
        _ => {}
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| for_each_name(item, found)),
        Value::Object(entries) => entries
            .values()
            .for_each(|value| for_each_name(value, found)),
        _ => {}
    }
}
