//! The functions of a stack: they count, and they follow upgrades.

use std::{fs, time::Duration};

use tollgate_ops::functions::StreamSources;

use super::aws::{Account, bootstrap};
use crate::{
    aggregate::{sums, take},
    stage::ran,
};

/// The number of looks until the aggregator must have counted.
const LOOKS: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn the_functions_count_usage_and_follow_an_upgrade() {
    let (Some(account), Some(bootstrap)) = (Account::new("counting"), bootstrap()) else {
        return;
    };
    let bootstrap = bootstrap.display().to_string();
    let code = format!("--bootstrap {bootstrap} --no-idle-alarm");
    let deployed = account.json(&format!("deploy {code}"));
    let first = deployed["code"].as_str().unwrap().to_owned();
    let version = format!("0.17.0+tollgate.{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(account.json("status")["lambda_version"], version);
    assert_eq!(account.json("status")["provisioner"], true);

    take(account.limiter().await, &["a", "b", "c"], &[1, 2, 3]).await;
    assert!(counted(&account).await, "{:?}", account.items().await);

    // The emulator has the connection that Lambda would show.
    assert_eq!(account.json("status")["aggregator_stream"], "Enabled");
    let doctor = account.run("doctor");
    assert!(doctor.out.contains("enabled: counting-"), "{doctor:?}");
    let sources = StreamSources::new(&account.config());
    let function = format!("{}-aggregator", account.stack);
    let source = sources.of_function(&function).await.unwrap().remove(0);
    sources.set_enabled(&source.id, false).await.unwrap();
    assert_eq!(account.json("status")["aggregator_stream"], "Disabled");
    let text = account.run("status").out;
    assert!(
        text.contains("enabled, but its stream is disabled"),
        "{text}"
    );
    let doctor = account.run("doctor");
    let command = format!("update-event-source-mapping --uuid {} --enabled", source.id);
    assert!(
        doctor.code == 1 && doctor.out.contains(&command),
        "{doctor:?}"
    );
    sources.set_enabled(&source.id, true).await.unwrap();

    // The same code is no change.
    let upgrade = format!("upgrade --bootstrap {bootstrap}");
    assert_eq!(account.json(&upgrade)["changed"], false);
    // Another executable is: one byte more.
    let folder = std::env::temp_dir().join(&account.stack);
    fs::create_dir_all(&folder).unwrap();
    let other = folder.join("bootstrap");
    let mut bytes = fs::read(&bootstrap).unwrap();
    bytes.push(0);
    fs::write(&other, bytes).unwrap();
    let upgraded = account.json(&format!("upgrade --bootstrap {}", other.display()));
    assert_eq!(upgraded["changed"], true);
    assert_eq!(upgraded["previous_code"], first.as_str());
    take(account.limiter().await, &["d"], &[4]).await;
    assert!(counted(&account).await, "{:?}", account.items().await);
    // And back.
    let back = account.json(&format!("deploy --function-code-key {first}"));
    assert_eq!(back["code"], first.as_str());
    fs::remove_dir_all(folder).unwrap();

    let deleted = ran(account.command("delete --data --yes"));
    assert_eq!(deleted.code, 0, "{deleted:?}");
}

/// Returns true as soon as the hourly usage is what buckets have consumed.
pub(super) async fn counted(account: &Account) -> bool {
    for _ in 0..LOOKS {
        let [buckets, snapshots] = sums(&account.items().await, "hourly");
        if !buckets.is_empty() && buckets == snapshots {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    false
}
