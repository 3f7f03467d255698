//! The aggregator: counts the usage that records of a table's stream show, and archives events of the
//! history that expired.
//!
//! Lambda holds the position in the stream, so there is no checkpoint. Snapshots remember by sequence
//! number what they count, so a batch that comes again, in whole or in part, adds nothing.
//!
//! | part | for |
//! |---|---|
//! | [`Settings`] | the function's variables |
//! | [`Aggregator`] | counts a batch |
//! | [`Outcome`] | the counts of a batch, and the records that failed |

mod batch;
mod count;
mod function;
mod outcome;
mod settings;

pub use count::Aggregator;
pub use outcome::{Failed, Outcome};
pub use settings::{ArchivePlace, InvalidSetting, Settings};

pub(crate) use function::AggregatorFunction;
