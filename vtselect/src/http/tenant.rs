//! The tenant of a request: headers `AccountID` and `ProjectID`, as in VictoriaTraces.

use axum::http::HeaderMap;
use common::ids::TenantId;

/// A header that is not an unsigned 32-bit number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("header {name} must be an unsigned 32-bit number")]
pub struct TenantError {
    name: &'static str,
}

/// The tenant that the headers name; 0 stands for one that is missing or empty.
pub fn tenant_of(headers: &HeaderMap) -> Result<TenantId, TenantError> {
    Ok(TenantId::new(
        number(headers, "AccountID")?,
        number(headers, "ProjectID")?,
    ))
}

fn number(headers: &HeaderMap, name: &'static str) -> Result<u32, TenantError> {
    let Some(value) = headers.get(name) else { return Ok(0) };
    match value.to_str().map(str::trim) {
        Ok("") => Ok(0),
        Ok(text) => text.parse().map_err(|_| TenantError { name }),
        Err(_) => Err(TenantError { name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn headers_name_the_tenant() {
        let mut headers = HeaderMap::new();
        assert_eq!(tenant_of(&headers), Ok(TenantId::default()));
        headers.insert("accountid", HeaderValue::from_static("7"));
        headers.insert("projectid", HeaderValue::from_static(" 9 "));
        assert_eq!(tenant_of(&headers), Ok(TenantId::new(7, 9)));
        headers.insert("projectid", HeaderValue::from_static("-1"));
        assert_eq!(
            tenant_of(&headers).unwrap_err().to_string(),
            "header ProjectID must be an unsigned 32-bit number"
        );
    }
}
