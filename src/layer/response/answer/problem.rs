//! The content of a refusal in every form: a status, a title and a sentence. Also problem documents
//! (RFC 9457).

use std::{borrow::Cow, time::Duration};

use http::StatusCode;
use serde::Serialize;

use crate::{
    error::ExceedsCapacity,
    layer::{
        Misconfiguration, RefusalReason,
        headers::{go_duration, name_of, policy_name},
        keys::missing::Reason,
    },
    model::Denied,
};

/// A problem document. Other forms use its `detail`.
#[derive(Serialize)]
pub(super) struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "number")]
    pub(super) status: StatusCode,
    pub(super) detail: String,
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    violated_policies: Vec<Cow<'a, str>>,
}

const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const REDUCED_CAPACITY: &str =
    "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
const COST_EXCEEDS_CAPACITY: &str =
    "https://docs.rs/tollgate/latest/tollgate/layer/index.html#cost-exceeds-capacity";
const PLAIN: &str = "about:blank";

impl<'a> Problem<'a> {
    pub(super) fn new(
        reason: RefusalReason<'a>,
        status: StatusCode,
        wait: Option<Duration>,
    ) -> Self {
        match reason {
            RefusalReason::Denied(error) => denied(error, status, wait),
            RefusalReason::ExceedsCapacity(error) => exceeds_capacity(error, status),
            RefusalReason::Disabled(_) => plain(
                status,
                "Forbidden",
                "Access to this resource is disabled. Retrying does not help.".to_owned(),
            ),
            RefusalReason::Unavailable(_) => Problem {
                kind: REDUCED_CAPACITY,
                ..plain(
                    status,
                    "The rate limiter is unavailable",
                    format!("The rate limiter is unavailable. {}", advice(wait)),
                )
            },
            RefusalReason::MissingKey(missing) => match missing.reason() {
                Reason::Credential { what, .. } => plain(
                    status,
                    "Unauthorized",
                    format!("Missing or invalid {what}."),
                ),
                Reason::Absent(what) => {
                    plain(status, "Bad request", format!("Missing or invalid {what}."))
                }
                Reason::Setup(mistake) => misconfigured(mistake.into(), status),
            },
            RefusalReason::Misconfigured(mistake) => misconfigured(mistake, status),
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // A struct of strings and a number always serializes.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn denied(denied: &Denied, status: StatusCode, wait: Option<Duration>) -> Problem<'_> {
    let violated: Vec<_> = denied.violated().map(name_of).collect();
    Problem {
        kind: QUOTA_EXCEEDED,
        title: "Rate limit exceeded",
        status,
        detail: format!(
            "Rate limit exceeded: {}. {}",
            violated.join(", "),
            advice(wait)
        ),
        violated_policies: violated,
    }
}

fn exceeds_capacity(error: &ExceedsCapacity, status: StatusCode) -> Problem<'_> {
    let limit = policy_name(error.owner, None, &error.limit);
    Problem {
        kind: COST_EXCEEDS_CAPACITY,
        title: "The request costs more than its limit holds",
        status,
        detail: format!(
            "Request too large for {limit}: {} requested, {} at most. Retrying does not help.",
            error.requested, error.capacity
        ),
        violated_policies: vec![limit],
    }
}

fn misconfigured<'a>(mistake: Misconfiguration<'_>, status: StatusCode) -> Problem<'a> {
    plain(status, "Internal server error", mistake.for_clients())
}

fn plain<'a>(status: StatusCode, title: &'static str, detail: String) -> Problem<'a> {
    Problem {
        kind: PLAIN,
        title,
        status,
        detail,
        violated_policies: Vec::new(),
    }
}

/// Returns the advice for the client. The advice uses the words of OpenAI's API, because scripts
/// search for them.
fn advice(wait: Option<Duration>) -> Cow<'static, str> {
    match wait {
        Some(wait) => Cow::Owned(format!("Please try again in {}.", go_duration(wait))),
        None => Cow::Borrowed("Retrying does not help."),
    }
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
