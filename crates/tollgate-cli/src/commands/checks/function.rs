//! Checks of the stack's aggregator function: its connection to the stream, and what it counted.

use tollgate_ops::{
    follow::AggregatorState,
    functions::{EventSourceState, StreamSource},
};

use super::Check;
use crate::{
    commands::function_stream::{Found, FunctionStream},
    options::Options,
    time::of_millis,
};

/// The check of who counts the usage.
pub(super) const NAME: &str = "aggregator";

/// The check of programs that count it too.
pub(super) const OTHER: &str = "other aggregator";

/// The beginning of the name under which a function takes the lease.
const OWNER: &str = "function ";

/// The age of the newest record when it was counted, from which on a function is behind, seconds.
const BEHIND: i64 = 600;

const LOGS: &str = "`tollgate logs --function aggregator --errors` tells the reason";

/// Returns the name of the function that had the lease last, if it was one.
pub(crate) fn function_of(state: Option<&AggregatorState>) -> Option<&str> {
    state?.owner.strip_prefix(OWNER)
}

/// Checks what a function has told of its work. It tells it only when changes come, so its silence
/// is no sign.
pub(super) fn told(state: &AggregatorState, now: i64) -> Vec<Check> {
    let owner = &state.owner;
    let found = match state.counted {
        Some(counted) => format!(
            "{owner} counted at {} what was changed up to {}, {} s before",
            at(counted.at),
            at(counted.newest),
            counted.lag()
        ),
        None if now < state.lease_until => format!("{owner} works, and has told no count yet"),
        None => format!(
            "{owner} works when changes come, for the last time before {}",
            of_millis(state.lease_until)
        ),
    };
    let own = match state.counted {
        Some(counted) if counted.lag() > BEHIND => {
            Check::warning(NAME, format!("{found}: it is behind"), LOGS)
        }
        _ => Check::ok(NAME, found),
    };
    let other =
        "not looked for: only `tollgate aggregate` sees other programs that write snapshots";
    vec![own, Check::ok(OTHER, other)]
}

/// Checks the connection of the stream to the function. `counts` is true if the function is the last
/// one that had the lease, and `replaced` if another aggregator works now.
pub(crate) fn connection(
    stream: &FunctionStream,
    (counts, replaced): (bool, bool),
    options: &Options,
) -> Option<Check> {
    const CHECK: &str = "stream of the function";
    let function = &stream.function;
    match &stream.found {
        Found::Denied => {
            return Some(Check::warning(
                CHECK,
                format!("not known if {function} gets the table's changes: no right to look"),
                "allow lambda:ListEventSourceMappings to check it",
            ));
        }
        Found::Unknown(problem) => {
            return Some(Check::warning(
                CHECK,
                format!("not known if {function} gets the table's changes: {problem}"),
                "look yourself, or run this command again",
            ));
        }
        Found::Sources(_) => {}
    }
    let Some(source) = stream.source() else {
        // A stack may have a provisioner alone.
        return counts.then(|| {
            Check::warning(
                CHECK,
                format!("the table's stream is not connected to {function}, which counted last"),
                "if the stack shall have no aggregator, run `tollgate aggregate`; else `tollgate deploy --enable-aggregator true`",
            )
        });
    };
    Some(match &source.state {
        EventSourceState::Disabled if replaced => Check::ok(
            CHECK,
            format!("disabled: {function} gets no changes, and another aggregator counts"),
        ),
        EventSourceState::Disabled => Check::fault(
            CHECK,
            format!("disabled: {function} gets no changes, so nothing is counted"),
            format!("enable it: {}", switch(source, "--enabled", options)),
        ),
        EventSourceState::Enabled if replaced => Check::warning(
            CHECK,
            "enabled, and another aggregator works too: the function of the Python library counts everything a second time, \
             and that of tollgate does the same work again",
            format!(
                "stop the other one, or disable this one: {}",
                switch(source, "--no-enabled", options)
            ),
        ),
        EventSourceState::Enabled => enabled(CHECK, function, source),
        state => Check::warning(
            CHECK,
            format!("{state}: it is not known yet if {function} gets the table's changes"),
            "run this command again in a minute",
        ),
    })
}

fn enabled(check: &str, function: &str, source: &StreamSource) -> Check {
    if let Some(problem) = source.last_problem() {
        let found = format!("enabled, but the last batch of {function} failed: {problem}");
        return Check::fault(check, found, LOGS);
    }
    let last = source.last_processing_result.as_deref();
    let last = last.map_or_else(String::new, |last| format!(", its last batch: {last}"));
    Check::ok(check, format!("enabled: {function} gets changes{last}"))
}

/// Returns the command that enables or disables a connection.
fn switch(source: &StreamSource, switch: &str, options: &Options) -> String {
    let flags = options.aws_flags();
    format!(
        "aws lambda update-event-source-mapping --uuid {} {switch}{flags}",
        source.id
    )
}

/// Returns a time in epoch seconds as text.
pub(super) fn at(seconds: i64) -> String {
    of_millis(seconds.saturating_mul(1000))
}
