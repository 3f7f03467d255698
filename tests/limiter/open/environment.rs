//! Opening by the environment: the stack, the region and the endpoint. Each case runs in a process
//! of its own.

use aws_sdk_dynamodb::{Client, config::Region};
use tollgate::{
    Error, RateLimiter,
    error::{Invalid, StackError},
};

use super::{registry, text};
use crate::engine::TestEngine;

/// The limiter in the child process of [`the_names_of_a_stack_come_from_the_environment`].
#[tokio::test]
#[ignore = "run by another test, with an environment"]
async fn child_process_opens_what_the_environment_names() {
    RateLimiter::open().await.unwrap();
}

#[tokio::test]
async fn the_names_of_a_stack_come_from_the_environment() {
    let cases = [
        (&[][..], "zae-limiter", "default"),
        (
            &[("ZAEL_STACK", "peer"), ("ZAEL_NAMESPACE", "team")],
            "peer",
            "team",
        ),
        (
            &[
                ("ZAEL_STACK", "peer"),
                ("TOLLGATE_STACK", "ours"),
                ("TOLLGATE_NAMESPACE", "blue"),
            ],
            "ours",
            "blue",
        ),
        (
            &[
                ("TOLLGATE_STACK", ""),
                ("ZAEL_STACK", ""),
                ("TOLLGATE_NAMESPACE", ""),
            ],
            "zae-limiter",
            "default",
        ),
    ];
    for (variables, stack, namespace) in cases {
        let engine = TestEngine::start().await;
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "open::environment::child_process_opens_what_the_environment_names",
            "--ignored",
        ]);
        for variable in [
            "TOLLGATE_STACK",
            "TOLLGATE_NAMESPACE",
            "ZAEL_STACK",
            "ZAEL_NAMESPACE",
        ] {
            child.env_remove(variable);
        }
        child.envs([
            ("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint().as_str()),
            ("AWS_ACCESS_KEY_ID", engine.access_key()),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
        ]);
        let output = child
            .envs(variables.iter().copied())
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{variables:?}: {output:?}");

        let tables = engine.client().list_tables().send().await.unwrap();
        assert_eq!(tables.table_names(), [stack], "{variables:?}");
        let records = registry(&engine.client(), stack).await;
        let named = records
            .iter()
            .filter(|item| text(item, "SK") == format!("#NAMESPACE#{namespace}"));
        assert_eq!(named.count(), 1, "{variables:?}");
    }
}

/// The limiter in the child process of [`the_look_up_of_the_region_has_the_deadline`].
#[tokio::test]
#[ignore = "run by another test, with an environment"]
async fn child_process_opens_within_a_short_time() {
    let error = RateLimiter::open()
        .deadline(std::time::Duration::from_millis(300))
        .await
        .unwrap_err();
    println!("\ntext: {error}");
    let Error::Stack(StackError::Deadline { action, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(action, "loading the AWS configuration");
}

/// No region is set, and the metadata service, which the SDK asks for it, never answers.
#[tokio::test]
async fn the_look_up_of_the_region_has_the_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metadata = format!("http://{}", listener.local_addr().unwrap());
    let silent = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "open::environment::child_process_opens_within_a_short_time",
        "--ignored",
        "--nocapture",
    ]);
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        child.env_remove(variable);
    }
    child.env("HOME", std::env::temp_dir().join("tollgate-no-such-home"));
    let output = child
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    silent.abort();
}

/// The limiter in the child process of [`an_error_of_the_environment_is_one_line`].
#[tokio::test]
#[ignore = "run by another test, with an environment"]
async fn child_process_prints_why_it_does_not_open() {
    let error = RateLimiter::open()
        .deadline(std::time::Duration::from_secs(5))
        .await
        .unwrap_err();
    println!("\ntext: {error}\ndebug: {error:?}");
}

