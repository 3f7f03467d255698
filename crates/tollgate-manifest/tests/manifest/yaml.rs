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
      tpm: {<<: [{capacity: 7}, *rpm]}
";
    let plain = "\
namespace: default
resources:
  small: {limits: {rpm: {capacity: 5, refill_period: 10}}}
  copy: {limits: {rpm: {capacity: 5, refill_period: 10}}}
  large: {limits: {rpm: {capacity: 50, refill_period: 10}, tpm: {capacity: 7, refill_period: 10}}}
";
    let (one, other) = (
        Manifest::parse("a", text).unwrap(),
        Manifest::parse("b", plain).unwrap(),
    );
    assert_eq!(one.to_yaml(), other.to_yaml());
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
            (1, 20),
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
