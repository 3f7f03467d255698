//! The commands of the page on the stack.

use std::{fs, path::Path};

use super::aws::{Account, bootstrap};
use crate::stage::ran;

/// Returns the commands of a section of the page, and what they print.
fn section(title: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/stack.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once(&format!("\n## {title}\n")).unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

/// Returns the arguments of the section's commands.
fn commands(title: &str) -> Vec<String> {
    let commands = section(title);
    let commands = commands
        .lines()
        .filter_map(|line| line.trim().strip_prefix("$ tollgate "));
    commands.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_lead_from_nothing_to_a_served_request() {
    let Some(account) = Account::new("page") else {
        return;
    };
    let code = match bootstrap() {
        Some(path) => format!("--bootstrap {}", path.display()),
        None => "--without-code".to_owned(),
    };
    let [deploy, defaults] = commands("From nothing to a served request")
        .try_into()
        .unwrap();
    // The executable for this machine stands for that of the page.
    let here = |command: &str| {
        let command = command.replace("--name rate-limits", "");
        let words = command.split_whitespace();
        let words: Vec<_> = words
            .filter(|word| *word != "--bootstrap" && !word.starts_with("target/"))
            .collect();
        words.join(" ")
    };
    let deployed = ran(account.command(&format!("{} --no-idle-alarm {code}", here(&deploy))));
    assert!(
        deployed.code == 0 && deployed.out.starts_with("Created stack"),
        "{deployed:?}"
    );
    let defaults = account.run(&here(&defaults));
    assert_eq!(defaults.code, 0, "{defaults:?}");
    let limiter = account.limiter().await;
    let lease = limiter.acquire("user-1", "api").cost("rpm", 1).await;
    lease.unwrap().commit().await.unwrap();
    limiter.shutdown().await;

    let title = "Deploy, change, upgrade, delete";
    let [plan, template, records] = commands(title).try_into().unwrap();
    assert_eq!(template, "cfn-template > rate-limits.yaml");
    let recorded = account.run(&here(&records));
    assert!(
        recorded.code == 0 && recorded.out.starts_with("No changes: "),
        "{recorded:?}"
    );
    let planned = account.run(&here(&plan));
    assert_eq!(planned.code, 0, "{planned:?}");
    // The emulator plans more than AWS does.
    let page = section(title);
    let (_, shown) = page.split_once(&format!("$ tollgate {plan}\n")).unwrap();
    for line in shown.lines().take(3) {
        let beginning = line.split(" (").next().unwrap();
        assert!(planned.out.contains(beginning), "{line}: {planned:?}");
    }
    account.clean_up();
}
