//! Limits as people write and read them.

mod amount;
mod syntax;
mod text;

pub(crate) use amount::amount;
pub(crate) use syntax::parse;
pub(crate) use text::{describe, period, schedule, thousands};
