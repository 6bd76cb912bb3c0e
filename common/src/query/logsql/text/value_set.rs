//! A set of whole values.

use hashbrown::HashSet;

/// So many values are compared one by one.
const FEW: usize = 4;

/// Values, a few or many.
#[derive(Debug, Clone)]
pub(super) enum ValueSet {
    Few(Vec<Box<str>>),
    Many(HashSet<Box<str>>),
}

impl ValueSet {
    pub(super) fn new(values: &[String]) -> Self {
        let values = values.iter().map(|value| value.as_str().into());
        if values.len() <= FEW {
            Self::Few(values.collect())
        } else {
            Self::Many(values.collect())
        }
    }

    pub(super) fn contains(&self, value: &str) -> bool {
        match self {
            Self::Few(values) => values.iter().any(|other| **other == *value),
            Self::Many(values) => values.contains(value),
        }
    }
}
