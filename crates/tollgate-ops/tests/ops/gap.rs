//! Streams whose old records are gone.

use std::path::PathBuf;

use rusqlite::Connection;
use tollgate_ops::follow::Progress;
use tollgate_testkit::Engine;

use crate::stage::{Stage, options};

/// A file that is deleted with the test.
pub(crate) struct TemporaryFile(pub(crate) PathBuf);

impl TemporaryFile {
    pub(crate) fn new(name: &str) -> Self {
        let file = format!("tollgate-ops-{name}-{}.db", std::process::id());
        Self(std::env::temp_dir().join(file))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            // Not all of them exist.
            drop(std::fs::remove_file(path));
        }
    }
}

/// Deletes all records, as DynamoDB does after 24 hours. The engine itself keeps them.
fn trim(file: &TemporaryFile) {
    let connection = Connection::open(&file.0).unwrap();
    connection
        .execute("DELETE FROM _stream_records", ())
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trimmed_stream_tells_its_gap_and_the_next_use_completes_the_sums() {
    let file = TemporaryFile::new("trimmed");
    let mut stage = Stage::new(Engine::with_file(&file.0).await).await;
    stage.consume("user-1", "api", &[10, 20]).await;
    stage.once(&options()).await.0.unwrap();
    stage.consume("user-1", "api", &[30]).await;
    trim(&file);
    stage.consume("user-1", "api", &[40]).await;
    let (totals, reports) = stage.once(&options()).await;
    totals.unwrap();
    let gap = reports.iter().find_map(|progress| match progress {
        Progress::Missing(gap) => Some(*gap),
        _ => None,
    });
    let gap = gap.unwrap();
    assert!(gap.from > 0 && gap.from <= gap.to, "{gap:?}");
    stage.assert_exact("after the gap").await;
    // It is told once.
    let (_, reports) = stage.once(&options()).await;
    assert!(
        !reports
            .iter()
            .any(|progress| matches!(progress, Progress::Missing(_)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_lost_nothing_tells_no_gap() {
    let file = TemporaryFile::new("whole");
    let mut stage = Stage::new(Engine::with_file(&file.0).await).await;
    stage.consume("user-1", "api", &[10]).await;
    for _ in 0..3 {
        stage.consume("user-1", "api", &[10]).await;
        let (totals, reports) = stage.once(&options()).await;
        totals.unwrap();
        assert!(
            !reports
                .iter()
                .any(|progress| matches!(progress, Progress::Missing(_)))
        );
    }
    stage.assert_exact("whole").await;
}
