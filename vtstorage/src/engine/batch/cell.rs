//! Cells: one value of a row, in 16 bytes.

/// A place in a batch's arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text {
    pub at: u32,
    pub len: u32,
}

/// The type of a value; the numbers stand in stored blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum CellKind {
    Empty = 0,
    Str = 1,
    Bool = 2,
    Int = 3,
    Double = 4,
    Bytes = 5,
    /// The bytes of an `ArrayValue`
    Array = 6,
    /// The bytes of a `KeyValueList`
    Map = 7,
}

impl CellKind {
    /// The kind with this stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Empty,
            1 => Self::Str,
            2 => Self::Bool,
            3 => Self::Int,
            4 => Self::Double,
            5 => Self::Bytes,
            6 => Self::Array,
            7 => Self::Map,
            _ => return None,
        })
    }

    /// Whether values of this kind are byte strings in the arena.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Str | Self::Bytes | Self::Array | Self::Map)
    }
}

/// A value: the bits of a number, or a place in the arena.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    Empty,
    Bool(bool),
    Int(i64),
    Double(f64),
    /// `Str`, `Bytes`, `Array` or `Map`
    Text(CellKind, Text),
}

/// A value and the column it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Index into the columns of the cell's table
    pub column: u16,
    pub kind: CellKind,
    len: u32,
    bits: u64,
}

impl Cell {
    pub fn new(column: u16, value: Scalar) -> Self {
        let (kind, len, bits) = match value {
            Scalar::Empty => (CellKind::Empty, 0, 0),
            Scalar::Bool(b) => (CellKind::Bool, 0, u64::from(b)),
            Scalar::Int(i) => (CellKind::Int, 0, i.cast_unsigned()),
            Scalar::Double(d) => (CellKind::Double, 0, d.to_bits()),
            Scalar::Text(kind, text) => (kind, text.len, u64::from(text.at)),
        };
        Self {
            column,
            kind,
            len,
            bits,
        }
    }

    /// The bits of a number, 0 or 1 for a bool.
    #[inline]
    pub fn bits(&self) -> u64 {
        self.bits
    }

    /// Where a text lies.
    #[inline]
    pub fn text(&self) -> Text {
        Text {
            at: (self.bits & 0xffff_ffff) as u32,
            len: self.len,
        }
    }

    pub fn scalar(&self) -> Scalar {
        match self.kind {
            CellKind::Empty => Scalar::Empty,
            CellKind::Bool => Scalar::Bool(self.bits != 0),
            CellKind::Int => Scalar::Int(self.bits.cast_signed()),
            CellKind::Double => Scalar::Double(f64::from_bits(self.bits)),
            kind => Scalar::Text(kind, self.text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_16_bytes_and_gives_back_its_value() {
        assert_eq!(size_of::<Cell>(), 16);
        for value in [
            Scalar::Empty,
            Scalar::Bool(true),
            Scalar::Int(-7),
            Scalar::Double(-0.5),
            Scalar::Text(CellKind::Map, Text { at: u32::MAX, len: 3 }),
        ] {
            assert_eq!(Cell::new(9, value).scalar(), value);
        }
    }
}
