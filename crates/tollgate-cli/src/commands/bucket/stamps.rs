//! The stamps of a shard.

use tollgate::model::BucketState;

use crate::time;

/// Describes the stamps of a shard, which change what requests are told.
pub(super) fn stamps(state: &BucketState, now: i64) -> Vec<String> {
    let mut told = Vec::new();
    if state.shows_peer() {
        told.push("last written by a Python client".to_owned());
    }
    let Some(stamps) = state.stamps.as_deref() else {
        return told;
    };
    let until = |until: i64| {
        let past = if until > now { "" } else { " (past)" };
        format!("until {}{past}", time::of_millis(until))
    };
    if stamps.disabled {
        told.push("disabled: every request is refused".into());
    }
    if let Some(end) = stamps.bypassed_until {
        told.push(format!(
            "bypassed {}: requests are counted and granted",
            until(end)
        ));
    }
    for (name, end) in &stamps.soft_until {
        told.push(format!(
            "{name} is soft {}: it refuses nothing",
            until(*end)
        ));
    }
    match stamps.valid_until {
        // An operation on the bucket leaves it.
        Some(..=0) => told.push("levels are computed anew by the next request".to_owned()),
        Some(end) => told.push(format!("levels are valid {}", until(end))),
        None => {}
    }
    for name in &stamps.incomplete {
        told.push(format!("{name} is incomplete, and begins empty"));
    }
    if let Some(attribute) = &stamps.not_understood {
        told.push(format!("not understood by this version: {attribute}"));
    }
    told
}
