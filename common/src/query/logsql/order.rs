//! The order of values: numbers by size, times by time, other text so that `a2` is before `a10`.
//!
//! Values of one kind compare as in the reference. Of different kinds, the empty text is before numbers, numbers are
//! before times and times before other text: pair by pair comparison would not be transitive.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

use super::value::{parse_duration, parse_int, parse_number, parse_rfc3339, parse_uint};

type Text = Arc<str>;

/// A value, read once so that it compares fast.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum OrderKey {
    /// The empty text, which is also a missing value.
    Empty,
    /// A number in any form; the integer is what the nearest `f64` lacks of a whole number.
    Number(f64, i32),
    /// Unix nanoseconds.
    Time(i64),
    /// Any other text.
    Text(Text),
}

impl OrderKey {
    /// Reads a value.
    pub fn new(value: &Text) -> Self {
        Kind::of(value).map_or_else(|| Self::Text(value.clone()), Kind::into_key)
    }

    /// The key of an integer.
    pub fn integer(n: i64) -> Self {
        Kind::whole(n.into()).into_key()
    }

    /// The key of a number; what is not a number is the greatest.
    pub fn float(f: f64) -> Self {
        Self::Number(f + 0.0, 0)
    }

    /// The number, if it is one, as the nearest `f64`.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(f, _) => Some(*f),
            _ => None,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::Number(..) => 1,
            Self::Time(_) => 2,
            Self::Text(_) => 3,
        }
    }
}

impl Ord for OrderKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a, a_rest), Self::Number(b, b_rest)) => a.total_cmp(b).then(a_rest.cmp(b_rest)),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => compare_natural(a, b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for OrderKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for OrderKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for OrderKey {}

/// Compares two values. Different texts may be equal, such as `1` and `1.0`.
pub fn compare_values(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    match (Kind::of(a), Kind::of(b)) {
        (None, None) => compare_natural(a, b),
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => a.into_key().cmp(&b.into_key()),
    }
}

/// What a value is, if it is not plain text.
enum Kind {
    Empty,
    Number(f64, i32),
    Time(i64),
}

impl Kind {
    fn of(value: &str) -> Option<Self> {
        let Some(first) = value.bytes().next() else {
            return Some(Self::Empty);
        };
        if !matches!(first, b'0'..=b'9' | b'-' | b'+' | b'.' | b'i' | b'I') {
            return None;
        }
        if let Some(n) = parse_int(value) {
            return Some(Self::whole(n.into()));
        }
        if let Some(n) = parse_uint(value) {
            return Some(Self::whole(n.into()));
        }
        if let Some(ns) = parse_rfc3339(value) {
            return Some(Self::Time(ns));
        }
        if let Some(ns) = parse_duration(value) {
            return Some(Self::whole(ns.into()));
        }
        // Minus zero is zero.
        parse_number(value).map(|f| Self::Number(f + 0.0, 0))
    }

    /// The difference to the nearest `f64` is at most 1,024 for 64 bits.
    fn whole(n: i128) -> Self {
        let nearest = n as f64;
        Self::Number(nearest, i32::try_from(n - nearest as i128).unwrap_or(0))
    }

    fn into_key(self) -> OrderKey {
        match self {
            Self::Empty => OrderKey::Empty,
            Self::Number(f, rest) => OrderKey::Number(f, rest),
            Self::Time(ns) => OrderKey::Time(ns),
        }
    }
}

/// Compares text so that runs of decimal digits compare as numbers; numbers of the same size by their length, so that
/// `a1` is before `a01`.
pub fn compare_natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    let mut by_zeros = Ordering::Equal;
    loop {
        let (Some(x), Some(y)) = (left.first(), right.first()) else {
            return left.len().cmp(&right.len()).then(by_zeros);
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let ((x, x_tail), (y, y_tail)) = (digits(left), digits(right));
            match compare_digits(x, y) {
                Ordering::Equal => by_zeros = by_zeros.then(x.len().cmp(&y.len())),
                unequal => return unequal,
            }
            (left, right) = (x_tail, y_tail);
        } else if x == y {
            (left, right) = (left.get(1..).unwrap_or(&[]), right.get(1..).unwrap_or(&[]));
        } else {
            return x.cmp(y);
        }
    }
}

/// The digits that the text starts with, and the rest.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

fn compare_digits(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|b| *b != b'0').unwrap_or(digits.len());
    let a = a.get(significant(a)..).unwrap_or(&[]);
    let b = b.get(significant(b)..).unwrap_or(&[]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_of_one_kind_compare_by_their_meaning() {
        for (less, greater) in [
            ("9", "10"),
            ("-5", "3"),
            ("9223372036854775807", "9223372036854775808"),
            ("9007199254740992", "9007199254740993"),
            ("5ms", "1s"),
            ("900KB", "1MB"),
            ("1.5", "2"),
            ("2024-01-01T00:00:00+01:00", "2024-01-01T00:00:00Z"),
            ("a2", "a10"),
            ("a1", "a01"),
            ("v1.9.3", "v1.10.0"),
            ("", "-1"),
            ("", "a"),
            ("54", "foo"),
            ("foo", "foobar"),
            ("18446744073709551616x", "99999999999999999999x"),
        ] {
            assert_eq!(compare_values(less, greater), Ordering::Less, "{less} {greater}");
            assert_eq!(compare_values(greater, less), Ordering::Greater, "{less} {greater}");
        }
        assert_eq!(compare_values("1000", "1K"), Ordering::Equal);
        assert_eq!(compare_values("-0.0", "0"), Ordering::Equal);
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-9a.:-]{0,4}",
            "-?[0-9]{1,19}(\\.[0-9]{1,3})?",
            "[0-9]{1,3}(ms|s|KB|MiB|x)",
            "2024-0[1-9]-01T00:00:00Z",
        ]
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in value(), b in value(), c in value()) {
            let keys = [a, b, c].map(|v| OrderKey::new(&v.as_str().into()));
            for x in &keys {
                for y in &keys {
                    prop_assert_eq!(x.cmp(y), y.cmp(x).reverse());
                    for z in &keys {
                        if x <= y && y <= z {
                            prop_assert!(x <= z);
                        }
                    }
                }
            }
        }

        #[test]
        fn keys_compare_as_values_do(a in value(), b in value()) {
            let keys = [&a, &b].map(|v| OrderKey::new(&v.as_str().into()));
            let expected = if a == b { Ordering::Equal } else { keys[0].cmp(&keys[1]) };
            prop_assert_eq!(compare_values(&a, &b), expected);
        }
    }
}
