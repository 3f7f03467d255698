//! Parses a JSON number incrementally.

use crate::layer::settle::{BadAmount, in_bounds};

/// A JSON number, read character by character.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number {
    at: At,
    value: u64,
    negative: bool,
    /// The value does not fit into a `u64`.
    large: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Start,
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

impl Number {
    /// Takes a character. Returns `false` if it does not belong to the number.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.at = match (self.at, byte) {
            (At::Start, b'-') => {
                self.negative = true;
                At::Minus
            }
            (At::Start | At::Minus, b'0') => At::Zero,
            (At::Start | At::Minus | At::Digits, b'0'..=b'9') => {
                let value = self
                    .value
                    .checked_mul(10)
                    .and_then(|value| value.checked_add(u64::from(byte - b'0')));
                self.large |= value.is_none();
                self.value = value.unwrap_or(u64::MAX);
                At::Digits
            }
            (At::Zero | At::Digits, b'.') => At::Point,
            (At::Point | At::Fraction, b'0'..=b'9') => At::Fraction,
            (At::Zero | At::Digits | At::Fraction, b'e' | b'E') => At::Exponent,
            (At::Exponent, b'+' | b'-') => At::Sign,
            (At::Exponent | At::Sign | At::Power, b'0'..=b'9') => At::Power,
            _ => return false,
        };
        true
    }

    /// Returns `true` if the number may end here.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.at, At::Zero | At::Digits | At::Fraction | At::Power)
    }

    /// Returns the amount that the number gives.
    pub(super) fn amount(&self) -> Result<u64, BadAmount> {
        match self.at {
            At::Zero | At::Digits if self.large && !self.negative => Err(BadAmount::TooLarge),
            At::Zero | At::Digits if !self.negative => in_bounds(self.value),
            _ => Err(BadAmount::Malformed),
        }
    }
}
