//! Checks of who counts the usage.

use tollgate_ops::follow::{AggregatorState, Checkpoint};

use super::{
    Check,
    function::{self, NAME, OTHER, at},
};
use crate::{options::Options, time::of_millis};

/// The time for which a stream keeps its records, seconds.
const KEPT: i64 = 86_400;

/// The time before the newest record within which a write of another program counts as a sign that
/// it still works, seconds. It writes soon after each change.
const RECENT: i64 = 3_600;

/// Checks the aggregator of this crate, and looks for signs of another one, at `now` (epoch ms).
/// `connected` is the function that the stream is connected to, if there is one.
pub(crate) fn aggregator(
    state: Option<&AggregatorState>,
    connected: Option<&str>,
    options: &Options,
    now: i64,
) -> Vec<Check> {
    let Some(state) = state else {
        let found = match connected {
            Some(function) => {
                format!("function {function} gets the table's changes, and has told no count yet")
            }
            None => "none of tollgate's has worked on this table".to_owned(),
        };
        return vec![Check::ok(NAME, found)];
    };
    if function::function_of(Some(state)).is_some() {
        return function::told(state, now);
    }
    let checkpoint = state.checkpoint.as_ref();
    let other = match checkpoint {
        Some(checkpoint) => other(checkpoint, options),
        None => Check::ok(OTHER, "not known: nothing is read yet"),
    };
    vec![own(state, checkpoint, connected, now), other]
}

/// Returns the check for an aggregator of which nothing could be read.
pub(crate) fn unknown_aggregator(problem: &str) -> Check {
    Check::warning(
        NAME,
        format!("not known: {problem}"),
        "look yourself, or run this command again",
    )
}

fn own(
    state: &AggregatorState,
    checkpoint: Option<&Checkpoint>,
    connected: Option<&str>,
    now: i64,
) -> Check {
    let newest = checkpoint.and_then(|checkpoint| checkpoint.time);
    let age = newest.map(|newest| (now / 1000 - newest).max(0));
    let counted = match (newest, age) {
        (Some(newest), Some(age)) => format!("; counted up to {}, {age} s ago", at(newest)),
        _ => "; nothing counted yet".to_owned(),
    };
    let until = of_millis(state.lease_until);
    if state.lease_until <= now
        && let Some(function) = connected
    {
        let found = format!("function {function} is connected; a command worked before{counted}");
        return Check::ok(NAME, found);
    }
    if 0 < state.lease_until && state.lease_until <= now {
        return Check::warning(
            NAME,
            format!(
                "{} is gone: its lease ended at {until}{counted}",
                state.owner
            ),
            "start `tollgate aggregate` again: it goes on after its checkpoint",
        );
    }
    let is_working = now < state.lease_until;
    let found = if is_working {
        format!(
            "{} works, its lease lasts until {until}{counted}",
            state.owner
        )
    } else {
        format!("none works now{counted}")
    };
    if !is_working && age.is_some_and(|age| age > KEPT) {
        return Check::warning(
            NAME,
            found,
            "start `tollgate aggregate` if it shall count: the stream keeps records for 24 hours",
        );
    }
    let gaps = checkpoint.map_or(&[][..], |checkpoint| &checkpoint.gaps);
    match gaps.last() {
        None => Check::ok(NAME, found),
        Some(last) => Check::warning(
            NAME,
            format!(
                "{found}; {} gap(s) in what it read, the last between {} and {}",
                gaps.len(),
                at(last.from),
                at(last.to)
            ),
            "use by buckets that were made or deleted in a gap may be missing; keep an aggregator running",
        ),
    }
}

fn other(checkpoint: &Checkpoint, options: &Options) -> Check {
    let Some(written) = checkpoint.foreign_write else {
        return Check::ok(OTHER, "no sign: no other program has written snapshots");
    };
    if checkpoint
        .time
        .is_some_and(|newest| written < newest - RECENT)
    {
        let found = format!(
            "no sign: the last write of a snapshot by another program was at {}",
            at(written)
        );
        return Check::ok(OTHER, found);
    }
    Check::warning(
        OTHER,
        format!(
            "another program wrote a snapshot at {}: a sign that two count the same use",
            at(written)
        ),
        format!(
            "proof is an enabled function: aws lambda list-event-source-mappings --event-source-arn {}{}; then disable one \
             of the two",
            checkpoint.stream,
            options.aws_flags()
        ),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// 2026-01-31T00:00:00Z, epoch seconds.
    const NEWEST: i64 = 1_769_817_600;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            stream: "arn:stream".into(),
            time: Some(NEWEST),
            ..Checkpoint::default()
        }
    }

    fn options() -> Options {
        Parser::try_parse_from(["tollgate"])
            .map(|Line { options }| options)
            .unwrap()
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn text(check: &Check) -> String {
        serde_json::to_string(check).unwrap()
    }

    fn assert_says(check: &Check, result: &str, parts: &[&str]) {
        let text = text(check);
        let result = format!("\"result\":\"{result}\"");
        for part in parts.iter().chain(&[result.as_str()]) {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_second_aggregator_is_suspected_for_an_hour_of_records() {
        let mut checkpoint = checkpoint();
        assert_says(&other(&checkpoint, &options()), "ok", &["no sign"]);
        checkpoint.foreign_write = Some(NEWEST - RECENT);
        let parts = ["a sign", "proof is", "--event-source-arn arn:stream"];
        assert_says(&other(&checkpoint, &options()), "warning", &parts);
        checkpoint.foreign_write = Some(NEWEST - RECENT - 1);
        assert_says(
            &other(&checkpoint, &options()),
            "ok",
            &["2026-01-30T22:59:59Z"],
        );
    }
}
