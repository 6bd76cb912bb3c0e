//! The protobuf wire format (protobuf.dev/programming-guides/encoding), read from a slice without copying.

/// Why bytes are not a protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("truncated protobuf message")]
    Truncated,
    #[error("bad protobuf varint")]
    BadVarint,
    #[error("bad protobuf tag")]
    BadTag,
    #[error("bad protobuf wire type {wire} for field {field}")]
    WrongType { field: u32, wire: u8 },
    #[error("field {0} is not valid utf-8")]
    NotUtf8(u32),
    #[error("protobuf message nested deeper than {0} levels")]
    TooDeep(usize),
}

/// One field's value as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// A field with its number, for the errors of its conversions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field<'a> {
    pub number: u32,
    pub value: Value<'a>,
}

/// Walks the fields of one message.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What is not read yet: after an error it begins where the message could not be read on.
    #[inline]
    pub fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// The next field, `None` at the end of the message. Groups are skipped.
    ///
    /// Short texts and messages, and 64 fixed bits, in fields up to 15 take the short way: that is nearly all of OTLP.
    #[inline(always)]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, WireError> {
        if let [tag, len, rest @ ..] = self.rest
            && tag & 0x87 == 2
            && *tag > 7
            && *len < 0x80
            && let Some((bytes, rest)) = rest.split_at_checked(usize::from(*len))
        {
            self.rest = rest;
            return Ok(Some(Field {
                number: u32::from(tag >> 3),
                value: Value::Bytes(bytes),
            }));
        }
        if let [tag, rest @ ..] = self.rest
            && tag & 0x87 == 1
            && *tag > 7
            && let Some((bits, rest)) = rest.split_first_chunk::<8>()
        {
            self.rest = rest;
            return Ok(Some(Field {
                number: u32::from(tag >> 3),
                value: Value::Fixed64(u64::from_le_bytes(*bits)),
            }));
        }
        if self.rest.is_empty() {
            Ok(None)
        } else {
            self.any_field()
        }
    }

    /// A field of any form.
    #[inline(never)]
    fn any_field(&mut self) -> Result<Option<Field<'a>>, WireError> {
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            let tag = self.varint()?;
            let number = u32::try_from(tag >> 3).map_err(|_| WireError::BadTag)?;
            if number == 0 || number > MAX_FIELD {
                return Err(WireError::BadTag);
            }
            let wire = (tag & 7) as u8;
            let value = match wire {
                0 => Value::Varint(self.varint()?),
                1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
                2 => {
                    let len = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
                    Value::Bytes(self.take(len)?)
                }
                5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
                3 => {
                    self.skip_group(number, MAX_DEPTH)?;
                    continue;
                }
                _ => return Err(WireError::WrongType { field: number, wire }),
            };
            return Ok(Some(Field { number, value }));
        }
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        if let [first, rest @ ..] = self.rest
            && *first < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(*first));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for (i, byte) in self.rest.iter().take(10).enumerate() {
            if i == 9 && *byte > 1 {
                return Err(WireError::BadVarint);
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if *byte < 0x80 {
                self.rest = self.rest.get(i + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 {
            WireError::Truncated
        } else {
            WireError::BadVarint
        })
    }

    fn skip_group(&mut self, group: u32, depth: usize) -> Result<(), WireError> {
        if depth == 0 {
            return Err(WireError::TooDeep(MAX_DEPTH));
        }
        loop {
            let tag = self.varint()?;
            let number = u32::try_from(tag >> 3).map_err(|_| WireError::BadTag)?;
            match tag & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.array::<8>()?),
                2 => {
                    let len = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
                    self.take(len)?;
                }
                3 => self.skip_group(number, depth - 1)?,
                4 if number == group => return Ok(()),
                5 => drop(self.array::<4>()?),
                wire => {
                    return Err(WireError::WrongType {
                        field: number,
                        wire: wire as u8,
                    });
                }
            }
        }
    }
}

const MAX_FIELD: u32 = (1 << 29) - 1;
const MAX_DEPTH: usize = 100;

impl<'a> Field<'a> {
    fn wrong<T>(&self) -> Result<T, WireError> {
        let wire = match self.value {
            Value::Varint(_) => 0,
            Value::Fixed64(_) => 1,
            Value::Bytes(_) => 2,
            Value::Fixed32(_) => 5,
        };
        Err(WireError::WrongType {
            field: self.number,
            wire,
        })
    }

    /// `bytes` or an embedded message.
    #[inline]
    pub fn bytes(&self) -> Result<&'a [u8], WireError> {
        match self.value {
            Value::Bytes(b) => Ok(b),
            _ => self.wrong(),
        }
    }

    /// `string`.
    #[inline]
    pub fn text(&self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::NotUtf8(self.number))
    }

    /// `uint64`, `int64` (cast), `bool` (not zero).
    #[inline]
    pub fn varint(&self) -> Result<u64, WireError> {
        match self.value {
            Value::Varint(v) => Ok(v),
            _ => self.wrong(),
        }
    }

    /// `uint32`, `int32` and enumerations: the low 32 bits, as protobuf has it.
    #[inline]
    pub fn low32(&self) -> Result<u32, WireError> {
        Ok((self.varint()? & 0xffff_ffff) as u32)
    }

    #[inline]
    pub fn fixed64(&self) -> Result<u64, WireError> {
        match self.value {
            Value::Fixed64(v) => Ok(v),
            _ => self.wrong(),
        }
    }

    #[inline]
    pub fn fixed32(&self) -> Result<u32, WireError> {
        match self.value {
            Value::Fixed32(v) => Ok(v),
            _ => self.wrong(),
        }
    }
}
