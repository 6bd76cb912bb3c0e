//! The tenant that a request's headers name: by number in `AccountID` and `ProjectID`, as VictoriaTraces has them, or by
//! name in `X-Scope-OrgID` and `x-tenant`. Metadata of gRPC are headers too.

use super::Tenants;
use crate::ids::TenantId;
use axum::http::HeaderMap;

pub const ACCOUNT: &str = "accountid";
pub const PROJECT: &str = "projectid";
const NAMES: [&str; 2] = ["x-scope-orgid", "x-tenant"];

/// All headers that name a tenant.
pub const HEADERS: [&str; 4] = [ACCOUNT, PROJECT, NAMES[0], NAMES[1]];

/// Why the tenant of a request is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    #[error("header {0} must be an unsigned 32-bit number")]
    NoNumber(&'static str),
    #[error("header {0} names no tenant that is known")]
    UnknownName(&'static str),
    #[error("the headers name different tenants")]
    Different,
}

/// The tenant that the headers have the number of; 0 stands for a number that is missing or empty.
///
/// # Errors
/// When one of them is no number.
pub fn tenant_of(headers: &HeaderMap) -> Result<TenantId, TenantError> {
    Ok(number(headers)?.unwrap_or_default())
}

/// The tenant that the headers name, by number or by a name of `tenants`; `None` if they name none. Without `tenants`,
/// names are not looked at.
///
/// # Errors
/// When a number or a name is bad, or when the headers do not agree.
pub fn named(headers: &HeaderMap, tenants: Option<&Tenants>) -> Result<Option<TenantId>, TenantError> {
    for header in HEADERS {
        let mut values = headers.get_all(header).iter();
        let first = values.next();
        if values.any(|other| Some(other) != first) {
            return Err(TenantError::Different);
        }
    }
    let mut named = number(headers)?;
    let Some(tenants) = tenants else { return Ok(named) };
    for (header, shown) in NAMES.into_iter().zip(["X-Scope-OrgID", "x-tenant"]) {
        let Some(value) = headers.get(header).filter(|value| !value.is_empty()) else {
            continue;
        };
        let name = value.to_str().map_err(|_| TenantError::UnknownName(shown))?;
        let tenant = tenants.by_name(name.trim()).ok_or(TenantError::UnknownName(shown))?;
        if named.is_some_and(|other| other != tenant) {
            return Err(TenantError::Different);
        }
        named = Some(tenant);
    }
    Ok(named)
}

fn number(headers: &HeaderMap) -> Result<Option<TenantId>, TenantError> {
    let part = |header: &str, shown| match headers.get(header).map(|value| value.to_str().map(str::trim)) {
        None | Some(Ok("")) => Ok(None),
        Some(Ok(text)) => text.parse().map(Some).map_err(|_| TenantError::NoNumber(shown)),
        Some(Err(_)) => Err(TenantError::NoNumber(shown)),
    };
    Ok(match (part(ACCOUNT, "AccountID")?, part(PROJECT, "ProjectID")?) {
        (None, None) => None,
        (account, project) => Some(TenantId::new(account.unwrap_or(0), project.unwrap_or(0))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn each_number_defaults_to_zero() {
        for (pairs, tenant) in [
            (&[][..], TenantId::default()),
            (&[(ACCOUNT, "7"), (PROJECT, " 9 ")], TenantId::new(7, 9)),
            (&[(PROJECT, "4294967295"), (ACCOUNT, "")], TenantId::new(0, u32::MAX)),
        ] {
            assert_eq!(tenant_of(&headers(pairs)), Ok(tenant), "{pairs:?}");
        }
        for bad in ["-1", "4294967296", "a", "1:2"] {
            assert_eq!(
                tenant_of(&headers(&[(ACCOUNT, bad)])),
                Err(TenantError::NoNumber("AccountID"))
            );
        }
        let error = tenant_of(&headers(&[(PROJECT, "-1")])).unwrap_err();
        assert_eq!(error.to_string(), "header ProjectID must be an unsigned 32-bit number");
    }

    #[test]
    fn names_are_those_of_the_file() {
        let tenants: Tenants = "[[tenant]]\nid = \"3:4\"\nnames = [\"shop\"]".parse().unwrap();
        let named = |pairs: &[(&'static str, &'static str)]| named(&headers(pairs), Some(&tenants));
        let shop = Ok(Some(TenantId::new(3, 4)));
        assert_eq!(named(&[]), Ok(None));
        assert_eq!(named(&[("x-scope-orgid", "shop")]), shop);
        assert_eq!(named(&[("x-tenant", "shop"), (ACCOUNT, "3"), (PROJECT, "4")]), shop);
        assert_eq!(named(&[("x-tenant", "")]), Ok(None));
        assert_eq!(
            named(&[("x-scope-orgid", "shop|bank")]),
            Err(TenantError::UnknownName("X-Scope-OrgID"))
        );
        assert_eq!(
            named(&[("x-tenant", "shop"), (ACCOUNT, "3")]),
            Err(TenantError::Different)
        );
        assert_eq!(named(&[(ACCOUNT, "1"), (ACCOUNT, "2")]), Err(TenantError::Different));
    }

    #[test]
    fn without_a_file_names_mean_nothing() {
        assert_eq!(named(&headers(&[("x-scope-orgid", "shop")]), None), Ok(None));
    }
}
