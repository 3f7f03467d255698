//! Words of a shell's command line.

/// Returns the word that a POSIX shell reads as `text`. It has quotes only if it needs them.
pub(super) fn word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+,:@%".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn a_word_has_quotes_only_if_it_needs_them() {
        assert_eq!(word("/var/lib/tollgate-1.0"), "/var/lib/tollgate-1.0");
        assert_eq!(word("a b"), "'a b'");
        assert_eq!(word("$HOME`id`\"\\"), "'$HOME`id`\"\\'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word(""), "''");
    }
}
