//! Limits as people write and read them.

mod syntax;
mod text;

pub(crate) use syntax::parse;
pub(crate) use text::{describe, period, schedule};
