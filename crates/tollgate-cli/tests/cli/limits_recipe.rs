//! The recipe for pull requests of the page about limits as code.

use std::{env, fs, process};

use crate::{
    limits::page,
    stage::{Ran, Stage, ran},
};

/// Returns the block of the page with this beginning.
fn block<'a>(page: &'a str, beginning: &str) -> &'a str {
    let start = page.find(&format!("```yaml\n{beginning}")).unwrap();
    let text = &page[start + "```yaml\n".len()..];
    text.split_once("```").unwrap().0
}

/// Returns the commands of the recipe, each with the event for which it runs.
fn commands(recipe: &str) -> Vec<(String, String)> {
    let lines: Vec<_> = recipe.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let event = pair[0].strip_prefix("- if: github.event_name == '")?;
        let command = pair[1].strip_prefix("run: tollgate ")?;
        Some((event.trim_end_matches('\'').to_owned(), command.to_owned()))
    });
    pairs.collect()
}

#[tokio::test]
async fn the_recipe_shows_applies_and_watches() {
    let page = page();
    let recipe = block(&page, "on:\n");
    let commands = commands(recipe);
    let events: Vec<_> = commands.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(events, ["pull_request", "push", "schedule"]);
    for event in &events {
        let trigger = format!("\n  {event}: ");
        assert!(recipe.contains(&trigger), "{event} is no trigger");
    }
    let others = recipe
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- run: "));
    let others: Vec<_> = others.collect();
    assert_eq!(others, ["cargo install tollgate-cli --locked"]);
    assert_eq!(
        recipe.matches("run: ").count(),
        commands.len() + others.len()
    );

    let stage = Stage::with_stack().await;
    let folder = env::temp_dir().join(format!("tollgate-recipe-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("limits.yaml"), block(&page, "namespace:")).unwrap();
    let run = |event: &str| -> Ran {
        let (_, command) = commands.iter().find(|(of, _)| of == event).unwrap();
        let mut command = stage.command(command.split_whitespace());
        command.current_dir(&folder);
        ran(command)
    };
    let planned = run("pull_request");
    assert_eq!((planned.code, planned.err.as_str()), (0, ""));
    assert!(
        planned.out.starts_with("Plan: 5 changes"),
        "{}",
        planned.out
    );
    assert_eq!(stage.writes(), 0, "a pull request changes nothing");
    assert_eq!(run("schedule").code, 5, "nothing is applied yet");

    let applied = run("push");
    assert_eq!((applied.code, applied.err.as_str()), (0, ""));
    assert!(
        applied.out.contains("Applied: 5 created"),
        "{}",
        applied.out
    );
    assert_eq!(run("schedule").code, 0);
    assert_eq!(run("push").code, 0, "a run that is repeated");

    stage.ok("resource set-defaults gpt-4 --limit tpm:5");
    let watched = run("schedule");
    assert_eq!(watched.code, 5);
    assert!(
        watched.out.contains("limits.tpm.capacity: 5 → 100000"),
        "{}",
        watched.out
    );

    // What the file no longer declares is deleted without a question: nobody is there to answer.
    fs::write(folder.join("limits.yaml"), "namespace: default\n").unwrap();
    let applied = run("push");
    assert_eq!((applied.code, applied.err.as_str()), (0, ""));
    assert!(applied.out.contains("5 deleted"), "{}", applied.out);
    fs::remove_dir_all(folder).unwrap();
}
