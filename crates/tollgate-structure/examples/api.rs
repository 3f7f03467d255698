//! Writes the listings of the public API: `docs/api.md` and `docs/api-testkit.md`.
//!
//! ```text
//! cargo run -p tollgate-structure --example api
//! ```

use std::{fs, path::Path};

use tollgate_structure::pages;

fn main() -> tollgate_structure::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for page in pages(&root)? {
        fs::write(&page.file, page.text)
            .map_err(|error| format!("{}: {error}", page.file.display()))?;
    }
    Ok(())
}
