//! Listings in parts, which cursors continue.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use serde_json::Value;
use tollgate_testkit::{ErrorAnswer, Fault};

use crate::{
    large::{Table, fill, user},
    stage::{Ran, Stage, ran},
};

/// Every listing with pages, and the field that names its rows.
const LISTINGS: [(&str, &str); 9] = [
    ("entity list --with-custom-limits api", "name"),
    ("entity children org-1", "entity"),
    ("bucket list --resource api", "entity"),
    ("bucket list --entity-id FIRST", "resource"),
    ("audit list --entity-id user-0 --limit 100000", "event_id"),
    (
        "usage list --entity-id user-0 --limit 100000",
        "window_start",
    ),
    ("namespace list", "namespace_id"),
    ("namespace orphans", "namespace_id"),
    ("resource list", "name"),
];

/// Returns the names of the rows, and the cursor that the command printed.
fn rows(ran: &Ran, field: &str) -> (Vec<String>, Option<String>) {
    let rows: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let rows = rows.as_array().unwrap();
    let names = rows
        .iter()
        .map(|row| row[field].as_str().unwrap().to_owned());
    let cursor = ran.err.trim_end().split_once("--cursor ");
    (names.collect(), cursor.map(|(_, cursor)| cursor.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_listing_are_the_whole_listing() {
    let stage = Stage::with_stack().await;
    fill(&stage, Table::small()).await;
    for (listing, field) in LISTINGS {
        let listing = &listing.replace("FIRST", &user(0, Table::small().padding));
        let reads = stage.proxy.count("Query");
        let all = ran(stage.command(format!("{listing} -o json").split_whitespace()));
        let reads = stage.proxy.count("Query") - reads;
        let (all, rest) = rows(&all, field);
        assert_eq!(rest, None, "{listing}");
        assert!(all.len() >= 20, "{listing}: {}", all.len());
        // The names of all resources are in one item.
        assert!(
            reads >= 2 || field == "name" && all.len() == 24,
            "{listing}: {reads} pages"
        );
        assert_eq!(
            all.iter().collect::<BTreeSet<_>>().len(),
            all.len(),
            "{listing}: no row twice"
        );
        // The parts begin and end within pages and between them.
        let part = all.len() / 3 + 1;
        let listing = listing.replace(" --limit 100000", "");
        let (mut parts, mut cursor) = (Vec::new(), String::new());
        loop {
            let ran = stage.run(&format!("{listing} --limit {part} -o json {cursor}"));
            assert_eq!(ran.code, 0, "{listing}: {ran:?}");
            let (more, next) = rows(&ran, field);
            parts.extend(more);
            let Some(next) = next else { break };
            cursor = format!("--cursor {next}");
        }
        assert_eq!(parts, all, "{listing}, in {reads} pages");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_fails_midway_continues_with_its_cursor() {
    let stage = Stage::with_stack().await;
    fill(&stage, Table::children()).await;
    let listing = "entity children org-1 -o json";
    let (all, _) = rows(&stage.run(listing), "entity");
    stage
        .proxy
        .set_fault(Fault::delay(std::time::Duration::ZERO).on("Query").times(2));
    let denied = ErrorAnswer::access_denied("dynamodb:Query");
    stage.proxy.add_fault(Fault::answer(denied).on("Query"));
    let stopped = stage.run(listing);
    stage.proxy.clear_faults();
    assert_eq!(
        (stopped.code, stopped.err.lines().count()),
        (3, 1),
        "{stopped:?}"
    );
    let (mut listed, cursor) = rows(&stopped, "entity");
    assert!(
        !listed.is_empty() && listed.len() < all.len(),
        "{}",
        stopped.err
    );
    let told = format!("{} rows are printed", listed.len());
    assert!(
        stopped.err.contains(&told) && stopped.err.contains("dynamodb:Query"),
        "{}",
        stopped.err
    );
    let rest = stage.run(&format!("{listing} --cursor {}", cursor.unwrap()));
    listed.extend(rows(&rest, "entity").0);
    assert_eq!(listed, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_listing_continues_with_its_cursor() {
    let stage = Stage::with_stack().await;
    fill(&stage, Table::children()).await;
    let listing = "entity children org-1 -o csv";
    let all = stage.ok(listing);
    let all: Vec<_> = all.lines().skip(1).collect();
    stage
        .proxy
        .set_fault(Fault::delay(std::time::Duration::ZERO).on("Query").times(2));
    stage.proxy.add_fault(Fault::black_hole().on("Query"));
    let queries = stage.proxy.received("Query");
    let mut command = stage.command(listing.split_whitespace());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The reader reads, so that the command comes to the third page.
    let out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(out).lines();
        lines.map(Result::unwrap).collect::<Vec<_>>()
    });
    stage.proxy.until_received("Query", queries + 3).await;
    let signal = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    let mut listed = reader.join().unwrap();
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{err}");
    stage.proxy.clear_faults();
    listed.remove(0);
    assert!(
        !listed.is_empty() && listed.len() < all.len(),
        "{}",
        listed.len()
    );
    let start = format!(
        "error: interrupted: {} rows are printed: continue with --cursor ",
        listed.len()
    );
    let cursor = err
        .trim_end()
        .strip_prefix(&start)
        .unwrap_or_else(|| panic!("{err}"));
    let rest = stage.ok(&format!("{listing} --cursor {cursor}"));
    listed.extend(rest.lines().skip(1).map(str::to_owned));
    assert_eq!(listed, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_listing_is_refused() {
    let stage = Stage::with_stack().await;
    for number in 0..3 {
        stage.ok(&format!("entity create key-{number} --parent org-1"));
    }
    let part = stage.run("entity children org-1 --limit 1 -o jsonl");
    let (_, cursor) = part.err.trim_end().split_once("--cursor ").unwrap();
    for wrong in [
        format!("entity children org-2 --cursor {cursor}"),
        format!("audit list -e key-1 --cursor {cursor}"),
        format!("entity children org-1 --cursor x{cursor}"),
        "entity children org-1 --cursor ?".to_owned(),
    ] {
        let ran = stage.run(&wrong);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{wrong}: {ran:?}");
        assert!(
            ran.err.contains("--cursor is not a cursor of this listing"),
            "{ran:?}"
        );
    }
    // A part in text names the cursor on its last line.
    let text = stage.ok("entity children org-1 --limit 1");
    assert!(text.lines().last().unwrap().ends_with(cursor), "{text}");
}
