//! Stacks of the Python template are taken over.

use std::fs;

use tollgate_ops::functions::{EventSourceState, StreamSource, StreamSources};

use super::{
    aws::{Account, bootstrap},
    functions::counted,
    peer::create_python_stack,
};
use crate::{aggregate::take, peer::peer};

/// Returns the connection of the stream to the aggregator.
async fn connection(account: &Account) -> StreamSource {
    let function = format!("{}-aggregator", account.stack);
    let sources = StreamSources::new(&account.config());
    let mut found = sources.of_function(&function).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_stack_is_taken_over_with_its_names_and_its_stream() {
    let (Some(account), Some(peer), Some(bootstrap)) =
        (Account::new("adopted"), peer(), bootstrap())
    else {
        return;
    };
    create_python_stack(&peer, &account, true).await;
    let before = account.manager().describe().await.unwrap().unwrap();
    let stream = connection(&account).await;
    let code = format!("--bootstrap {}", bootstrap.display());

    // Its template keeps no data, so it is not deleted.
    let refused = account.run("delete --yes");
    assert!(
        refused.code == 1 && refused.err.contains("adopt"),
        "{refused:?}"
    );
    assert!(account.has_table().await);
    for command in ["deploy --without-code", "upgrade --without-code"] {
        let refused = account.run(command);
        assert!(
            refused.code == 1 && refused.err.contains("`tollgate adopt` takes it over"),
            "{command}: {refused:?}"
        );
    }
    // The command is a dynamic executable in tests.
    let lacking = account.run("adopt --plan");
    assert!(
        lacking.code == 1 && lacking.err.contains("cannot be a function: "),
        "{lacking:?}"
    );
    let planned = account.json(&format!("adopt --plan --no-idle-alarm {code}"));
    let rows = planned.as_array().unwrap().iter();
    let mut function = rows.filter(|row| row["name"] == "AggregatorFunction");
    assert_eq!(function.next().unwrap()["action"], "Modify", "{planned}");
    let unasked = account.run(&format!("adopt --no-idle-alarm {code}"));
    assert!(
        unasked.code == 2 && unasked.err.contains("--yes"),
        "{unasked:?}"
    );
    // The code cannot be uploaded: the old function goes on.
    let failed = account.run(&format!(
        "adopt --yes --no-idle-alarm {code} --code-bucket no-such-bucket"
    ));
    let is_told = failed.err.ends_with("; the old function goes on\n");
    assert!(failed.code == 3 && is_told, "{failed:?}");
    assert_eq!(connection(&account).await, stream);
    let unchanged = account.manager().describe().await.unwrap().unwrap();
    assert_eq!(unchanged.parameters, before.parameters);

    let adopted = account.json(&format!("adopt --yes --no-idle-alarm {code}"));
    assert_eq!(adopted["changed"], true, "{adopted}");
    let after = account.manager().describe().await.unwrap().unwrap();
    for (name, value) in &before.parameters {
        assert_eq!(after.parameters.get(name), Some(value), "{name}");
    }
    for (name, value) in &before.outputs {
        // The code has no bucket of its own.
        if name != "CodeBucketName" {
            assert_eq!(after.outputs.get(name), Some(value), "{name}");
        }
    }
    let connected = connection(&account).await;
    assert_eq!(
        (&connected.id, &connected.state),
        (&stream.id, &EventSourceState::Enabled)
    );
    let version = format!("0.17.0+tollgate.{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(account.json("status")["lambda_version"], version);
    take(account.limiter().await, &["a", "b"], &[1, 2]).await;
    assert!(counted(&account).await, "{:?}", account.items().await);

    // A repeat finishes an adoption that was interrupted before the stream was connected again.
    let sources = StreamSources::new(&account.config());
    sources.set_enabled(&stream.id, false).await.unwrap();
    let repeated = account.json(&format!("adopt --yes {code}"));
    assert_eq!(repeated["changed"], false, "{repeated}");
    assert_eq!(connection(&account).await.state, EventSourceState::Enabled);

    upgrade_keeps_the_bucket(&account, &fs::read(&bootstrap).unwrap()).await;
    account.clean_up();
}

/// Upgrades to another executable: one byte more.
async fn upgrade_keeps_the_bucket(account: &Account, bytes: &[u8]) {
    let bucket = account.parameter("FunctionCodeBucket").await;
    let other = std::env::temp_dir().join(&account.stack);
    fs::write(&other, [bytes, &[0]].concat()).unwrap();
    let upgraded = account.json(&format!("upgrade --bootstrap {}", other.display()));
    fs::remove_file(&other).unwrap();
    assert_eq!(upgraded["changed"], true, "{upgraded}");
    assert_eq!(account.parameter("FunctionCodeBucket").await, bucket);
}
