//! Figures: counts, latencies, and both over time.

mod counts;
mod latencies;
mod timeline;

pub use counts::Counts;
pub use latencies::{Class, Latencies};
pub use timeline::{Point, Timeline};
