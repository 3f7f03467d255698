//! The checks of one limit of one bucket.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::Duration,
};

use tollgate::Limit;

use super::{
    super::{
        check::{Conservation, Ledger, Logged, Parameters, Rule, Step},
        log::Kind,
        mode::Mode,
        scenario::Scenario,
        store::{Chain, Charge, bucket_of},
    },
    Evidence, Worked,
};

/// The checks of one limit of one bucket. Millitokens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BucketReport {
    /// The entity and the resource of the bucket: `entity#resource`.
    pub bucket: String,
    /// The name of the limit.
    pub limit: String,
    /// The number of items of the bucket at the end.
    pub shards: usize,
    /// The consumption counter at the end, over all shards.
    pub charged: i64,
    /// The maximum that the bucket could have granted: the capacity plus the refill in the time of
    /// the scenario, less a time for its start and end.
    pub could_grant: i64,
    /// The result of the rule, by the times at which the store did the writes.
    pub commits: Rule,
    /// The result of the rule, by the times at which the workers got their grants.
    pub grants: Rule,
    /// The comparison with a perfect bucket. `None` if the bucket was split.
    pub conservation: Option<Conservation>,
    /// The part of the consumption counter that no write explains.
    pub unexplained: i64,
    /// The ledger of each worker.
    pub ledgers: Vec<Ledger>,
}

/// The time that the start and the end of a run may take, in addition to two round trips.
const EDGES: Duration = Duration::from_millis(50);

/// The lifetime of prefetched tokens, µs. The tokens that a killed process held were taken within
/// this time before its end.
const AHEAD: i64 = 3_000_000;

impl BucketReport {
    pub(super) fn all(scenario: &Scenario, evidence: &Evidence) -> Vec<Self> {
        let buckets: BTreeSet<&str> = evidence
            .items
            .iter()
            .filter_map(|(item, _)| bucket_of(item))
            .collect();
        let limits = scenario.limits_or_default();
        let pairs = buckets
            .into_iter()
            .flat_map(|bucket| limits.iter().map(move |limit| (bucket, limit)));
        pairs
            .map(|(bucket, limit)| Self::of(scenario, evidence, bucket, limit))
            .collect()
    }

    fn of(scenario: &Scenario, evidence: &Evidence, bucket: &str, limit: &Limit) -> Self {
        let (name, parameters) = (limit.name().as_str(), parameters(limit));
        let shards: Vec<_> = evidence
            .items
            .iter()
            .filter(|(item, _)| bucket_of(item) == Some(bucket))
            .collect();
        let chains = shards.iter().map(|(item, image)| {
            let last = image.levels.get(name).map_or(0, |level| level.consumed);
            Chain::of(&evidence.writes, item, name, last)
        });
        let chains: Vec<Chain> = chains.collect();
        let charges: Vec<Charge> = chains
            .iter()
            .flat_map(|chain| chain.charges.iter().copied())
            .collect();
        let window = micros(chains.iter().map(|chain| chain.window).max().unwrap_or(0));
        let allowance = scenario.allowance_or_default();
        let cost = i64::try_from(scenario.cost).unwrap_or(i64::MAX);
        let widening = allowance.of_writes() + window;
        let taken = charges
            .iter()
            .map(|charge| (charge.at, Step::Take(charge.millitokens)));
        let commits = Rule::check(parameters, widening, taken.chain(settled_up(evidence)));
        let grants = Rule::check(
            parameters,
            allowance.of_grants() + window,
            granted(evidence, cost),
        );
        let conservation = match (&chains[..], &shards[..]) {
            ([chain], [(_, last)]) if last.shards == 1 => {
                // Neither this capacity nor the perfect bucket is a bound for settlements.
                Conservation::of(
                    name,
                    parameters,
                    widening,
                    &chain.charges,
                    &evidence.writes,
                    last,
                )
            }
            _ => None,
        };
        let ledgers = evidence.worked.iter().enumerate().map(|(number, worked)| {
            let mine: Vec<&Charge> = charges
                .iter()
                .filter(|charge| charge.worker == Some(number))
                .collect();
            let charged = mine.iter().map(|charge| charge.millitokens).sum();
            let mut logged = logged(worked, cost);
            // A lost answer may belong to a prefetch. A killed worker held the tokens that it had
            // prefetched.
            let ended = worked.log.last().map_or(0, |entry| entry.at);
            let unknown = mine.iter().filter(|charge| {
                charge.write.is_none()
                    || (scenario.mode == Mode::Prefetch
                        && worked.killed
                        && charge.at >= ended - AHEAD)
            });
            logged.more += unknown
                .map(|charge| charge.millitokens.max(0) / 1000)
                .sum::<i64>();
            logged.beside(charged)
        });
        Self {
            bucket: bucket.to_owned(),
            limit: name.to_owned(),
            shards: shards.len(),
            charged: shards
                .iter()
                .filter_map(|(_, image)| image.levels.get(name))
                .map(|level| level.consumed)
                .sum(),
            could_grant: could_grant(scenario, parameters),
            commits,
            grants,
            conservation,
            unexplained: chains.iter().map(|chain| chain.unexplained).sum(),
            ledgers: ledgers.collect(),
        }
    }

