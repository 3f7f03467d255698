//! Problem documents: RFC 9457.

use std::borrow::Cow;

use http::StatusCode;
use serde::Serialize;

/// A problem document.
#[derive(Serialize)]
pub(super) struct Problem<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    #[serde(serialize_with = "number")]
    pub(super) status: StatusCode,
    pub(super) detail: String,
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    pub(super) violated_policies: Vec<Cow<'a, str>>,
}

pub(super) const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
pub(super) const REDUCED_CAPACITY: &str = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
pub(super) const COST_EXCEEDS_CAPACITY: &str =
    "https://docs.rs/tollgate/latest/tollgate/layer/index.html#cost-exceeds-capacity";
pub(super) const PLAIN: &str = "about:blank";

impl Problem<'_> {
    pub(super) fn to_json(&self) -> Vec<u8> {
        // A struct of texts and a number: it always serializes.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
