//! Values: numbers, booleans and texts.

use super::{implicit::truth, reader::Reader};
use crate::yaml::{Node, Value};

impl Reader<'_> {
    /// Returns a whole number. `what` names the value in a fault.
    pub(super) fn whole(&mut self, node: &Node, what: &str) -> Option<u64> {
        let number = match &node.value {
            Value::Scalar {
                text,
                is_plain: true,
            } => whole(text),
            Value::Scalar { text, .. } if whole(text).is_some() => {
                self.fault(node.place, format!("{what} is text: remove the quotes"));
                return None;
            }
            _ => None,
        };
        if number.is_none() {
            let problem = format!("{what} must be a whole number, not {}", shown(node));
            self.fault(node.place, problem);
        }
        number
    }

    /// Returns a number that may have a fraction.
    pub(super) fn number(&mut self, node: &Node, what: &str) -> Option<f64> {
        let number = match &node.value {
            Value::Scalar {
                text,
                is_plain: true,
            } => decimal(text),
            _ => None,
        };
        if number.is_none() {
            let problem = format!("{what} must be a number such as 0.5, not {}", shown(node));
            self.fault(node.place, problem);
        }
        number
    }

    /// Returns a boolean.
    pub(super) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        let value = boolean(node);
        if value.is_none() {
            let problem = format!("{what} must be true or false, not {}", shown(node));
            self.fault(node.place, problem);
        }
        value
    }

    /// Returns a text. A number counts as one.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { text, .. } if !node.is_null() => Some(text),
            _ => {
                let problem = format!("{what} must be a text, not {}", shown(node));
                self.fault(node.place, problem);
                None
            }
        }
    }
}

/// Returns the boolean of a node, in the spellings that the Python client reads.
pub(super) fn boolean(node: &Node) -> Option<bool> {
    match &node.value {
        Value::Scalar {
            text,
            is_plain: true,
        } => truth(text),
        _ => None,
    }
}

/// Reads a whole number such as `100` or `100_000`. A leading zero would make it octal for some
/// readers.
fn whole(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|letter| *letter != '_').collect();
    let starts = text.starts_with(|first: char| first.is_ascii_digit());
    let is_octal = digits.len() > 1 && digits.starts_with('0');
    let is_number = starts && digits.bytes().all(|byte| byte.is_ascii_digit()) && !is_octal;
    is_number.then(|| digits.parse().ok()).flatten()
}

/// Reads a number such as `2` or `0.5`. A leading zero would make a whole number octal for some
/// readers.
fn decimal(text: &str) -> Option<f64> {
    let fits = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let is_octal = text.len() > 1 && text.starts_with('0') && !text.contains('.');
    let is_number = text.bytes().all(fits) && text.bytes().any(|byte| byte.is_ascii_digit());
    let is_number = is_number && !is_octal;
    is_number.then(|| text.parse().ok()).flatten()
}

/// Describes a node, for a fault.
pub(super) fn shown(node: &Node) -> String {
    match &node.value {
        _ if node.is_null() => "nothing".into(),
        Value::Scalar { text, .. } if text.chars().count() > 40 => {
            let start: String = text.chars().take(40).collect();
            format!("{start:?}…")
        }
        Value::Scalar { text, is_plain } if *is_plain => text.replace(char::is_control, " "),
        Value::Scalar { text, .. } => format!("{text:?}"),
        Value::List(_) => "a list".into(),
        Value::Map(_) => "a mapping".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_decimal() {
        for (text, number) in [
            ("0", Some(0)),
            ("1_000", Some(1000)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("010", None),
            ("_1", None),
            ("1.0", None),
            ("-1", None),
            ("1e3", None),
            ("", None),
        ] {
            assert_eq!(whole(text), number, "{text}");
        }
        assert_eq!(decimal("0.5"), Some(0.5));
        for text in [".", "1e3", "inf", "1.2.3", "-1", "010"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}