    /// Returns the granted part of the maximum.
    pub fn used(&self) -> f64 {
        self.charged as f64 / self.could_grant.max(1) as f64
    }
}

fn parameters(limit: &Limit) -> Parameters {
    let milli = |tokens: u64| {
        i64::try_from(tokens)
            .unwrap_or(i64::MAX)
            .saturating_mul(1000)
    };
    Parameters {
        capacity: milli(limit.capacity()),
        amount: milli(limit.refill_amount()),
        period: i64::try_from(limit.refill_period().as_millis())
            .unwrap_or(i64::MAX)
            .max(1),
    }
}

fn could_grant(scenario: &Scenario, parameters: Parameters) -> i64 {
    let farthest = scenario.distances.iter().max().copied().unwrap_or_default();
    let time = scenario.time.saturating_sub(farthest * 2 + EDGES);
    let refill = i128::from(parameters.amount) * time.as_millis().cast_signed()
        / i128::from(parameters.period);
    i64::try_from(i128::from(parameters.capacity) + refill).unwrap_or(i64::MAX)
}

/// Returns the grants and the amounts that were given back, by the times of the logs.
fn granted(evidence: &Evidence, cost: i64) -> impl Iterator<Item = (i64, Step)> {
    let entries = evidence.worked.iter().flat_map(|worked| &worked.log);
    entries.filter_map(move |entry| match entry.kind {
        Kind::Granted { .. } => Some((entry.at, Step::Take(cost.saturating_mul(1000)))),
        Kind::Owed { difference } if difference < 0 => {
            Some((entry.at, Step::Take(difference * 1000)))
        }
        _ => None,
    })
}

/// Returns the use beyond the cost. The rule bounds grants only, so this use is allowed.
fn settled_up(evidence: &Evidence) -> impl Iterator<Item = (i64, Step)> {
    let entries = evidence.worked.iter().flat_map(|worked| &worked.log);
    entries.filter_map(|entry| match entry.kind {
        Kind::Owed { difference } if difference > 0 => {
            Some((entry.at, Step::Allow(difference * 1000)))
        }
        _ => None,
    })
}

fn logged(worked: &Worked, cost: i64) -> Logged {
    let mut logged = Logged::default();
    let (mut asked, mut owed): (HashSet<u64>, BTreeMap<u64, i64>) = Default::default();
    for entry in &worked.log {
        match &entry.kind {
            Kind::Asked => {
                asked.insert(entry.request);
            }
            Kind::Granted { .. } => {
                asked.remove(&entry.request);
                logged.tokens += cost;
            }
            Kind::Denied { .. } => {
                asked.remove(&entry.request);
            }
            Kind::Failed { why } => {
                asked.remove(&entry.request);
                // Requests with other errors were never charged.
                if !matches!(why.as_str(), "contended" | "breaker" | "other") {
                    logged.more += cost;
                }
            }
            Kind::Owed { difference } => {
                owed.insert(entry.request, *difference);
            }
            Kind::Settled => logged.tokens += owed.remove(&entry.request).unwrap_or(0),
            Kind::Lost | Kind::Ended => {}
        }
    }
    // A worker that was not killed has logged all answers.
    if worked.killed {
        logged.more += cost.saturating_mul(i64::try_from(asked.len()).unwrap_or(i64::MAX));
    }
    for difference in owed.into_values() {
        logged.more += difference.max(0);
        logged.less += (-difference).max(0);
    }
    logged
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
