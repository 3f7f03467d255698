//! anyway
