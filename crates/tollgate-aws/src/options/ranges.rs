//! Ranges of options. The template has the same.

/// A range of numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) lowest: u32,
    pub(crate) highest: u32,
}

impl Range {
    pub(crate) const RETENTION_DAYS: Self = Self::new(1, 3650);
    pub(crate) const RECOVERY_DAYS: Self = Self::new(1, 35);
    pub(crate) const TIMEOUT_SECONDS: Self = Self::new(1, 900);
    pub(crate) const MEMORY_MIB: Self = Self::new(128, 3008);
    pub(crate) const PERCENT: Self = Self::new(1, 100);
    pub(crate) const ARCHIVE_DAYS: Self = Self::new(1, 3650);
    pub(crate) const THRESHOLD_MS: Self = Self::new(1, 900_000);

    const fn new(lowest: u32, highest: u32) -> Self {
        Self { lowest, highest }
    }

    pub(crate) fn contains(self, value: u32) -> bool {
        (self.lowest..=self.highest).contains(&value)
    }
}

/// The numbers of days for which CloudWatch can keep logs.
pub const LOG_RETENTION_DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
