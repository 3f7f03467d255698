//! Two Python processes and two limiters of ours spend from the same buckets: fast and slow limits,
//! settlements, and anchors that are old when all begin at once. In each mode nothing is minted,
//! and no more is lost than the mode admits.

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
};
use tollgate::{Limit, RateLimiter};

use super::peer::{Item, Maker, STACK, Table, limiter};

/// A limit, and how it is used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) resource: &'static str,
    pub(super) capacity: i64,
    pub(super) period: i64,
    /// The smallest and the largest cost of a request.
    costs: (i64, i64),
    /// True if the settled use differs from the estimate.
    settles: bool,
    /// The pause between two requests of one process, ms.
    pause: u64,
}

pub(super) const KINDS: [Kind; 4] = [
    Kind {
        resource: "fast",
        capacity: 1000,
        period: 1,
        costs: (1, 20),
        settles: false,
        pause: 20,
    },
    Kind {
        resource: "minute",
        capacity: 60,
        period: 60,
        costs: (1, 1),
        settles: false,
        pause: 60,
    },
    Kind {
        resource: "five",
        capacity: 5,
        period: 60,
        costs: (1, 1),
        settles: false,
        pause: 100,
    },
    Kind {
        resource: "llm",
        capacity: 100_000,
        period: 60,
        costs: (500, 20_000),
        settles: true,
        pause: 150,
    },
];

/// The time for which all processes run, in seconds.
const SECONDS: i64 = 4;

/// Buckets with an old anchor when both clients begin: their number, the time between them, and the
/// largest age, ms.
const AGED: i64 = 18;
const APART: i64 = 180;
const AGE: i64 = 30_000;

/// The time that a Python process may take from reading a bucket to writing it on a busy machine,
/// ms.
const THEIR_PAUSE: i64 = 400;

/// The way in which our limiters learn of Python clients.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    /// Our limiters are told of the Python clients.
    Present,
    /// The Python client has created the table.
    Unknown,
    /// Our limiter has created the table, and is told nothing.
    Absent,
}

pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis() as i64
}

impl Kind {
    pub(super) fn limit(&self) -> Limit {
        let period = Duration::from_secs(self.period.cast_unsigned());
        Limit::new(
            "t",
            self.capacity.cast_unsigned(),
            self.capacity.cast_unsigned(),
            period,
        )
        .unwrap()
    }

    /// Returns the refill of `millis` ms, in millitokens.
    pub(super) fn refill(&self, millis: i64) -> i64 {
        self.capacity * millis / self.period
    }
}

/// The program of a Python process. The process gets its tasks after it has started.
const THEIRS: &str = r#"
import json, random, time
from zae_limiter import Limit, RateLimitExceeded
await limiter.available('all', 'fast', limits=[Limit.custom('t', 1000, 1000, 1)])
print('ready', flush=True)
jobs, aged, begin, end = json.loads(sys.stdin.readline())
tally = {}
async def one(entity, resource, limits, cost, difference):
    count = tally.setdefault(entity + resource, [0, 0])
    try:
        async with limiter.acquire(entity, resource, {'t': cost}, limits=limits) as lease:
            if difference:
                await lease.adjust(t=difference)
    except RateLimitExceeded:
        return False
    count[0] += 1
    count[1] += cost + difference
    return True
async def until(at):
    await asyncio.sleep(max(0, at / 1000 - time.time()))
