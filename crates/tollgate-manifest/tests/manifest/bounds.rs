//! A file cannot take time or memory without bound.

use std::{env, fs, process};

use tollgate_manifest::{MOST_BYTES, Manifest, ManifestError};

#[test]
fn aliases_of_aliases_are_refused() {
    let mut text = "namespace: default\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    let faults = Manifest::parse("limits.yaml", &text).unwrap_err();
    let fault = &faults.faults()[0];
    assert!(fault.message.contains("use fewer aliases"), "{faults}");
    assert!(fault.line > 2, "{faults}");
}

#[test]
fn collections_that_are_nested_deeply_are_refused() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(100_000),
    ] {
        let faults = Manifest::parse("limits.yaml", &text).unwrap_err();
        assert_eq!(faults.faults().len(), 1);
        assert_eq!(faults.faults()[0].line, 1);
    }
}

#[test]
fn faults_are_counted_and_the_first_ones_printed() {
    let wrong: String = (0..500).map(|index| format!("key{index}: 1\n")).collect();
    let faults = Manifest::parse("limits.yaml", &wrong).unwrap_err();
    assert_eq!(faults.faults().len(), 501);
    assert!(
        faults.to_string().ends_with("and 401 more faults"),
        "{faults}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let missing = Manifest::read("no-such-file.yaml").unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("no-such-file.yaml cannot be read"),
        "{missing}"
    );

    let path = env::temp_dir().join(format!("tollgate-manifest-bounds-{}.yaml", process::id()));
    fs::write(
        &path,
        "namespace: default\nsystem: \u{e4}"
            .replace('\u{e4}', "é")
            .into_bytes(),
    )
    .unwrap();
    let mut bytes = b"namespace: default\nsystem: ".to_vec();
    bytes.push(0xff);
    fs::write(&path, bytes).unwrap();
    let ManifestError::Faults(faults) = Manifest::read(&path).unwrap_err() else {
        panic!("no fault");
    };
    let fault = &faults.faults()[0];
    assert_eq!(
        (fault.line, fault.column, fault.message.as_str()),
        (2, 9, "this is not UTF-8")
    );

    let large = fs::File::create(&path).unwrap();
    large.set_len(MOST_BYTES + 1).unwrap();
    let error = Manifest::read(&path).unwrap_err();
    assert!(matches!(error, ManifestError::TooLarge { .. }), "{error}");
    fs::remove_file(path).unwrap();
}
