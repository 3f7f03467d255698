//! `tollgate limits`: files of limits, and the table.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
};

use tollgate::{
    Limit,
    model::{ConfigScope, StoredConfig},
};
use tollgate_testkit::Fault;

use crate::stage::{Ran, Stage, ran};

const FILE: &str = "\
namespace: default
system: {on_unavailable: block, limits: {rpm: {capacity: 100}}}
resources:
  gpt-4:
    cascade: true
    limits: {tpm: {capacity: 1000, refill_amount: 500}}
entities:
  user-1: {resources: {gpt-4: {limits: {tpm: {capacity: 5000}}}}}
";

/// A file that is removed at the end.
pub(crate) struct LimitsFile(PathBuf);

impl LimitsFile {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let path = env::temp_dir().join(format!("tollgate-limits-{name}-{}.yaml", process::id()));
        let _ = fs::remove_file(&path);
        let file = Self(path);
        file.write(text);
        file
    }

    pub(crate) fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for LimitsFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_file_is_planned_applied_and_compared() {
    let stage = Stage::with_stack().await;
    let file = LimitsFile::new("life", FILE);
    let path = file.path();
    let planned = stage.ok(&format!("limits plan --file {path}"));
    assert_eq!(
        planned,
        "\
Plan: 3 changes (0 unchanged)
  + create (system defaults)
      on_unavailable: block
      limits.rpm: capacity 100, refill_amount 100, refill_period_seconds 60
  + create resource: gpt-4
      cascade: true
      limits.tpm: capacity 1000, refill_amount 500, refill_period_seconds 60
  + create entity: user-1/gpt-4
      limits.tpm: capacity 5000, refill_amount 5000, refill_period_seconds 60
"
    );
    let Ran { code, out, err } = stage.run(&format!("limits diff -f {path} -q"));
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (5, "Drift detected: 3 differences\n", "")
    );
    assert_eq!(stage.writes(), 0, "plan and diff read only");

    let applied = stage.ok(&format!("limits apply -f {path} --quiet"));
    assert_eq!(
        applied,
        "Applied: 3 created, 0 updated, 0 deleted (0 unchanged).\n"
    );
    let writes = stage.writes();
    assert_eq!(
        stage.ok(&format!("limits apply -f {path}")),
        "Applied: 0 created, 0 updated, 0 deleted (3 unchanged).\n"
    );
    assert_eq!(stage.writes(), writes, "a second apply writes nothing");
    assert_eq!(
        stage.ok(&format!("limits plan -f {path}")),
        "No changes. Infrastructure is up-to-date.\n"
    );
    assert_eq!(
        stage.ok(&format!("limits diff -f {path}")),
        format!("No drift detected. Live state matches {path}.\n")
    );

    file.write(
        &FILE
            .replace("capacity: 100}", "capacity: 200}")
            .replace("    cascade: true\n", ""),
    );
    assert_eq!(
        stage.ok(&format!("limits apply -f {path}")),
        "  ~ update (system defaults)
      limits.rpm.capacity: 100 → 200
      limits.rpm.refill_amount: 100 → 200
  ~ update resource: gpt-4
      cascade: true → none
Applied: 0 created, 2 updated, 0 deleted (1 unchanged).
"
    );
    let gpt_4 = ConfigScope::resource("gpt-4").unwrap();
    let stored = stage
        .limiter()
        .await
        .config()
        .get(&gpt_4)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.cascade, None);
}

