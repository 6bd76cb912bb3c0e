//! Whole numbers of a column: a base, and for each number its offset from it in as few bytes as all offsets fit. Columns
//! that are kept in memory take little room so, and loops over them touch little memory. It knows nothing of columns.

use std::ops::Range;
use std::sync::Arc;

/// Numbers of 64 bits, signed or not; cheap to clone.
#[derive(Clone, Debug)]
pub struct Numbers {
    base: u64,
    offsets: Offsets,
}

/// Offsets of one width. A base and an offset of less than 64 bits add up without wrapping, whether the numbers are
/// signed or not; one of 64 bits may wrap.
#[derive(Clone, Debug)]
pub enum Offsets {
    U8(Arc<Vec<u8>>),
    U16(Arc<Vec<u16>>),
    U32(Arc<Vec<u32>>),
    U64(Arc<Vec<u64>>),
}

/// An offset of some width.
pub trait Offset: Copy {
    fn wide(self) -> u64;
}

impl Offset for u8 {
    #[inline]
    fn wide(self) -> u64 {
        self.into()
    }
}

impl Offset for u16 {
    #[inline]
    fn wide(self) -> u64 {
        self.into()
    }
}

impl Offset for u32 {
    #[inline]
    fn wide(self) -> u64 {
        self.into()
    }
}

impl Offset for u64 {
    #[inline]
    fn wide(self) -> u64 {
        self
    }
}

/// Evaluates an expression with the offsets as a slice, whatever their width.
macro_rules! with_offsets {
    ($numbers:expr, $offsets:ident => $body:expr) => {
        match $numbers.offsets() {
            $crate::engine::numbers::Offsets::U8($offsets) => $body,
            $crate::engine::numbers::Offsets::U16($offsets) => $body,
            $crate::engine::numbers::Offsets::U32($offsets) => $body,
            $crate::engine::numbers::Offsets::U64($offsets) => $body,
        }
    };
}
pub(crate) use with_offsets;

impl Numbers {
    /// `count` times the same number.
    pub fn repeated(value: u64, count: usize) -> Self {
        Self {
            base: value,
            offsets: Offsets::U8(vec![0; count].into()),
        }
    }

