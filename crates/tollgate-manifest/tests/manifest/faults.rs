//! Faults: each is told with its place, and all at once.

use tollgate_manifest::Manifest;

/// Returns the place and message of each fault.
fn faults(text: &str) -> Vec<(usize, usize, String)> {
    let faults = Manifest::parse("limits.yaml", text).expect_err(text);
    let faults = faults.faults().iter();
    faults
        .map(|fault| (fault.line, fault.column, fault.message.clone()))
        .collect()
}

/// Asserts that the text has one fault, at the place of `«`, which is not part of the text.
fn one(text: &str, message: &str) {
    let at = text.find('«').expect("a mark");
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    let found = faults(&text.replace('«', ""));
    assert_eq!(found.len(), 1, "{text}\n{found:?}");
    let (found_line, found_column, found_message) = &found[0];
    assert_eq!(
        (*found_line, *found_column),
        (line, column),
        "{text}\n{found_message}"
    );
    assert!(found_message.contains(message), "{text}\n{found_message}");
}

/// Returns a manifest with one limit.
fn limit(fields: &str) -> String {
    format!("namespace: default\nresources:\n  api:\n    limits:\n      rpm: {{{fields}}}\n")
}

// Faults that the reference lets pass, or tells by a bare exception (OPERATORS A11, 4).
#[test]
fn what_the_peer_lets_pass_is_a_fault() {
    one(
        &limit("capacity: 5, «capcity: 6"),
        "unknown key `capcity`: a limit has capacity, burst",
    );
    one("«sistem: {}\nnamespace: default\n", "unknown key `sistem`");
    one(
        "namespace: default\nresources:\n  «9 bad: {disabled: true}\n",
        "resource has a character that is not allowed at byte 0",
    );
    one(
        "namespace: default\nsystem:\n  limits:\n    «wcu: {capacity: 5}\n",
        "the limit name is reserved",
    );
    one(
        "namespace: default\nsystem:\n  on_unavailable: «maybe\n",
        "on_unavailable must be allow or block, not maybe",
    );
    one(
        &limit("capacity: «1.5"),
        "capacity must be a whole number, not 1.5",
    );
    one(
        &limit("capacity: «1000000000000001"),
        "1000000000000001 tokens are more than a limit can have",
    );
    one(
        "namespace: default\nresources:\n  api:\n    limits:\n      «rpm: {refill_amount: 5}\n",
        "the limit has no capacity",
    );
    one(
        &limit("capacity: «\"5\""),
        "capacity is text: remove the quotes",
    );
    one("namespace: default\n«system:\n", "nothing is declared here");
}

#[test]
fn keys_and_names_have_faults_at_their_places() {
    one("«", "the file is empty");
    one("«system: {on_unavailable: allow}\n", "needs a namespace");
    one(
        "namespace«: \n",
        "the namespace must be a text, not nothing",
    );
    one(
        "namespace: default\nresources: «[a]\n",
        "resources must be a mapping, not a list",
    );
    one(
        "namespace: default\nresources:\n  api: {disabled: true}\n  «api: {disabled: false}\n",
        "`api` is here twice: first in line 3",
    );
    one(
        &limit("capacity: 5, «capacity: 6"),
        "`capacity` is here twice: first in line 5",
    );
    one(
        "namespace: default\nentities:\n  user#1: {}\n"
            .replace("user", "«user")
            .as_str(),
        "the entity id has a character that is not allowed at byte 4",
    );
    one(
        "namespace: default\nentities:\n  «010: {resources: {api: {disabled: true}}}\n",
        "put quotes around `010`",
    );
    one(
        "namespace: default\nentities:\n  user: «{}\n",
        "an entity needs `resources`",
    );
    one(
        "namespace: default\nresources:\n  «_default_: {disabled: true}\n",
        "the resource has a character",
    );
    one(
        "namespace: default\nresources:\n  api: {disabled: «maybe}\n",
        "disabled must be true, false or bypass, not maybe",
    );
    one(
        "namespace: default\nresources:\n  api: {cascade: «1}\n",
        "cascade must be true or false, not 1",
    );
    one(
        "namespace: default\nsystem: {limits: {rpm: {capacity: 1}}, «cascade: true}\n",
        "the system has no `cascade`",
    );
    one(
        "namespace: default\nsystem: {on_unavailable: allow, «disabled: true}\n",
        "the system has no `disabled`",
    );
    one(
        "namespace: default\nresources:\n  «api: {limits: {}}\n",
        "nothing is declared here",
    );
    one(
        "namespace: default\nresources: {? «[a] : {disabled: true}}\n",
        "a key must be a text, not a list",
    );
}

