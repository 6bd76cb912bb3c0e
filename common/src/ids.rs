//! Identifiers of traces, spans, tenants and requests, as types of their own.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A 16-byte trace id (W3C Trace Context). All zeros is invalid and refused at insert.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct TraceId(pub [u8; 16]);

/// An 8-byte span id (W3C Trace Context). All zeros is invalid and refused at insert.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct SpanId(pub [u8; 8]);

/// A tenant: `AccountID << 32 | ProjectID`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct TenantId(pub u64);

/// Identifies one client request, so that a retry is accepted once: a 128-bit hash of tenant and body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct RequestId(pub u128);

/// A placement epoch: rows of one block were all written under one epoch. A single node stays at epoch 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
pub struct Epoch(pub u32);

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Neither hexadecimal digits nor the right number of them.
    #[error("expected 1 to {max} hexadecimal digits, got {got:?}")]
    NotHex { max: usize, got: String },
    /// Not `AccountID[:ProjectID]`.
    #[error("expected AccountID or AccountID:ProjectID as unsigned 32-bit numbers, got {0:?}")]
    NotTenant(String),
}

impl TraceId {
    /// The placement hash `h`: its top bits are the slot, and blocks are sorted by it.
    pub fn hash(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&self.0)
    }

    pub fn is_zero(&self) -> bool {
        self.0 == [0; 16]
    }
}

impl SpanId {
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 8]
    }
}

impl TenantId {
    pub fn new(account: u32, project: u32) -> Self {
        Self(u64::from(account) << 32 | u64::from(project))
    }

    pub fn account(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub fn project(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }
}

impl RequestId {
    /// The id of a client's request: a hash of its tenant and its body.
    pub fn of(tenant: TenantId, body: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128_with_seed(body, tenant.0))
    }
}

/// Reads 1 to `2 * N` hexadecimal digits, left-padded with zeros.
fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], IdError> {
    let err = || IdError::NotHex {
        max: 2 * N,
        got: text.chars().take(80).collect(),
    };
    if text.is_empty() || text.len() > 2 * N {
        return Err(err());
    }
    let mut out = [0u8; N];
    for (i, c) in text.bytes().rev().enumerate() {
        let digit = (c as char).to_digit(16).ok_or_else(err)? as u8;
        if let Some(byte) = out.get_mut(N - 1 - i / 2) {
            *byte |= digit << (4 * (i % 2));
        }
    }
    Ok(out)
}

impl FromStr for TraceId {
    type Err = IdError;
    /// 1 to 32 hexadecimal digits of either case, left-padded with zeros.
    fn from_str(text: &str) -> Result<Self, IdError> {
        parse_hex(text).map(Self)
    }
}

impl FromStr for SpanId {
    type Err = IdError;
    /// 1 to 16 hexadecimal digits of either case, left-padded with zeros.
    fn from_str(text: &str) -> Result<Self, IdError> {
        parse_hex(text).map(Self)
    }
}

impl FromStr for TenantId {
    type Err = IdError;
    /// `AccountID` or `AccountID:ProjectID`.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (account, project) = text.split_once(':').unwrap_or((text, "0"));
        match (account.trim().parse(), project.trim().parse()) {
            (Ok(account), Ok(project)) => Ok(Self::new(account, project)),
            _ => Err(IdError::NotTenant(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for TraceId {
    /// 32 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    /// 16 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Display for TenantId {
    /// `AccountID:ProjectID`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.account(), self.project())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

macro_rules! debug_as_display {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
debug_as_display!(TraceId, SpanId, TenantId, RequestId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_ids_are_left_padded_and_print_in_full() {
        let id: TraceId = "aB1".parse().unwrap();
        assert_eq!(id.to_string(), format!("{:032x}", 0xab1));
        assert_eq!("1".parse::<SpanId>().unwrap().to_string(), "0000000000000001");
    }

    #[test]
    fn bad_ids_are_refused() {
        for bad in ["", "x", "é", &"0".repeat(33), "12 "] {
            assert!(bad.parse::<TraceId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn tenants_read_as_they_print() {
        let tenant: TenantId = "7:9".parse().unwrap();
        assert_eq!((tenant.account(), tenant.project()), (7, 9));
        assert_eq!(tenant.to_string(), "7:9");
        assert_eq!("12".parse::<TenantId>().unwrap(), TenantId::new(12, 0));
        assert!("1:2:3".parse::<TenantId>().is_err());
    }
}
