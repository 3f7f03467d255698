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

/// Commands that change cascade rules, for both programs.
const CASCADES: [&str; 8] = [
    "entity create project-1",
    "entity create key-1 --parent project-1",
    "resource set-cascade gpt-4 on",
    "entity set-cascade key-1 off --resource gpt-4",
    "entity set-cascade key-1 on",
    "resource set-cascade gpt-4 off",
    "entity clear-cascade key-1",
    "resource clear-cascade gpt-4",
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

/// Says that the functions of the stack know all that the Python client knows. Without that it
/// refuses cascade rules and top-ups.
async fn with_functions(stage: &Stage) {
    let key = [("PK", "_/SYSTEM#"), ("SK", "#VERSION")];
    let key = key.map(|(name, value)| (name.to_owned(), S(value.into())));
    let client = stage.engine.client();
    let update = client
        .update_item()
        .table_name(STACK)
        .set_key(Some(key.into()));
    let update = update.update_expression("SET lambda_version = :version");
    let update = update.expression_attribute_values(":version", S("0.17.0".into()));
    update.send().await.unwrap();
}

async fn spend(stage: &Stage, tokens: u64) {
    let limiter = stage.limiter().await;
    let lease = limiter.acquire("key-1", "gpt-4").cost("rpd", tokens).await;
    lease.unwrap().commit();
    limiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_cascade_rules_are_stored_and_printed() {
    let Some(peer) = peer() else {
        return;
    };
    let (ours, theirs) = (Stage::with_stack().await, Stage::with_stack().await);
    for stage in [&ours, &theirs] {
        with_functions(stage).await;
        stage.ok("system set-defaults -l rpd:100/day");
        spend(stage, 1).await;
    }
    for change in CASCADES {
        let mine = ours.run(change);
        let other = run_peer(&peer, &theirs, change);
        assert_eq!(
            (mine.code, other.code),
            (0, 0),
            "{change}: {mine:?} {other:?}"
        );
        if change.contains("cascade") {
            assert_eq!(mine.out, other.out, "{change}");
        }
        let configs = |items| {
            let mut items = normal(items);
            // Buckets are written with the times of their program.
            items.retain(|key, _| !key.contains("/BUCKET#"));
            items
        };
        same(
            &configs(ours.items().await),
            &configs(theirs.items().await),
            change,
        );
        for shown in [
            "resource get-defaults gpt-4",
            "entity get-limits key-1",
            "entity get-limits key-1 --resource gpt-4",
        ] {
            let rule = |text: &str| {
                let mut lines = text.lines();
                lines
                    .find(|line| line.starts_with("Cascade: "))
                    .map(str::to_owned)
            };
            let told = rule(&ours.ok(shown));
            assert_eq!(rule(&theirs.ok(shown)), told, "{change}: {shown}");
            let other = run_peer(&peer, &ours, shown);
            assert_eq!(rule(&other.out), told, "{change}: {shown}");
        }
        let cascade = |stage: &Stage| {
            let shown = stage.json("bucket show key-1 gpt-4");
            shown["shards"][0]["cascade"].clone()
        };
        assert_eq!(cascade(&ours), cascade(&theirs), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_resets_and_tops_up_the_others_buckets() {
    let Some(peer) = peer() else {
        return;
    };
    let stage = Stage::with_stack().await;
    with_functions(&stage).await;
    stage.ok("system set-defaults -l rpd:100/day");
    let level = || {
        let shown = stage.json("bucket show key-1 gpt-4");
        let level = shown["shards"][0]["limits"][0]["level"].as_f64();
        level.unwrap().floor()
    };
    spend(&stage, 60).await;
    assert_eq!(level(), 40.0);
    let top_up = "entity top-up key-1 --resource gpt-4 --add rpd:10 --idempotency-key order-1";
    let told = run_peer(&peer, &stage, top_up);
    assert!(
        told.code == 0 && told.out.contains("1 shard; rpd: +10"),
        "{told:?}"
    );
    assert_eq!(level(), 50.0);
    // The key is the same operation's, whoever was first.
    let told = stage.json("bucket top-up key-1 gpt-4 --add rpd:10 --idempotency-key order-1");
    assert_eq!(told["is_repeat"], true);
    assert_eq!(level(), 50.0);
    stage.ok("bucket reset key-1 gpt-4 --idempotency-key order-2");
    assert_eq!(level(), 100.0);
    spend(&stage, 30).await;
    let told = run_peer(
        &peer,
        &stage,
        "entity reset key-1 --resource gpt-4 --idempotency-key order-2",
    );
    assert_eq!(told.code, 0, "{told:?}");
    assert_eq!(level(), 70.0, "a repeat changes nothing");
    let told = run_peer(&peer, &stage, "entity reset key-1 --resource gpt-4");
    assert!(
        told.out
            .starts_with("Reset 'key-1' on 'gpt-4' (1 shard; rpd: +"),
        "{told:?}"
    );
    assert_eq!(level(), 100.0);
    let mine = stage.ok("entity reset key-1 -r gpt-4");
    assert!(
        mine.starts_with("Reset 'key-1' on 'gpt-4' (1 shard; rpd: +"),
        "{mine}"
    );
    let history = run_peer(&peer, &stage, "audit list -e key-1");
    assert_eq!(history.out.matches("bucket_").count(), 4, "{history:?}");
}