    /// What is added (wrapping) to each offset.
    #[inline]
    pub fn base(&self) -> u64 {
        self.base
    }

    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    pub fn len(&self) -> usize {
        with_offsets!(self, offsets => offsets.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held.
    pub fn size(&self) -> usize {
        with_offsets!(self, offsets => size_of_val(offsets.as_slice()))
    }

    /// The number at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<u64> {
        let offset = with_offsets!(self, offsets => offsets.get(index).map(|offset| offset.wide()));
        Some(self.base.wrapping_add(offset?))
    }

    /// Appends the numbers at `places`, as far as there are any, to `out`.
    pub fn copy_to(&self, places: Range<usize>, out: &mut Vec<u64>) {
        let base = self.base;
        with_offsets!(self, offsets => {
            let offsets = offsets.get(places).unwrap_or_default();
            out.extend(offsets.iter().map(|offset| base.wrapping_add(offset.wide())));
        });
    }

    /// All numbers. Loops that matter go over the offsets.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    /// As signed numbers.
    pub fn iter_signed(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        self.iter().map(u64::cast_signed)
    }

    /// Least and greatest as unsigned numbers; `None` if there are none.
    pub fn bounds(&self) -> Option<(u64, u64)> {
        with_offsets!(self, offsets => bounds(offsets, |offset| self.base.wrapping_add(offset)))
    }

    /// Least and greatest as signed numbers; `None` if there are none.
    pub fn signed_bounds(&self) -> Option<(i64, i64)> {
        with_offsets!(self, offsets => bounds(offsets, |offset| self.base.wrapping_add(offset).cast_signed()))
    }

    /// Whether all are surely the same as signed numbers and as unsigned ones.
    pub fn all_fit_signed(&self) -> bool {
        match &self.offsets {
            Offsets::U64(_) => self.bounds().is_none_or(|(_, most)| i64::try_from(most).is_ok()),
            _ => self.base <= i64::MAX.cast_unsigned() - u64::from(u32::MAX),
        }
    }

    /// For each number what `table` has at its place, or 0.
    pub fn mapped(&self, table: &[u32]) -> Self {
        let at = |offset: u64| {
            let place = self.base.wrapping_add(offset);
            table.get(place as usize).copied().unwrap_or_default()
        };
        let most = table.iter().max().copied().unwrap_or_default();
        let offsets = if u8::try_from(most).is_ok() {
            Offsets::U8(
                with_offsets!(self, offsets => offsets.iter().map(|o| at(o.wide()) as u8).collect::<Vec<_>>()).into(),
            )
        } else if u16::try_from(most).is_ok() {
            Offsets::U16(
                with_offsets!(self, offsets => offsets.iter().map(|o| at(o.wide()) as u16).collect::<Vec<_>>()).into(),
            )
        } else {
            Offsets::U32(
                with_offsets!(self, offsets => offsets.iter().map(|o| at(o.wide())).collect::<Vec<_>>()).into(),
            )
        };
        Self { base: 0, offsets }
    }
}

fn bounds<T: Offset, N: Ord + Copy>(offsets: &[T], number: impl Fn(u64) -> N) -> Option<(N, N)> {
    let mut numbers = offsets.iter().map(|offset| number(offset.wide()));
    let first = numbers.next()?;
    Some(numbers.fold((first, first), |(least, most), n| (least.min(n), most.max(n))))
}

impl Numbers {
    /// Numbers from `base` on, by their offsets: see [`Offsets`].
    pub fn from_bytes(base: u64, offsets: Vec<u8>) -> Self {
        let offsets = Offsets::U8(offsets.into());
        Self { base, offsets }
    }
}

impl From<Vec<u64>> for Numbers {
    fn from(numbers: Vec<u64>) -> Self {
        Self {
            base: 0,
            offsets: Offsets::U64(numbers.into()),
        }
    }
}

impl From<Vec<i64>> for Numbers {
    fn from(numbers: Vec<i64>) -> Self {
        numbers.into_iter().map(i64::cast_unsigned).collect::<Vec<_>>().into()
    }
}

impl From<Vec<u32>> for Numbers {
    fn from(numbers: Vec<u32>) -> Self {
        Self {
            base: 0,
            offsets: Offsets::U32(numbers.into()),
        }
    }
}

/// As numbers, whatever their form.
impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Numbers on their way into as few bytes as they need.
#[derive(Debug)]
pub struct Narrowing {
    base: u64,
    offsets: Growing,
    /// The greatest offset so far
    most: u64,
}

#[derive(Debug)]
enum Growing {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
}

impl Narrowing {
    /// Room for `count` numbers from `base` on, whose offsets mostly have `bits` bits. All numbers must be `base` or
    /// greater, by signed or by unsigned order, unless it is 0.
    pub fn new(base: u64, bits: u8, count: usize) -> Self {
        let offsets = match bits {
            0..=8 => Growing::U8(Vec::with_capacity(count)),
            9..=16 => Growing::U16(Vec::with_capacity(count)),
            17..=32 => Growing::U32(Vec::with_capacity(count)),
            _ => Growing::U64(Vec::with_capacity(count)),
        };
        Self { base, offsets, most: 0 }
    }

    /// Adds numbers.
    pub fn extend(&mut self, numbers: &[u64]) {
        let base = self.base;
        let offset = |number: &u64| number.wrapping_sub(base);
        let most = numbers.iter().map(offset).max().unwrap_or_default();
        self.most = self.most.max(most);
        self.offsets.widen(most);
        let numbers = numbers.iter().map(offset);
        match &mut self.offsets {
            Growing::U8(offsets) => offsets.extend(numbers.map(|n| n as u8)),
            Growing::U16(offsets) => offsets.extend(numbers.map(|n| n as u16)),
            Growing::U32(offsets) => offsets.extend(numbers.map(|n| n as u32)),
            Growing::U64(offsets) => offsets.extend(numbers),
        }
    }

