//! The commands of the guide's page.

use std::{fs, path::Path};

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_work() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/load-tests.md");
    let page = fs::read_to_string(page).unwrap();
    let commands = page
        .lines()
        .filter_map(|line| line.strip_prefix("$ tollgate "));
    let stage = Stage::with_stack().await;
    let file = std::env::temp_dir().join(format!("load-{}.html", std::process::id()));
    let mut count = 0;
    for command in commands {
        let short = command.replace("30s", "1s").replace("5s", "500ms");
        // A busy machine may be slower than the page says.
        let short = short.replace("--p99 20ms", "--p99 10s");
        let short = short.replace("load.html", file.to_str().unwrap());
        stage.ok(&short);
        count += 1;
    }
    assert!(count >= 6, "{count}");
    fs::remove_file(&file).unwrap();
}
