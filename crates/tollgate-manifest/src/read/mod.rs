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
//! | [`implicit`] | plain texts that are something else for other readers |
//! | [`reader`] | the faults that are found |

mod config;
mod document;
mod fields;
mod implicit;
mod limit;
mod reader;
mod scalar;
mod schedule;

pub(crate) use document::manifest;
pub(crate) use implicit::is_misread;
