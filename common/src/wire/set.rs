//! Hash sets as lists: for `#[serde(with)]`.

use hashbrown::HashSet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::hash::Hash;

pub(crate) fn serialize<T: Serialize, S: Serializer>(set: &HashSet<T>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(set)
}

pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<HashSet<T>, D::Error>
where
    T: Deserialize<'de> + Eq + Hash,
    D: Deserializer<'de>,
{
    Vec::deserialize(deserializer).map(|list| list.into_iter().collect())
}
