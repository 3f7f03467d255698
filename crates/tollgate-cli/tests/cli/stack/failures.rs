//! Deployments that are refused, or fail.

use std::{env, fs, path::PathBuf, process::Command};

use tollgate_ops::s3::S3Bucket;

use super::aws::{Account, NO_FUNCTIONS};

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_fails_tells_why_leaves_nothing_and_can_be_repeated() {
    let Some(account) = Account::new("failed") else {
        return;
    };
    // This emulator refuses alarms on expressions.
    let failed = account.run("deploy --function-code-bucket code --function-code-key x.zip");
    assert_eq!(failed.code, 3, "{failed:?}");
    let (events, error) = failed.err.trim_end().rsplit_once('\n').unwrap();
    assert!(
        events.contains("CREATE_FAILED AggregatorIdleAlarm"),
        "{events}"
    );
    assert!(
        error.starts_with("error: creating stack failed-")
            && error.contains("ROLLBACK_COMPLETE; AggregatorIdleAlarm: "),
        "{error}"
    );
    assert!(!account.has_table().await);
    // A plan leaves also the remains as they are.
    let planned = account.run(&format!("deploy {NO_FUNCTIONS} --plan"));
    assert!(
        planned.code == 1 && planned.err.contains("the next deployment deletes it"),
        "{planned:?}"
    );
    let left = account.manager().describe().await.unwrap().unwrap();
    assert_eq!(left.status, "ROLLBACK_COMPLETE");
    let status = account.run("status");
    assert!(
        status.code == 4 && status.err.contains("whose status is ROLLBACK_COMPLETE"),
        "{status:?}"
    );
    let deployed = account.json(&format!("deploy {NO_FUNCTIONS}"));
    assert_eq!(deployed["created"], true);
    account.clean_up();
}

