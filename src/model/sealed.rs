//! The supertrait of traits that only this crate implements.

/// A type for which this crate implements an argument trait.
pub trait Sealed {}
