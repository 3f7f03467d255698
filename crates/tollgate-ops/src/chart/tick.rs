//! Ticks of an axis.

/// A tick: a position with a label, and sometimes a second one below.
#[derive(Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
    pub(super) below: String,
}
