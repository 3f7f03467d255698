//! Finds the most load that keeps a bound of its latency.

mod figures;
mod goal;
mod search;
mod step;

pub use figures::Figures;
pub use goal::Goal;
pub use search::{Search, Tuned};
pub use step::{Step, Verdict};
