//! Texts of all kinds: the parser returns, and every fault has a place in the text.

use proptest::prelude::*;
use tollgate_manifest::Manifest;

use crate::examples::EVERY_KEY;

/// Parses a text, and checks the places of its faults. A manifest without faults is written and
/// read again.
fn check(text: &str) -> Result<(), TestCaseError> {
    match Manifest::parse("f", text) {
        Ok(manifest) => {
            let written = manifest.to_yaml();
            let again = Manifest::parse("g", &written);
            let again =
                again.map_err(|faults| TestCaseError::fail(format!("{faults}\n{written}")))?;
            prop_assert_eq!(again.to_yaml(), written);
        }
        Err(faults) => {
            prop_assert!(!faults.faults().is_empty());
            let lines = lines(text);
            for fault in faults.faults() {
                prop_assert!((1..=lines.len()).contains(&fault.line), "{:?}", fault);
                let line = &lines[fault.line - 1];
                prop_assert!(
                    (1..=line.chars().count() + 1).contains(&fault.column),
                    "{:?}",
                    fault
                );
                prop_assert!(
                    !fault.message.is_empty() && !fault.message.contains('\n'),
                    "{:?}",
                    fault
                );
                prop_assert_eq!(fault.snippet.lines().count(), 2, "{:?}", fault);
            }
        }
    }
    Ok(())
}

/// Returns the lines of a text, which end with `\n`, `\r` or both.
fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').map(str::to_owned).collect()
}

/// Returns the manifest with every key, with some of its characters changed, lines moved, or words
/// of the format put in.
fn changed() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("capacity"),
        Just("limits:"),
        Just("<<: "),
        Just("&a "),
        Just("*a"),
        Just("- "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(": "),
        Just("\""),
        Just("'"),
        Just("|\n"),
        Just("\t"),
        Just("\r"),
        Just("\u{feff}"),
        Just("---\n"),
        Just("...\n"),
        Just("%YAML 1.1\n"),
        Just("!!int "),
        Just("# "),
        Just("0"),
        Just("99999999999999999999"),
        Just("-1"),
        Just("1.5"),
        Just("null"),
        Just("true"),
        Just("é"),
        Just("\u{0}"),
        Just("\u{2028}"),
        Just("\n"),
        Just("  "),
    ];
    let edit = (0..EVERY_KEY.len(), 0..12usize, word);
    proptest::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut text: Vec<char> = EVERY_KEY.chars().collect();
        for (at, removed, word) in edits {
            let at = at.min(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, word.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_has_faults_with_places(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_text_of_yaml_letters_is_parsed_or_has_faults_with_places(text in "[-a-c:{}\\[\\],&*!|>'\"%@` \n#?0-9.<\t]{0,60}") {
        check(&text)?;
    }

    #[test]
    fn a_manifest_with_changes_is_parsed_or_has_faults_with_places(text in changed()) {
        check(&text)?;
    }
}
