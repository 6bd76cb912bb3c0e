//! Attributes in the form that nearly all exporters write, recognised at a glance: a key and a value, each once, in this
//! order, of less than 128 bytes. What looks otherwise is left to [`super::wire`] and [`super::view`].

/// The keys of fields 1 and 2 with a length and bytes
const KEY_1: u8 = 1 << 3 | 2;
const KEY_2: u8 = 2 << 3 | 2;
/// The keys of `AnyValue.bool_value`, `int_value` and `double_value`
const BOOL: u8 = 2 << 3;
const INT: u8 = 3 << 3;
const DOUBLE: u8 = 4 << 3 | 1;

/// A usual value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Glance<'a> {
    /// A string whose bytes are not checked yet
    Text(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
}

impl<'a> Glance<'a> {
    /// The value that the bytes of an `AnyValue` hold, if they have a usual form.
    #[inline(always)]
    pub fn of(message: &'a [u8]) -> Option<Self> {
        match message {
            [KEY_1, len @ 0..0x80, text @ ..] if usize::from(*len) == text.len() => Some(Self::Text(text)),
            [BOOL, value @ 0..0x80] => Some(Self::Bool(*value != 0)),
            [INT, value @ 0..0x80] => Some(Self::Int(i64::from(*value))),
            [INT, low @ 0x80..=0xff, high @ 0..0x80] => Some(Self::Int(i64::from(low & 0x7f) | i64::from(*high) << 7)),
            [DOUBLE, bits @ ..] => bits
                .try_into()
                .ok()
                .map(|bits| Self::Double(f64::from_bits(u64::from_le_bytes(bits)))),
            _ => None,
        }
    }
}

/// Key and value of the bytes of a `KeyValue`, if they have the usual form.
#[inline(always)]
pub fn key_value(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let [KEY_1, key_len @ 0..0x80, rest @ ..] = message else {
        return None;
    };
    let (key, [KEY_2, value_len @ 0..0x80, value @ ..]) = rest.split_at_checked(usize::from(*key_len))? else {
        return None;
    };
    (usize::from(*value_len) == value.len()).then_some((key, value))
}

/// Whether bytes are UTF-8. Most texts are short and ASCII, for which the standard check takes its slowest way.
#[inline]
pub fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::view::{AttrView, ValueView};
    use super::*;
    use proptest::prelude::*;

    fn agrees(message: &[u8]) {
        let Some((key, value)) = key_value(message) else { return };
        let read = match Glance::of(value) {
            Some(Glance::Text(text)) => ValueView::Str(match std::str::from_utf8(text) {
                Ok(text) => text,
                Err(_) => return assert!(AttrView::read(message).is_err()),
            }),
            Some(Glance::Bool(value)) => ValueView::Bool(value),
            Some(Glance::Int(value)) => ValueView::Int(value),
            Some(Glance::Double(value)) => ValueView::Double(value),
            None => return,
        };
        let Ok(key) = std::str::from_utf8(key) else {
            return assert!(AttrView::read(message).is_err());
        };
        let full = AttrView::read(message).unwrap();
        assert_eq!(full.key, key);
        match (full.value, read) {
            (ValueView::Double(a), ValueView::Double(b)) => assert_eq!(a.to_bits(), b.to_bits()),
            (a, b) => assert_eq!(a, b),
        }
    }

    #[test]
    fn usual_forms_are_recognised() {
        assert_eq!(key_value(b"\x0a\x01k\x12\x00"), Some((b"k".as_slice(), [].as_slice())));
        assert_eq!(key_value(b"\x0a\x01k\x12\x01"), None);
        assert_eq!(Glance::of(b"\x0a\x02ab"), Some(Glance::Text(b"ab")));
        assert_eq!(Glance::of(b"\x10\x01"), Some(Glance::Bool(true)));
        assert_eq!(Glance::of(b"\x18\x85\x01"), Some(Glance::Int(133)));
        assert_eq!(Glance::of(b"\x21\0\0\0\0\0\0\xf0\x3f"), Some(Glance::Double(1.0)));
        for other in [
            b"".as_slice(),
            b"\x18\x85\x81\x01",
            b"\x21\0",
            b"\x0a\x03ab",
            b"\x2a\x00",
        ] {
            assert_eq!(Glance::of(other), None, "{other:?}");
        }
        assert!(is_text("häß".as_bytes()) && is_text(b"") && !is_text(b"\xff"));
    }

    proptest! {
        #[test]
        fn a_glance_sees_what_reading_finds(
            key in prop::collection::vec(any::<u8>(), 0..4),
            tag in prop::sample::select(vec![0x0a_u8, 0x10, 0x18, 0x21, 0x2a]),
            value in prop::collection::vec(any::<u8>(), 0..10),
        ) {
            for body in [value.clone(), [vec![value.len() as u8], value].concat()] {
                let value = [vec![tag], body].concat();
                let message = [vec![KEY_1, key.len() as u8], key.clone(), vec![KEY_2, value.len() as u8], value];
                agrees(&message.concat());
            }
        }
    }
}
