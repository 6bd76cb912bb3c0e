//! The tenant of a request: headers `AccountID` and `ProjectID`, as VictoriaTraces has them. Metadata of gRPC are
//! headers too.

use crate::error::InsertError;
use axum::http::HeaderMap;
use common::ids::TenantId;

/// The tenant that `headers` name; 0:0 where they are silent.
pub(crate) fn tenant(headers: &HeaderMap) -> Result<TenantId, InsertError> {
    Ok(TenantId::new(
        number(headers, "accountid", "AccountID")?,
        number(headers, "projectid", "ProjectID")?,
    ))
}

fn number(headers: &HeaderMap, header: &str, name: &str) -> Result<u32, InsertError> {
    let Some(value) = headers.get(header) else { return Ok(0) };
    value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| {
            InsertError::BadRequest(format!(
                "header {name} must be a number from 0 to {}, got {value:?}",
                u32::MAX
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn each_number_is_read_and_defaults_to_zero() {
        let mut headers = HeaderMap::new();
        assert_eq!(tenant(&headers).unwrap(), TenantId::default());
        headers.insert("ProjectID", HeaderValue::from_static(" 7"));
        assert_eq!(tenant(&headers).unwrap(), TenantId::new(0, 7));
        headers.insert("AccountID", HeaderValue::from_static("4294967295"));
        assert_eq!(tenant(&headers).unwrap(), TenantId::new(u32::MAX, 7));
    }

    #[test]
    fn what_is_no_number_is_a_bad_request() {
        for bad in ["", "-1", "4294967296", "a", "1:2"] {
            let mut headers = HeaderMap::new();
            headers.insert("AccountID", HeaderValue::from_static(bad));
            assert!(matches!(tenant(&headers), Err(InsertError::BadRequest(_))), "{bad:?}");
        }
    }
}
