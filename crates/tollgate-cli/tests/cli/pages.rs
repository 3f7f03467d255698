//! Pages that are made from the definitions of the commands, or show them.

use std::{env, fs, path::Path};

use crate::stage::{Stage, bare, ran};

#[test]
fn the_reference_is_up_to_date() {
    let mut command = bare();
    command.arg("reference");
    let reference = ran(command).out;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let written = fs::read_to_string(&page).unwrap_or_default();
    assert!(
        written == reference,
        "{} is not up to date. Run\n    target/debug/tollgate reference > docs/cli.md\nThis test has built that program",
        page.display()
    );
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let mut command = bare();
        command.args(["completions", shell]);
        let ran = ran(command);
        assert!(
            ran.code == 0 && ran.out.contains("set-limits"),
            "{shell}: {ran:?}"
        );
    }
}

#[test]
fn man_pages_are_written_into_a_folder() {
    let folder = env::temp_dir().join(format!("tollgate-man-{}", std::process::id()));
    let mut command = bare();
    command.arg("man").arg(&folder);
    let ran = ran(command);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(folder.join("tollgate-bucket-show.1").exists());
    assert!(folder.join("tollgate.1").exists());
    fs::remove_dir_all(&folder).unwrap();
}

/// Returns the commands of a section of the operator's page.
fn commands(section: &str) -> Vec<String> {
    let section = text(section);
    let commands = section
        .lines()
        .filter_map(|line| line.strip_prefix("$ tollgate "));
    commands.map(str::to_owned).collect()
}

/// Returns a section of the operator's page.
fn text(section: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/operating.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once(&format!("\n## {section}\n")).unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_page_works() {
    let first = Stage::with_stack().await;
    for command in commands("A first look") {
        first.ok(&command);
    }
    let stage = Stage::with_stack().await;
    let examples = commands("Every command once");
    let file = env::temp_dir().join(format!("tollgate-pages-{}.yaml", std::process::id()));
    for command in &examples {
        // A shell would take the quotes away.
        let mut command = command.replace('\'', "");
        command = command.replace("limits.yaml", file.to_str().unwrap());
        if command.contains(" ID") {
            let orphans = stage.json("namespace orphans");
            command = command.replace("ID", orphans[0]["namespace_id"].as_str().unwrap());
        }
        let ran = stage.run(&command);
        assert_eq!(ran.code, 0, "{command}: {ran:?}");
    }
    fs::remove_file(&file).unwrap();
    let mut command = bare();
    command.arg("reference");
    let reference = ran(command).out;
    let all = reference
        .lines()
        .filter_map(|line| line.strip_prefix("### tollgate "));
    // The test of a newcomer's half hour runs those of the other section.
    let local = text("A table on this machine");
    let missing: Vec<_> = all
        .filter(|name| !examples.iter().any(|example| example.starts_with(name)))
        .filter(|name| !local.contains(&format!("tollgate {name}")))
        .collect();
    // The tests of functions and of stacks run the examples of their own pages.
    assert_eq!(
        missing,
        [
            "deploy",
            "adopt",
            "upgrade",
            "delete",
            "list",
            "logs",
            "man",
            "lambda-export"
        ],
        "these commands have no example in the page"
    );
}