#[test]
fn limits_have_the_rules_of_the_library() {
    one(&limit("capacity: «0"), "capacity must be at least 1 token");
    one(
        &limit("capacity: «-5"),
        "capacity must be a whole number, not -5",
    );
    one(
        &limit("capacity: 5, burst: «0"),
        "capacity must be at least 1 token",
    );
    one(
        &limit("capacity: 5, refill_amount: «0"),
        "refill amount must be at least 1 token",
    );
    one(
        &limit("capacity: 5, refill_period: «0"),
        "a refill period must be",
    );
    one(
        &limit("capacity: 5, soft: «\"yes\""),
        "soft must be true or false",
    );
    one(
        &limit("capacity: 5, reset_after_seconds: «0"),
        "a session must be a whole number of seconds",
    );
    one(
        &limit("capacity: 5, reset_after_seconds: «true"),
        "reset_after_seconds must be a whole number",
    );
    one(
        &limit("capacity: 5, refill_amount: «5, reset_after_seconds: 60"),
        "no refill",
    );
    one(
        &limit("capacity: 5, reset_after_seconds: «60, reset_schedule: [{cron: '0 0 * * *'}]"),
        "remove one of the two resets",
    );
    one(
        &limit(
            "capacity: 5, reset_after_seconds: 60, «schedule: [{cron: '* 1 * * *', refill_amount: 5}]",
        ),
        "no refill",
    );
    let many: String = (0..17)
        .map(|name| format!("        l{name}: {{capacity: 1}}\n"))
        .collect();
    one(
        &format!("namespace: default\nresources:\n  api:\n    «limits:\n{many}"),
        "17 limits are too many for one bucket",
    );
}

#[test]
fn schedules_have_the_rules_of_the_library() {
    let schedule = |entry: &str| limit(&format!("capacity: 5, schedule: [{{{entry}}}]"));
    one(&schedule("cron: «'61 * * * *', scale: 2"), "61");
    one(&schedule("cron: «'0 0 L * *', scale: 2"), "L");
    one(
        &schedule("cron: '* 1 * * *', scale: 2, tz: «Europe/Berlim"),
        "Europe/Berlim",
    );
    one(
        &schedule("cron: '* 1 * * *', scale: «0"),
        "a scale is above 0",
    );
    one(
        &schedule("cron: '* 1 * * *', scale: «fast"),
        "scale must be a number such as 0.5",
    );
    one(
        &schedule("cron: '* 1 * * *', scale: «2, capacity: 5"),
        "a scale, or other numbers",
    );
    one(&schedule("cron: '* 1 * * *', capacity: «0"), "capacity");
    one(
        &schedule("cron: '* 1 * * *', «burst: 5"),
        "unknown key `burst`: an entry has cron, tz",
    );
    one(
        &limit("capacity: 5, schedule: [«{scale: 2}]"),
        "the entry has no cron",
    );
    one(
        &limit("capacity: 5, schedule: [«{cron: '* 1 * * *'}]"),
        "an entry sets a scale",
    );
    one(
        &limit("capacity: 5, schedule: «[]"),
        "schedule is empty: remove it",
    );
    one(
        &limit("capacity: 5, schedule: «5"),
        "schedule must be a list, not 5",
    );
    one(
        &limit("capacity: 5, reset_schedule: [{cron: «'* * * * *'}]"),
        "never resets",
    );
    one(
        &limit("capacity: 5, reset_schedule: [{cron: '0 0 * * *', «scale: 2}]"),
        "unknown key `scale`: a reset has cron, tz",
    );
    one(
        &limit(
            "capacity: 5, reset_schedule: [{cron: '0 0 * * *'}, {cron: '0 1 * * *', tz: «Asia/Tokyo}]",
        ),
        "the same time zone",
    );
    one(
        "namespace: default\nresources:\n  api:\n    limits:\n      a: {capacity: 5, reset_schedule: [{cron: '0 0 * * *', tz: UTC}]}\n      \
         b: {capacity: 5, reset_schedule: [{cron: '0 0 * * *', tz: «Asia/Tokyo}]}\n",
        "cannot be in two time zones",
    );
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let text = "\
namespace: default
system:
  on_unavailable: maybe
  limits:
    wcu: {capacity: 5}
    rpm: {capacity: 1.5, refill_period: x, soft: 1, colour: red}
resources:
  9bad: {disabled: true}
  api:
    disabled: maybe
    limits:
      tpm: {capacity: 5, schedule: [{cron: '61 * * * *', scale: 0}, {cron: '* * * *', scale: 1}]}
";
    let places: Vec<_> = faults(text)
        .into_iter()
        .map(|(line, column, _)| (line, column))
        .collect();
    assert_eq!(
        places,
        [
            (3, 19),
            (5, 5),
            (6, 21),
            (6, 41),
            (6, 50),
            (6, 53),
            (8, 3),
            (10, 15),
            (12, 44),
            (12, 76)
        ]
    );
}

#[test]
fn a_fault_is_printed_with_its_file_and_a_mark() {
    let faults = Manifest::parse("ops/limits.yaml", &limit("capacity: 5, capcity: 6")).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "ops/limits.yaml:5:26: unknown key `capcity`: a limit has capacity, burst, refill_amount, refill_period, schedule, \
         reset_schedule, reset_after_seconds, soft\n  \
         5 |       rpm: {capacity: 5, capcity: 6}\n    |                          ^^^^^^^"
    );
}
