//! Tenants as the files say them: one, all of an account, or all.

use crate::ids::{IdError, TenantId};
use std::str::FromStr;

/// One tenant or many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TenantPattern {
    /// `AccountID:ProjectID`, or `AccountID` for its project 0
    One(TenantId),
    /// `AccountID:*`
    Account(u32),
    /// `*`
    All,
}

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad tenant {0:?}: expected AccountID:ProjectID, AccountID:* or *")]
pub struct PatternError(String);

impl FromStr for TenantPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let bad = || PatternError(text.chars().take(80).collect());
        if text == "*" {
            return Ok(Self::All);
        }
        match text.strip_suffix(":*") {
            Some(account) => account.parse().map(Self::Account).map_err(|_| bad()),
            None => text.parse().map(Self::One).map_err(|_: IdError| bad()),
        }
    }
}

impl TenantPattern {
    pub fn is(&self, tenant: TenantId) -> bool {
        match self {
            Self::One(one) => *one == tenant,
            Self::Account(account) => *account == tenant.account(),
            Self::All => true,
        }
    }

    /// The tenant, if it is one.
    pub fn one(&self) -> Option<TenantId> {
        match self {
            Self::One(one) => Some(*one),
            Self::Account(_) | Self::All => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_one_an_account_or_all() {
        let is = |pattern: &str, account, project| {
            let pattern: TenantPattern = pattern.parse().unwrap();
            pattern.is(TenantId::new(account, project))
        };
        assert!(is("1:2", 1, 2) && !is("1:2", 1, 3) && is("1", 1, 0) && !is("1", 1, 1));
        assert!(is("1:*", 1, 9) && !is("1:*", 2, 9) && is("*", 7, 7));
        for bad in ["", "a", "1:2:3", "*:1", "-1", "1:"] {
            assert!(bad.parse::<TenantPattern>().is_err(), "{bad:?}");
        }
    }
}
