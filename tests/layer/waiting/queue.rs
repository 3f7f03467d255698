//! Requests that wait behind others. Such requests are served in order, in time or not at all, and
//! their retry times are right.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use http::Response;
use tokio::{task::JoinHandle, time::Instant};
use tollgate::{
    Cost, Limit, RateLimiter,
    layer::{PolicyBuilder, cost},
};

use super::{in_memory, through_gates};
use crate::world::{ask, hello, layer, per_user, text, with_headers};

const NAMES: [&str; 2] = ["one", "two"];
const COSTS: [&str; 2] = ["x-cost-one", "x-cost-two"];

/// Timers have a resolution of milliseconds, and each waiter has its own timer.
const A_MOMENT: Duration = Duration::from_millis(50);

/// A bucket, and a policy that lets a few requests wait for it.
struct World {
    limiter: RateLimiter,
    limits: Vec<Limit>,
    app: Router,
    most: Duration,
    waiters: usize,
    /// The requests that were granted, in order.
    granted: Arc<Mutex<Vec<usize>>>,
}

impl World {
    fn new(random: &mut fastrand::Rng, limiter: RateLimiter) -> Self {
        let limits: Vec<_> = NAMES[..random.usize(1..=2)]
            .iter()
            .map(|name| limit(random, name))
            .collect();
        let most = random.choice([10_000, 120_000]).unwrap();
        let most = Duration::from_millis(random.u64(0..most));
        let waiters = random.usize(1..6);
        let mut policy: PolicyBuilder = per_user(limits[0].clone())
            .cost(NAMES[0], 0)
            .estimate(NAMES[0], cost::header(COSTS[0]));
        for (limit, header) in limits.iter().zip(COSTS).skip(1) {
            let name = limit.name().as_str();
            policy = policy
                .limit(limit.clone())
                .cost(name, 0)
                .estimate(name, cost::header(header));
        }
        let app = hello(layer(&limiter, policy.wait(most).max_waiters(waiters)));
        Self {
            limiter,
            limits,
            app,
            most,
            waiters,
            granted: Arc::default(),
        }
    }

    fn cost(&self, random: &mut fastrand::Rng) -> Vec<u64> {
        self.limits
            .iter()
            .map(|limit| {
                if random.bool() {
                    1
                } else {
                    random.u64(0..=limit.capacity())
                }
            })
            .collect()
    }

    async fn ask(&self, user: &str, cost: &[u64]) -> Response<axum::body::Body> {
        ask_for(&self.app, user, cost).await
    }

    /// Spawns a request that waits. Returns true if it was granted, and the time that it took.
    fn come(
        &self,
        user: &'static str,
        number: usize,
        cost: Vec<u64>,
    ) -> JoinHandle<(bool, Duration)> {
        let (app, granted) = (self.app.clone(), self.granted.clone());
        tokio::spawn(async move {
            let start = Instant::now();
            let is_granted = ask_for(&app, user, &cost).await.status() == 200;
            // A request that asks for nothing does not wait.
            if is_granted && cost.iter().any(|cost| *cost > 0) {
                granted.lock().unwrap().push(number);
            }
            (is_granted, start.elapsed())
        })
    }

    /// Returns the time until the bucket would hold the cost if no request waited for it.
    async fn time_until(&self, user: &str, cost: &[u64]) -> Duration {
        let mut costs = Cost::new();
        for (limit, tokens) in self.limits.iter().zip(cost) {
            costs.set(limit.name().clone(), *tokens);
        }
        let wait = self
            .limiter
            .time_until_available(user, "api")
            .limits(self.limits.clone())
            .costs(&costs);
        wait.await.unwrap().expect("it fits some time")
    }
}

fn limit(random: &mut fastrand::Rng, name: &str) -> Limit {
    let (capacity, period) = (
        random.choice([5, 50]).unwrap(),
        random.choice([2_000, 60_000]).unwrap(),
    );
    let (capacity, period) = (
        random.u64(1..capacity),
        Duration::from_millis(random.u64(1..period)),
    );
    Limit::new(name, capacity, random.u64(1..=capacity * 2), period).unwrap()
}

async fn ask_for(app: &Router, user: &str, cost: &[u64]) -> Response<axum::body::Body> {
    let texts: Vec<_> = cost.iter().map(u64::to_string).collect();
    let mut headers = vec![("x-user", user.as_bytes())];
    // A header with the value 0 counts as 1, so the header is left out if nothing is asked of a
    // limit.
    let told = COSTS
        .into_iter()
        .zip(&texts)
        .filter(|(_, text)| *text != "0");
    headers.extend(told.map(|(name, text)| (name, text.as_bytes())));
    ask(app, with_headers(&headers)).await
}

/// Lets all tasks run as far as they can, while the time stands still.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Counts the kinds of states that occurred.
#[derive(Default)]
struct Seen {
    alone: usize,
    behind_others: usize,
}