/// Fault: the creation succeeds and the update after it fails: nothing says what to do, and the table
/// has no records.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_step_that_fails_leaves_a_table_for_services_and_is_finished_by_a_repeat() {
    let Some(account) = Account::new("half") else {
        return;
    };
    let (folder, program) = program(&account);
    // This emulator refuses alarms on expressions, and a stack without functions has none.
    let deploy = format!("deploy --bootstrap {}", program.display());
    let failed = account.run(&deploy);
    assert_eq!(failed.code, 3, "{failed:?}");
    let error = failed.err.lines().last().unwrap();
    assert!(
        error.contains("AggregatorIdleAlarm: ")
            && error.contains(
                "; the update was taken back: mend the reason, and run the same command again; "
            )
            && error.ends_with("the same command finishes it"),
        "{error}"
    );
    account.json("system set-defaults -l rpm:10");
    assert_eq!(account.parameter("EnableDeletionProtection").await, "false");
    let finished = account.json(&format!("{deploy} --no-idle-alarm"));
    fs::remove_dir_all(folder).unwrap();
    assert_eq!(finished["changed"], true);
    assert_eq!(account.parameter("EnableDeletionProtection").await, "true");
    assert!(account.json("status")["lambda_version"].is_string());
    account.clean_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_does_not_exist_is_told() {
    let Some(account) = Account::new("missing") else {
        return;
    };
    for arguments in [
        "upgrade --without-code",
        "delete --yes",
        "delete --data --yes",
    ] {
        let ran = account.run(arguments);
        assert_eq!(ran.code, 4, "{arguments}: {ran:?}");
        assert!(
            ran.err.contains("there is no CloudFormation stack"),
            "{ran:?}"
        );
    }
    assert!(account.manager().describe().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_are_wrong_or_fixed_change_nothing() {
    let Some(account) = Account::new("refused") else {
        return;
    };
    let refused = account.run(&format!("deploy {NO_FUNCTIONS} --lambda-memory 64"));
    assert!(
        refused.code == 2 && refused.err.contains("--lambda-memory is 64"),
        "{refused:?}"
    );
    let refused = account.run("deploy");
    assert!(
        refused.code == 1 && refused.err.contains("--bootstrap"),
        "a dynamic executable is no function: {refused:?}"
    );
    assert!(account.manager().describe().await.unwrap().is_none());
    account.json(&format!("deploy {NO_FUNCTIONS}"));
    let refused = account.run("deploy --enable-python-indexes");
    assert!(
        refused.code == 1
            && refused
                .err
                .contains("--enable-python-indexes is fixed when the table is created"),
        "{refused:?}"
    );
    account.clean_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_fails_is_taken_back_and_told_and_older_code_has_its_version() {
    let Some(account) = Account::new("version") else {
        return;
    };
    account.json("deploy --without-code --no-idle-alarm");
    let stack = account.manager().describe().await.unwrap().unwrap();
    let bucket = stack.code_bucket().unwrap();
    let bucket = S3Bucket::new(bucket, &account.config(), None).unwrap();
    let zip = zip_of_a_program(&account);
    for key in ["own.zip", "tollgate-0.0.9-abc.zip"] {
        let put = bucket.put(key, "application/zip", None, zip.clone());
        put.await.unwrap();
    }
    account.json("deploy --function-code-key own.zip");
    let version = format!("0.17.0+tollgate.{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(account.json("status")["lambda_version"], version);
    assert_eq!(account.json("status")["aggregator"], true);

    let failed = account.run("deploy --function-code-key nothing.zip --lambda-memory 256");
    assert_eq!(failed.code, 3, "{failed:?}");
    let error = failed.err.lines().last().unwrap();
    assert!(
        error.starts_with("error: updating stack version-")
            && error.contains("UPDATE_ROLLBACK_COMPLETE; AggregatorFunction: "),
        "{error}"
    );
    assert_eq!(account.parameter("LambdaMemorySize").await, "128");
    assert_eq!(account.json("status")["lambda_version"], version);

    let back = account.json("deploy --function-code-key tollgate-0.0.9-abc.zip");
    assert_eq!(back["previous_code"], "own.zip");
    assert_eq!(
        account.json("status")["lambda_version"],
        "0.17.0+tollgate.0.0.9"
    );
    let stack = account.manager().describe().await.unwrap().unwrap();
    assert_eq!(
        stack.tags["zae-limiter:lambda-version"],
        "0.17.0+tollgate.0.0.9"
    );
    account.clean_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn code_in_a_bucket_of_the_users_own_stays_there() {
    let Some(account) = Account::new("own-code") else {
        return;
    };
    let name = account.stack.clone();
    let bucket = own_bucket(&account).await;
    account.json(&format!(
        "deploy --no-idle-alarm --function-code-bucket {name} --function-code-key own.zip"
    ));
    let (folder, program) = program(&account);
    let upgraded = account.json(&format!("upgrade --bootstrap {}", program.display()));
    fs::remove_dir_all(folder).unwrap();
    assert_eq!(upgraded["previous_code"], "own.zip");
    assert_eq!(account.parameter("FunctionCodeBucket").await, name);
    let stack = account.manager().describe().await.unwrap().unwrap();
    assert_eq!(stack.code_bucket(), None);
    account.clean_up();
    assert_eq!(bucket.empty().await.unwrap(), 2);
}

/// Makes a bucket with the stack's name, and puts the object `own.zip` into it.
pub(super) async fn own_bucket(account: &Account) -> S3Bucket {
    let name = &account.stack;
    let created = Command::new("curl")
        .args(["--silent", "--fail", "-X", "PUT"])
        .arg(format!("{}/{name}", account.endpoint))
        .status()
        .unwrap();
    assert!(created.success());
    let bucket = S3Bucket::new(name, &account.config(), None).unwrap();
    let zip = zip_of_a_program(account);
    let put = bucket.put("own.zip", "application/zip", None, zip);
    put.await.unwrap();
    bucket
}

/// Returns the zip file of a program that does nothing.
fn zip_of_a_program(account: &Account) -> Vec<u8> {
    let (folder, program) = program(account);
    let zip = folder.join("program.zip");
    let (program, zip_path) = (program.display(), zip.display());
    let exported = account.run(&format!(
        "lambda-export --binary {program} --file {zip_path}"
    ));
    assert_eq!(exported.code, 0, "{exported:?}");
    let bytes = fs::read(&zip).unwrap();
    fs::remove_dir_all(folder).unwrap();
    bytes
}

/// Writes a program that does nothing, the head of a static executable, and returns its folder and
/// its path.
fn program(account: &Account) -> (PathBuf, PathBuf) {
    let folder = env::temp_dir().join(&account.stack);
    fs::create_dir_all(&folder).unwrap();
    let mut head = vec![0; 64];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    // For x86_64.
    head[18] = 0x3e;
    let program = folder.join("program");
    fs::write(&program, head).unwrap();
    (folder, program)
}
