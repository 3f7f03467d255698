//! The target, as arguments.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use hyper::Method;
use tollgate::{EntityId, Limit, LimitName, RateLimiter, Resource, model::Limits};
use tollgate_loadtest::{
    Call, Reply, Target,
    targets::{HttpTarget, Keys, LimiterTarget},
};

use super::{token_streams::StreamArguments, units};
use crate::{failure::Failure, limits};

/// A limit that never denies: tokens a second.
const UNLIMITED: u64 = 1_000_000_000;

/// The users of the scenario `max-rate`.
const MANY: u32 = 64;

/// The work of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Scenario {
    /// Acquires the costs, and commits
    #[default]
    Simple,
    /// The same for entities with a parent, whose bucket is charged too
    Cascade,
    /// Reserves an estimate, adjusts while a stream of tokens comes, and settles
    Llm,
    /// As simple, by many users at once
    MaxRate,
}

/// The target of the calls.
#[derive(Debug, Args)]
#[command(next_help_heading = "Target")]
pub(super) struct TargetArguments {
    /// Work of a call on the table
    #[arg(long, short = 's', value_enum, default_value_t)]
    scenario: Scenario,
    /// Entity; with --keys the beginning of their names [default: names of the test's own]
    #[arg(
        long = "entity",
        alias = "entity-id",
        short = 'e',
        value_name = "ENTITY"
    )]
    entity: Option<EntityId>,
    /// Resource
    #[arg(long, short = 'r', default_value = "loadtest")]
    resource: Resource,
    /// Limit as name:rate[/period][:burst], repeatable, instead of stored ones [default in a
    /// namespace of the test's own: one that never denies]
    #[arg(long = "limit", short = 'l', value_name = "LIMIT", value_parser = limits::parse)]
    limits: Vec<Limit>,
    /// Cost of a call as LIMIT:TOKENS, repeatable, where TOKENS may be a range by chance such as
    /// 100-1000 [default: 1 of each limit]
    #[arg(long = "cost", value_name = "COST", value_parser = units::cost)]
    costs: Vec<(LimitName, RangeInclusive<u64>)>,
    /// Longest time that a call waits for the table [default: 250ms, as for services]
    #[arg(long, value_name = "TIME", value_parser = units::positive)]
    deadline: Option<Duration>,
    /// Number of keys, each as likely as the others [default: 1, or 10 for cascade]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    keys: Option<u32>,
    /// Exponent of Zipf's law for the keys: some come more often than others
    #[arg(long, value_name = "EXPONENT", requires = "keys")]
    zipf: Option<f64>,
    /// Keep what the test made in the table
    #[arg(long)]
    keep: bool,
    /// URL behind a rate limit, instead of the table: http://127.0.0.1:3000/ or https://…
    #[arg(long, conflicts_with_all = ["scenario", "limits", "costs", "deadline", "keep", "resource"])]
    url: Option<String>,
    /// Method of the requests
    #[arg(long, default_value = "GET", requires = "url")]
    method: Method,
    /// Header of the requests as NAME:VALUE, repeatable; {key} stands for the key of the call
    #[arg(long = "header", short = 'H', value_name = "HEADER", requires = "url")]
    headers: Vec<String>,
    /// Body of the requests
    #[arg(long, requires = "url", conflicts_with = "body_file")]
    body: Option<String>,
    /// File with the body of the requests
    #[arg(long, value_name = "FILE", requires = "url")]
    body_file: Option<PathBuf>,
    #[command(flatten)]
    streams: StreamArguments,
}

/// A limiter or a URL.
#[derive(Clone, Debug)]
pub(super) enum AnyTarget {
    Limiter(LimiterTarget),
    Http(Box<HttpTarget>),
}

impl Target for AnyTarget {
    async fn call(&self, call: Call) -> Reply {
        match self {
            Self::Limiter(target) => target.call(call).await,
            Self::Http(target) => target.call(call).await,
        }
    }
}

impl TargetArguments {
    /// Returns the number of users without one in the arguments.
    pub(super) fn users(&self) -> Option<u32> {
        (self.scenario == Scenario::MaxRate).then_some(MANY)
    }

    pub(super) fn has_url(&self) -> bool {
        self.url.is_some()
    }

