//! Reads a manifest from its tree.
//!
//! | file | for |
//! |---|---|
//! | [`document`] | the keys of the document, resources and entities |
//! | [`config`] | the config of a scope |
//! | [`limit`] | a limit |
//! | [`schedule`] | the schedules of a limit |
//! | [`fields`] | mappings: known keys, or names |
//! | [`scalar`] | numbers, booleans, texts |
//! | [`reader`] | the faults that are found |

mod config;
mod document;
mod fields;
mod limit;
mod reader;
mod scalar;
mod schedule;

pub(crate) use document::manifest;
pub(crate) use scalar::is_misread;
