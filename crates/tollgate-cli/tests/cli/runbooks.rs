//! The runbooks of the guide's page "In production".

use std::{env, fs, path::Path};

use serde_json::json;
use tollgate::{RateLimiter, store::dynamodb::CreateTable};

use crate::stage::{Stage, bare, ran};

/// Returns the commands that the page names for a restored backup.
fn commands() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/production.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n### A backup is restored\n").unwrap();
    let (section, _) = section.split_once("\n### ").unwrap();
    let commands = section
        .lines()
        .filter_map(|line| line.trim().strip_prefix("$ tollgate "));
    commands.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn configs_of_a_restored_table_are_brought_into_the_live_one() {
    let stage = Stage::with_stack().await;
    let restored = RateLimiter::open()
        .stack("limits-restored")
        .namespace("default")
        .client(stage.engine.client())
        .provision(CreateTable::new());
    restored.await.unwrap();
    let run = |arguments: &str| {
        let mut command = bare();
        command
            .args(["--endpoint-url", &stage.proxy.endpoint()])
            .args(arguments.split_whitespace());
        let ran = ran(command);
        assert_eq!(
            (ran.code, ran.err.as_str()),
            (0, ""),
            "{arguments}: {ran:?}"
        );
    };
    run("--name limits-restored resource set-defaults gpt-4 -l tpm:1000");
    run("--name limits resource set-defaults gpt-4 -l tpm:7");
    let file = env::temp_dir().join(format!("tollgate-runbook-{}.yaml", std::process::id()));
    let commands = commands();
    assert_eq!(commands.len(), 3, "{commands:?}");
    for command in commands {
        run(&command.replace("good.yaml", file.to_str().unwrap()));
    }
    fs::remove_file(&file).unwrap();
    let limits = stage.json("resource get-defaults gpt-4");
    assert_eq!(limits["limits"][0]["capacity"], json!(1000), "{limits}");
}
