//! The Python command on our stack, and ours on a stack of its template.

use std::{path::PathBuf, process::Command};

use super::aws::{Account, NO_FUNCTIONS, bootstrap};
use crate::{
    peer::peer,
    stage::{Ran, ran},
};

/// The condition of the Python template that the emulator cannot resolve, and one that it can. No
/// boundary is given.
const SPLIT: [&str; 2] = [
    "    - !Select [0, !Split [':', !Ref PermissionBoundary]]\n",
    "    - !Ref PermissionBoundary\n",
];

fn run_peer(peer: &PathBuf, account: &Account, arguments: &str) -> Ran {
    let mut command = Command::new(peer);
    command.env_clear().envs([
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("LC_ALL", "C.UTF-8"),
    ]);
    command.args(arguments.split_whitespace());
    command.args(["--region", "us-east-1", "--endpoint-url", &account.endpoint]);
    ran(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_command_sees_our_stack() {
    let (Some(account), Some(peer)) = (Account::new("seen"), peer()) else {
        return;
    };
    let functions = bootstrap();
    match &functions {
        Some(path) => account.json(&format!(
            "deploy --no-idle-alarm --bootstrap {}",
            path.display()
        )),
        None => account.json(&format!("deploy {NO_FUNCTIONS}")),
    };
    let listed = run_peer(&peer, &account, "list");
    assert!(
        listed.code == 0 && listed.out.contains(&account.stack),
        "{listed:?}"
    );
    let status = run_peer(&peer, &account, &format!("status --name {}", account.stack));
    assert_eq!(status.code, 0, "{status:?}");
    for text in ["UPDATE_COMPLETE", "0.10.0"] {
        assert!(status.out.contains(text), "{text}: {status:?}");
    }
    let checked = run_peer(&peer, &account, &format!("check --name {}", account.stack));
    assert!(
        checked.code == 0 && checked.out.contains("COMPATIBLE"),
        "{checked:?}"
    );
    if functions.is_some() {
        apply_through_our_provisioner(&peer, &account);
    }
    account.clean_up();
}

/// The Python command calls the provisioner of the stack, which is ours.
fn apply_through_our_provisioner(peer: &PathBuf, account: &Account) {
    let file = std::env::temp_dir().join(format!("{}.yaml", account.stack));
    std::fs::write(
        &file,
        "namespace: default\nresources:\n  gpt-4:\n    limits:\n      rpm: { capacity: 50 }\n",
    )
    .unwrap();
    let limits = |action: &str| {
        let (name, file) = (&account.stack, file.display());
        run_peer(
            peer,
            account,
            &format!("limits {action} --name {name} --file {file}"),
        )
    };
    let applied = limits("apply");
    assert!(
        applied.code == 0 && applied.out.contains("1 created"),
        "{applied:?}"
    );
    assert!(
        account
            .run("resource get-defaults gpt-4")
            .out
            .contains("rpm: 50/min")
    );
    let again = limits("plan");
    assert!(
        again.code == 0 && again.out.contains("No changes"),
        "{again:?}"
    );
    std::fs::remove_file(file).unwrap();
}

/// Creates a stack of the Python template, as the Python command does before it uploads the functions.
pub(super) async fn create_python_stack(peer: &PathBuf, account: &Account, functions: bool) {
    let mut print = Command::new(peer);
    print.arg("cfn-template");
    let template = ran(print).out;
    assert!(
        template.contains(SPLIT[0]),
        "the template has another condition"
    );
    let template = template.replace(SPLIT[0], SPLIT[1]);
    let client = aws_sdk_cloudformation::Client::new(&account.config());
    let parameter = |key: &str, value: &str| {
        aws_sdk_cloudformation::types::Parameter::builder()
            .parameter_key(key)
            .parameter_value(value)
            .build()
    };
    let tag = |key: &str, value: &str| {
        aws_sdk_cloudformation::types::Tag::builder()
            .key(key)
            .value(value)
            .build()
    };
    client
        .create_stack()
        .stack_name(&account.stack)
        .template_body(template)
        .capabilities(aws_sdk_cloudformation::types::Capability::CapabilityNamedIam)
        .parameters(parameter("SchemaVersion", "0.10.0"))
        .parameters(parameter("EnableAggregator", &functions.to_string()))
        .parameters(parameter("EnableProvisioner", &functions.to_string()))
        .tags(tag("ManagedBy", "zae-limiter"))
        .tags(tag("zae-limiter:name", &account.stack))
        .tags(tag("zae-limiter:version", "0.17.0"))
        .send()
        .await
        .unwrap();
    let mut status = String::new();
    for _ in 0..120 {
        let stack = account.manager().describe().await.unwrap().unwrap();
        if !stack.is_in_progress() {
            status = stack.status;
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    assert_eq!(status, "CREATE_COMPLETE");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_command_sees_a_python_stack_and_does_not_touch_it() {
    let (Some(account), Some(peer)) = (Account::new("theirs"), peer()) else {
        return;
    };
    create_python_stack(&peer, &account, false).await;
    let listed = account.json("list");
    let listed = listed.as_array().unwrap().iter();
    let mut own = listed.filter(|stack| stack["name"] == account.stack.as_str());
    assert_eq!(own.next().unwrap()["version"], "0.17.0");
    for arguments in ["upgrade --without-code", "deploy --without-code"] {
        let refused = account.run(arguments);
        assert!(
            refused.code == 1
                && refused
                    .err
                    .contains("was not made with tollgate's template"),
            "{refused:?}"
        );
    }
    // The Python command has not written the version record: this deployment was no command of it.
    let registered = run_peer(
        &peer,
        &account,
        &format!("namespace register default --name {}", account.stack),
    );
    assert_eq!(registered.code, 0, "{registered:?}");
    let status = account.json("status");
    assert_eq!(status["stack_status"], "CREATE_COMPLETE");
    assert_eq!(status["aggregator"], false);
    let deleted = run_peer(
        &peer,
        &account,
        &format!("delete --yes --name {}", account.stack),
    );
    assert_eq!(deleted.code, 0, "{deleted:?}");
}
