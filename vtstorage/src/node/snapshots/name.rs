//! What snapshots are called.

use common::time::UnixNanos;
use std::fmt;
use std::str::FromStr;

const LONGEST: usize = 64;

/// 1 to 64 of the letters `a` to `z` in any case, digits, `-` and `_`: a name of a directory anywhere, and no way out of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SnapshotName(String);

/// A text that is no such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name of a snapshot has 1 to {LONGEST} letters, digits, '-' and '_', and this is none: {0:?}")]
pub struct NoSnapshotName(String);

impl SnapshotName {
    /// By the time, in nanoseconds since 1970.
    pub fn of_time(now: UnixNanos) -> Self {
        Self(format!("at-{}", now.0))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SnapshotName {
    type Err = NoSnapshotName;

    fn from_str(text: &str) -> Result<Self, NoSnapshotName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match (1..=LONGEST).contains(&text.len()) && text.bytes().all(fits) {
            true => Ok(Self(text.to_owned())),
            false => Err(NoSnapshotName(text.chars().take(2 * LONGEST).collect())),
        }
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["a", "Monday-2026_11", &"x".repeat(LONGEST)] {
            assert_eq!(name.parse::<SnapshotName>().unwrap().as_str(), name);
        }
        for text in [
            "",
            ".",
            "..",
            "../a",
            "a/b",
            "a b",
            "ä",
            "a\0",
            ".making",
            &"x".repeat(LONGEST + 1),
        ] {
            assert!(text.parse::<SnapshotName>().is_err(), "{text:?}");
        }
        let made = SnapshotName::of_time(UnixNanos(17));
        assert_eq!(made.to_string().parse(), Ok(made));
    }
}
