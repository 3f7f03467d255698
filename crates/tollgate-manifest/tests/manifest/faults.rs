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
        "resource has a character that is not allowed at byte 0: \"9 bad\"; it begins with a letter, and has letters, digits",
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
        "namespace: default\nentities:\n  user#1: {resources: {api: {disabled: true}}}\n"
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
        "namespace: default\nentities:\n  user: {resources: «{}}\n",
        "an entity needs `resources`",
    );
    one("namespace: «yes\n", "put quotes around `yes`");
    one(
        "namespace: default\nresources:\n  api: «5\n",
        "a resource must be a mapping, not 5",
    );
    one(
        "namespace: default\nsystem: {«limit: {}}\n",
        "unknown key `limit`: the system has limits, on_unavailable",
    );
    one(
        "namespace: default\nentities:\n  «0x1F: {resources: {api: {disabled: true}}}\n",
        "put quotes around `0x1F`",
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
        "refill_period must be a whole number of seconds, from 1 to 3155760000, not 0",
    );
    one(
        &limit("capacity: 5, soft: «\"yes\""),
        "soft must be true or false",
    );
    one(
        &limit("capacity: 5, reset_after_seconds: «0"),
        "reset_after_seconds must be a whole number of seconds, from 1 to 1000000000, not 0",
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
    // It would be stored as 0.001.
    one(
        &schedule("cron: '* 1 * * *', scale: «0.0001"),
        "scale has at most three digits after the point, not 0.0001",
    );
    one(
        &schedule("cron: '* 1 * * *', scale: «010"),
        "scale must be a number such as 0.5, not 010",
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
            (12, 65),
            (12, 76)
        ]
    );
}

/// Asserts that the text has faults at the places of `«`, which is not part of the text, and no
/// others.
fn all(text: &str) {
    let mut places = Vec::new();
    for (line, of) in text.lines().enumerate() {
        let parts: Vec<_> = of.split('«').collect();
        let mut column = 1;
        for part in &parts[..parts.len() - 1] {
            column += part.chars().count();
            places.push((line + 1, column));
        }
    }
    let found = faults(&text.replace('«', ""));
    let found_places: Vec<_> = found
        .iter()
        .map(|(line, column, _)| (*line, *column))
        .collect();
    assert_eq!(found_places, places, "{text}\n{found:#?}");
}

// A fault that hides others costs a run for each of them.
#[test]
fn a_wrong_or_doubled_name_does_not_hide_what_is_below_it() {
    all("\
namespace: default
resources:
  «9bad: {disabled: «maybe, limits: {«wcu: {capacity: «x}}}
  api: {disabled: true}
  «api: {cascade: «maybe}
  «yes: {cascade: «maybe}
entities:
  «010: {resources: {«1a: {cascade: «1}, _default_: {limits: {rpm: {«colour: red, capacity: «-1}}}}}
  user: {resources: {api: {disabled: true}}, «resources: {api: {disabled: «perhaps}}}
«resources: {other: {limits: {rpm: {capacity: «0}}}}
");
}

#[test]
fn a_wrong_number_does_not_hide_the_others() {
    for limit in [
        "{capacity: «0, refill_amount: «0, refill_period: «0}",
        "{capacity: «1000000000000001, refill_amount: «1000000000000001, refill_period: «9999999999}",
        "{capacity: «x, refill_amount: «0, refill_period: «y, soft: «1}",
        "{capacity: «0, refill_amount: «5, refill_period: «z, reset_after_seconds: «0}",
        "{capacity: «0, reset_schedule: [{cron: «never, tz: «Nowhere}]}",
        "{capacity: 5, schedule: [{cron: «never, scale: «0, tz: «Nowhere}]}",
        "{capacity: 5, schedule: [{cron: «never, capacity: «0, refill_amount: «0, tz: «5}]}",
        "{capacity: 5, schedule: [«{scale: «0}, «5, {cron: '* 1 * * *', scale: 2}]}",
    ] {
        all(&format!(
            "namespace: default\nresources: {{api: {{limits: {{rpm: {limit}}}}}}}\n"
        ));
    }
}

#[test]
fn a_wrong_limit_does_not_hide_the_faults_of_all_limits() {
    all("\
namespace: default
resources:
  api:
    limits:
      a: {capacity: «0, reset_schedule: [{cron: '0 0 * * *', tz: UTC}]}
      b: {capacity: 5, reset_schedule: [{cron: '0 0 * * *', tz: «Asia/Tokyo}]}
      «9: {capacity: 5, reset_schedule: [{cron: '0 0 * * *', tz: «Europe/Berlin}]}
");
    let many = (0..17).map(|name| format!("l{name}: {{capacity: 1}}"));
    let many = many
        .collect::<Vec<_>>()
        .join(", ")
        .replace("l3: {capacity: 1", "l3: {capacity: «0");
    all(&format!(
        "namespace: default\nresources: {{api: {{«limits: {{{many}}}}}}}\n"
    ));
}

#[test]
fn the_mark_of_a_text_and_the_ends_of_lines_do_not_move_places() {
    let text = "namespace: default\nresources:\n  api: {disabled: maybe}\n";
    for ends in ["\n", "\r\n", "\r"] {
        let found = faults(&text.replace('\n', ends));
        assert_eq!((found[0].0, found[0].1), (3, 19), "{ends:?}");
    }
    let marked = Manifest::parse("f", "\u{feff}sistem: {}").unwrap_err();
    let of_system = marked
        .faults()
        .iter()
        .find(|fault| fault.message.contains("sistem"));
    let fault = of_system.unwrap();
    assert_eq!((fault.line, fault.column), (1, 1));
    assert_eq!(fault.snippet, "  1 | sistem: {}\n    | ^^^^^^");
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
