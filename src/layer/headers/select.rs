//! Selects the limits that a response reports.

use crate::model::{LimitName, LimitStatus};

/// The limits that a granted response reports. Denials report all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportLimits {
    /// No limits.
    Off,
    /// The limit that has the smallest part of its capacity left. A dialect whose headers belong to
    /// certain limits reports it only if it is one of these.
    Nearest,
    /// All limits.
    #[default]
    All,
}

impl ReportLimits {
    /// Returns the part of `statuses` that is reported.
    pub(super) fn of(self, statuses: &[LimitStatus]) -> &[LimitStatus] {
        match self {
            Self::Off => &[],
            Self::All => statuses,
            Self::Nearest => nearest(statuses).map_or(&[], std::slice::from_ref),
        }
    }
}

/// Returns the limit that represents all of them, or all that are called `name`. In a denial, it is
/// the limit that takes longest to recover; otherwise, the one that has the smallest part of its
/// capacity left.
pub(super) fn foremost<'a>(
    statuses: &'a [LimitStatus],
    name: Option<&LimitName>,
    refused: bool,
) -> Option<&'a LimitStatus> {
    let meant = statuses
        .iter()
        .filter(|status| name.is_none_or(|name| status.limit.name() == name));
    let short = meant.clone().filter(|status| refused && status.exceeded());
    let longest = short.max_by_key(|status| status.retry_after.unwrap_or(std::time::Duration::MAX));
    longest.or_else(|| nearest(meant))
}

fn nearest<'a>(statuses: impl IntoIterator<Item = &'a LimitStatus>) -> Option<&'a LimitStatus> {
    statuses
        .into_iter()
        .min_by(|a, b| share_left(a).total_cmp(&share_left(b)))
}

fn share_left(status: &LimitStatus) -> f64 {
    status.available as f64 / status.limit.capacity() as f64
}
