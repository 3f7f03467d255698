//! Options of a stack that can be taken away again: `--alarm-sns-topic none`.

use std::{fmt, str::FromStr};

/// The value of an option, or the word that takes the option away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removable<T> {
    /// The option has this value.
    Value(T),
    /// The stack does not have the option any more.
    Removed,
}

impl<T: FromStr<Err: fmt::Display>> Removable<T> {
    /// Reads a value, or the word `none`.
    pub(super) fn or_none(text: &str) -> Result<Self, String> {
        Self::read(text, "none")
    }

    /// Reads a value, or the word `never`.
    pub(super) fn or_never(text: &str) -> Result<Self, String> {
        Self::read(text, "never")
    }

    fn read(text: &str, removed: &str) -> Result<Self, String> {
        if text == removed {
            return Ok(Self::Removed);
        }
        let value = text.parse();
        value
            .map(Self::Value)
            .map_err(|error| format!("{error}; `{removed}` takes the option away"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_takes_an_option_away() {
        let topic = Removable::<String>::or_none;
        assert_eq!(topic("none"), Ok(Removable::Removed));
        assert_eq!(topic("arn:1"), Ok(Removable::Value("arn:1".to_owned())));
        let days = Removable::<u32>::or_never;
        assert_eq!(days("never"), Ok(Removable::Removed));
        assert_eq!(days("30"), Ok(Removable::Value(30)));
        assert!(
            days("none")
                .unwrap_err()
                .ends_with("`never` takes the option away")
        );
    }
}