    /// All that was added.
    pub fn finish(self) -> Numbers {
        let most = self.most;
        let offsets = match self.offsets {
            Growing::U8(offsets) => Offsets::U8(offsets.into()),
            Growing::U16(offsets) if most > u64::from(u8::MAX) => Offsets::U16(offsets.into()),
            Growing::U32(offsets) if most > u64::from(u16::MAX) => Offsets::U32(offsets.into()),
            Growing::U64(offsets) if most > u64::from(u32::MAX) => Offsets::U64(offsets.into()),
            Growing::U16(offsets) => narrow(&offsets, most),
            Growing::U32(offsets) => narrow(&offsets, most),
            Growing::U64(offsets) => narrow(&offsets, most),
        };
        Numbers {
            base: self.base,
            offsets,
        }
    }
}

impl Growing {
    /// Makes the offsets wide enough for this one.
    fn widen(&mut self, most: u64) {
        match self {
            Self::U8(offsets) if most > u64::from(u8::MAX) => *self = Self::U16(wide(offsets)),
            Self::U16(offsets) if most > u64::from(u16::MAX) => *self = Self::U32(wide(offsets)),
            Self::U32(offsets) if most > u64::from(u32::MAX) => *self = Self::U64(wide(offsets)),
            _ => return,
        }
        self.widen(most);
    }
}

fn wide<N: Copy, W: From<N>>(offsets: &Vec<N>) -> Vec<W> {
    let mut wide = Vec::with_capacity(offsets.capacity());
    wide.extend(offsets.iter().map(|offset| W::from(*offset)));
    wide
}

/// Offsets of which none is above `most`, in fewer bytes.
fn narrow<W: Offset>(offsets: &[W], most: u64) -> Offsets {
    let offsets = offsets.iter().map(|offset| offset.wide());
    if u8::try_from(most).is_ok() {
        Offsets::U8(offsets.map(|o| o as u8).collect::<Vec<_>>().into())
    } else if u16::try_from(most).is_ok() {
        Offsets::U16(offsets.map(|o| o as u16).collect::<Vec<_>>().into())
    } else {
        Offsets::U32(offsets.map(|o| o as u32).collect::<Vec<_>>().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        let spread = prop_oneof![Just(9u64), Just(300), Just(70_000), Just(1 << 40), Just(u64::MAX)];
        spread.prop_flat_map(|spread| proptest::collection::vec(0..=spread, 0..50))
    }

    proptest! {
        #[test]
        fn numbers_come_back_narrow(parts in proptest::collection::vec(numbers(), 0..4), bits in 0u8..65, base in prop_oneof![Just(0u64), Just(5)]) {
            let all: Vec<u64> = parts.concat().into_iter().map(|n| n.max(base)).collect();
            let mut narrowing = Narrowing::new(base, bits, all.len());
            for part in all.chunks(17) {
                narrowing.extend(part);
            }
            let narrow = narrowing.finish();
            prop_assert_eq!(narrow.iter().collect::<Vec<_>>(), all.clone());
            prop_assert_eq!(&narrow, &Numbers::from(all.clone()));
            let mut copied = vec![7];
            narrow.copy_to(all.len() / 3..all.len(), &mut copied);
            prop_assert_eq!(&copied[1..], &all[all.len() / 3..]);
            let most = all.iter().map(|n| n - base).max().unwrap_or_default();
            let width = [8, 16, 32, 64].into_iter().find(|bits| u128::from(most) < 1 << bits).unwrap();
            prop_assert_eq!(narrow.size(), all.len() * width / 8);
            prop_assert_eq!(narrow.bounds(), all.iter().min().zip(all.iter().max()).map(|(a, b)| (*a, *b)));
            let signed: Vec<i64> = all.iter().map(|n| n.cast_signed()).collect();
            prop_assert_eq!(narrow.signed_bounds(), signed.iter().min().zip(signed.iter().max()).map(|(a, b)| (*a, *b)));
            prop_assert_eq!(narrow.all_fit_signed(), signed.iter().all(|n| *n >= 0));
        }
    }

    #[test]
    fn negative_numbers_have_a_negative_base() {
        let signed: Vec<u64> = [-3i64, 250, -1].iter().map(|n| n.cast_unsigned()).collect();
        let mut narrowing = Narrowing::new((-3i64).cast_unsigned(), 8, 3);
        narrowing.extend(&signed);
        let narrow = narrowing.finish();
        assert_eq!(narrow.size(), 3);
        assert_eq!(narrow.iter_signed().collect::<Vec<_>>(), [-3, 250, -1]);
        assert_eq!(narrow.signed_bounds(), Some((-3, 250)));
        assert!(!narrow.all_fit_signed());
    }

    #[test]
    fn numbers_are_mapped_by_their_place() {
        let numbers = Numbers::from(vec![2u32, 0, 9, 1]);
        for most in [7, 300, 70_000] {
            assert_eq!(numbers.mapped(&[5, most, 6]), Numbers::from(vec![6u32, 5, 0, most]));
        }
        assert_eq!(Numbers::repeated(1, 2).mapped(&[5, 7]), Numbers::from(vec![7u32, 7]));
    }
}
