//! A text predicate made ready: it looks at bytes known to be UTF-8, and knows beforehand which numbers have a text
//! form that matches, so that numbers need not be printed.

use common::contract::QueryError;
use common::query::TextMatch;
use common::value::write_double;
use memchr::memmem::Finder;
use std::collections::HashSet;
use std::sync::Arc;

#[derive(Clone, Debug)]
enum How {
    Equals(Arc<str>),
    In(HashSet<Box<[u8]>>),
    Prefix(Arc<str>),
    Contains(Box<Finder<'static>>),
    Regex(regex::bytes::Regex),
}

/// The values of a finite set of texts, where a predicate allows no others.
#[derive(Clone, Debug, Default)]
pub(super) struct Exact {
    pub(super) texts: Vec<Arc<str>>,
    /// Ascending
    pub(super) ints: Vec<i128>,
    /// The bits of doubles, ascending; any NaN is the standard one
    doubles: Vec<u64>,
}

/// A compiled [`TextMatch`].
#[derive(Clone, Debug)]
pub(super) struct TextTest {
    how: How,
    exact: Option<Exact>,
    if_false: bool,
    if_true: bool,
    if_empty: bool,
}

impl TextTest {
    /// Fails where [`TextMatch::compile`] fails.
    pub(super) fn new(text: &TextMatch) -> Result<Self, QueryError> {
        // It checks the pattern as a pattern for texts; the one for bytes then matches the same texts.
        text.compile()?;
        let how = match text {
            TextMatch::Equals(s) => How::Equals(s.clone()),
            TextMatch::In(set) => How::In(set.iter().map(|s| s.as_bytes().into()).collect()),
            TextMatch::Prefix(s) => How::Prefix(s.clone()),
            TextMatch::Contains(s) => How::Contains(Finder::new(s.as_bytes()).into_owned().into()),
            TextMatch::Regex(pattern) => How::Regex(bytes_regex(pattern)?),
        };
        let exact = match text {
            TextMatch::Equals(s) => Some(Exact::new(std::slice::from_ref(s))),
            TextMatch::In(set) => Some(Exact::new(set)),
            _ => None,
        };
        let mut test = Self {
            how,
            exact,
            if_false: false,
            if_true: false,
            if_empty: false,
        };
        test.if_false = test.matches(b"false");
        test.if_true = test.matches(b"true");
        test.if_empty = test.matches(b"");
        Ok(test)
    }

    /// Whether a text matches; it must be UTF-8.
    #[inline]
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        match &self.how {
            How::Equals(s) => s.as_bytes() == text,
            How::In(set) => set.contains(text),
            How::Prefix(s) => text.starts_with(s.as_bytes()),
            How::Contains(finder) => finder.find(text).is_some(),
            How::Regex(regex) => regex.is_match(text),
        }
    }

    pub(super) fn matches_bool(&self, value: bool) -> bool {
        if value { self.if_true } else { self.if_false }
    }

    pub(super) fn matches_empty(&self) -> bool {
        self.if_empty
    }

    pub(super) fn matches_double(&self, value: f64, scratch: &mut String) -> bool {
        match &self.exact {
            Some(exact) => exact.doubles.binary_search(&double_bits(value)).is_ok(),
            None => {
                scratch.clear();
                write_double(value, scratch);
                self.matches(scratch.as_bytes())
            }
        }
    }

    /// The only values that match, where they are finitely many.
    pub(super) fn exact(&self) -> Option<&Exact> {
        self.exact.as_ref()
    }

    pub(super) fn is_regex(&self) -> bool {
        matches!(self.how, How::Regex(_))
    }

    /// What to look for, where any text that contains it matches and no other.
    pub(super) fn needle(&self) -> Option<&Finder<'static>> {
        match &self.how {
            How::Contains(finder) if !finder.needle().is_empty() => Some(finder),
            _ => None,
        }
    }
}

fn bytes_regex(pattern: &str) -> Result<regex::bytes::Regex, QueryError> {
    let regex = regex::bytes::RegexBuilder::new(pattern)
        .size_limit(REGEX_SIZE_LIMIT)
        .build();
    regex.map_err(|e| QueryError::Invalid(format!("bad regular expression {pattern:?}: {e}")))
}

