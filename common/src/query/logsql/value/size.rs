//! Sizes: `1.5KiB`, `10MB`, `200B`; the value is bytes.

use super::decimal::{parse_sum, strip_unit};

const UNITS: [(&str, u64); 17] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
    ("K", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
];

/// Reads `[-]` and one or more `<decimal><unit>`; the last part may be a whole number without unit. A fraction of a
/// byte is dropped; what does not fit is cut to the largest size.
pub fn parse_size(s: &str) -> Option<i64> {
    parse_sum(s, |number, rest| match strip_unit(rest, &UNITS) {
        None if rest.is_empty() && number.is_whole() => Some((1, rest)),
        unit => unit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_decimal_and_binary_units() {
        assert_eq!(parse_size("1MiB500KiB200B"), Some(1_560_776));
        assert_eq!(parse_size("2.5B"), Some(2));
        assert_eq!(parse_size("1_500"), Some(1_500));
        assert_eq!(parse_size("-1.5K"), Some(-1_500));
        for wrong in ["", "-", "1.5", "1k", "1KIB", "123q", "1K 2"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
