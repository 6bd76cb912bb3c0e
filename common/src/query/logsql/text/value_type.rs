//! How values would be stored in a column: the narrowest type that holds them all and prints them back as they are.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use super::super::value::{format_float, format_ipv4, parse_float, parse_int, parse_ipv4, parse_iso8601, parse_uint};

/// Most distinct values of a dictionary.
const DICT_VALUES: usize = 8;
/// Most bytes of all values of a dictionary.
const DICT_BYTES: usize = 256;

/// The type of a stored column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ValueType {
    Const,
    Dict,
    String,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int64,
    Float64,
    Ipv4,
    Iso8601,
    Time,
}

impl ValueType {
    /// Reads the name of a type; `None` for a name of none.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "const" => Self::Const,
            "dict" => Self::Dict,
            "string" => Self::String,
            "uint8" => Self::Uint8,
            "uint16" => Self::Uint16,
            "uint32" => Self::Uint32,
            "uint64" => Self::Uint64,
            "int64" => Self::Int64,
            "float64" => Self::Float64,
            "ipv4" => Self::Ipv4,
            "iso8601" => Self::Iso8601,
            "time" => Self::Time,
            _ => return None,
        })
    }

    /// The type of a column of these values; `None` when all are empty, since such a column is not stored.
    pub fn of_column<'v>(values: impl IntoIterator<Item = &'v str> + Clone) -> Option<Self> {
        let mut distinct = BTreeSet::new();
        for value in values.clone() {
            distinct.insert(value);
            if distinct.len() > DICT_VALUES {
                return Some(Self::of_many(values));
            }
        }
        if distinct.iter().all(|value| value.is_empty()) {
            None
        } else if distinct.len() == 1 {
            Some(Self::Const)
        } else if distinct.iter().map(|value| value.len()).sum::<usize>() <= DICT_BYTES {
            Some(Self::Dict)
        } else {
            Some(Self::of_many(values))
        }
    }

    fn of_many<'v>(values: impl IntoIterator<Item = &'v str> + Clone) -> Self {
        let all = |test: fn(&str) -> bool| values.clone().into_iter().all(test);
        if let Some(max) = max_uint(values.clone()) {
            return match max {
                0..=0xff => Self::Uint8,
                0x100..=0xffff => Self::Uint16,
                0x1_0000..=0xffff_ffff => Self::Uint32,
                _ => Self::Uint64,
            };
        }
        if all(|v| parse_int(v).is_some_and(|n| n.to_string() == v)) {
            Self::Int64
        } else if all(|v| parse_float(v).is_some_and(|f| format_float(f) == v)) {
            Self::Float64
        } else if all(|v| parse_ipv4(v).is_some_and(|ip| format_ipv4(ip) == v)) {
            Self::Ipv4
        } else if all(|v| parse_iso8601(v).is_some()) {
            Self::Iso8601
        } else {
            Self::String
        }
    }
}

fn max_uint<'v>(values: impl IntoIterator<Item = &'v str>) -> Option<u64> {
    values.into_iter().try_fold(0, |max, value| {
        let n = parse_uint(value).filter(|_| !value.contains('_'))?;
        Some(n.max(max))
    })
}