#[tokio::test]
async fn programs_get_the_whole_plan() {
    let stage = Stage::with_stack().await;
    let config = stage.limiter().await.config();
    let limits = [Limit::per_minute("tpm", 7)];
    config
        .set(ConfigScope::resource("gpt-4").unwrap(), limits)
        .await
        .unwrap();
    config
        .set(
            ConfigScope::resource("other").unwrap(),
            [Limit::per_minute("rpm", 1)],
        )
        .await
        .unwrap();
    let file = LimitsFile::new(
        "json",
        "namespace: default\nresources: {gpt-4: {limits: {tpm: {capacity: 9, refill_amount: 7}}}}\n",
    );
    let path = file.path();
    let plan = stage.json(&format!("limits plan -f {path}"));
    assert_eq!(
        plan,
        serde_json::json!({
            "namespace": "default",
            "changes": [{
                "action": "create", "level": "resource", "target": "gpt-4", "managed": false, "line": 2,
                "differences": [{"field": "limits.tpm.capacity", "old": 7, "new": 9}],
            }],
            "unchanged": 0, "adopted": 0, "unmanaged": ["resource: other"], "owed": [],
            "full": false, "resumed": false,
        })
    );
    let csv = stage.ok(&format!("limits plan -f {path} --output csv"));
    assert_eq!(
        csv,
        "action,target,field,old,new\ncreate,resource:gpt-4,limits.tpm.capacity,7,9\n"
    );
    let applied = stage.json(&format!("limits apply -f {path}"));
    assert_eq!(
        (&applied["created"], &applied["owed"]),
        (&1.into(), &serde_json::json!([]))
    );
}

#[tokio::test]
async fn faults_are_printed_with_their_places_and_nothing_is_asked() {
    let stage = Stage::with_stack().await;
    let file = LimitsFile::new(
        "faults",
        "namespace: default\nresources:\n  gpt-4:\n    limits:\n      wcu: {capacity: 5}\n      rpm: {capcity: 5}\n",
    );
    let (path, before) = (file.path(), stage.proxy.counts());
    for command in ["plan", "apply", "diff"] {
        let Ran { code, out, err } = stage.run(&format!("limits {command} -f {path}"));
        assert_eq!((code, out.as_str()), (2, ""));
        assert_eq!(
            err,
            format!(
                "{path}:5:7: the limit name is reserved: \"wcu\"\n  5 |       wcu: {{capacity: 5}}\n    |       ^^^\n\
                 {path}:6:7: the limit has no capacity: add one, in tokens\n  6 |       rpm: {{capcity: 5}}\n    |       ^^^\n\
                 {path}:6:13: unknown key `capcity`: a limit has capacity, burst, refill_amount, refill_period, schedule, \
                 reset_schedule, reset_after_seconds, soft\n  6 |       rpm: {{capcity: 5}}\n    |             ^^^^^^^\n\
                 error: {path} has 3 faults: nothing was compared or changed\n"
            )
        );
    }
    assert_eq!(stage.proxy.counts(), before);
}

#[tokio::test]
async fn wrong_files_and_namespaces_are_refused_in_one_line() {
    let stage = Stage::with_stack().await;
    let file = LimitsFile::new(
        "names",
        "{namespace: nowhere, system: {on_unavailable: allow}}",
    );
    let path = file.path();
    for (arguments, code, message) in [
        (
            format!("limits plan -f {path}"),
            1,
            "there is no namespace nowhere in stack",
        ),
        (
            format!("limits apply -f {path} -N default"),
            2,
            "leave --namespace out",
        ),
        (
            "limits plan -f no-such-file.yaml".to_owned(),
            2,
            "no-such-file.yaml cannot be read",
        ),
        (format!("limits export -f {path}"), 2, "choose another file"),
        ("limits export -o json".to_owned(), 2, "leave --output out"),
    ] {
        let ran = stage.run(&arguments);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (code, ""),
            "{arguments}: {}",
            ran.err
        );
        assert!(
            ran.err.contains(message) && ran.err.lines().count() == 1,
            "{}",
            ran.err
        );
    }
    assert_eq!(stage.writes(), 0);
}

