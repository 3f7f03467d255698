//! The decision about a request, and the action if there is no decision.

use std::{sync::Arc, time::Duration};

use super::{InvalidPolicy, PolicyLimits};
use crate::{
    limiter::{FallbackOptions, OnUnavailable, Prefetch, Shadow, WaitOptions},
    model::LimitName,
};

/// The rules for the decision about a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct DecisionRules {
    pub(crate) on_unavailable: OnUnavailable,
    pub(crate) without_parent: bool,
    pub(crate) prefetch: Option<Prefetch>,
    pub(crate) in_one_transaction: bool,
    /// `true` if the handler acquires the lease.
    pub(crate) in_handler: bool,
    /// `true` if responses report the denials of limits in shadow mode.
    pub(crate) reports_shadow: bool,
    /// The options for a request that is not granted at once. `None` if there are none.
    pub(crate) fallback: Option<Arc<FallbackOptions>>,
}

impl DecisionRules {
    /// Returns `true` if the layer grants or denies each request, without any further options.
    pub(super) fn is_plain(&self) -> bool {
        !self.in_handler && self.fallback.is_none()
    }

    /// Returns `true` if the policy is in shadow mode.
    pub(crate) fn is_shadow(&self) -> bool {
        self.fallback
            .as_ref()
            .is_some_and(|fallback| matches!(fallback.shadow, Shadow::All))
    }

    /// Returns `true` if the limit is in shadow mode.
    pub(crate) fn observes(&self, limit: &LimitName) -> bool {
        self.fallback
            .as_ref()
            .is_some_and(|fallback| fallback.shadow.covers(limit))
    }
}

/// The settings of a builder, not yet checked.
#[derive(Clone, Debug, Default)]
pub(super) struct DecisionDraft {
    pub(super) on_unavailable: OnUnavailable,
    pub(super) without_parent: bool,
    pub(super) prefetch: Option<Prefetch>,
    pub(super) in_one_transaction: bool,
    pub(super) in_handler: bool,
    pub(super) reports_shadow: bool,
    pub(super) shadow: bool,
    pub(super) shadow_limits: Vec<String>,
    pub(super) wait: Option<Duration>,
    pub(super) max_waiters: Option<usize>,
}

impl DecisionDraft {
    /// Checks the settings. `also` are the limits of the resources that the policy charges in
    /// addition.
    pub(super) fn check(
        self,
        limits: &PolicyLimits,
        also: &[&PolicyLimits],
    ) -> Result<DecisionRules, InvalidPolicy> {
        let local = match self.on_unavailable {
            OnUnavailable::Local { share } if !share.is_valid() => {
                return Err(InvalidPolicy::Share);
            }
            OnUnavailable::Local { share } => Some(share),
            _ => None,
        };
        let shadow = shadow(self.shadow, self.shadow_limits, limits, also)?;
        let waiters = self.max_waiters.unwrap_or(WaitOptions::WAITERS);
        // A policy in shadow mode delays no request.
        let wait = self
            .wait
            .filter(|_| !matches!(shadow, Shadow::All))
            .map(|most| WaitOptions { most, waiters });
        let plain = local.is_none() && shadow.is_none() && wait.is_none();
        Ok(DecisionRules {
            on_unavailable: self.on_unavailable,
            without_parent: self.without_parent,
            prefetch: self.prefetch,
            in_one_transaction: self.in_one_transaction,
            in_handler: self.in_handler,
            reports_shadow: self.reports_shadow,
            fallback: (!plain).then(|| {
                Arc::new(FallbackOptions {
                    local,
                    shadow,
                    wait,
                })
            }),
        })
    }
}

fn shadow(
    all: bool,
    names: Vec<String>,
    limits: &PolicyLimits,
    also: &[&PolicyLimits],
) -> Result<Shadow, InvalidPolicy> {
    let names = names
        .into_iter()
        .map(|name| limits.known_among(also, name))
        .collect::<Result<Vec<_>, _>>()?;
    let is_covered = |limits: &PolicyLimits| {
        limits
            .exactly()
            .is_some_and(|limits| limits.iter().all(|limit| names.contains(limit.name())))
    };
    Ok(if all {
        Shadow::All
    } else if names.is_empty() {
        Shadow::None
    } else if is_covered(limits) && also.iter().all(|limits| is_covered(limits)) {
        Shadow::All
    } else {
        Shadow::Limits(names)
    })
}
