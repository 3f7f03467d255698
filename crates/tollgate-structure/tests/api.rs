//! The listings of the public API are up to date.

use std::{fs, path::Path};

use tollgate_structure::{COMMAND, difference, pages};

#[test]
fn the_listings_of_the_public_api_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    for page in pages(&root).unwrap_or_else(|problem| panic!("{problem}")) {
        let written = fs::read_to_string(&page.file).unwrap_or_default();
        assert!(
            written == page.text,
            "the public API changed, and {} does not say so. If the change is meant, run\n    {COMMAND}\nand commit the result \
             with it (- is written there, + is in the sources):\n{}",
            page.file.display(),
            difference(&written, &page.text, 20)
        );
    }
}
