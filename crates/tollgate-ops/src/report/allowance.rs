//! The most that a limit allows in a window.

use tollgate::{Limit, model::Renewal};

use crate::usage::Window;

/// The number of a calendar's periods that are counted one by one. A month has fewer minutes than
/// that, and no window is longer.
const PERIODS: u64 = 50_000;

/// Returns the most tokens that a limit allows in a window, if the bucket is full when the window
/// begins.
///
/// A bucket allows its capacity, and its refill over the length of the window. A quota of a
/// calendar allows its amount for each of its periods that has a part in the window; one of
/// sessions its amount for each session that can be in it. Of a limit with a schedule, the numbers
/// are those of the window's beginning. A soft limit allows more: overdrafts.
pub fn allowance(limit: &Limit, window: Window) -> u64 {
    let (start, end) = (
        window.start.saturating_mul(1000),
        window.end().saturating_mul(1000),
    );
    let limit = limit.at(start);
    let length = u128::try_from(end.saturating_sub(start)).unwrap_or(0);
    let tokens = match limit.renewal() {
        None => {
            let refilled = u128::from(limit.refill_amount()).saturating_mul(length);
            let refilled = refilled / limit.refill_period().as_millis().max(1);
            refilled.saturating_add(u128::from(limit.capacity()))
        }
        Some(Renewal::Session(session)) => {
            // One may have begun before the window without being used.
            let session = u128::try_from(*session).unwrap_or(1).max(1);
            u128::from(limit.capacity()).saturating_mul(length.div_ceil(session) + 1)
        }
        Some(renewal) => {
            u128::from(limit.capacity()).saturating_mul(u128::from(periods(renewal, start, end)))
        }
    };
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

/// Returns the number of periods that have a part in a span, epoch ms.
fn periods(renewal: &Renewal, start: i64, end: i64) -> u64 {
    let (mut count, mut edge) = (1, renewal.end_after(start));
    while edge < end && count < PERIODS {
        count += 1;
        let next = renewal.end_after(edge);
        // A calendar whose edges do not go on has one period.
        if next <= edge {
            break;
        }
        edge = next;
    }
    count
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::usage::WindowLength;

    /// 2026-01-31T14:00:00Z.
    const TIME: i64 = 1_769_868_000;

    #[test]
    fn a_bucket_allows_its_capacity_and_the_refill_of_the_window() {
        let rpm = Limit::per_minute("rpm", 500).with_burst(800);
        assert_eq!(allowance(&rpm, WindowLength::Hour.at(TIME)), 30_800);
        assert_eq!(allowance(&rpm, WindowLength::Day.at(TIME)), 720_800);
        assert_eq!(
            allowance(&rpm, WindowLength::Month.at(TIME)),
            500 * 60 * 24 * 31 + 800
        );
        let rpd = Limit::per_day("rpd", 10);
        assert_eq!(allowance(&rpd, WindowLength::Hour.at(TIME)), 10);
        let most = Limit::per_second("t", u64::MAX / 1_000_000);
        assert!(allowance(&most, WindowLength::Month.at(TIME)) > u64::MAX / 1000);
    }

    #[test]
    fn a_quota_allows_its_amount_for_each_period() {
        let daily = Limit::quota("d", 100).daily("UTC").unwrap();
        assert_eq!(allowance(&daily, WindowLength::Hour.at(TIME)), 100);
        assert_eq!(allowance(&daily, WindowLength::Day.at(TIME)), 100);
        assert_eq!(allowance(&daily, WindowLength::Month.at(TIME)), 3100);
        let monthly = Limit::quota("m", 100).monthly("UTC").unwrap();
        assert_eq!(allowance(&monthly, WindowLength::Day.at(TIME)), 100);
        assert_eq!(allowance(&monthly, WindowLength::Month.at(TIME)), 100);
        let session = Limit::quota("s", 50)
            .session(Duration::from_secs(5 * 3600))
            .unwrap();
        assert_eq!(allowance(&session, WindowLength::Hour.at(TIME)), 100);
        assert_eq!(allowance(&session, WindowLength::Day.at(TIME)), 300);
    }
}
