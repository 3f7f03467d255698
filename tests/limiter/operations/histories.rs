//! Histories of many operations.
