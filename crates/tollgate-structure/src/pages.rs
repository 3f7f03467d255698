//! The pages with the listings of the public API.

use std::path::{Path, PathBuf};

use crate::{Result, Sources, listing};

/// A page and its expected text.
#[derive(Debug)]
pub struct Page {
    /// The file.
    pub file: PathBuf,
    /// The expected text.
    pub text: String,
}

/// The command that writes the pages.
pub const COMMAND: &str = "cargo run -p tollgate-structure --example api";

/// Returns the pages of the repository whose root is `root`.
///
/// # Errors
/// The same errors as for [`Sources::read`].
pub fn pages(root: &Path) -> Result<Vec<Page>> {
    let page = |file: &str, name: &str, src: &str| -> Result<Page> {
        let sources = Sources::read(&name.replace('-', "_"), &root.join(src))?;
        let text = format!(
            "# The public API of `{name}`\n\n\
             Written by `{COMMAND}`; a test fails if it is not up to date. Every public item has a line here, so that a review\n\
             sees what a change does to it. The text after `//` is what `#[cfg]` demands. `{{ .. }}` stands for private fields, or\n\
             for the body of a method that a trait provides.\n{}",
            listing(&sources)
        );
        Ok(Page {
            file: root.join(file),
            text,
        })
    };
    Ok(vec![
        page("docs/api.md", "tollgate", "src")?,
        page(
            "docs/api-testkit.md",
            "tollgate-testkit",
            "crates/tollgate-testkit/src",
        )?,
    ])
}
