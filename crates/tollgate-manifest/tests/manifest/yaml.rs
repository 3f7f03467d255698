//! YAML: anchors, merge keys, and text that is none.

use tollgate_manifest::Manifest;

#[test]
fn anchors_and_merge_keys_stand_for_what_they_name() {
    let text = "\
namespace: default
resources:
  small: &small
    limits: {rpm: &rpm {capacity: 5, refill_period: 10}}
  copy: *small
  large:
    limits:
      rpm: {<<: *rpm, capacity: 50}
      tpm: {<<: [{soft: true}, *rpm], capacity: 7}
";
    let plain = "\
namespace: default
resources:
  small: {limits: {rpm: {capacity: 5, refill_period: 10}}}
  copy: {limits: {rpm: {capacity: 5, refill_period: 10}}}
  large: {limits: {rpm: {capacity: 50, refill_period: 10}, tpm: {soft: true, capacity: 7, refill_period: 10}}}
";
    let (one, other) = (
        Manifest::parse("a", text).unwrap(),
        Manifest::parse("b", plain).unwrap(),
    );
    assert_eq!(one.to_yaml(), other.to_yaml());
}

// PyYAML reads the first or the last one, by the length of the key.
#[test]
fn merged_mappings_that_disagree_are_a_fault_unless_the_key_is_set_beside_them() {
    let anchors = "\
namespace: default
resources:
  a: {limits: {rpm: &a {capacity: 5, refill_period: 10}}}
  b: {limits: {rpm: &b {capacity: 6, refill_period: 10}}}
";
    let with = |limit: &str| format!("{anchors}  c: {{limits: {{rpm: {limit}}}}}\n");
    for limit in [
        "{<<: [*a, *b]}",
        "{<<: *a, <<: *b}",
        "{<<: [{capacity: 4}, *a]}",
    ] {
        let column = "  c: {limits: {rpm: ".len() + limit.rfind('*').unwrap() + 1;
        let faults = Manifest::parse("f", &with(limit)).expect_err(limit);
        let [fault] = faults.faults() else {
            panic!("{faults}");
        };
        assert_eq!((fault.line, fault.column), (5, column), "{faults}");
        assert!(
            fault.message.starts_with("`capacity` has another value"),
            "{faults}"
        );
    }
    for limit in [
        "{<<: [*a, *b], capacity: 7}",
        "{<<: [*a, *a]}",
        "{<<: *a, capacity: 7, <<: *b}",
    ] {
        Manifest::parse("f", &with(limit)).unwrap();
    }
}

#[test]
fn tags_and_wrong_merge_keys_do_not_hide_other_faults() {
    let text = "\
namespace: !custom default
resources:
  api: !!map {<<: 5, disabled: maybe}
  b: {<<: [6, {}], cascade: !x true}
---
namespace: other
";
    let faults = Manifest::parse("f", text).unwrap_err();
    let places: Vec<_> = faults
        .faults()
        .iter()
        .map(|fault| (fault.line, fault.column))
        .collect();
    assert_eq!(
        places,
        [(1, 12), (3, 8), (3, 19), (3, 32), (4, 12), (4, 29), (5, 1)],
        "{faults}"
    );
}

#[test]
fn text_that_is_not_a_manifest_has_a_fault_with_a_place() {
    for (text, place, message) in [
        ("namespace: [default\n", (1, 12), "this is not YAML"),
        (
            "namespace: default\n\tsystem: {}\n",
            (1, 12),
            "this is not YAML",
        ),
        ("namespace: *unknown\n", (1, 12), "this is not YAML"),
        ("namespace: &a [*a]\n", (1, 16), "stands for itself"),
        (
            "namespace: !custom default\n",
            (1, 12),
            "tags such as !custom are not allowed",
        ),
        (
            "namespace: default\n---\nnamespace: other\n",
            (2, 1),
            "one document",
        ),
        (
            "namespace: default\nresources: {<<: 5}\n",
            (2, 17),
            "`<<` takes a mapping",
        ),
        (
            "- namespace: default\n",
            (1, 1),
            "a manifest must be a mapping, not a list",
        ),
    ] {
        let faults = Manifest::parse("limits.yaml", text).expect_err(text);
        let fault = &faults.faults()[0];
        assert!(fault.message.contains(message), "{text}: {faults}");
        assert_eq!((fault.line, fault.column), place, "{text}: {faults}");
    }
}
