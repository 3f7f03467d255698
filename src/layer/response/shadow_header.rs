//! Reports to clients the verdict of limits that only observe.

use http::HeaderMap;

use crate::layer::{
    ShadowVerdict,
    headers::{SHADOW, Writer, seconds_up},
};

/// Appends the limits that would have denied the request, with the seconds until they would have
/// granted it.
pub(crate) fn report(headers: &mut HeaderMap, verdict: &ShadowVerdict) {
    let short = verdict.short();
    if short.is_empty() {
        return;
    }
    let mut list = Writer::default();
    for status in short {
        list.limit(status.owner, status.resource.as_ref(), &status.limit);
        if let Some(wait) = status.retry_after {
            list.parameter(b";t=", seconds_up(wait));
        }
    }
    if let Some(value) = list.finish() {
        headers.append(SHADOW, value);
    }
}