/// Tests a state in which the bucket is used up, some requests wait, and one more comes. If it is
/// denied, it comes back exactly when it was told.
async fn one_more_comes(
    random: &mut fastrand::Rng,
    limiter: RateLimiter,
    seed: u64,
    seen: &mut Seen,
) {
    let world = World::new(random, limiter);
    let mut waiting: Vec<JoinHandle<_>> = Vec::new();
    for number in 0..random.usize(2..9) {
        waiting.push(world.come("alice", number, world.cost(random)));
        settle().await;
        if random.bool() {
            tokio::time::sleep(Duration::from_millis(random.u64(0..3_000))).await;
        }
    }
    let in_line = || waiting.iter().filter(|one| !one.is_finished()).count();
    assert!(in_line() <= world.waiters, "seed {seed}");

    let cost = world.cost(random);
    let came = Instant::now();
    let before = in_line();
    let answer = world.ask("alice", &cost).await;
    match answer.status().as_u16() {
        200 => assert!(
            came.elapsed() <= world.most + A_MOMENT,
            "longer than the longest wait, seed {seed}"
        ),
        429 => {
            let seconds: u64 = text(&answer, "retry-after")
                .expect("Retry-After")
                .parse()
                .expect("seconds");
            *if before > 0 {
                &mut seen.behind_others
            } else {
                &mut seen.alone
            } += 1;
            assert!(came.elapsed() <= world.most + A_MOMENT, "seed {seed}");
            assert!(seconds >= 1, "seed {seed}");
            // The wait is exact, because it includes what is reserved for other waiters.
            tokio::time::sleep(Duration::from_secs(seconds - 1)).await;
            settle().await;
            let too_long = world.time_until("alice", &cost).await.is_zero() && seconds > 1;
            assert!(
                !too_long,
                "{seconds} s, a second less would do: {cost:?} of {:?}, seed {seed}",
                world.limits
            );
            tokio::time::sleep(Duration::from_secs(1)).await;
            let back = Instant::now();
            let again = world.ask("alice", &cost).await;
            assert_eq!(
                again.status(),
                200,
                "{seconds} s, {cost:?} of {:?}, {before} before it, seed {seed}",
                world.limits
            );
            assert!(
                back.elapsed() <= A_MOMENT,
                "{:?} after {seconds} s, seed {seed}",
                back.elapsed()
            );
        }
        other => panic!("{other}, seed {seed}"),
    }
    for one in waiting {
        let (_, took) = one.await.unwrap();
        assert!(
            took <= world.most + A_MOMENT,
            "{took:?} of {:?}, seed {seed}",
            world.most
        );
    }
    let granted = world.granted.lock().unwrap();
    // With several limits, a later request may ask for less of the limit that is short, and start
    // earlier.
    assert!(
        world.limits.len() > 1 || granted.is_sorted(),
        "first come first served: {granted:?}, seed {seed}"
    );
}

async fn who_comes_back_as_told_is_admitted_though_others_waited(new: fn() -> RateLimiter) {
    // Set the seed to repeat its states.
    let seed = std::env::var("TOLLGATE_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    let random = &mut fastrand::Rng::with_seed(seed);
    let mut seen = Seen::default();
    while seen.behind_others < 500 || seen.alone < 50 {
        one_more_comes(random, new(), seed, &mut seen).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_as_told_is_admitted_though_others_waited_in_memory() {
    who_comes_back_as_told_is_admitted_though_others_waited(in_memory).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_as_told_is_admitted_though_others_waited_for_a_gate() {
    who_comes_back_as_told_is_admitted_though_others_waited(through_gates).await;
}

/// Refill period of the slow limit, in seconds.
const SLOW: u64 = 30;

/// The first request waits for a limit of which the second asks for nothing. The second waits only
/// for the other limit, of which the first has taken tokens.
#[tokio::test(start_paused = true)]
async fn a_request_does_not_wait_for_a_limit_of_which_it_asks_nothing() {
    for new in [in_memory, through_gates] {
        let slow = Limit::new("slow", 10, 1, Duration::from_secs(SLOW / 10)).unwrap();
        let policy = per_user(Limit::new("quick", 10, 10, Duration::from_secs(10)).unwrap())
            .estimate("quick", cost::header(COSTS[0]))
            .cost("quick", 0)
            .limit(slow)
            .cost("slow", 0)
            .estimate("slow", cost::header(COSTS[1]))
            .wait(Duration::from_secs(60))
            .max_waiters(1);
        let app = hello(layer(&new(), policy));
        assert_eq!(ask_for(&app, "alice", &[0, 10]).await.status(), 200);
        let start = Instant::now();
        let first = tokio::spawn({
            let app = app.clone();
            async move { ask_for(&app, "alice", &[10, 10]).await.status() }
        });
        settle().await;
        let denied = ask_for(&app, "alice", &[10, 0]).await;
        assert_eq!(
            (denied.status().as_u16(), text(&denied, "retry-after")),
            (429, Some("10"))
        );
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(ask_for(&app, "alice", &[10, 0]).await.status(), 200);
        assert!(
            start.elapsed() <= Duration::from_secs(10) + A_MOMENT,
            "{:?}",
            start.elapsed()
        );
        assert_eq!(first.await.unwrap(), 200);
        assert!(
            start.elapsed() <= Duration::from_secs(SLOW) + A_MOMENT,
            "{:?}",
            start.elapsed()
        );
    }
}