    pub(super) fn keeps(&self) -> bool {
        self.keep
    }

    /// Returns the entity, if one is named.
    pub(super) fn entity(&self) -> Option<&EntityId> {
        self.entity.as_ref()
    }

    /// Returns true if the entities have a parent of the test's own.
    pub(super) fn cascades(&self) -> bool {
        self.scenario == Scenario::Cascade
    }

    /// Checks what clap cannot check.
    pub(super) fn check(&self, named_namespace: bool) -> Result<(), Failure> {
        if self
            .zipf
            .is_some_and(|exponent| !(0.0..=10.0).contains(&exponent))
        {
            return Err(Failure::Usage("--zipf must be between 0 and 10".into()));
        }
        if self.cascades() && named_namespace && self.entity.is_some() {
            return Err(Failure::Usage(
                "the scenario cascade makes entities of its own: leave --entity out; for an entity that has a parent, \
                 the scenario simple charges the parent too"
                    .into(),
            ));
        }
        if self.has_url() {
            self.http(&Keys::one("key"))?;
        } else {
            self.given_limits()?;
        }
        Ok(())
    }

    /// Returns the keys: `prefix` alone, or with a hyphen and numbers.
    pub(super) fn keys(&self, prefix: &str) -> Keys {
        let count = match self.keys {
            None if self.cascades() => 10,
            None => return Keys::one(prefix),
            Some(count) => count,
        };
        let prefix = format!("{prefix}-");
        match self.zipf {
            Some(exponent) => Keys::zipf(prefix, count, exponent),
            None => Keys::uniform(prefix, count),
        }
    }

    fn given_limits(&self) -> Result<Option<Limits>, Failure> {
        if self.limits.is_empty() {
            return Ok(None);
        }
        let limits = Limits::new(self.limits.iter().cloned());
        let limits = limits.map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Some(limits))
    }

    /// Returns the calls of a limiter. If `own` is true, no limits are stored.
    pub(super) fn limiter(
        &self,
        limiter: RateLimiter,
        keys: Keys,
        own: bool,
    ) -> Result<LimiterTarget, Failure> {
        let mut target = LimiterTarget::new(limiter, keys, self.resource.as_str());
        match self.given_limits()? {
            Some(limits) => target = target.limits(limits),
            None if own => target = target.limits(self.unlimited()?),
            None => {}
        }
        if let Some(deadline) = self.deadline {
            target = target.deadline(deadline);
        }
        for (limit, range) in &self.costs {
            target = target.cost(limit.clone(), range.clone());
        }
        if self.scenario == Scenario::Llm {
            target = target.stream(self.streams.stream());
        }
        Ok(target)
    }

    /// Returns limits that never deny: one, or those that the calls name.
    fn unlimited(&self) -> Result<Limits, Failure> {
        let mut names: Vec<LimitName> = self.costs.iter().map(|(name, _)| name.clone()).collect();
        if self.scenario == Scenario::Llm {
            names.push(self.streams.limit().clone());
        }
        if names.is_empty() {
            names.push("rps".parse()?);
        }
        names.sort();
        names.dedup();
        let limits = names
            .into_iter()
            .map(|name| Limit::per_second(name, UNLIMITED));
        Limits::new(limits).map_err(|error| Failure::Usage(error.to_string()))
    }

    /// Returns the requests of the URL.
    pub(super) fn http(&self, keys: &Keys) -> Result<HttpTarget, Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let url = self.url.as_deref().unwrap_or_default();
        let mut target = HttpTarget::new(url)
            .map_err(|error| usage(&error))?
            .method(self.method.clone())
            .keys(keys.clone());
        for header in &self.headers {
            let (name, value) = header.split_once(':').ok_or_else(|| {
                Failure::Usage(format!("the header {header:?} has no colon: NAME:VALUE"))
            })?;
            let added = target.header(name.trim(), value.trim());
            target = added.map_err(|error| usage(&error))?;
        }
        if let Some(body) = &self.body {
            target = target.body(body.clone());
        }
        if let Some(file) = &self.body_file {
            let body = std::fs::read(file).map_err(|error| {
                Failure::Usage(format!("{} cannot be read: {error}", file.display()))
            })?;
            target = target.body(body);
        }
        Ok(target)
    }
}
