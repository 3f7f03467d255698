//! One step of a script.

use std::time::Duration;

use tollgate::{
    LimitName,
    error::Unavailable,
    limiter::{ScriptDecision, ScriptRequest},
};

/// A decision that a [`TestLimiter`](super::TestLimiter) makes instead of its buckets: once, for
/// whatever asks next, unless it says otherwise.
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
    /// How often it is still taken; `None` for ever.
    left: Option<u32>,
}

impl Step {
    fn new(decision: ScriptDecision) -> Self {
        Self { decision, entity: None, resource: None, left: Some(1) }
    }

    /// Grants, whatever the bucket holds: it may go into debt.
    pub fn grant() -> Self {
        Self::new(ScriptDecision::Grant)
    }

    /// Denies: a limit is short, and holds enough again after `retry_after`. The layer answers 429 with
    /// `Retry-After`, in whole seconds, rounded up.
    pub fn deny(retry_after: Duration) -> Self {
        Self::new(ScriptDecision::Deny { limit: None, retry_after })
    }

    /// Refuses, as if the cost were above the capacity: the layer answers 429 without `Retry-After`.
    pub fn exceed() -> Self {
        Self::new(ScriptDecision::ExceedsCapacity { limit: None })
    }

    /// Refuses, as if the resource were disabled for the entity: the layer answers 403.
    pub fn disable() -> Self {
        Self::new(ScriptDecision::Disable)
    }

    /// Makes no decision, as if the store did not answer: the layer does what its policy's `on_unavailable`
    /// says. Nothing waits for a deadline. What the limiter has stored (`config()`, `entities()`) is what a process
    /// knew last before the store went down.
    pub fn store_down() -> Self {
        Self::new(ScriptDecision::Fail(Unavailable::Deadline))
    }

    /// The limit that [`deny`](Self::deny) or [`exceed`](Self::exceed) is about, instead of the first that
    /// anything is asked of.
    ///
    /// # Panics
    ///
    /// If `name` is no limit's name.
    #[track_caller]
    pub fn limit(mut self, name: &str) -> Self {
        let name = LimitName::new(name).unwrap_or_else(|error| panic!("{error}"));
        match &mut self.decision {
            ScriptDecision::Deny { limit, .. } | ScriptDecision::ExceedsCapacity { limit } => *limit = Some(name),
            _ => panic!("only a step that denies or exceeds is about a limit"),
        }
        self
    }

    /// Only for requests of this entity. Entities are called what the policy's key makes of the request: an
    /// API key that is hashed has its hash for a name.
    pub fn entity(mut self, entity: impl Into<String>) -> Self {
        self.entity = Some(entity.into());
        self
    }

    /// Only for requests of this resource.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Takes the step so often.
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Takes the step from now on.
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// The decision, where it is meant for the request and not used up.
    pub(super) fn take(&mut self, request: &ScriptRequest<'_>) -> Option<ScriptDecision> {
        let meant = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
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
