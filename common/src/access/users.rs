//! The users, and how one is found by what a client shows.

use super::credentials::Shown;
use super::needs::Right;
use super::passwords::{Passwords, TooMany};
use crate::ids::TenantId;
use crate::tenancy::TenantPattern;
use ring::digest::{SHA256, digest};
use std::fmt;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// The SHA-256 of a token.
pub(super) type Digest = [u8; 32];

/// Whoever has a password or a token.
pub(super) struct User {
    pub(super) name: String,
    pub(super) rights: Rights,
    pub(super) tenants: Vec<TenantPattern>,
    /// A bcrypt hash
    pub(super) password: Option<String>,
    pub(super) token: Option<Digest>,
}

/// Shows no secret.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A set of rights.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rights(u8);

impl Rights {
    pub(super) fn has(self, right: Right) -> bool {
        self.0 & bit(right) != 0
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().fold(0, |bits, right| bits | bit(right)))
    }
}

fn bit(right: Right) -> u8 {
    match right {
        Right::Insert => 1,
        Right::Select => 2,
        Right::Metrics => 4,
        Right::Admin => 8,
    }
}

/// All users of a file, and what it opens to everybody.
pub(super) struct Users {
    users: Vec<User>,
    passwords: Passwords,
    pub(super) health_is_open: bool,
    pub(super) metrics_are_open: bool,
}

/// Why nobody is known by what a client shows.
#[derive(Debug)]
pub(super) enum Unknown {
    NothingShown,
    Wrong,
    /// It could not be looked at
    TooMany,
}

impl Users {
    pub(super) fn new(users: Vec<User>, health_is_open: bool, metrics_are_open: bool) -> Self {
        Self {
            passwords: Passwords::new(users.iter().filter_map(|user| user.password.clone())),
            users,
            health_is_open,
            metrics_are_open,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// Who shows this.
    pub(super) async fn find(&self, shown: Shown) -> Result<&User, Unknown> {
        let found = match shown {
            Shown::Nothing => return Err(Unknown::NothingShown),
            Shown::Unknown => None,
            Shown::Bearer(token) => self.by_token(&token),
            Shown::Basic { name, password, whole } => {
                let user = self.users.iter().find(|user| user.name == name);
                let hash = user.and_then(|user| user.password.as_deref());
                let is_right = self.passwords.check(&whole, password, hash).await;
                user.filter(|_| is_right == Ok(true))
                    .map_or_else(|| is_right.map(|_| None), |user| Ok(Some(user)))
                    .map_err(|TooMany| Unknown::TooMany)?
            }
        };
        found.ok_or(Unknown::Wrong)
    }

    /// Looks at all users, whoever it is.
    fn by_token(&self, token: &[u8]) -> Option<&User> {
        let shown = digest(&SHA256, token);
        let mut found = 0u64;
        for (number, user) in (1u64..).zip(&self.users) {
            let is_this = user.token.map_or(Choice::from(0), |token| token.ct_eq(shown.as_ref()));
            found.conditional_assign(&number, is_this);
        }
        let index = usize::try_from(found.checked_sub(1)?).ok()?;
        self.users.get(index)
    }
}

impl User {
    /// Whether the user may name a tenant.
    pub(super) fn may_name(&self, tenant: TenantId) -> bool {
        self.tenants.iter().any(|pattern| pattern.is(tenant))
    }

    /// The tenant of requests that name none: the user's first, if that is one and not many.
    pub(super) fn own_tenant(&self) -> TenantId {
        self.tenants.first().and_then(TenantPattern::one).unwrap_or_default()
    }
}
