//! extremes