/// A region or an endpoint that is missing or wrong.
#[tokio::test]
async fn an_error_of_the_environment_is_one_line() {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let refused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", refused.local_addr().unwrap());
    drop(refused);
    for (variables, told) in [
        (vec![], &["no AWS region", "AWS_REGION"][..]),
        (
            vec![
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL_DYNAMODB", nobody.as_str()),
            ],
            &["AWS_ENDPOINT_URL_DYNAMODB", &nobody],
        ),
        (
            vec![
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL_DYNAMODB", "localhost:8000"),
            ],
            &["AWS_ENDPOINT_URL_DYNAMODB", "localhost:8000"],
        ),
        (
            vec![
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL", "http://nowhere.invalid"),
            ],
            &["AWS_ENDPOINT_URL", "nowhere.invalid"],
        ),
        // The SDK panics on an empty endpoint.
        (
            vec![("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", "")],
            &["the setting AWS_ENDPOINT_URL must be a URL"],
        ),
        (
            vec![
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL_DYNAMODB", ""),
            ],
            &["the setting AWS_ENDPOINT_URL_DYNAMODB must be a URL"],
        ),
    ] {
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "open::environment::child_process_prints_why_it_does_not_open",
            "--ignored",
            "--nocapture",
        ]);
        for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            child.env_remove(variable);
        }
        let nothing = std::env::temp_dir().join("tollgate-no-such-home");
        child
            .env("HOME", nothing)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(keys)
            .envs(variables.clone());
        let output = child.output().await.unwrap();
        assert!(output.status.success(), "{variables:?}: {output:?}");
        let output = String::from_utf8(output.stdout).unwrap();
        let line = |word: &str| {
            output
                .lines()
                .find_map(|line| line.strip_prefix(word))
                .unwrap_or_else(|| panic!("{output}"))
        };
        let text = line("text: ");
        assert!(
            told.iter().all(|told| text.contains(told)),
            "{variables:?}: {text}"
        );
        // The text is one line, in `Debug` too, because `main` prints an error with `Debug`.
        assert!(line("debug: ").len() < 1000, "{output}");
        assert!(!text.contains("\\n") && text.len() < 500, "{text}");
    }
}

/// The limiter in the child process of [`options_take_precedence_over_the_environment`].
#[tokio::test]
#[ignore = "run by another test, with an environment"]
async fn child_process_opens_what_the_options_name() {
    let endpoint = std::env::var("THE_ENDPOINT").unwrap();
    let limiter = RateLimiter::open()
        .region("eu-west-1")
        .endpoint_url(endpoint)
        .profile("staging")
        .await
        .unwrap();
    let region = limiter.location().unwrap().region;
    assert_eq!(region.as_deref(), Some("eu-west-1"));
    let config = limiter.config();
    let limit = tollgate::Limit::per_minute("rpm", 60);
    config
        .set(tollgate::model::ConfigScope::system(), limit)
        .await
        .unwrap();
}

#[tokio::test]
async fn options_take_precedence_over_the_environment() {
    let engine = TestEngine::start().await;
    let profiles = std::env::temp_dir().join(format!("tollgate-profiles-{}", std::process::id()));
    let staging = format!(
        "[default]\naws_access_key_id = no\naws_secret_access_key = no\n[staging]\n\
         aws_access_key_id = {}\naws_secret_access_key = test\n",
        engine.access_key()
    );
    std::fs::write(&profiles, staging).unwrap();
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "open::environment::child_process_opens_what_the_options_name",
        "--ignored",
    ]);
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        child.env_remove(variable);
    }
    let output = child
        .env("THE_ENDPOINT", engine.endpoint())
        .env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_SHARED_CREDENTIALS_FILE", &profiles)
        .output()
        .await
        .unwrap();
    std::fs::remove_file(&profiles).unwrap();
    assert!(output.status.success(), "{output:?}");
    // An engine may keep the tables of each region apart.
    let config = engine.client().config().to_builder();
    let there = config.region(Region::new("eu-west-1")).build();
    let tables = Client::from_conf(there).list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), ["zae-limiter"]);
}

#[tokio::test]
async fn a_client_takes_no_region_endpoint_or_profile() {
    let engine = TestEngine::start().await;
    let open = || RateLimiter::open().client(engine.client());
    for open in [
        open().region("eu-west-1"),
        open().endpoint_url("http://localhost:1"),
        open().profile("staging"),
    ] {
        let error = open.await.unwrap_err();
        assert!(
            matches!(error, Error::Invalid(Invalid::Setting { .. })),
            "{error}"
        );
    }
}
