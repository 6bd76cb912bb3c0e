//! What a request's `authorization` header says.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a client shows. It is never printed.
pub(super) enum Shown {
    Nothing,
    /// A user's name and password, and the header as it came
    Basic {
        name: String,
        password: Vec<u8>,
        whole: Vec<u8>,
    },
    Bearer(Vec<u8>),
    /// A header that cannot be read
    Unknown,
}

/// Reads the header; if there are several, nothing is believed.
pub(super) fn shown(headers: &HeaderMap) -> Shown {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Shown::Nothing,
        (Some(value), None) => value.as_bytes(),
        _ => return Shown::Unknown,
    };
    let Some(space) = value.iter().position(|byte| *byte == b' ') else {
        return Shown::Unknown;
    };
    let (scheme, rest) = value.split_at(space);
    let rest = rest.trim_ascii();
    match scheme.to_ascii_lowercase().as_slice() {
        b"bearer" if !rest.is_empty() => Shown::Bearer(rest.to_vec()),
        b"basic" => basic(value, rest).unwrap_or(Shown::Unknown),
        _ => Shown::Unknown,
    }
}

fn basic(whole: &[u8], encoded: &[u8]) -> Option<Shown> {
    let decoded = STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (name, password) = decoded.split_at(colon);
    Some(Shown::Basic {
        name: String::from_utf8(name.to_vec()).ok()?,
        password: password.get(1..)?.to_vec(),
        whole: whole.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(value: &'static str) -> Shown {
        shown(&HeaderMap::from_iter([(
            AUTHORIZATION,
            HeaderValue::from_static(value),
        )]))
    }

    #[test]
    fn both_schemes_are_read_in_any_case() {
        assert!(matches!(read("bearer  t0ken"), Shown::Bearer(token) if token == b"t0ken"));
        let Shown::Basic { name, password, .. } = read("BASIC YTpiOmM=") else {
            panic!("a name and a password")
        };
        assert_eq!((name.as_str(), password.as_slice()), ("a", &b"b:c"[..]));
        assert!(matches!(shown(&HeaderMap::new()), Shown::Nothing));
    }

    #[test]
    fn what_cannot_be_read_is_not_nothing() {
        for bad in ["Basic", "Basic !", "Basic YQ==", "Bearer ", "Digest x", ""] {
            assert!(matches!(read(bad), Shown::Unknown), "{bad:?}");
        }
        let mut twice = HeaderMap::new();
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert!(matches!(shown(&twice), Shown::Unknown));
    }
}
