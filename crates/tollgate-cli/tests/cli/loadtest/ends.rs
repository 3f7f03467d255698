//! The end of a test: bounds, interrupts, a terminal.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use tollgate_testkit::Fault;

use crate::{
    stage::{Stage, bare, ran},
    terminal::on_terminal,
};

#[tokio::test(flavor = "multi_thread")]
async fn bounds_that_are_broken_exit_1_after_the_report() {
    let stage = Stage::with_stack().await;
    let run = "loadtest run --deadline 10s --users 2 --requests 20 --duration 10m";
    stage.ok(&format!("{run} --max-p99 1h --max-errors 0"));
    stage
        .proxy
        .set_fault(Fault::delay(Duration::from_millis(30)).on("UpdateItem"));
    let ran = stage.run(&format!("{run} --max-p99 1ms"));
    assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{ran:?}");
    assert!(ran.err.contains("more than --max-p99 1.00 ms"), "{ran:?}");
    assert!(ran.out.contains("decisions/s"), "{ran:?}");
}

#[test]
fn errors_are_bounded_by_number_and_by_share() {
    let run = |bound: &str| {
        let mut command = bare();
        command.args("loadtest run --url http://127.0.0.1:1/ --users 1 --requests 5".split(' '));
        command.args(["--max-errors", bound]);
        ran(command)
    };
    for bound in ["4", "99%"] {
        let ran = run(bound);
        assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{ran:?}");
        assert!(ran.err.contains("got no decision"), "{ran:?}");
    }
    for bound in ["5", "100%"] {
        assert_eq!(run(bound).code, 0, "{bound}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_with_the_report_so_far_and_nothing_stays() {
    let stage = Stage::with_stack().await;
    let before = stage.items().await;
    for (processes, signal) in [("1", "-TERM"), ("1", "-INT"), ("2", "-INT")] {
        let seen = stage.proxy.count("UpdateItem");
        let arguments = ["loadtest", "run", "--rate", "50", "-d", "1h", "-o", "json"];
        let mut command = stage.command(arguments);
        command.args(["--processes", processes]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while stage.proxy.count("UpdateItem") < seen + 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let signal = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(signal.unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["stopped"], true, "{report}");
        assert!(report["counts"]["granted"].as_u64() > Some(0), "{report}");
        assert_eq!(stage.items().await, before, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_the_figures_and_the_charts() {
    let stage = Stage::with_stack().await;
    let name = format!("tollgate-loadtest-{}.html", std::process::id());
    let file = std::env::temp_dir().join(name);
    let path = file.to_str().unwrap();
    let run = "loadtest run --deadline 10s --rate 100 --duration 2s -l rpm:50 --report";
    let text = stage.ok(&format!("{run} {path}"));
    assert!(text.ends_with(&format!("Wrote {path}\n")), "{text}");
    let page = std::fs::read_to_string(&file).unwrap();
    for part in [
        "Load test, open loop",
        "<svg",
        "p99.9",
        "granted",
        "denied",
        "write units",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        !page.contains("<script") && !page.contains("src="),
        "it loads nothing"
    );
    let before = stage.items().await;
    let ran = stage.run(&format!("{run} /none/of/it.html"));
    assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{ran:?}");
    assert!(
        ran.err.contains("/none/of/it.html cannot be written"),
        "{ran:?}"
    );
    let ran = stage.run(&format!("{run} {path}"));
    assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{ran:?}");
    assert!(ran.err.contains("add --force to replace it"), "{ran:?}");
    assert_eq!(stage.items().await, before, "the test has not begun");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), page);

    stage.ok(&format!("{run} {path} --force"));
    let replaced = std::fs::read_to_string(&file).unwrap();
    assert!(replaced.ends_with("</html>") && replaced != page);
    std::fs::remove_file(&file).unwrap();
    // A test that cannot begin leaves no file.
    let ran = stage.run(&format!("{run} {path} -N missing"));
    assert_eq!((ran.code, file.exists()), (1, false), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_the_test_while_it_runs() {
    let stage = Stage::with_stack().await;
    let run = |term| {
        let arguments = "loadtest run --deadline 10s --rate 50 --duration 2s".split(' ');
        let mut command = stage.command(arguments);
        command.env("TERM", term);
        on_terminal(command, 100, "")
    };
    let (code, text) = run("xterm");
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("\r\u{1b}[K1 s  ") && text.contains("/s  p50 "),
        "{text:?}"
    );
    let (_, text) = run("dumb");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}