/// The memory a compiled pattern may take.
const REGEX_SIZE_LIMIT: usize = 4 << 20;

impl Exact {
    fn new(texts: &[Arc<str>]) -> Self {
        let mut ints: Vec<i128> = texts.iter().filter_map(|text| canonical_int(text)).collect();
        let mut doubles: Vec<u64> = texts
            .iter()
            .filter_map(|text| canonical_double(text))
            .map(double_bits)
            .collect();
        ints.sort_unstable();
        doubles.sort_unstable();
        Self {
            texts: texts.to_vec(),
            ints,
            doubles,
        }
    }
}

/// The number that prints as `text`.
pub(super) fn canonical_int(text: &str) -> Option<i128> {
    let number: i128 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The double that prints as `text`.
fn canonical_double(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let mut printed = String::new();
    write_double(number, &mut printed);
    (printed == text).then_some(number)
}

/// Equal for doubles with equal texts.
fn double_bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

/// The decimal digits of `magnitude`, with a sign if `negative`, at the end of `buffer`.
pub(super) fn decimal(mut magnitude: u64, negative: bool, buffer: &mut [u8; 20]) -> &[u8] {
    let mut at = buffer.len();
    for byte in buffer.iter_mut().rev() {
        *byte = b'0' + (magnitude % 10) as u8;
        at -= 1;
        magnitude /= 10;
        if magnitude == 0 {
            break;
        }
    }
    if negative {
        at = at.saturating_sub(1);
        if let Some(sign) = buffer.get_mut(at) {
            *sign = b'-';
        }
    }
    buffer.get(at..).unwrap_or_default()
}

/// The lower-case hexadecimal digits of `bytes` at the front of `buffer`.
pub(super) fn hex<'a>(bytes: &[u8], buffer: &'a mut [u8; 32]) -> &'a [u8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in buffer.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            *high = DIGITS[usize::from(byte >> 4)];
            *low = DIGITS[usize::from(byte & 15)];
        }
    }
    buffer.get(..2 * bytes.len()).unwrap_or_default()
}

/// The id that prints as `text`.
pub(super) fn canonical_id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut id = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_the_standard_library_prints_them() {
        let mut buffer = [0; 20];
        for number in [0, 1, 9, 10, 1_234_567, u64::MAX] {
            assert_eq!(decimal(number, false, &mut buffer), number.to_string().as_bytes());
        }
        for number in [-1, -10, i64::MIN] {
            assert_eq!(
                decimal(number.unsigned_abs(), true, &mut buffer),
                number.to_string().as_bytes()
            );
        }
        let id = [0, 1, 0xab, 0xff, 5, 6, 7, 8];
        let text = "0001abff05060708";
        assert_eq!(hex(&id, &mut [0; 32]), text.as_bytes());
        assert_eq!(canonical_id::<8>(text), Some(id));
        assert_eq!(canonical_id::<8>("0001ABFF05060708"), None);
        assert_eq!(canonical_id::<8>("1"), None);
    }

    #[test]
    fn only_canonical_texts_stand_for_numbers() {
        let exact = |text: &str| Exact::new(&[text.into()]);
        assert_eq!(exact("500").ints, [500]);
        assert_eq!(exact("-1").ints, [-1]);
        for other in ["0500", "+5", "5.0", " 5", "-0", "x", ""] {
            assert!(exact(other).ints.is_empty(), "{other:?}");
        }
        assert_eq!(exact("0.5").doubles, [0.5f64.to_bits()]);
        assert_eq!(exact("3").doubles, [3f64.to_bits()]);
        assert_eq!(exact("NaN").doubles, [f64::NAN.to_bits()]);
        assert_eq!(exact("+Inf").doubles, [f64::INFINITY.to_bits()]);
        for other in ["3.0", "inf", "nan", "1e3", ".5"] {
            assert!(exact(other).doubles.is_empty(), "{other:?}");
        }
    }
}
