//! Measures the memory that keys take, as reported by the system. Each case runs in its own
//! process.

use std::{env, fs, process::Command};

use tollgate::{
    Limit, Limits, RateLimiter,
    model::{BucketKey, BucketState, Create, Update},
    store::{MemoryStore, Store, StoreFuture, WriteOutcome},
};

use crate::{
    effort::Effort,
    memory::now,
    row::{Goal, Row},
    world::RESOURCE,
};

/// The argument of a process that measures one case.
const CHILD: &str = "--footprint";

const NOWHERE: &str = "only Linux tells what a process takes";

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let keys = effort.pick(1_000_000, 100_000);
    let gates = effort.pick(300_000, 50_000);
    let most = effort.pick(500_000, 50_000);
    let distinct = effort.pick(10_000_000, 500_000);
    let idle = |what: &str, case: &str, keys: usize| {
        let row = Row::new(
            format!("memory per idle key, {what}"),
            "bytes",
            Goal::AtMost(200.0),
        );
        match child(&[case, &keys.to_string()]) {
            Some([before, after]) => row
                .ours((after - before) / keys as f64)
                .note(format!("{keys} keys")),
            None => row.not_here(NOWHERE),
        }
    };
    vec![
        idle("memory store", "store", keys),
        idle("gate of a bucket in a table", "gates", gates),
        flat("memory store", "distinct", most, distinct),
        flat("gates", "distinct-gates", most / 5, distinct),
    ]
}

/// Measures the growth after the cap was reached. The only growth is that of maps that are rebuilt
/// once to remove their holes.
fn flat(what: &str, case: &str, most: usize, distinct: usize) -> Row {
    let measure = format!(
        "memory with {:.1} million distinct keys, {what}, after the cap",
        distinct as f64 / 1e6
    );
    let row = Row::new(measure, "MB", Goal::AtMost(1.1));
    match child(&[case, &most.to_string(), &distinct.to_string()]) {
        Some([at_cap, after]) => row
            .ours(after / 1e6)
            .reference(at_cap / 1e6)
            .ratio(after / at_cap)
            .note(format!("room for {most} keys; beside the cap")),
        None => row.not_here(NOWHERE),
    }
}

/// Returns the two figures that a child process of this program prints.
fn child(arguments: &[&str]) -> Option<[f64; 2]> {
    resident()?;
    let output = Command::new(env::current_exe().ok()?)
        .arg(CHILD)
        .args(arguments)
        .output()
        .ok()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).ok()?;
    let mut figures = text.split_whitespace().map(str::parse::<f64>);
    Some([figures.next()?.ok()?, figures.next()?.ok()?])
}

/// Measures one case if this process is a child. Returns `true` if it is one.
pub(crate) fn ran_as_child(arguments: &[String]) -> bool {
    let Some(begin) = arguments.iter().position(|argument| argument == CHILD) else {
        return false;
    };
    let number = |index: usize| arguments[begin + index].parse::<usize>().expect("a number");
    let [before, after] = match arguments[begin + 1].as_str() {
        "store" => store(number(2)),
        "gates" => gates(number(2)),
        "distinct" => distinct(number(2), number(3)),
        _ => distinct_gates(number(2), number(3)),
    };
    println!("{before} {after}");
    true
}

fn store(keys: usize) -> [f64; 2] {
    let limiter = RateLimiter::builder().build_memory(MemoryStore::with_capacity(keys * 2));
    let limits = limits();
    acquire(&limiter, &limits, 0);
    let before = resident().expect("it was there before");
    (1..=keys).for_each(|key| acquire(&limiter, &limits, key));
    [before, resident().expect("it was there before")]
}

fn distinct(most: usize, keys: usize) -> [f64; 2] {
    let limiter = RateLimiter::builder().build_memory(MemoryStore::with_capacity(most));
    let limits = limits();
    // Two times the cap, so that everything that has to grow has grown.
    (0..most * 2).for_each(|key| acquire(&limiter, &limits, key));
    let before = resident().expect("it was there before");
    (most * 2..keys).for_each(|key| acquire(&limiter, &limits, key));
    [before, resident().expect("it was there before")]
}

fn gates(keys: usize) -> [f64; 2] {
    gated(keys * 2, [1, keys])
}

fn distinct_gates(most: usize, keys: usize) -> [f64; 2] {
    gated(most, [most * 2, keys])
}

/// Returns the resident memory after each of two numbers of keys.
fn gated(most: usize, keys: [usize; 2]) -> [f64; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        let limiter = RateLimiter::builder()
            .remembered_buckets(most)
            .build(Blank)
            .expect("there is a runtime");
        let limits = limits();
        let mut key = 0;
        let mut taken = [0.0; 2];
        for (taken, keys) in taken.iter_mut().zip(keys) {
            while key < keys {
                let acquire = limiter
                    .acquire(format!("user-{key:08}"), RESOURCE)
                    .limits(&limits);
                acquire.await.expect("there is plenty").commit();
                key += 1;
            }
            // Let the write loop end: it ends after its answer is delivered.
            tokio::task::yield_now().await;
            *taken = resident().expect("it was there before");
        }
        taken
    })
}

fn acquire(limiter: &RateLimiter, limits: &Limits, key: usize) {
    let acquire = limiter
        .acquire(format!("user-{key:08}"), RESOURCE)
        .limits(limits);
    now(acquire).expect("there is room").commit();
}

/// Returns limits that are full again within a millisecond.
fn limits() -> Limits {
    Limits::from(Limit::per_second("rps", 1_000))
}

/// Returns the resident memory of this process in bytes.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}

/// A store that answers every write and keeps nothing, so that only the gates take memory.
#[derive(Debug)]
struct Blank;

impl Store for Blank {
    fn read<'a>(&'a self, _: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn update<'a>(&'a self, _: &'a BucketKey, _: &'a Update) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(std::future::ready(Ok(WriteOutcome::Refused(None))))
    }

    fn create<'a>(&'a self, _: &'a BucketKey, create: &'a Create) -> StoreFuture<'a, WriteOutcome> {
        let state = create.bucket(0).expect("it is valid");
        Box::pin(std::future::ready(Ok(WriteOutcome::Applied(state))))
    }
}
