//! Random histories of several limiters on one bucket: no tokens are minted, and none are lost.

use std::{sync::Arc, time::Duration};

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof},
    sample::select,
    test_runner::TestRunner,
};
use tollgate::{Lease, Limit, RateLimiter, clock::ManualClock};

use super::{
    fixture::{START, key},
    ledger::{Ledger, Trouble},
};

const NAMES: [&str; 2] = ["fast", "slow"];

/// Returns one of the definitions that the limiters use in turn.
fn definitions(number: usize) -> Vec<Limit> {
    let limit = |name, capacity, amount, period| {
        Limit::new(name, capacity, amount, Duration::from_millis(period)).unwrap()
    };
    match number {
        0 => vec![limit("fast", 20, 7, 300), limit("slow", 5, 1, 7001)],
        1 => vec![limit("fast", 12, 7, 300), limit("slow", 5, 1, 7001)],
        2 => vec![limit("fast", 30, 11, 900), limit("slow", 3, 1, 999)],
        _ => vec![limit("fast", 20, 7, 300)],
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Sends requests at the same time.
    Burst(Vec<Ask>),
    /// Ends a lease.
    End(usize, Ending),
    Wait(u64),
    Redefine(usize, usize),
    Trouble(Vec<Trouble>),
}

#[derive(Clone, Debug)]
struct Ask {
    limiter: usize,
    costs: [u64; 2],
    patience: Patience,
}

#[derive(Clone, Copy, Debug)]
enum Patience {
    /// Waits for the decision and holds the lease.
    Holds,
    /// Waits for the decision and commits.
    Commits,
    /// Gives up after this number of turns.
    Turns(usize),
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Commit,
    Rollback,
    Drop,
    Settle([u64; 2]),
}

/// The steps that a history may contain.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    gives: bool,
    takes: bool,
    redefinitions: bool,
    trouble: bool,
    long_waits: bool,
}

fn steps(allowed: Allowed) -> impl Strategy<Value = Vec<Step>> {
    let costs = || [0..8u64, 0..3u64];
    let patience = if allowed.gives {
        prop_oneof![
            3 => Just(Patience::Holds),
            3 => Just(Patience::Commits),
            1 => (0..6usize).prop_map(Patience::Turns),
        ]
        .boxed()
    } else {
        prop_oneof![Just(Patience::Holds), Just(Patience::Commits)].boxed()
    };
    let ask = (0..4usize, costs(), patience).prop_map(|(limiter, costs, patience)| Ask {
        limiter,
        costs,
        patience,
    });
    let ending = move |used: [u64; 2], which: u8| match which % 4 {
        0 if allowed.gives => Ending::Rollback,
        1 if allowed.gives => Ending::Drop,
        2 if allowed.takes => Ending::Settle(used),
        _ => Ending::Commit,
    };
    let end = (any::<usize>(), [0..25u64, 0..8u64], any::<u8>())
        .prop_map(move |(lease, used, which)| Step::End(lease, ending(used, which)));
    let longest = if allowed.long_waits { 400_000 } else { 2500u64 };
    let troubles = select(vec![
        Trouble::None,
        Trouble::None,
        Trouble::Request,
        Trouble::Answer,
        Trouble::Late,
        Trouble::Busy,
        Trouble::Refused,
        Trouble::Slow,
    ]);
    let step = prop_oneof![
        8 => vec(ask, 1..8).prop_map(Step::Burst),
        5 => end,
        4 => (0..2500u64).prop_map(Step::Wait),
        1 => (0..longest).prop_map(Step::Wait),
        u32::from(allowed.redefinitions) => (0..4usize, 0..4usize).prop_map(|(limiter, to)| Step::Redefine(limiter, to)),
        if allowed.trouble { 4 } else { 0 } => vec(troubles, 1..6).prop_map(Step::Trouble),
    ];
    vec(step, 1..40)
}

/// Limiters of several processes, and what their callers know.
struct World {
    ledger: Arc<Ledger>,
    clock: ManualClock,
    limiters: Vec<(RateLimiter, usize)>,
    held: Vec<Lease>,
    /// Millitokens of each limit that callers were granted, minus what they gave back.
    kept: [i64; 2],
    /// Millitokens of each limit that settlements took in addition.
    taken: [i64; 2],
}

impl World {
    fn new(limiters: usize) -> Self {
        let clock = ManualClock::at(START);
        let ledger = Arc::new(Ledger::new(clock.clone()));
        let limiter = || {
            let settings = RateLimiter::builder()
                .clock(clock.clone())
                .flush_after(Duration::from_millis(20));
            (settings.build_shared(ledger.clone()).unwrap(), 0)
        };
        let limiters = (0..limiters).map(|_| limiter()).collect();
        Self {
            ledger,
            clock,
            limiters,
            held: Vec::new(),
            kept: [0; 2],
            taken: [0; 2],
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Burst(asks) => self.burst(asks).await,
            Step::End(_, _) if self.held.is_empty() => {}
            Step::End(lease, ending) => {
                let lease = self.held.swap_remove(lease % self.held.len());
                self.end(lease, ending);
            }
            Step::Wait(millis) => {
                self.clock.advance(Duration::from_millis(millis));
                self.ledger.arrive();
                // Let the flush interval pass.
                tokio::time::sleep(Duration::from_millis(millis.min(50))).await;
            }
            Step::Redefine(limiter, to) => {
                let limiter = limiter % self.limiters.len();
                self.limiters[limiter].1 = to;
            }
            Step::Trouble(troubles) => self.ledger.trouble(troubles),
        }
    }

