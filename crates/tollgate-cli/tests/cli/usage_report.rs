//! `usage report`: pages and pictures.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use aws_sdk_dynamodb::types::AttributeValue::{self, L, M, N, S};
use tollgate_testkit::{ErrorAnswer, Fault};

use crate::stage::{STACK, Stage, ran};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("tollgate-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Puts a snapshot as aggregators do, of some limits.
async fn put(stage: &Stage, entity: &str, hour: &str, limits: &[(&str, u64)]) {
    let namespace = stage.json("namespace show default");
    let namespace = namespace["namespace_id"].as_str().unwrap();
    let partition = format!("{namespace}/ENTITY#{entity}");
    let texts = [
        ("PK", partition.clone()),
        ("SK", format!("#USAGE#api#{hour}")),
        ("GSI2PK", format!("{namespace}/RESOURCE#api")),
        ("GSI2SK", format!("USAGE#{hour}#{entity}")),
        ("GSI4PK", namespace.to_owned()),
        ("GSI4SK", partition),
        ("entity_id", entity.to_owned()),
        ("resource", "api".into()),
        ("window", "hourly".into()),
        ("window_start", hour.into()),
    ];
    let mut request = stage.engine.client().put_item().table_name(STACK);
    for (name, text) in texts {
        request = request.item(name, S(text));
    }
    for (name, number) in limits.iter().chain(&[("total_events", 3)]) {
        request = request.item(*name, N(number.to_string()));
    }
    request.send().await.unwrap();
}

/// Puts the checkpoint of an aggregator that missed an hour, with these shards.
async fn put_checkpoint(stage: &Stage, shards: AttributeValue) {
    let gap = [("from", 1_769_853_600), ("to", 1_769_857_200)];
    let gap = gap.map(|(name, time)| (name.to_owned(), N(time.to_string())));
    let request = stage.engine.client().put_item().table_name(STACK);
    let request = request
        .item("PK", S("_/SYSTEM#".into()))
        .item("SK", S("#AGGREGATOR".into()))
        .item("stream", S("arn".into()))
        .item("shards", shards)
        .item("gaps", L(vec![M(gap.into())]))
        .item("newest", N("1769865000".into()));
    request.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_the_use_beside_the_limit_and_the_times_without_records() {
    let stage = Stage::with_stack().await;
    put(
        &stage,
        "user-1",
        "2026-01-31T09:00:00Z",
        &[("tpm", 15_250), ("rpm", 4)],
    )
    .await;
    put(&stage, "user-1", "2026-01-31T11:00:00Z", &[("tpm", 61_000)]).await;
    put(&stage, "user-2", "2026-01-31T11:00:00Z", &[("tpm", 7)]).await;
    put_checkpoint(&stage, M([].into())).await;
    stage.ok("resource set-defaults api --limit tpm:500/min");
    let writes = stage.writes();
    let page = stage.ok("usage report --resource api --window hourly --end 2026-01-31T20:00:00Z");
    for text in [
        "<h1>Usage of api</h1>",
        "<h2>user-1, api</h2>",
        "<td>15,250</td><td>30,500</td><td>50.0%</td>",
        "<td>61,000</td><td>30,500</td><td>200.0%, over</td>",
        "Limits stored now, at the level resource: tpm: 500/min",
        "Records between 2026-01-31 10:00 UTC and 2026-01-31 11:00 UTC are missing",
        "The newest change that is counted is of 2026-01-31 13:10 UTC.",
        "Windows of an hour, from 2026-01-31 09:00 UTC to 2026-01-31 21:00 UTC.",
        "Stack limits, namespace default.",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let one = stage.ok("usage report --resource api --window hourly --top 1");
    assert!(one.contains("<h2>1 others together</h2>") && !one.contains("<h2>user-2, api</h2>"));
    let only = stage.ok("usage report -e user-1 -w hourly -l rpm");
    assert!(
        only.contains("<h3>rpm</h3>") && !only.contains("tpm of"),
        "{only}"
    );
    assert_eq!(
        stage.writes(),
        writes,
        "a report writes nothing to the table"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_cannot_be_read_is_a_warning() {
    let stage = Stage::with_stack().await;
    put(&stage, "user-1", "2026-01-31T09:00:00Z", &[("tpm", 5)]).await;
    put_checkpoint(&stage, S("of a newer version".into())).await;
    let ran = stage.run("usage report --resource api --window hourly");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.starts_with(
            "warning: times that the aggregator missed are not marked: the item #AGGREGATOR"
        ),
        "{}",
        ran.err
    );
    assert!(ran.out.contains("<h2>user-1, api</h2>") && !ran.out.contains("are missing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_written_to_a_file_and_replaces_none_unless_it_must() {
    let stage = Stage::with_stack().await;
    put(
        &stage,
        "user-1",
        "2026-01-31T09:00:00Z",
        &[("tpm", 5), ("rpm", 4)],
    )
    .await;
    let folder = Folder::new("usage-report");
    let (page, picture) = (folder.file("usage.html"), folder.file("usage.svg"));
    let report = "usage report --entity-id user-1 --window hourly";
    let told = stage.ok(&format!("{report} --file {page}"));
    assert_eq!(told, format!("Wrote {page}\n"));
    assert!(
        fs::read_to_string(&page)
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );

    fs::write(&page, "mine").unwrap();
    let refused = stage.run(&format!("{report} --file {page}"));
    assert_eq!(
        (refused.code, fs::read_to_string(&page).unwrap().as_str()),
        (1, "mine")
    );
    assert_eq!(
        refused.err,
        format!("error: {page} exists: add --force to replace it, or name another file\n")
    );
    let told = stage.json(&format!("{report} --file {page} --force"));
    let bytes = fs::metadata(&page).unwrap().len();
    assert_eq!(
        (&told["snapshots"], &told["bytes"], &told["format"]),
        (&1.into(), &bytes.into(), &"html".into())
    );

    let which = stage.run(&format!("{report} --file {picture}"));
    assert_eq!(which.code, 2);
    assert!(
        which.err.contains("choose it by --limit, of rpm, tpm"),
        "{}",
        which.err
    );
    stage.ok(&format!("{report} --file {picture} --limit tpm"));
    let svg = fs::read_to_string(&picture).unwrap();
    assert!(
        svg.starts_with("<svg") && svg.contains("tpm of user-1, api"),
        "{svg}"
    );
    let svg = stage.ok(&format!("{report} --format svg -l rpm"));
    assert!(svg.starts_with("<svg"), "{svg}");

    let nowhere = stage.run(&format!(
        "{report} --file {}/no/usage.html",
        folder.0.display()
    ));
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.err.contains("cannot be written"), "{}", nowhere.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rights_a_report_ends_with_one_line_that_names_them() {
    let stage = Stage::with_stack().await;
    put(&stage, "user-1", "2026-01-31T09:00:00Z", &[("tpm", 5)]).await;
    for operation in ["GetItem", "Query", "BatchGetItem"] {
        let action = format!("dynamodb:{operation}");
        let denied = ErrorAnswer::access_denied(&action);
        stage.proxy.set_fault(Fault::answer(denied).on(operation));
        let ran = stage.run("usage report -r api -w hourly");
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (3, ""),
            "{operation}: {ran:?}"
        );
        let error = ran.err.lines().last().unwrap();
        assert!(
            error.starts_with("error: ") && error.contains(&action),
            "{ran:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_one_line() {
    let stage = Stage::with_stack().await;
    put(&stage, "user-1", "2026-01-31T09:00:00Z", &[("tpm", 5)]).await;
    let report = "usage report -e user-1 -w hourly";
    let mut command: Command = stage.command(report.split_whitespace());
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), error.lines().count()),
        (Some(1), 1),
        "{error}"
    );
    assert!(error.contains("cannot be written"), "{error}");
    let ran = stage.run(&format!("{report} --file /dev/full --force"));
    assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{ran:?}");
    assert!(ran.err.contains("/dev/full cannot be written"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_nothing_says_so_and_wrong_options_are_refused() {
    let stage = Stage::with_stack().await;
    let page = stage.ok("usage report --entity-id nobody --window daily");
    assert!(
        page.contains("There are no snapshots of that use."),
        "{page}"
    );
    let picture = stage.run("usage report --entity-id nobody --window daily --format svg");
    assert_eq!(picture.code, 1);
    assert!(
        picture.err.contains("tollgate aggregate"),
        "{}",
        picture.err
    );
    put(&stage, "user-1", "2026-01-31T09:00:00Z", &[("tpm", 5)]).await;
    let picture = stage.run("usage report -e user-1 -w hourly --format svg --limit other");
    assert_eq!((picture.code, picture.err.lines().count()), (1, 1));
    for wrong in [
        "usage report --entity-id user-1",
        "usage report --window daily",
        "usage report -r api -w daily --format png",
        "usage report -r api -w daily --top 0",
        "usage report -r api -w daily --force",
        "usage report -r api -w daily --output json",
    ] {
        assert_eq!(stage.run(wrong).code, 2, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_of_the_guide_is_written() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/usage.md");
    let page = fs::read_to_string(page).unwrap();
    let commands = page
        .lines()
        .filter_map(|line| line.strip_prefix("$ tollgate usage report "));
    let stage = Stage::with_stack().await;
    put(&stage, "key-1", "2026-01-31T09:00:00Z", &[("tpm", 5)]).await;
    let folder = Folder::new("usage-guide");
    let mut files = 0;
    for command in commands {
        let arguments = ["usage", "report"]
            .into_iter()
            .chain(command.split_whitespace());
        let mut command = stage.command(arguments);
        command.current_dir(&folder.0);
        let ran = ran(command);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        files += 1;
    }
    assert!(files >= 2);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), files);
}
