//! The Python command as the oracle: it stores what ours stores, and prints what ours prints.

use std::{
    collections::BTreeMap,
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use aws_sdk_dynamodb::types::AttributeValue::{self, S};

use crate::stage::{Item, Ran, STACK, Stage, ran, skipped};

/// Commands that change something, for both programs. `--yes` is for those that ask.
const CHANGES: [&str; 17] = [
    "entity create project-1",
    "entity create key-1 --display-name Key --parent project-1 --cascade",
    "system set-defaults -l rpm:100 -l tpm:1000:2000 --on-unavailable allow",
    "system set-defaults -l rpm:50",
    "resource set-defaults gpt-4 -l tpd:5/2day",
    "resource set-defaults openai/gpt-4 -l rps:5/sec:7",
    "entity set-limits key-1 -r gpt-4 -l rpm:5 -l rph:7/hour:9",
    "entity set-limits key-1 -l rpm:9",
    "entity set-limits key-2 -r gpt-4 -l rpm:9/30sec",
    "namespace register red blue",
    "entity create user-1 -N red",
    "namespace register red",
    "entity delete-limits key-1 -r gpt-4 --yes",
    "resource delete-defaults openai/gpt-4 --yes",
    "namespace delete blue --yes",
    "system delete-defaults --yes",
    "entity delete-limits nobody --yes",
];

/// Commands that show something in the same words, whoever stored it.
const SHOWN: [&str; 8] = [
    "system get-defaults",
    "resource get-defaults gpt-4",
    "resource get-defaults other",
    "resource list",
    "entity get-limits key-1",
    "entity get-limits key-2 -r gpt-4",
    "entity list --with-custom-limits gpt-4",
    "entity list-resources",
];

/// Returns the Python command beside the interpreter of the interop tests.
pub(crate) fn peer() -> Option<PathBuf> {
    let Some(python) = env::var_os("TOLLGATE_PEER_PYTHON") else {
        skipped("interop of the command, because TOLLGATE_PEER_PYTHON names no Python client");
        return None;
    };
    let command = PathBuf::from(python).with_file_name("zae-limiter");
    assert!(command.exists(), "{} does not exist", command.display());
    Some(command)
}

pub(crate) fn run_peer(peer: &PathBuf, stage: &Stage, arguments: &str) -> Ran {
    let mut command = Command::new(peer);
    command.env_clear().stdin(Stdio::null()).envs([
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("LC_ALL", "C.UTF-8"),
    ]);
    command.args(arguments.split_whitespace());
    command.args([
        "--name",
        STACK,
        "--region",
        "us-east-1",
        "--endpoint-url",
        &stage.engine.endpoint(),
    ]);
    ran(command)
}

/// Returns the items by their keys, without what differs between any two runs.
fn normal(items: Vec<Item>) -> BTreeMap<String, Item> {
    let mut names = BTreeMap::new();
    for item in &items {
        if let (Some(S(id)), Some(S(name))) = (item.get("namespace_id"), item.get("namespace_name"))
        {
            names.insert(id.clone(), format!("<{name}>"));
        }
    }
    let mut events = Vec::new();
    let mut normal = BTreeMap::new();
    for item in items {
        let item: Item = item
            .into_iter()
            .filter_map(|(name, value)| Some((name.clone(), timeless(&name, value, &names)?)))
            .collect();
        let key = format!("{} {}", text(&item, "PK"), text(&item, "SK"));
        if item.contains_key("event_id") {
            events.push((key, item));
        } else {
            normal.insert(key, item);
        }
    }
    events.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (index, (_, mut item)) in events.into_iter().enumerate() {
        item.insert("SK".into(), S("#AUDIT#ULID".into()));
        item.insert("event_id".into(), S("ULID".into()));
        normal.insert(format!("{} {index}", text(&item, "PK")), item);
    }
    normal
}

fn text(item: &Item, name: &str) -> String {
    item[name].as_s().cloned().unwrap_or_default()
}

fn timeless(
    name: &str,
    value: AttributeValue,
    namespaces: &BTreeMap<String, String>,
) -> Option<AttributeValue> {
    Some(match (name, value) {
        // Ours counts the writes of a config, theirs is always 1; theirs alone stamps owners.
        (
            "config_version" | "pgen" | "pinc" | "ttl" | "updated_by" | "client_min_version"
            | "lambda_version",
            _,
        ) => return None,
        ("timestamp" | "created_at" | "deleted_at" | "updated_at", S(time)) => {
            assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
            S("TIME".into())
        }
        (_, S(text)) => S(namespaces
            .iter()
            .fold(text, |text, (id, name)| text.replace(id, name))),
        (_, value) => sorted(value),
    })
}

/// Sorts the limits in an event. Theirs are in the order of the arguments.
fn sorted(mut value: AttributeValue) -> AttributeValue {
    if let AttributeValue::M(fields) = &mut value
        && let Some(AttributeValue::L(limits)) = fields.get_mut("limits")
    {
        limits.sort_by_key(|limit| match limit {
            AttributeValue::M(limit) => limit["name"].as_s().cloned().unwrap_or_default(),
            limit => limit.as_s().cloned().unwrap_or_default(),
        });
    }
    value
}

/// Asserts that both programs have stored the same.
fn same(mine: &BTreeMap<String, Item>, other: &BTreeMap<String, Item>, change: &str) {
    let keys = mine.keys().chain(other.keys());
    for key in keys {
        assert_eq!(mine.get(key), other.get(key), "after {change}: {key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_commands_store_and_print_the_same() {
    let Some(peer) = peer() else {
        return;
    };
    let (ours, theirs) = (Stage::with_stack().await, Stage::with_stack().await);
    for change in CHANGES {
        let mine = ours.run(change);
        let other = run_peer(&peer, &theirs, change);
        assert_eq!(
            (mine.code, other.code),
            (0, 0),
            "{change}: {mine:?} {other:?}"
        );
        same(
            &normal(ours.items().await),
            &normal(theirs.items().await),
            change,
        );
        if change.starts_with("namespace register red") && change.ends_with("red") {
            for shown in SHOWN {
                let told = ours.ok(shown);
                assert_eq!(theirs.ok(shown), told, "{shown}");
                assert_eq!(run_peer(&peer, &ours, shown).out, told, "{shown}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_shows_what_the_other_has_done() {
    let Some(peer) = peer() else {
        return;
    };
    let stage = Stage::with_stack().await;
    stage.ok("entity create ours-1 --parent org-1 --cascade");
    assert_eq!(
        run_peer(&peer, &stage, "entity create theirs-1 --parent org-1").code,
        0
    );
    let children = stage.json("entity children org-1");
    assert_eq!(children.as_array().unwrap().len(), 2, "{children}");
    let shown = run_peer(&peer, &stage, "entity show ours-1");
    assert!(shown.out.contains("Parent:     org-1"), "{shown:?}");
    let history = run_peer(&peer, &stage, "audit list -e ours-1");
    assert!(history.out.contains("entity_created"), "{history:?}");
    assert_eq!(
        stage.json("audit list -e theirs-1")[0]["action"],
        "entity_created"
    );
    for check in ["version", "check"] {
        let told = run_peer(&peer, &stage, check);
        assert!(
            told.code == 0 && told.out.contains("COMPATIBLE"),
            "{check}: {told:?}"
        );
    }
    let listed = run_peer(&peer, &stage, "namespace list");
    assert!(listed.out.contains("default"), "{listed:?}");
}
