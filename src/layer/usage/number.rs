//! Parses a JSON number incrementally.

use crate::layer::terms::{BadAmount, in_bounds};

/// A JSON number, read character by character.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number {
    at: NumberPart,
    value: u64,
    negative: bool,
    /// The value does not fit into a `u64`.
    large: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum NumberPart {
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
            (NumberPart::Start, b'-') => {
                self.negative = true;
                NumberPart::Minus
            }
            (NumberPart::Start | NumberPart::Minus, b'0') => NumberPart::Zero,
            (NumberPart::Start | NumberPart::Minus | NumberPart::Digits, b'0'..=b'9') => {
                let value = self
                    .value
                    .checked_mul(10)
                    .and_then(|value| value.checked_add(u64::from(byte - b'0')));
                self.large |= value.is_none();
                self.value = value.unwrap_or(u64::MAX);
                NumberPart::Digits
            }
            (NumberPart::Zero | NumberPart::Digits, b'.') => NumberPart::Point,
            (NumberPart::Point | NumberPart::Fraction, b'0'..=b'9') => NumberPart::Fraction,
            (NumberPart::Zero | NumberPart::Digits | NumberPart::Fraction, b'e' | b'E') => {
                NumberPart::Exponent
            }
            (NumberPart::Exponent, b'+' | b'-') => NumberPart::Sign,
            (NumberPart::Exponent | NumberPart::Sign | NumberPart::Power, b'0'..=b'9') => {
                NumberPart::Power
            }
            _ => return false,
        };
        true
    }

    /// Returns `true` if the number may end here.
    pub(super) fn is_whole(&self) -> bool {
        matches!(
            self.at,
            NumberPart::Zero | NumberPart::Digits | NumberPart::Fraction | NumberPart::Power
        )
    }

    /// Returns the amount that the number gives.
    pub(super) fn amount(&self) -> Result<u64, BadAmount> {
        match self.at {
            NumberPart::Zero | NumberPart::Digits if self.large && !self.negative => {
                Err(BadAmount::TooLarge)
            }
            NumberPart::Zero | NumberPart::Digits if !self.negative => in_bounds(self.value),
            _ => Err(BadAmount::Malformed),
        }
    }
}
