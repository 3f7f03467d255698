//! Archives of the history.

use std::{fs, io::Read, path::Path};

use flate2::read::GzDecoder;
use serde_json::Value;
use tollgate_ops::{archive::Archive, record::Item};
use tollgate_testkit::Engine;

use crate::stage::{Stage, options, text};

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Makes an event of the history, and lets it expire.
pub(crate) async fn expired_event(stage: &Stage, entity: &str) -> Item {
    let entity = tollgate::EntityId::new(entity).unwrap();
    let entity = tollgate::model::Entity::new(entity);
    stage.limiter.entities().create(entity).await.unwrap();
    let mut items = stage.items().await.into_iter();
    let event = items.find(|item| text(item, "SK").starts_with("#AUDIT#"));
    let event = event.unwrap();
    stage.set_expired(&event).await;
    assert_eq!(stage.engine.sweep_ttl(), 1);
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_expire_are_archived_as_json_lines() {
    let stage = Stage::new(Engine::start().await).await;
    let event = &expired_event(&stage, "user-1").await;
    let folder = std::env::temp_dir().join(format!("tollgate-archive-{}", std::process::id()));
    let mut options = options();
    options.archive = Some(Archive::Folder(folder.clone()));
    let (totals, _) = stage.once(&options).await;
    assert_eq!(totals.unwrap().archived, 1);
    let found = files(&folder);
    assert_eq!(found.len(), 1, "{found:?}");
    let time = text(event, "timestamp");
    let path = found[0].strip_prefix(&folder).unwrap().to_str().unwrap();
    let (year, month, day) = (&time[..4], &time[5..7], &time[8..10]);
    assert!(
        path.starts_with(&format!("audit/year={year}/month={month}/day={day}/audit-"))
            && path.ends_with(&format!("{}.jsonl.gz", time.replace(':', "-"))),
        "{path}"
    );
    let mut lines = String::new();
    let file = fs::File::open(&found[0]).unwrap();
    GzDecoder::new(file).read_to_string(&mut lines).unwrap();
    assert!(
        lines.ends_with("}\n") && lines.lines().count() == 1,
        "{lines}"
    );
    let line: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(line["action"], "entity_created");
    assert_eq!(line["entity_id"], "user-1");
    assert_eq!(line["event_id"], text(event, "event_id"));
    assert!(line["details"].is_object());
    fs::remove_dir_all(folder).unwrap();
}
