//! Rows of what does not exist yet. They count as missed until it does.

use crate::row::{Goal, Row};

/// To be measured like [`denied`](crate::denied): time and write units of an acquire that is served from a
/// chunk taken ahead.
pub(crate) fn prefetch() -> Vec<Row> {
    vec![
        Row::new("prefetch acquire, p50", "ns", Goal::AtMost(1_000.0)).not_built(),
        Row::new("prefetch acquire, write units", "units", Goal::AtMost(0.01)).not_built(),
    ]
}

/// To be measured like [`memory`](crate::memory), beside these: `governor`'s check by key, and direct.
pub(crate) fn handle((keyed, direct): (f64, f64)) -> Vec<Row> {
    let row =
        Row::new("memory: acquire and commit by a bucket handle, beside governor check_key", "ns", Goal::AtMost(1.0));
    let beside = Row::new("the same, beside governor's direct check", "ns", Goal::Told);
    vec![row.reference(keyed).not_built(), beside.reference(direct).not_built()]
}
