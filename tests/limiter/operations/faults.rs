//! Lost answers and failures.
