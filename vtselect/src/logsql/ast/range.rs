//! Ranges of numbers, strings, lengths and addresses, with the text they were given in.

use std::fmt;

/// `> 5`, `range(1, 2]`: numbers from `min` to `max`, both inclusive.
#[derive(Debug, Clone)]
pub struct NumberRange {
    /// Least number; an exclusive bound is the next number up.
    pub min: f64,
    /// Greatest number; an exclusive bound is the next number down.
    pub max: f64,
    /// The filter as the canonical text shows it, without the field.
    pub text: String,
}

/// Equal when the texts are: a bound may be not a number.
impl PartialEq for NumberRange {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// `>= foo`, `string_range(a, b)`: strings from `min` to below `max` in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringRange {
    /// Least string.
    pub min: String,
    /// The first string above the range; `None` when there is none.
    pub max: Option<String>,
    /// The filter as the canonical text shows it, without the field.
    pub text: String,
}

/// `len_range(5, 10)`: lengths in characters, both ends inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LengthRange {
    /// Least length.
    pub min: u64,
    /// Greatest length; `u64::MAX` for `inf`.
    pub max: u64,
    /// The two bounds as they were given.
    pub text: String,
}

/// Addresses from `min` to `max`, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange<A> {
    /// First address.
    pub min: A,
    /// Last address.
    pub max: A,
}

macro_rules! display_text {
    ($($range:ty),+) => {$(
        impl fmt::Display for $range {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
    )+};
}

display_text!(NumberRange, StringRange, LengthRange);

impl<A: fmt::Display> fmt::Display for AddressRange<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.min, self.max)
    }
}
