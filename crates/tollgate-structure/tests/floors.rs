//! The rules for the imports between files of `src`, and for type names that are defined more than
//! once.
//!
//! The numbers and the list are those of today. The numbers and the list may only shrink. Each test
//! fails if one of them can shrink. No type name may be defined twice.

use std::{collections::BTreeSet, path::Path};

use tollgate_structure::{Floors, Imports, Sources, circles, defined_twice, imports};

/// The folders and files of `src`, and of the folders that have floors of their own, from the top
/// floor to the lowest. Each imports only from itself and from lower floors.
const HOUSE: &[Floors<'_>] = &[
    Floors {
        folder: "",
        floors: &[
            &["blocking", "extract"],
            &["layer"],
            &["limiter"],
            &["store"],
            &["telemetry"],
            &["error"],
            &["clock"],
            &["pause"],
            &["model"],
        ],
    },
    Floors {
        folder: "layer",
        floors: &[
            &["tower"],
            &["routes"],
            &["request"],
            &["response"],
            &["lease"],
            &["policy"],
            &["cost", "headers", "refusal", "settle"],
            &["keys", "usage"],
            &["terms"],
        ],
    },
    Floors {
        folder: "limiter",
        floors: &[
            &["admin"],
            &["api"],
            &["request"],
            &["lease"],
            &["engine"],
            &["bucket"],
            &["gate"],
            &["resolver"],
            &["runtime"],
            &["terms"],
        ],
    },
];

/// Imports that break [`HOUSE`]: from, to, name.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("telemetry", "store", "LookUp"),
    ("telemetry", "store", "WriteOutcome"),
];

/// The number of files in the largest circle of `src`.
const LARGEST_CIRCLE: usize = 5;

/// The number of files of `limiter` outside `limiter/gate` that are in circles of `limiter`.
const LIMITER_FILES_IN_CIRCLES: usize = 0;

fn sources() -> Sources {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src");
    Sources::read("tollgate", &src).unwrap_or_else(|problem| panic!("{problem}"))
}

/// Fails if the written list differs from the found one.
fn compare<T: Ord + std::fmt::Debug>(
    list: &str,
    written: BTreeSet<T>,
    found: &BTreeSet<T>,
    advice: &str,
) {
    let lines = |items: Vec<&T>| {
        items
            .iter()
            .map(|item| format!("\n    {item:?},"))
            .collect::<String>()
    };
    let new = lines(found.difference(&written).collect());
    assert!(new.is_empty(), "{advice}{new}");
    let gone = lines(written.difference(found).collect());
    assert!(
        gone.is_empty(),
        "well done, these are no more: take them out of {list} in tests/floors.rs{gone}"
    );
}

/// Fails if the written number differs from the found one.
fn compare_number(constant: &str, written: usize, found: usize, advice: &str) {
    assert!(found <= written, "{advice}");
    assert!(
        found == written,
        "well done, it is {found} now: write {constant} = {found} in tests/floors.rs, it was {written}"
    );
}

#[test]
fn no_folder_imports_from_a_higher_floor() {
    let imports = imports(&sources());
    let mut upward = BTreeSet::new();
    for folder in HOUSE {
        let (gone, new) = (folder.missing(&imports), folder.without_floor(&imports));
        assert!(
            gone.is_empty(),
            "these are no longer in src: take them out of HOUSE in tests/floors.rs: {gone:?}"
        );
        assert!(
            new.is_empty(),
            "these need a floor: add them to HOUSE in tests/floors.rs, below everything that imports from them: {new:?}"
        );
        upward.extend(folder.upward(&imports));
    }
    compare(
        "EXCEPTIONS",
        EXCEPTIONS
            .iter()
            .map(|(from, to, name)| ((*from).to_owned(), (*to).to_owned(), (*name).to_owned()))
            .collect(),
        &upward,
        "a lower floor imports from a higher one (CONTRIBUTING.md, The tree). Move what is imported down to where it is used, \
         pass it as an argument, or move the importing code up. From, to, name:",
    );
}

#[test]
fn no_circle_of_files_grows() {
    let found = circles(&imports(&sources()));
    let largest = found.first().map_or(0, Vec::len);
    compare_number(
        "LARGEST_CIRCLE",
        LARGEST_CIRCLE,
        largest,
        &format!(
            "{largest} files of src import each other in a circle, {LARGEST_CIRCLE} are allowed. Break it: move what both sides \
             need into a file below both. To see the circles and the names that tie them:\n    \
             cargo run -p tollgate-structure --example circles -- src"
        ),
    );
}

#[test]
fn no_files_of_the_command_and_its_functions_import_each_other_in_a_circle() {
    for (folder, name) in [
        ("tollgate-cli", "tollgate_cli"),
        ("tollgate-loadtest", "tollgate_loadtest"),
        ("tollgate-manifest", "tollgate_manifest"),
        ("tollgate-ops", "tollgate_ops"),
        ("tollgate-aws", "tollgate_aws"),
    ] {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../{folder}/src"));
        let sources = Sources::read(name, &src).unwrap_or_else(|problem| panic!("{problem}"));
        let found = circles(&imports(&sources));
        assert!(found.is_empty(), "files of crates/{folder}/src: {found:?}");
    }
}

#[test]
fn circles_of_the_limiter_stay_in_its_gate() {
    let found = circles(&inside(imports(&sources()), "limiter"));
    let outside: BTreeSet<_> = found
        .iter()
        .flatten()
        .filter(|file| !file.is_in("limiter/gate"))
        .map(ToString::to_string)
        .collect();
    compare_number(
        "LIMITER_FILES_IN_CIRCLES",
        LIMITER_FILES_IN_CIRCLES,
        outside.len(),
        &format!(
            "{} files of limiter outside limiter/gate are in circles, {LIMITER_FILES_IN_CIRCLES} are allowed. To see the circles \
             and the names that tie them:\n    cargo run -p tollgate-structure --example circles -- src limiter\nThe files: {}",
            outside.len(),
            outside
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    );
}

/// Returns the imports between files of one folder.
fn inside(mut imports: Imports, folder: &str) -> Imports {
    imports.retain(|file, _| file.is_in(folder));
    imports
        .values_mut()
        .for_each(|targets| targets.retain(|file, _| file.is_in(folder)));
    imports
}

#[test]
fn no_type_name_is_defined_twice() {
    let names: String = defined_twice(&sources())
        .iter()
        .map(|(name, modules)| {
            let modules: Vec<_> = modules.iter().map(ToString::to_string).collect();
            format!("\n    {name}: {}", modules.join(", "))
        })
        .collect();
    assert!(
        names.is_empty(),
        "a type name is defined in more than one module. Give one of them the name of what it is there:{names}"
    );
}
