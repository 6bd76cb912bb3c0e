//! Plain decimals, kept as digits so that a multiple of a unit is exact.

use super::number::parse_uint;

/// `[int][.frac]` without sign: `int + frac / 10^frac_digits`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal {
    pub(super) int: u64,
    frac: u64,
    frac_digits: u32,
}

impl Decimal {
    /// The longest prefix of digits, `.` and `_`, and the rest. The prefix must be a plain decimal.
    pub(super) fn prefix(s: &str) -> Option<(Self, &str)> {
        let end = s
            .bytes()
            .position(|b| !matches!(b, b'0'..=b'9' | b'.' | b'_'))
            .unwrap_or(s.len());
        let (digits, rest) = s.split_at_checked(end)?;
        Some((Self::parse(digits)?, rest))
    }

    /// A decimal as the language writes it: no leading zero, no dot at either end, `_` between digits ignored.
    pub(super) fn parse(s: &str) -> Option<Self> {
        let Some((int, frac)) = s.split_once('.') else {
            return Some(Self {
                int: parse_uint(s)?,
                frac: 0,
                frac_digits: 0,
            });
        };
        let zeros = frac
            .bytes()
            .take_while(|&b| b == b'0')
            .count()
            .min(frac.len().saturating_sub(1));
        let frac_digits = u32::try_from(frac.bytes().filter(u8::is_ascii_digit).count()).ok()?;
        Some(Self {
            int: parse_uint(int)?,
            frac: parse_uint(frac.get(zeros..)?)?,
            frac_digits,
        })
    }

    /// True when there is nothing after the dot but zeros.
    pub(super) fn is_whole(self) -> bool {
        self.frac == 0
    }

    /// `self * unit` without its fraction, at most `i64::MAX`.
    pub(super) fn times(self, unit: u64) -> i64 {
        let whole = u128::from(self.int) * u128::from(unit);
        let part = match 10u128.checked_pow(self.frac_digits) {
            Some(scale) => u128::from(self.frac) * u128::from(unit) / scale,
            None => 0,
        };
        i64::try_from(whole + part).unwrap_or(i64::MAX)
    }
}

/// A sum of `<decimal><unit>` parts with an optional `-` in front, at most `i64::MAX` in size.
/// `unit` takes the rest after a number and returns the factor and what follows the unit's name.
pub(super) fn parse_sum<'s>(s: &'s str, unit: impl Fn(Decimal, &'s str) -> Option<(u64, &'s str)>) -> Option<i64> {
    let (negative, mut rest) = match s.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, s),
    };
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0i64;
    while !rest.is_empty() {
        let (number, tail) = Decimal::prefix(rest)?;
        let (factor, tail) = unit(number, tail)?;
        sum = sum.saturating_add(number.times(factor));
        rest = tail;
    }
    Some(if negative { -sum } else { sum })
}

/// The factor of the first unit in `units` that `rest` starts with; longer names must come first.
pub(super) fn strip_unit<'s>(rest: &'s str, units: &[(&str, u64)]) -> Option<(u64, &'s str)> {
    units
        .iter()
        .find_map(|&(name, factor)| rest.strip_prefix(name).map(|tail| (factor, tail)))
}
