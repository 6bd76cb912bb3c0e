//! Numbers and bytes one after the other, and back.

/// Why bytes are no spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SpanError {
    #[error("a span refers to what is not there")]
    Dangling,
    #[error("spans are cut off")]
    CutOff,
    #[error("a value of no type")]
    NoType,
    #[error("what is no OTLP")]
    NotOtlp,
    #[error("nested too deep")]
    TooDeep,
    #[error("bytes of no span")]
    TooLong,
}

/// Writes the lowest seven bits first, the others after them.
#[inline]
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small sizes take little, whatever the sign.
#[inline]
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, (number << 1 ^ number >> 63).cast_unsigned());
}

/// What is left to read.
pub(super) struct Cursor<'b>(&'b [u8]);

impl<'b> Cursor<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    /// # Errors
    /// Where something is left.
    pub(super) fn end(self) -> Result<(), SpanError> {
        match self.0 {
            [] => Ok(()),
            _ => Err(SpanError::TooLong),
        }
    }

    #[inline]
    pub(super) fn number(&mut self) -> Result<u64, SpanError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(SpanError::CutOff)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(SpanError::CutOff)
    }

    pub(super) fn small(&mut self) -> Result<u32, SpanError> {
        u32::try_from(self.number()?).map_err(|_| SpanError::Dangling)
    }

    pub(super) fn signed(&mut self) -> Result<i64, SpanError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn small_signed(&mut self) -> Result<i32, SpanError> {
        i32::try_from(self.signed()?).map_err(|_| SpanError::Dangling)
    }

    /// How many things follow, each of which takes at least one byte.
    pub(super) fn count(&mut self) -> Result<usize, SpanError> {
        let count = usize::try_from(self.number()?).map_err(|_| SpanError::CutOff)?;
        match count <= self.0.len() {
            true => Ok(count),
            false => Err(SpanError::CutOff),
        }
    }

    #[inline]
    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], SpanError> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(SpanError::CutOff)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// Bytes with their number before them.
    pub(super) fn bytes(&mut self) -> Result<&'b [u8], SpanError> {
        let count = self.count()?;
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(SpanError::CutOff)?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_survive(numbers in proptest::collection::vec((any::<u64>(), any::<i64>(), 0..64u32), 0..9)) {
            let mut bytes = Vec::new();
            for (number, signed, shift) in &numbers {
                put_number(&mut bytes, number >> shift);
                put_signed(&mut bytes, signed >> shift);
            }
            let mut cursor = Cursor::new(&bytes);
            for (number, signed, shift) in &numbers {
                prop_assert_eq!(cursor.number(), Ok(number >> shift));
                prop_assert_eq!(cursor.signed(), Ok(signed >> shift));
            }
            prop_assert_eq!(cursor.end(), Ok(()));
        }
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        assert_eq!(Cursor::new(&[0x80]).number(), Err(SpanError::CutOff));
        assert_eq!(Cursor::new(&[0xff; 20]).number(), Err(SpanError::CutOff));
        assert_eq!(Cursor::new(&[2, 0]).bytes(), Err(SpanError::CutOff));
        assert_eq!(Cursor::new(&[0; 7]).fixed::<8>(), Err(SpanError::CutOff));
        assert_eq!(Cursor::new(&[0]).end(), Err(SpanError::TooLong));
    }
}
