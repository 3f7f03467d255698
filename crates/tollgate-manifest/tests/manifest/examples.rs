//! A manifest with every key.

use std::time::Duration;

use tollgate::{
    Limit,
    model::{Access, ConfigScope, Schedule, ScheduleEntry, StoredConfig, StoredOnUnavailable},
};
use tollgate_manifest::Manifest;

/// A manifest with every key of the format.
pub(crate) const EVERY_KEY: &str = r#"
namespace: tenant-a
system:
  on_unavailable: allow
  limits:
    rpm: {capacity: 1_000}
resources:
  gpt-4:
    disabled: bypass
    cascade: true
    limits:
      rpm:
        capacity: 100
        burst: 150
        refill_amount: 50
        refill_period: 30
        soft: true
        schedule:
          - {cron: "* 9-17 * * MON-FRI", tz: Europe/Berlin, scale: 0.5}
          - {cron: "* 0-5 * * *", tz: Europe/Berlin, capacity: 7, refill_amount: 3, refill_period_seconds: 10}
      daily:
        capacity: 500
        reset_schedule:
          - {cron: "0 0 * * *", tz: Europe/Berlin}
  openai/gpt-4o: {disabled: true}
entities:
  user-1:
    resources:
      _default_: {cascade: no}
      gpt-4:
        disabled: false
        limits:
          session: {capacity: 5, reset_after_seconds: 18000}
"#;

#[test]
fn every_key_becomes_a_value_of_the_library() {
    let manifest = Manifest::parse("limits.yaml", EVERY_KEY).unwrap();
    assert_eq!(manifest.namespace().as_str(), "tenant-a");
    let expected = [
        (
            ConfigScope::system(),
            StoredConfig::new([Limit::per_minute("rpm", 1000)])
                .with_on_unavailable(StoredOnUnavailable::Allow),
        ),
        (
            ConfigScope::resource("gpt-4").unwrap(),
            StoredConfig::new([scheduled(), daily()])
                .with_access(Access::Bypassed)
                .with_cascade(true),
        ),
        (
            ConfigScope::resource("openai/gpt-4o").unwrap(),
            StoredConfig::default().with_access(Access::Disabled),
        ),
        (
            ConfigScope::entity("user-1").unwrap(),
            StoredConfig::default().with_cascade(false),
        ),
        (
            ConfigScope::entity_resource("user-1", "gpt-4").unwrap(),
            StoredConfig::new([session()]).with_access(Access::Enabled),
        ),
    ];
    let entries: Vec<_> = manifest.entries().iter().collect();
    let found = entries
        .iter()
        .map(|entry| (entry.scope.clone(), entry.config.clone()));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(
        entries.iter().map(|entry| entry.line).collect::<Vec<_>>(),
        [3, 8, 25, 29, 30].map(Some)
    );
    for (scope, config) in &expected {
        assert_eq!(manifest.get(scope), Some(config));
    }
}

#[test]
fn a_manifest_is_written_as_it_is_read() {
    let manifest = Manifest::parse("limits.yaml", EVERY_KEY).unwrap();
    let text = manifest.to_yaml();
    let again =
        Manifest::parse("written.yaml", &text).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
    let configs = |manifest: &Manifest| -> Vec<_> {
        let entries = manifest.entries().iter();
        entries
            .map(|entry| (entry.scope.clone(), entry.config.clone()))
            .collect()
    };
    assert_eq!(configs(&manifest), configs(&again), "{text}");
    assert_eq!(again.to_yaml(), text);
}

#[test]
fn names_that_yaml_reads_otherwise_are_written_in_quotes() {
    let text = "namespace: default\nentities:\n  \"010\": {resources: {_default_: {disabled: true}}}\n  \
                \"yes\": {resources: {api: {disabled: true}}}\n  12: {resources: {api: {disabled: true}}}\n";
    let manifest = Manifest::parse("limits.yaml", text).unwrap();
    let written = manifest.to_yaml();
    for name in ["\"010\":", "\"yes\":", "\"12\":"] {
        assert!(written.contains(name), "{written}");
    }
    assert_eq!(
        Manifest::parse("written.yaml", &written).unwrap().to_yaml(),
        written
    );
}

fn scheduled() -> Limit {
    let day = ScheduleEntry::scaled("* 9-17 * * MON-FRI", 0.5).unwrap();
    let period = Some(Duration::from_secs(10));
    let night = ScheduleEntry::replaced("* 0-5 * * *", Some(7), Some(3), period).unwrap();
    let limit = Limit::new("rpm", 150, 50, Duration::from_secs(30)).unwrap();
    let schedule = Schedule::new([day, night], "Europe/Berlin").unwrap();
    limit.with_schedule(schedule).unwrap().soft()
}

fn daily() -> Limit {
    Limit::quota("daily", 500).daily("Europe/Berlin").unwrap()
}

fn session() -> Limit {
    let length = Duration::from_secs(18_000);
    Limit::quota("session", 5).session(length).unwrap()
}
