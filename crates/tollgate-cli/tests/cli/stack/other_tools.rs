//! Stacks that another tool makes with the template.

use std::{env, fs, process::Command};

use super::{aws::Account, failures::own_bucket};

/// Creates a stack without tags, as CloudFormation's own command does.
fn create(account: &Account, parameters: &[(&str, &str)]) {
    let template = account.run("cfn-template");
    assert_eq!(template.code, 0, "{template:?}");
    let file = env::temp_dir().join(format!("{}.yaml", account.stack));
    fs::write(&file, template.out).unwrap();
    let mut create = Command::new("curl");
    create.args(["--silent", "--fail", "--output", "/dev/null"]);
    let mut field = |text: String| {
        create.args(["--data-urlencode", &text]);
    };
    field("Action=CreateStack".to_owned());
    field(format!("StackName={}", account.stack));
    field("Capabilities.member.1=CAPABILITY_NAMED_IAM".to_owned());
    field(format!("TemplateBody@{}", file.display()));
    for (index, (key, value)) in parameters.iter().enumerate() {
        let parameter = format!("Parameters.member.{}", index + 1);
        field(format!("{parameter}.ParameterKey={key}"));
        field(format!("{parameter}.ParameterValue={value}"));
    }
    let created = create.arg(&account.endpoint).status().unwrap();
    fs::remove_file(&file).unwrap();
    assert!(created.success());
}

async fn status(account: &Account) -> String {
    let stack = account.manager().describe().await.unwrap().unwrap();
    stack.status
}

/// Fault: the table has no records, and each command names only the next one that fails.
#[tokio::test(flavor = "multi_thread")]
async fn one_command_finishes_a_stack_that_another_tool_has_made() {
    let Some(account) = Account::new("tool") else {
        return;
    };
    let bucket = own_bucket(&account).await;
    create(
        &account,
        &[
            ("EnableIdleAlarm", "false"),
            ("FunctionCodeBucket", &account.stack),
            ("FunctionCodeKey", "own.zip"),
        ],
    );
    while status(&account).await.ends_with("IN_PROGRESS") {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(status(&account).await, "CREATE_COMPLETE");
    assert_eq!(account.run("system get-defaults").code, 1);

    let other = account.run("deploy --records-only --log-retention-days 7");
    assert!(
        other.code == 2 && other.err.contains("--audit-retention-days"),
        "{other:?}"
    );
    let before = account.manager().describe().await.unwrap().unwrap();
    let finished = account.run("deploy --records-only --audit-retention-days 40");
    assert!(
        finished.code == 0 && finished.out.starts_with("Wrote the records of stack tool-"),
        "{finished:?}"
    );
    let tag = format!("zae-limiter:name={}", account.stack);
    assert!(
        finished.err.contains("ManagedBy=zae-limiter") && finished.err.contains(&tag),
        "{finished:?}"
    );
    let after = account.manager().describe().await.unwrap().unwrap();
    assert_eq!(after, before, "CloudFormation changes nothing");
    account.json("system set-defaults -l rpm:10");
    assert_eq!(account.json("deploy --records-only")["changed"], false);
    assert_eq!(account.json("check")["status"], "COMPATIBLE");
    let version = format!("0.17.0+tollgate.{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(account.json("status")["lambda_version"], version);
    account.clean_up();
    bucket.empty().await.unwrap();
}
