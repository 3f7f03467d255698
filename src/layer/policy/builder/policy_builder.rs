//! The builder of a policy. The settings of each aspect are in a file of their own.

use std::{fmt, sync::Arc};

use crate::{
    layer::policy::{
        InvalidPolicy, Policy,
        answers::AnswerDraft,
        cost::CostDraft,
        decision::DecisionDraft,
        limits::LimitsDraft,
        resource_charge::{ChargeRules, ResourceCharge},
        rules::Rules,
        settlement::SettlementDraft,
        subject::SubjectDraft,
        warnings::WarningDraft,
    },
    limiter::Acquire,
    model::Resource,
    telemetry,
};

/// Builds a [`Policy`]. To build several policies that have much in common, clone a builder.
///
/// ```
/// use tollgate::{Limit, layer::{Policy, keys}};
///
/// let per_key = Policy::builder().entity(keys::hashed_header("x-api-key"));
/// let chat = per_key.clone().resource(keys::fixed("chat")).limit(Limit::per_minute("rpm", 20)).build()?;
/// let api = per_key.resource(keys::fixed("api")).limit(Limit::per_minute("rpm", 600)).build()?;
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a builder builds nothing by itself"]
pub struct PolicyBuilder {
    pub(super) subject: SubjectDraft,
    pub(super) limits: LimitsDraft,
    pub(super) cost: CostDraft,
    pub(super) decision: DecisionDraft,
    pub(super) settlement: SettlementDraft,
    pub(super) answers: AnswerDraft,
    pub(super) warnings: WarningDraft,
    pub(super) also: Vec<ResourceCharge>,
}

impl fmt::Debug for PolicyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyBuilder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl PolicyBuilder {
    /// Checks the settings and builds the policy.
    ///
    /// # Errors
    /// [`InvalidPolicy`] says which setting is missing or wrong.
    pub fn build(self) -> Result<Policy, InvalidPolicy> {
        let subject = self.subject.check()?;
        let limits = self.limits.check()?;
        let cost = self.cost.check(&limits)?;
        // If the handler sets the cost, no cost is needed here.
        let needs_cost = !self.decision.in_handler;
        let also = also_rules(self.also, subject.fixed_resource.as_ref(), needs_cost)?;
        let also_limits: Vec<_> = also.iter().map(|charge| &charge.limits).collect();
        let decision = self.decision.check(&limits, &also_limits)?;
        let settlement = self.settlement.check(&limits, &also_limits)?;
        let answers = self.answers.check(&limits)?;
        let warnings = self.warnings.check(&limits)?;
        // If the handler sets the cost, or if more is acquired while the body streams, no cost is
        // needed here.
        if !decision.in_handler && settlement.top_up.is_none() {
            settlement
                .limits()
                .filter(|limit| !cost.names(limit))
                .for_each(telemetry::settled_without_cost);
        }
        let rules = Rules {
            warnings,
            ..Rules::new(subject, limits, cost, decision, settlement, answers, also)
        };
        Ok(Policy {
            rules: Arc::new(rules),
        })
    }
}

/// Checks the resources that a policy charges in addition to `own`.
fn also_rules(
    also: Vec<ResourceCharge>,
    own: Option<&Resource>,
    needs_cost: bool,
) -> Result<Box<[ChargeRules]>, InvalidPolicy> {
    if also.len() >= Acquire::MAX_RESOURCES {
        let most = Acquire::MAX_RESOURCES;
        return Err(InvalidPolicy::TooManyResources { most });
    }
    let mut known: Vec<Resource> = own.cloned().into_iter().collect();
    for resource in also.iter().filter_map(ResourceCharge::constant) {
        if known.contains(&resource) {
            return Err(InvalidPolicy::ResourceRepeated(resource));
        }
        known.push(resource);
    }
    also.into_iter()
        .map(|charge| charge.check(needs_cost))
        .collect()
}
