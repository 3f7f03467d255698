//! Charts as SVG: bars and lines over time or over numbers, with levels drawn beside them.
//!
//! A picture follows the reader's preference for dark or light. All texts are escaped. The heights
//! of bars that begin at the same place are added up. A bar, a point or a level that is not a
//! number, or beyond 10^100, is left out.
//!
//! | part | for |
//! |---|---|
//! | [`Chart`] | what is drawn, and the picture |
//! | [`Axis`] | the direction of an axis: times in UTC, or numbers; linear or logarithmic |
//! | [`Series`], [`Bar`] | bars, lines and marks |
//!
//! Consumption beside a limit, in two hours of which the first is overdrawn:
//!
//! ```
//! use tollgate_ops::chart::{Axis, Bar, Chart, Series};
//!
//! // 2026-01-31T09:00:00Z, in epoch seconds.
//! let nine = 1_769_850_000.0;
//! let hours = vec![
//!     Bar::new(nine, nine + 3600.0, 700.0),
//!     Bar::new(nine + 3600.0, nine + 7200.0, 300.0),
//! ];
//! let chart = Chart::new("tpm of user-1", Axis::time(), Axis::numbers("tokens"))
//!     .series(Series::bars("used", hours))
//!     .series(Series::marks("overdrawn", vec![(nine + 1800.0, 700.0)]))
//!     .level("limit", 500.0);
//! assert!(chart.svg(760).starts_with("<svg"));
//! ```
//!
//! Latencies of a load test: percentiles over time, and a histogram whose classes grow:
//!
//! ```
//! use tollgate_ops::chart::{Axis, Bar, Chart, Series};
//!
//! let p99 = vec![(0.0, 4.1), (1.0, 3.9), (2.0, 88.0)];
//! let over_time = Chart::new("Latency", Axis::numbers("s"), Axis::logarithmic("ms"))
//!     .series(Series::line("p99", p99));
//! let classes = vec![Bar::new(1.0, 2.0, 800.0), Bar::new(2.0, 4.0, 150.0)];
//! let (x, y) = (Axis::logarithmic("ms"), Axis::numbers("requests"));
//! let histogram = Chart::new("Requests by latency", x, y)
//!     .series(Series::bars("requests", classes));
//! assert!(over_time.svg(760).contains("p99") && histogram.svg(340).contains("requests"));
//! ```

mod axis;
mod builder;
mod calendar;
mod frame;
mod legend;
mod number;
mod scale;
mod series;
mod shapes;
mod stack;
mod style;
mod svg;
mod tick;

pub use axis::Axis;
pub use builder::Chart;
pub use number::{compact, thousands};
pub use series::{Bar, Series};
pub use style::STYLE;
