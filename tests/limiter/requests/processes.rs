//! Processes that share only a bucket.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write, stdin},
    process::{Command, Stdio},
    time::Duration,
};

use tollgate::{Error, Limit, RateLimiter};

use super::fixture::{STACK, Table, integer};

const WORKER: &str = "TOLLGATE_TEST_WORKER";
const PROCESSES: usize = 4;
const TASKS: usize = 64;

fn limit() -> Limit {
    Limit::new("tokens", 1000, 1, Duration::from_secs(100)).unwrap()
}

/// Acquires until it is denied, and prints how much it was granted.
#[tokio::main(flavor = "current_thread")]
async fn work() {
    let settings = RateLimiter::builder().deadline(Duration::from_secs(20));
    let limiter = RateLimiter::open()
        .stack(STACK)
        .namespace("default")
        .settings(settings)
        .await
        .unwrap();
    // All processes begin together.
    println!("ready");
    stdin().read_line(&mut String::new()).unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let limiter = limiter.clone();
            tokio::spawn(async move {
                let mut granted = 0;
                loop {
                    match limiter.acquire("user", "api").limits(limit()).await {
                        Ok(lease) => lease.commit(),
                        Err(Error::Denied(_)) => return granted,
                        Err(error) => panic!("{error:?}"),
                    };
                    granted += 1;
                }
            })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    limiter.shutdown().await;
    println!("granted: {granted}");
}

/// Returns the grants of one process from its output.
fn granted(output: &str) -> i64 {
    let line = output.lines().find_map(|line| line.split_once("granted: "));
    line.unwrap_or_else(|| panic!("no result in {output:?}"))
        .1
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn four_processes_share_a_bucket_to_the_last_token() {
    if env::var_os(WORKER).is_some() {
        return work();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (table, before) = runtime.block_on(async {
        let table = Table::create().await;
        // The bucket is created here, and is never full again.
        let limiter = table.limiter(RateLimiter::builder()).await;
        limiter
            .acquire("user", "api")
            .limits(limit())
            .await
            .unwrap()
            .commit();
        let item = table.item("user", "api").await.unwrap();
        (table, item)
    });

    let mut workers: Vec<_> = (0..PROCESSES)
        .map(|_| {
            Command::new(env::current_exe().unwrap())
                .args([
                    "--exact",
                    "requests::processes::four_processes_share_a_bucket_to_the_last_token",
                    "--nocapture",
                ])
                .env(WORKER, "1")
                .env("AWS_ENDPOINT_URL_DYNAMODB", table.engine.endpoint())
                .env("AWS_REGION", "us-east-1")
                .env("AWS_ACCESS_KEY_ID", table.engine.access_key())
                .env("AWS_SECRET_ACCESS_KEY", "test")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut outputs: Vec<_> = workers
        .iter_mut()
        .map(|worker| BufReader::new(worker.stdout.take().unwrap()))
        .collect();
    for output in &mut outputs {
        let mut line = String::new();
        while !line.contains("ready") {
            line.clear();
            assert_ne!(
                output.read_line(&mut line).unwrap(),
                0,
                "a worker has ended early"
            );
        }
    }
    for worker in &mut workers {
        worker.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let mut shares = Vec::new();
    for (mut worker, mut output) in workers.into_iter().zip(outputs) {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        assert!(worker.wait().unwrap().success());
        shares.push(granted(&text));
    }
    println!("shares: {shares:?}");

    let item = runtime.block_on(table.item("user", "api")).unwrap();
    let all = 1 + shares.iter().sum::<i64>();
    assert_eq!(integer(&item, "b_tokens_tc"), all * 1000);
    // A millitoken takes 100 ms. The remainder is in units of a hundredth of that.
    let elapsed = integer(&item, "rf") - integer(&before, "rf");
    let left = integer(&item, "b_tokens_tk");
    let remainder = item
        .get("b_tokens_fr")
        .map_or(0, |_| integer(&item, "b_tokens_fr"));
    assert_eq!(
        (left + all * 1000 - 1_000_000) * 100_000 + remainder,
        elapsed * 1000
    );
    // The grants are exactly the capacity and the whole tokens that were refilled meanwhile.
    assert_eq!(all, 1000 + elapsed / 100_000);
}