#[tokio::test]
async fn deletions_need_yes_and_prune_deletes_what_no_file_declared() {
    let stage = Stage::with_stack().await;
    let config = stage.limiter().await.config();
    let limits = [Limit::per_minute("rpm", 1)];
    config
        .set(ConfigScope::resource("by-hand").unwrap(), limits)
        .await
        .unwrap();
    let file = LimitsFile::new("delete", FILE);
    let path = file.path();
    stage.ok(&format!("limits apply -f {path}"));
    file.write("namespace: default\n");
    let writes = stage.writes();
    let Ran { code, err, .. } = stage.run(&format!("limits apply -f {path}"));
    assert_eq!(code, 2);
    assert!(
        err.contains("Delete (system defaults) and 2 more from namespace \"default\"? There is no terminal to ask on: add --yes."),
        "{err}"
    );
    assert_eq!(stage.writes(), writes);
    stage.ok(&format!("limits apply -f {path} --yes"));
    assert_eq!(config.resources().await.unwrap().len(), 1);
    let planned = stage.ok(&format!("limits plan -f {path} --prune"));
    assert!(
        planned.contains("- delete resource: by-hand (stored, but not by a manifest)"),
        "{planned}"
    );
    stage.ok(&format!("limits apply -f {path} --prune --yes"));
    assert!(config.resources().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_export_is_a_file_that_plans_to_nothing() {
    let stage = Stage::with_stack().await;
    let config = stage.limiter().await.config();
    let scope = ConfigScope::entity("user-1").unwrap();
    let stored = StoredConfig::new([Limit::quota("daily", 9).daily("Europe/Berlin").unwrap()]);
    config.set(scope, stored.with_cascade(true)).await.unwrap();
    let file = LimitsFile::new("export", "");
    fs::remove_file(&file.0).unwrap();
    let path = file.path();
    assert_eq!(
        stage.ok(&format!("limits export -f {path}")),
        format!("Exported to {path}\n")
    );
    assert_eq!(stage.ok("limits export"), fs::read_to_string(path).unwrap());
    assert_eq!(
        stage.ok(&format!("limits plan -f {path}")),
        "No changes. Infrastructure is up-to-date.\nAdopted: 1 config is as declared, and managed from the next apply on\n"
    );
    assert_eq!(
        stage.ok("limits export --managed-only"),
        "namespace: default\n"
    );
    stage.ok(&format!("limits apply -f {path}"));
    assert_eq!(
        stage.ok("limits export --managed-only"),
        stage.ok("limits export")
    );
}

const OF_ENTITY: &str =
    "{namespace: default, entities: {user-1: {resources: {api: {limits: {rpm: {capacity: 7}}}}}}}";

/// Starts an apply whose last request is never answered: it has stored its config, and still owes
/// the buckets.
async fn hanging(stage: &Stage, path: &str) -> Child {
    stage.proxy.set_fault(Fault::black_hole().on("DeleteItem"));
    let mut command = stage.command(["limits", "apply", "-f", path]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let asked = stage.proxy.received("DeleteItem") + 1;
    stage.proxy.until_received("DeleteItem", asked).await;
    child
}

// A config that is stored is as declared, and the buckets that carry its old values may still grant.
#[tokio::test(flavor = "multi_thread")]
async fn buckets_that_a_killed_apply_owes_are_told_by_every_command() {
    let stage = Stage::with_stack().await;
    let file = LimitsFile::new("owed", OF_ENTITY);
    let path = file.path();
    let mut killed = hanging(&stage, path).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    stage.proxy.clear_faults();

    let Ran { code, out, .. } = stage.run(&format!("limits diff -f {path}"));
    assert_eq!(code, 5, "{out}");
    let (first, owed) = out.split_once('\n').unwrap();
    assert_eq!(first, "Drift detected: buckets of 1 config are owed");
    let told = "Owed: buckets of entity: user-1/api (sync): left to another apply until ";
    assert!(owed.starts_with(told), "{out}");
    let Ran { code, out, .. } = stage.run(&format!("limits diff -f {path} -o csv"));
    let row = "\nowed,entity:user-1/api,sync,,";
    assert!(code == 5 && out.contains(row), "{out}");
    let planned = stage.ok(&format!("limits plan -f {path} -q"));
    assert_eq!(
        planned,
        "Plan: 0 changes (1 unchanged), and buckets of 1 config are owed\n"
    );
    let Ran { code, out, err } = stage.run(&format!("limits apply -f {path} -o csv"));
    assert_eq!(
        (code, out.as_str()),
        (
            1,
            "namespace,created,updated,deleted,unchanged,owed\ndefault,0,0,0,1,1\n"
        )
    );
    assert!(
        err.contains("buckets of 1 config are left to another apply"),
        "{err}"
    );
}

// The hint says to run the same command again, which was then refused for a minute.
#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_was_interrupted_is_finished_by_the_next_one_at_once() {
    let stage = Stage::with_stack().await;
    let file = LimitsFile::new("interrupted", OF_ENTITY);
    let path = file.path();
    let interrupted = hanging(&stage, path).await;
    let id = interrupted.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = interrupted.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert_eq!(
        err,
        "error: interrupted: a part may be done: run the same command again to finish it\n"
    );
    stage.proxy.clear_faults();
    assert_eq!(
        stage.ok(&format!("limits apply -f {path}")),
        "Applied: 0 created, 0 updated, 0 deleted (1 unchanged). Written: buckets of 1 config that an earlier apply owed.\n"
    );
    assert_eq!(
        stage.ok(&format!("limits diff -f {path}")),
        format!("No drift detected. Live state matches {path}.\n")
    );
}

// An apply would fail, so a plan for a pull request must not pass.
#[tokio::test]
async fn a_file_whose_list_no_item_takes_is_refused_by_plan() {
    let stage = Stage::with_stack().await;
    let entities = (0..14_000)
        .map(|index| format!("  user-{index:020}: {{resources: {{api: {{disabled: true}}}}}}\n"));
    let text = format!(
        "namespace: default\nentities:\n{}",
        entities.collect::<String>()
    );
    let file = LimitsFile::new("too-many", &text);
    for command in ["plan", "diff", "apply"] {
        let ran = stage.run(&format!("limits {command} -f {}", file.path()));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
        assert!(ran.err.contains("longer than the 400 KB"), "{}", ran.err);
    }
    assert_eq!(stage.writes(), 0);
}

/// Returns the page for teams that keep limits in a file.
pub(crate) fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/limits-as-code.md");
    fs::read_to_string(page).unwrap()
}

#[tokio::test]
async fn every_command_and_file_of_the_page_works() {
    let stage = Stage::with_stack().await;
    let folder = env::temp_dir().join(format!("tollgate-limits-page-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let text = page();
    let (_, yaml) = text.split_once("```yaml\n").unwrap();
    let (yaml, _) = yaml.split_once("```").unwrap();
    fs::write(folder.join("limits.yaml"), yaml).unwrap();
    let shown = text
        .lines()
        .filter_map(|line| line.strip_prefix("$ tollgate "));
    let commands: Vec<_> = shown.collect();
    assert!(commands.len() > 5, "{commands:?}");
    for command in &commands {
        let mut run = stage.command(command.split_whitespace());
        run.current_dir(&folder);
        let ran = ran(run);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{command}");
    }
    let of_ci = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("run: tollgate "));
    let of_ci: Vec<_> = of_ci.collect();
    assert_eq!(of_ci.len(), 3);
    assert!(
        of_ci.iter().all(|command| commands.contains(command)),
        "{of_ci:?}"
    );

    fs::write(
        folder.join("limits.yaml"),
        yaml.replace("rpm: {capacity", "rpm: {capcity"),
    )
    .unwrap();
    let mut run = stage.command(commands[0].split_whitespace());
    run.current_dir(&folder);
    let fault = ran(run).err;
    for line in [
        "unknown key `capcity`: a limit has capacity, burst",
        "  5 |     rpm: {capcity: 60}",
        "    |           ^^^^^^^",
    ] {
        assert!(fault.contains(line), "{fault}");
        assert!(text.contains(line), "{line}");
    }
    fs::remove_dir_all(folder).unwrap();
}