    async fn burst(&mut self, asks: Vec<Ask>) {
        let tasks: Vec<_> = asks
            .into_iter()
            .map(|ask| {
                let (limiter, limits) = &self.limiters[ask.limiter % self.limiters.len()];
                let limits = definitions(*limits);
                let mut acquire = limiter.acquire("user", "api").limits(&limits[..]);
                for (limit, cost) in limits.iter().zip(ask.costs) {
                    acquire = acquire.cost(limit.name(), cost.min(limit.capacity()));
                }
                tokio::spawn(async move {
                    let turns = async {
                        let Patience::Turns(turns) = ask.patience else {
                            return std::future::pending().await;
                        };
                        for _ in 0..turns {
                            tokio::task::yield_now().await;
                        }
                    };
                    tokio::select! {
                        biased;
                        () = turns => None,
                        lease = acquire.into_future() => Some((lease.ok()?, ask.patience)),
                    }
                })
            })
            .collect();
        for task in tasks {
            let Some((lease, patience)) = task.await.unwrap() else {
                continue;
            };
            let charged = used(&lease);
            for (kept, charged) in self.kept.iter_mut().zip(charged) {
                *kept += charged;
            }
            match patience {
                Patience::Holds => self.held.push(lease),
                Patience::Commits => self.end(lease, Ending::Commit),
                Patience::Turns(_) => self.end(lease, Ending::Drop),
            }
        }
    }

    fn end(&mut self, mut lease: Lease, ending: Ending) {
        let charged = used(&lease);
        match ending {
            Ending::Commit => {}
            Ending::Rollback | Ending::Drop => {
                for (kept, charged) in self.kept.iter_mut().zip(charged) {
                    *kept -= charged;
                }
            }
            Ending::Settle(used) => {
                for (name, used) in NAMES.into_iter().zip(used) {
                    // Under some definitions a lease has only one limit.
                    let _ = lease.settle(name, used);
                }
                let differences: Vec<_> = self::used(&lease)
                    .iter()
                    .zip(charged)
                    .map(|(used, charged)| used - charged)
                    .collect();
                for (index, difference) in differences.into_iter().enumerate() {
                    self.kept[index] += difference.min(0);
                    self.taken[index] += difference.max(0);
                    self.ledger.allow_debt(difference.max(0));
                }
            }
        }
        match ending {
            Ending::Drop => drop(lease),
            Ending::Rollback => drop(lease.rollback()),
            Ending::Commit | Ending::Settle(_) => drop(lease.commit()),
        }
    }

    /// Ends all leases and writes everything that is pending.
    async fn close(&mut self) {
        self.ledger.calm();
        for lease in std::mem::take(&mut self.held) {
            self.end(lease, Ending::Commit);
        }
        for (limiter, _) in &self.limiters {
            limiter.shutdown().await;
        }
        self.ledger.arrive();
    }
}

/// Returns the millitokens of each limit that the lease counts as used.
fn used(lease: &Lease) -> [i64; 2] {
    NAMES.map(|name| {
        lease
            .consumed(name)
            .map_or(0, |tokens| tokens as i64 * 1000)
    })
}

fn check(cases: u32, allowed: Allowed, close: impl AsyncFn(&World)) {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    let result = TestRunner::new(config).run(&(2..5usize, steps(allowed)), |(limiters, steps)| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World::new(limiters);
            for step in steps {
                world.take(step).await;
                world.ledger.assert_nothing_minted();
            }
            world.close().await;
            world.ledger.assert_nothing_minted();
            for (index, name) in NAMES.into_iter().enumerate() {
                // Everything that callers were told they have was charged, even if answers were
                // lost.
                assert!(
                    world.ledger.net(name) >= world.kept[index],
                    "{name}: {:?}",
                    world.kept
                );
            }
            close(&world).await;
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// The counters contain exactly the tokens that callers know of.
fn assert_accounts_agree(world: &World) {
    for (index, name) in NAMES.into_iter().enumerate() {
        assert_eq!(
            world.ledger.net(name),
            world.kept[index] + world.taken[index],
            "{name}"
        );
    }
}

#[test]
fn spends_mint_nothing_and_lose_nothing() {
    let allowed = Allowed {
        gives: false,
        takes: false,
        redefinitions: false,
        trouble: false,
        long_waits: false,
    };
    check(256, allowed, async |world| {
        assert_accounts_agree(world);
        world.ledger.assert_nothing_lost(&key("user", "api")).await;
    });
}

#[test]
fn settlements_are_all_accounted_for() {
    let allowed = Allowed {
        gives: true,
        takes: true,
        redefinitions: false,
        trouble: false,
        long_waits: false,
    };
    check(256, allowed, async |world| assert_accounts_agree(world));
}

#[test]
fn changing_limits_mint_nothing() {
    let allowed = Allowed {
        gives: true,
        takes: true,
        redefinitions: true,
        trouble: false,
        long_waits: true,
    };
    check(256, allowed, async |_| {});
}

#[test]
fn lost_answers_mint_nothing() {
    let allowed = Allowed {
        gives: true,
        takes: true,
        redefinitions: false,
        trouble: true,
        long_waits: false,
    };
    check(512, allowed, async |_| {});
}

#[test]
fn all_kinds_of_events_together_mint_nothing() {
    let allowed = Allowed {
        gives: true,
        takes: true,
        redefinitions: true,
        trouble: true,
        long_waits: true,
    };
    check(512, allowed, async |_| {});
}
