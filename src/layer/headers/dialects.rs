//! The checked dialects of a policy.

use http::{HeaderMap, HeaderName};

use super::{
    Dialect, ErrorDialect, ErrorShape, PartitionKeys, QuotaUnit, RETRY_AFTER_MS, ReportLimits,
    SHOULD_RETRY, Standing,
    anthropic::AnthropicErrors,
    ietf::{ListFields, OlderFields, OneLimitFields},
    triple::Triple,
};
use crate::{
    layer::{InvalidPolicy, terms::PolicyLimits},
    model::{LimitName, Limits},
};

/// The checked dialects of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Dialects {
    /// The fields of the default dialect. The fields come first, because nearly all policies have
    /// them.
    list: Option<ListFields>,
    older: Option<OlderFields>,
    triples: Vec<Triple>,
    needs_time: bool,
    /// The errors of the first dialect that has its own.
    pub(crate) errors: Option<ErrorDialect>,
    pub(crate) partitions: Option<PartitionKeys>,
}

impl Dialects {
    /// Returns the dialects of a policy that chooses none.
    pub(crate) fn usual(limits: Option<&Limits>) -> Self {
        Self {
            list: Some(ListFields::new(limits, Vec::new())),
            ..Self::none()
        }
    }

    fn none() -> Self {
        Self {
            list: None,
            older: None,
            triples: Vec::new(),
            needs_time: false,
            errors: None,
            partitions: None,
        }
    }

    pub(crate) fn check(
        dialects: Vec<Dialect>,
        units: Vec<(LimitName, QuotaUnit)>,
        partitions: Option<PartitionKeys>,
        limits: &PolicyLimits,
    ) -> Result<Self, InvalidPolicy> {
        let known = |name: String| limits.known(name);
        let mut checked = Self {
            partitions,
            ..Self::none()
        };
        let mut names: Vec<HeaderName> = Vec::new();
        for dialect in dialects {
            let mut next = Self::none();
            match dialect {
                Dialect::Ietf(draft) => {
                    next.older = OlderFields::new(draft);
                    next.list = next
                        .older
                        .is_none()
                        .then(|| ListFields::new(limits.own(), units.clone()));
                }
                Dialect::XRateLimit(dialect) => next.triples.push(dialect.check(known)?),
                Dialect::OpenAi(dialect) => {
                    next.errors = Some(ErrorDialect {
                        shape: ErrorShape::OpenAi(dialect.errors(known)?),
                        longest_retry: dialect.longest_retry,
                    });
                    next.triples = dialect.check(known)?;
                }
                Dialect::Anthropic(dialect) => {
                    next.errors = Some(ErrorDialect {
                        shape: ErrorShape::Anthropic(AnthropicErrors),
                        longest_retry: dialect.longest_retry,
                    });
                    next.triples = dialect.check(known)?;
                }
            }
            let new = next.names();
            if new.is_empty() {
                return Err(InvalidPolicy::EmptyDialect);
            }
            if let Some(twice) = new.iter().find(|name| names.contains(name)) {
                return Err(InvalidPolicy::DialectsCollide {
                    header: twice.clone(),
                });
            }
            names.extend(new);
            checked.add(next);
        }
        Ok(checked)
    }

    fn add(&mut self, more: Self) {
        self.list = self.list.take().or(more.list);
        self.older = self.older.take().or(more.older);
        self.errors = self.errors.take().or(more.errors);
        self.triples.extend(more.triples);
        self.needs_time = self.triples.iter().any(Triple::needs_time);
    }

    /// Returns the headers that the dialects may add to a response.
    pub(crate) fn names(&self) -> Vec<HeaderName> {
        let list = self.list.iter().flat_map(|_| ListFields::names());
        let older = self.older.iter().flat_map(OlderFields::names);
        let triples = self
            .triples
            .iter()
            .flat_map(|triple| triple.names.iter().cloned());
        list.chain(older).chain(triples).collect()
    }

    /// Returns the headers that tell clients when to retry, except `Retry-After`.
    pub(crate) fn retry_names(&self) -> impl Iterator<Item = HeaderName> {
        self.errors
            .iter()
            .flat_map(|_| [RETRY_AFTER_MS, SHOULD_RETRY])
    }

    /// Returns `true` if the headers depend on the current time.
    pub(crate) fn needs_time(&self) -> bool {
        self.needs_time
    }

    /// Returns the fields of a policy that has one limit and only the default dialect; `None` for
    /// other policies.
    pub(crate) fn one_limit(&self) -> Option<OneLimitFields> {
        let others = self.older.is_some() || !self.triples.is_empty() || self.partitions.is_some();
        self.list.as_ref().filter(|_| !others)?.one_limit()
    }

    /// Adds the headers for the limits that `which` selects.
    pub(crate) fn report(
        &self,
        headers: &mut HeaderMap,
        standing: &Standing<'_>,
        which: ReportLimits,
    ) {
        let statuses = which.of(standing.statuses);
        if let Some(list) = &self.list {
            list.report(headers, statuses, standing);
        }
        if let Some(older) = &self.older {
            older.report(headers, statuses, standing);
        }
        for triple in &self.triples {
            triple.report(headers, statuses, standing);
        }
    }
}
