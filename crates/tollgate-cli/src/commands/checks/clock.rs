//! Check of the clock of this machine.

use super::Check;

/// The difference in milliseconds that is told.
const TOLD: u64 = 2_000;
/// The difference in milliseconds that makes Python clients decide wrongly.
const WRONG: u64 = 60_000;

/// Checks how far the clock of this machine is ahead of DynamoDB's, in milliseconds.
pub(crate) fn clock(ahead: Option<i64>) -> Check {
    const NAME: &str = "clock";
    const ADVICE: &str = "synchronize the clock of this machine; tollgate corrects it by the answers' dates, Python clients \
                          do not";
    let Some(ahead) = ahead else {
        return Check::warning(
            NAME,
            "not known: the answers have no date",
            "check it yourself",
        );
    };
    let (seconds, side) = (
        ahead.unsigned_abs() / 1000,
        if ahead > 0 { "ahead of" } else { "behind" },
    );
    let found = format!("{seconds} s {side} DynamoDB's");
    match ahead.unsigned_abs() {
        0..TOLD => Check::ok(NAME, "shows DynamoDB's time, to two seconds"),
        TOLD..WRONG => Check::warning(NAME, found, ADVICE),
        _ => Check::fault(NAME, found, ADVICE),
    }
}
