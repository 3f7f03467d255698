//! Lists of names.

use std::fmt::Display;

use serde::Serialize;

use crate::{context::Context, failure::Failure, output::Row};

/// One name of a list.
#[derive(Debug, Serialize)]
pub(super) struct Named {
    name: String,
}

impl Named {
    pub(super) fn new(name: &impl Display) -> Self {
        let name = name.to_string();
        Self { name }
    }
}

impl Row for Named {
    const COLUMNS: &'static [&'static str] = &["name"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}

/// Prints names: one on each line after `indent`, or as rows.
pub(super) fn print<N: Display>(
    context: &mut Context,
    indent: &'static str,
    names: impl IntoIterator<Item = N>,
) -> Result<(), Failure> {
    let mut rows = context.out.lines(indent);
    for name in names {
        rows.push(&Named::new(&name))?;
    }
    rows.finish()?;
    Ok(())
}
