//! Reports of usage: snapshots of consumption beside the limits that hold, as a page or as a
//! picture.
//!
//! | part | for |
//! |---|---|
//! | [`UsageReport`] | collects snapshots, limits and gaps, and writes the page or the picture |
//! | [`allowance`] | the most tokens that a limit allows in a window |
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//! use tollgate::model::{UsageSnapshot, UsageWindow};
//! use tollgate_ops::{report::UsageReport, usage::WindowLength};
//!
//! let nine = UNIX_EPOCH + Duration::from_secs(1_769_850_000);
//! let (entity, resource) = ("user-1".parse()?, "gpt-4".parse()?);
//! let mut snapshot = UsageSnapshot::new(entity, resource, UsageWindow::Hourly, nine);
//! snapshot.counters.insert("tpm".parse()?, 1200);
//! let mut report = UsageReport::new("Usage of gpt-4", WindowLength::Hour);
//! report.add(&snapshot);
//! assert!(report.page(10).contains("1,200"));
//! # Ok::<(), tollgate::model::InvalidName>(())
//! ```

mod allowance;
mod charts;
mod collected;
mod holding;
mod page;
mod section;
mod subject;
mod usage_report;

pub use allowance::allowance;
pub use usage_report::UsageReport;
