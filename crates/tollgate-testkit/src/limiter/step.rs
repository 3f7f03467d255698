//! One step of a script.

use std::time::Duration;

use tollgate::{
    LimitName,
    error::Unavailable,
    limiter::{ScriptDecision, ScriptRequest},
};

/// A decision that a [`TestLimiter`](super::TestLimiter) makes instead of its buckets. By default,
/// it applies once, to the next request.
///
/// ```
/// use std::time::Duration;
/// use tollgate_testkit::{Step, TestLimiter};
///
/// let limiter = TestLimiter::new();
/// limiter
///     .then(Step::grant())
///     .then(Step::deny(Duration::from_secs(2)).limit("tpm").resource("gpt-4"))
///     .then(Step::store_down().entity("bob").always());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a step does nothing until a limiter has it"]
pub struct Step {
    decision: ScriptDecision,
    entity: Option<String>,
    resource: Option<String>,
    /// The number of times that the step still applies; `None` if it always applies.
    left: Option<u32>,
}

impl Step {
    fn new(decision: ScriptDecision) -> Self {
        Self {
            decision,
            entity: None,
            resource: None,
            left: Some(1),
        }
    }

    /// Grants the request, even if the bucket does not hold the tokens. The bucket may go into
    /// debt.
    pub fn grant() -> Self {
        Self::new(ScriptDecision::Grant)
    }

    /// Denies the request: a limit has too few tokens, and has enough again after `retry_after`.
    /// The layer answers 429 with `Retry-After`, in whole seconds, rounded up.
    pub fn deny(retry_after: Duration) -> Self {
        Self::new(ScriptDecision::Deny {
            limit: None,
            retry_after,
        })
    }

    /// Refuses the request as if the cost were above the capacity. The layer answers 429 without
    /// `Retry-After`.
    pub fn exceed() -> Self {
        Self::new(ScriptDecision::ExceedsCapacity { limit: None })
    }

    /// Refuses the request as if the resource were disabled for the entity. The layer answers 403.
    pub fn disable() -> Self {
        Self::new(ScriptDecision::Disable)
    }

    /// Makes no decision, as if the store did not answer. The layer follows the policy's
    /// `on_unavailable`. Nothing waits for a deadline. The limiter's stored limits and entities
    /// (`config()`, `entities()`) act as the last values that a process knew before the store went
    /// down.
    pub fn store_down() -> Self {
        Self::new(ScriptDecision::Fail(Unavailable::Deadline))
    }

    /// Sets the limit that [`deny`](Self::deny) or [`exceed`](Self::exceed) applies to. Default:
    /// the first limit that the request asks for tokens of.
    ///
    /// # Panics
    ///
    /// If `name` is not a valid limit name.
    #[track_caller]
    pub fn limit(mut self, name: &str) -> Self {
        let name = LimitName::new(name).unwrap_or_else(|error| panic!("{error}"));
        match &mut self.decision {
            ScriptDecision::Deny { limit, .. } | ScriptDecision::ExceedsCapacity { limit } => {
                *limit = Some(name)
            }
            _ => panic!("only a step that denies or exceeds is about a limit"),
        }
        self
    }

    /// Applies the step only to requests of this entity. The entity is the result of the policy's
    /// key: for a hashed API key, it is the hash.
    pub fn entity(mut self, entity: impl Into<String>) -> Self {
        self.entity = Some(entity.into());
        self
    }

    /// Applies the step only to requests for this resource.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Applies the step `times` times.
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Applies the step to every request from now on.
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// Returns the decision, if the step applies to the request and is not used up.
    pub(super) fn take(&mut self, request: &ScriptRequest<'_>) -> Option<ScriptDecision> {
        let meant =
            |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        if self.left == Some(0)
            || !meant(&self.entity, request.entity.as_str())
            || !meant(&self.resource, request.resource.as_str())
        {
            return None;
        }
        self.left = self.left.map(|left| left - 1);
        Some(self.decision.clone())
    }
}
