//! Random histories of a limit with a schedule, over three processes on one bucket. A model that is
//! looked at every minute says what each request finds.

use fastrand::Rng;
use tollgate::{
    Lease, Limit, RateLimiter,
    clock::Clock,
    model::{LimitNumbers, Schedule, ScheduleEntry},
};

use super::fixture::{Fixture, START};

const MINUTE: i64 = 60_000;

/// The tokens by which a bucket may differ from the model: fractions of millitokens that each change
/// of the numbers loses, the millisecond by which a change of limits moves the refill time, and the
/// slack that a full bucket has if there are other processes.
const INEXACT: f64 = 0.1;

/// A bucket with rational tokens.
struct Model {
    limit: Limit,
    level: f64,
    at: i64,
}

impl Model {
    /// Returns the capacity, and the refill in a millisecond: tokens.
    fn numbers(&self) -> (f64, f64) {
        let milli = |tokens: u64| i64::try_from(tokens).unwrap() * 1000;
        let base = LimitNumbers {
            capacity: milli(self.limit.capacity()),
            refill_amount: milli(self.limit.refill_amount()),
            refill_period: i64::try_from(self.limit.refill_period().as_millis()).unwrap(),
        };
        let schedule = self.limit.schedule();
        let now = schedule.map_or(base, |schedule| schedule.parameters_at(base, self.at));
        let rate = now.refill_amount as f64 / now.refill_period as f64;
        (now.capacity as f64 / 1000.0, rate / 1000.0)
    }

    fn advance_to(&mut self, now: i64) {
        while self.at < now {
            let end = ((self.at / MINUTE + 1) * MINUTE).min(now);
            let (capacity, rate) = self.numbers();
            self.level = (self.level + rate * (end - self.at) as f64).min(capacity);
            self.at = end;
        }
        self.level = self.level.min(self.numbers().0);
    }
}

fn schedule(random: &mut Rng) -> Schedule {
    let entry = |random: &mut Rng| {
        let hour = random.u32(0..24);
        let cron = match random.u8(..3) {
            0 => format!("* {hour} * * *"),
            1 => format!("{}-59 * * * *", random.u32(1..50)),
            _ => format!("* */{} * * *", random.u32(2..5)),
        };
        if random.bool() {
            ScheduleEntry::scaled(&cron, f64::from(random.u32(1..30)) / 10.0).unwrap()
        } else {
            let number = |random: &mut Rng| Some(random.u64(1..200));
            ScheduleEntry::replaced(&cron, number(random), number(random), None).unwrap()
        }
    };
    let entries: Vec<_> = (0..random.usize(1..4)).map(|_| entry(random)).collect();
    Schedule::new(entries, "Europe/Berlin").unwrap()
}

async fn history(at: Fixture, seed: u64) {
    let mut random = Rng::with_seed(seed);
    let plain = || Limit::per_hour("tokens", 60).with_burst(100);
    let limit = plain().with_schedule(schedule(&mut random)).unwrap();
    let mut processes: Vec<RateLimiter> = Vec::new();
    for _ in 0..3 {
        processes.push(at.another().await);
    }
    let mut model = Model {
        limit: limit.clone(),
        level: f64::MAX,
        at: START,
    };
    let mut held: Vec<(Lease, u64)> = Vec::new();
    for step in 0..60 {
        let time = match random.u8(..4) {
            0 => random.u64(..2000),
            1 => random.u64(..60_000),
            _ => random.u64(..3_000_000),
        };
        at.advance(time);
        model.advance_to(at.clock.now());
        let limiter = random.choice(&processes).unwrap();
        let told = format!("seed {seed}, step {step}: {}", model.level);
        if random.u8(..4) == 0 && !held.is_empty() {
            let (mut lease, charged) = held.swap_remove(random.usize(..held.len()));
            let used = random.u64(..40);
            lease.settle("tokens", used).unwrap();
            lease.commit().await.unwrap();
            model.level += charged as f64 - used as f64;
            model.level = model.level.min(model.numbers().0);
            continue;
        }
        let amount = random.u64(1..60);
        let acquire = limiter.acquire("user", "api").limits(limit.clone());
        match acquire.cost("tokens", amount).await {
            Ok(lease) => {
                assert!(
                    amount as f64 <= model.level + INEXACT,
                    "{told} granted {amount}"
                );
                model.level -= amount as f64;
                if random.bool() {
                    held.push((lease, amount));
                } else {
                    lease.commit().await.unwrap();
                }
            }
            Err(error) => {
                // A cost that no window allows is refused for good.
                let short = amount as f64 > model.level - INEXACT;
                assert!(short, "{told} denied {amount}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn processes_on_one_bucket_grant_what_the_windows_refill() {
    for seed in 0..12 {
        history(Fixture::gated(), seed).await;
    }
}

#[tokio::test]
async fn processes_on_one_table_grant_what_the_windows_refill() {
    for seed in 20..26 {
        history(Fixture::dynamodb().await, seed).await;
    }
}

#[tokio::test]
async fn a_bucket_in_memory_grants_what_the_windows_refill() {
    for seed in 40..60 {
        history(Fixture::in_memory(), seed).await;
    }
}
