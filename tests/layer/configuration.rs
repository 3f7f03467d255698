//! The guide's page of settings lists every setting.

use std::{
    fs,
    path::{Path, PathBuf},
};

const PAGE: &str = include_str!("../../docs/guide/configuration.md");

/// Types whose methods are settings.
const BUILDERS: [&str; 11] = [
    "Acquire",
    "Breaker",
    "RateLimiterBuilder",
    "CreateTable",
    "Learn",
    "Open",
    "OpenOptions",
    "PolicyBuilder",
    "Prefetch",
    "RateLimiterBuilder",
    "TopUp",
];

/// Settings that the page describes under another setting's name.
const VARIANTS: [&str; 1] = ["end_stream_with"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the builder methods that take and return the builder.
fn settings() -> Vec<String> {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut settings = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        for part in text.split("\nimpl ").skip(1) {
            let (of, methods) = part.split_once(" {").unwrap();
            if !BUILDERS.contains(&of) {
                continue;
            }
            for method in methods.split("\n    pub fn ").skip(1) {
                let (signature, _) = method.split_once("{\n").unwrap();
                let (name, arguments) = signature.split_once(['(', '<']).unwrap();
                let takes = arguments.contains("mut self")
                    || arguments.contains("(self")
                    || arguments.starts_with("self");
                if takes && signature.contains("-> Self") {
                    settings.push(name.to_owned());
                }
            }
        }
    }
    settings
}

#[test]
fn the_page_of_settings_lists_every_setting() {
    let settings = settings();
    assert!(
        settings.len() > 60,
        "most of them are not found: {settings:?}"
    );
    let missing: Vec<_> = settings
        .iter()
        .filter(|setting| {
            !VARIANTS.contains(&setting.as_str()) && !PAGE.contains(&format!("`{setting}`"))
        })
        .collect();
    assert!(
        missing.is_empty(),
        "docs/guide/configuration.md lacks {missing:?}"
    );
}