async def job(resource, capacity, period, least, most, settles, pause):
    limits = [Limit.custom('t', capacity, capacity, period)]
    await until(begin)
    while time.time() * 1000 < end:
        cost = random.randint(least, most)
        difference = random.randint(-cost // 2, cost) if settles else 0
        await one('all', resource, limits, cost, difference)
        await asyncio.sleep(random.random() * pause / 500)
async def old(entity, at):
    limits = [Limit.custom('t', 1000, 1000, 1)]
    await until(at)
    for _ in range(3):
        await one(entity, 'fast', limits, 10, 0)
await asyncio.gather(*[job(*row) for row in jobs], *[old(*row) for row in aged])
print(json.dumps(tally))
"#;

struct Process {
    _child: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a process and waits until it is ready.
    async fn start(table: &Table) -> Self {
        let mut command = table.python_of(THEIRS);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (requests, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut process = Self {
            _child: child,
            requests,
            answers: BufReader::new(answers).lines(),
        };
        assert_eq!(process.line().await, "ready");
        process
    }

    async fn line(&mut self) -> String {
        self.answers.next_line().await.unwrap().expect("it goes on")
    }

    /// Runs the process and returns what it was granted.
    async fn run(mut self, (begin, end): (i64, i64), aged: &[(String, i64)]) -> Tally {
        let row = |kind: &Kind| {
            let settles = i64::from(kind.settles);
            json!([
                kind.resource,
                kind.capacity,
                kind.period,
                kind.costs.0,
                kind.costs.1,
                settles,
                kind.pause
            ])
        };
        let jobs: Value = KINDS.iter().map(row).collect();
        self.requests
            .write_all(format!("{}\n", json!([jobs, aged, begin, end])).as_bytes())
            .await
            .unwrap();
        serde_json::from_str(&self.line().await).unwrap()
    }
}

/// Granted requests and the tokens that they used, by entity and resource.
type Tally = BTreeMap<String, [i64; 2]>;

/// Adds one process's tally to `all`.
fn add(all: &mut Tally, one: &Tally) {
    for (bucket, [granted, tokens]) in one {
        let sum = all.entry(bucket.clone()).or_default();
        *sum = [sum[0] + granted, sum[1] + tokens];
    }
}

fn of(tally: &Tally, bucket: &str) -> [i64; 2] {
    tally.get(bucket).copied().unwrap_or_default()
}

async fn one(
    limiter: &RateLimiter,
    (entity, kind): (&str, &Kind),
    cost: i64,
    tally: &Mutex<Tally>,
) {
    let acquire = limiter
        .acquire(entity, kind.resource)
        .limits(kind.limit())
        .cost("t", cost.cast_unsigned());
    let mut lease = match acquire.await {
        Ok(lease) => lease,
        Err(error) => {
            assert!(error.denied().is_some(), "{error}");
            return;
        }
    };
    let difference = if kind.settles {
        fastrand::i64(-cost / 2..=cost)
    } else {
        0
    };
    lease.adjust("t", difference).unwrap();
    lease.commit().await.unwrap();
    let used = BTreeMap::from([(format!("{entity}{}", kind.resource), [1, cost + difference])]);
    add(&mut tally.lock().unwrap(), &used);
}

async fn until(at: i64) {
    tokio::time::sleep(Duration::from_millis((at - now()).max(0).cast_unsigned())).await;
}

/// Runs one of our processes.
async fn ours(limiter: RateLimiter, (begin, end): (i64, i64), aged: Vec<(String, i64)>) -> Tally {
    let tally = Arc::new(Mutex::new(Tally::new()));
    let mut tasks = Vec::new();
    for kind in KINDS {
        let (limiter, tally) = (limiter.clone(), tally.clone());
        tasks.push(tokio::spawn(async move {
            until(begin).await;
            while now() < end {
                one(
                    &limiter,
                    ("all", &kind),
                    fastrand::i64(kind.costs.0..=kind.costs.1),
                    &tally,
                )
                .await;
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=kind.pause * 2))).await;
            }
        }));
    }
    for (entity, at) in aged {
        let (limiter, tally) = (limiter.clone(), tally.clone());
        tasks.push(tokio::spawn(async move {
            until(at + fastrand::i64(-10..20)).await;
            // The costs are small, so the bucket is full most of the time, and every second write
            // is for a full bucket.
            loop {
                one(&limiter, (&entity, &KINDS[0]), 1, &tally).await;
                if now() >= at + 80 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    std::mem::take(&mut tally.lock().unwrap())
}

/// A bucket at some time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// The times before and after the read of the bucket.
    between: (i64, i64),
    tokens: i64,
    refilled_at: i64,
    pub(super) consumed: i64,
}

impl Sample {
    fn of(item: &Item, between: (i64, i64)) -> Self {
        let number = |name: &str| item[name].as_n().unwrap().parse().unwrap();
        Self {
            between,
            tokens: number("b_t_tk"),
            refilled_at: number("rf"),
            consumed: number("b_t_tc"),
        }
    }

    /// Returns the level of the bucket before it was read.
    pub(super) fn level(&self, kind: &Kind) -> i64 {
        let due = kind.refill((self.between.0 - self.refilled_at).max(0));
        (self.tokens + due).min(kind.capacity * 1000)
    }
}

impl Table {
    pub(super) async fn sample(&self, entity: &str, resource: &str) -> (Sample, Item) {
        let key = format!("{}/BUCKET#{entity}#{resource}#0", self.theirs.namespace);
        let before = now();
        let item = self
            .engine
            .item(STACK, &key, "#STATE")
            .await
            .expect("there is a bucket");
        let item = item.into_iter().collect();
        (Sample::of(&item, (before, now())), item)
    }

    /// Changes numbers of a bucket in the table.
    pub(super) async fn set<const N: usize>(
        &self,
        entity: &str,
        resource: &str,
        numbers: [(&str, i64); N],
    ) {
        let (_, mut item) = self.sample(entity, resource).await;
        item.extend(
            numbers.map(|(name, number)| (name.to_owned(), AttributeValue::N(number.to_string()))),
        );
        let put = self.engine.client().put_item().table_name(STACK);
        put.set_item(Some(item.into_iter().collect()))
            .send()
            .await
            .unwrap();
    }
}

/// Returns the millitokens that were lost between two samples: the difference between what the
/// bucket holds and what it would hold if everything had been spent last. Returns `None` if
/// something may have been given back to a full bucket meanwhile.
fn lost(kind: &Kind, before: &Sample, after: &Sample) -> Option<i64> {
    let cap = kind.capacity * 1000;
    let passed = after.between.0 - before.between.0;
    let refilled = before.level(kind) + kind.refill(passed);
    let given = if kind.settles {
        4 * kind.costs.1 * 1000
    } else {
        0
    };
    if given > 0 && refilled + given > cap {
        return None;
    }
    // A few ms for reading and for clock differences, and up to two millitokens for each refill by
    // a Python client.
    let slop = kind
        .refill(after.between.1 - after.between.0 + before.between.1 - before.between.0 + 10)
        + 50;
    let spent = after.consumed - before.consumed;
    // A Python client computes its refill from one reading of the clock and moves the anchor to a
    // later one. The refill between them is lost, with or without our writes.
    let theirs = if after.refilled_at == before.refilled_at {
        0
    } else {
        kind.refill(THEIR_PAUSE)
    };
    Some((refilled.min(cap) - spent - after.level(kind) - slop - theirs).max(0))
}

async fn side_by_side(maker: Maker, mode: Mode) {
    let told = (mode == Mode::Present).then_some(true);
    let Some(table) = Table::open_with(maker, ["default", "default"], told).await else {
        return;
    };
    let second = limiter(&table.engine, "default", told).await;
    for kind in KINDS {
        let create = table
            .ours
            .acquire("all", kind.resource)
            .limits(kind.limit())
            .cost("t", 0);
        create.await.unwrap().commit().await.unwrap();
    }
    let created = now();
    let (one, other) = tokio::join!(Process::start(&table), Process::start(&table));
    let begin = now() + 500;
    let aged: Vec<_> = (0..AGED)
        .map(|index| (format!("aged{index}"), begin + 500 + index * APART))
        .collect();
    for (index, (entity, at)) in aged.iter().enumerate() {
        let create = table
            .ours
            .acquire(entity.as_str(), "fast")
            .limits(KINDS[0].limit())
            .cost("t", 0);
        create.await.unwrap().commit().await.unwrap();
        // All are full when the clients begin. Some buckets were emptied long ago, or left by a
        // write of a full bucket that keeps the anchor, or are just full.
        let full = KINDS[0].capacity * 1000;
        let (age, tokens) = match index % 3 {
            0 => (AGE, 0),
            1 => (AGE, full - KINDS[0].refill(AGE)),
            _ => (999, 1000),
        };
        let rf = at - age;
        let ttl = at / 1000 + 3600;
        table
            .set(
                entity,
                "fast",
                [("rf", rf), ("la", rf), ("b_t_tk", tokens), ("ttl", ttl)],
            )
            .await;
    }
    let end = begin + SECONDS * 1000;
    let done = AtomicBool::new(false);
    let samples = async {
        let mut samples: [Vec<Sample>; 4] = Default::default();
        while !done.load(Ordering::SeqCst) {
            for (kind, samples) in KINDS.iter().zip(&mut samples) {
                samples.push(table.sample("all", kind.resource).await.0);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        samples
    };
    let work = async {
        let span = (begin, end);
        // Every second bucket with an old anchor is used by one of our processes and one Python
        // process.
        let work = tokio::join!(
            tokio::spawn(ours(table.ours.clone(), span, aged.clone())),
            tokio::spawn(ours(
                second.clone(),
                span,
                aged.iter().skip(1).step_by(2).cloned().collect()
            )),
            one.run(span, &aged),
            other.run(span, &aged),
        );
        table.ours.shutdown().await;
        second.shutdown().await;
        done.store(true, Ordering::SeqCst);
        work
    };
    let ((first, second, one, other), samples) = tokio::join!(work, samples);
    let (mut by_us, mut by_them) = (Tally::new(), Tally::new());
    for tally in [first.unwrap(), second.unwrap()] {
        add(&mut by_us, &tally);
    }
    for tally in [one, other] {
        add(&mut by_them, &tally);
    }
    let slack = |kind: &Kind| kind.refill(250) + 1000;
    for (kind, mut samples) in KINDS.iter().zip(samples) {
        let (last, item) = table.sample("all", kind.resource).await;
        samples.push(last);
        let bucket = format!("all{}", kind.resource);
        let ([our_grants, our_tokens], [their_grants, their_tokens]) =
            (of(&by_us, &bucket), of(&by_them, &bucket));
        // The ledger is exact.
        assert_eq!(
            last.consumed,
            (our_tokens + their_tokens) * 1000,
            "{mode:?} {bucket}"
        );
        // The tokens that are left and those that were spent were once in the bucket.
        let most = kind.capacity * 1000 + kind.refill(last.refilled_at - created) + slack(kind);
        assert!(
            last.tokens + last.consumed <= most,
            "{mode:?} {bucket}: {last:?}, at most {most}"
        );
        let lost: i64 = samples
            .windows(2)
            .filter_map(|pair| lost(kind, &pair[0], &pair[1]))
            .sum();
        let admitted = match mode {
            Mode::Present => 0,
            Mode::Unknown => kind.capacity * 1000,
            // The whole refill that was due when the Python clients were seen.
            Mode::Absent => kind.refill(end - created) + kind.capacity * 1000,
        };
        eprintln!(
            "{mode:?} {bucket}: {our_grants} requests of ours, {their_grants} of theirs, {} tokens, {lost} mt lost",
            last.consumed / 1000
        );
        assert!(
            lost <= admitted,
            "{mode:?} {bucket}: {lost} lost, at most {admitted}"
        );
        assert!(
            our_grants + their_grants >= kind.capacity.min(20) / 5,
            "{mode:?} {bucket}"
        );
        if !kind.settles && kind.capacity >= 60 {
            assert!(
                our_grants > 0 && their_grants > 0,
                "{mode:?} {bucket}: {our_grants} ours, {their_grants} theirs"
            );
        }
        assert_eq!(
            item["shard_count"].as_n().unwrap(),
            "1",
            "{mode:?} {bucket}: writes were no reason to split"
        );
    }
    let (mut lossy, mut worst) = (0, 0);
    for (entity, at) in &aged {
        let kind = &KINDS[0];
        let (last, item) = table.sample(entity, "fast").await;
        let bucket = format!("{entity}fast");
        let tally = [of(&by_us, &bucket), of(&by_them, &bucket)];
        assert_eq!(
            last.consumed,
            (tally[0][1] + tally[1][1]) * 1000,
            "{mode:?} {bucket}"
        );
        // The bucket was full when the clients began. The tokens that it lacked at the last write
        // were spent or lost. By now it would be full again, so the check uses the stored tokens at
        // the anchor.
        let most = kind.capacity * 1000 + kind.refill((last.refilled_at - at).max(0)) + slack(kind);
        let held = last.tokens + kind.refill((at - last.refilled_at).max(0));
        assert!(held + last.consumed <= most, "{mode:?} {bucket}: {last:?}");
        let lost = (kind.capacity * 1000 - last.consumed - kind.refill(THEIR_PAUSE) - held).max(0);
        lossy += i64::from(lost > 0);
        worst = worst.max(lost);
        // An emptied bucket grants nothing.
        let granted = tally.iter().all(|[granted, _]| *granted > 0);
        assert!(
            granted || mode == Mode::Absent,
            "{mode:?} {bucket}: {tally:?}"
        );
        assert_eq!(
            item["shard_count"].as_n().unwrap(),
            "1",
            "{mode:?} {bucket}: writes were no reason to split"
        );
    }
    eprintln!(
        "{mode:?}: {lossy} of {AGED} buckets with an old anchor lost something, at worst {worst} mt"
    );
    let admitted = match mode {
        Mode::Present => 0,
        Mode::Unknown => KINDS[0].capacity * 1000,
        Mode::Absent => KINDS[0].refill(AGE + 1000) + KINDS[0].capacity * 1000,
    };
    assert!(
        worst <= admitted,
        "{mode:?}: {worst} lost, at most {admitted}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_lost_if_python_clients_are_announced() {
    side_by_side(Maker::Ours, Mode::Present).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_most_a_capacity_is_lost_on_a_table_of_the_python_client() {
    side_by_side(Maker::Theirs, Mode::Unknown).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_minted_on_a_table_of_ours_before_python_clients_are_seen() {
    side_by_side(Maker::Ours, Mode::Absent).await;
}
