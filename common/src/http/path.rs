//! The normal form of requests' paths: one slash where several stand together, the configured prefix taken off.

use axum::http::Uri;
use std::fmt;
use std::str::FromStr;

/// What all paths begin with: empty, or `/` and a path without a slash at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathPrefix(String);

/// A text that is no path prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a path such as /traces, got {0:?}")]
pub struct PathPrefixError(String);

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    fn from_str(text: &str) -> Result<Self, PathPrefixError> {
        let path = text.trim().trim_end_matches('/');
        if path.is_empty() {
            return Ok(Self::default());
        }
        let path = format!("/{}", path.trim_start_matches('/'));
        match path.parse::<Uri>() {
            Ok(uri) if uri.path() == path && !path.contains("//") => Ok(Self(path)),
            _ => Err(PathPrefixError(text.chars().take(200).collect())),
        }
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a request's URI is to the routers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Routed {
    /// As it came.
    AsIs,
    To(Uri),
    /// It does not begin with the prefix.
    Outside,
}

impl PathPrefix {
    pub(super) fn route(&self, uri: &Uri) -> Routed {
        let path = uri.path();
        if self.0.is_empty() && !path.contains("//") {
            return Routed::AsIs;
        }
        let collapsed = collapse_slashes(path);
        let Some(inner) = collapsed.strip_prefix(self.0.as_str()) else {
            return Routed::Outside;
        };
        if !inner.is_empty() && !inner.starts_with('/') {
            return Routed::Outside;
        }
        let inner = if inner.is_empty() { "/" } else { inner };
        let target = match uri.query() {
            Some(query) => format!("{inner}?{query}"),
            None => inner.to_owned(),
        };
        // Any part of a valid path is one; were it not, the request would find no route.
        target.parse().map_or(Routed::Outside, Routed::To)
    }
}

fn collapse_slashes(path: &str) -> String {
    let mut collapsed = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !collapsed.ends_with('/') {
            collapsed.push(c);
        }
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(prefix: &str, uri: &str) -> Option<String> {
        let uri: Uri = uri.parse().unwrap();
        match prefix.parse::<PathPrefix>().unwrap().route(&uri) {
            Routed::AsIs => Some(uri.to_string()),
            Routed::To(uri) => Some(uri.to_string()),
            Routed::Outside => None,
        }
    }

    #[test]
    fn slashes_are_collapsed_and_the_query_is_kept() {
        assert_eq!(route("", "/health").unwrap(), "/health");
        assert_eq!(
            route("", "//select///jaeger/api/traces?a=//b&c").unwrap(),
            "/select/jaeger/api/traces?a=//b&c"
        );
        assert_eq!(route("", "/a%2F%2Fb//c").unwrap(), "/a%2F%2Fb/c");
    }

    #[test]
    fn the_prefix_is_taken_off_whole_segments_only() {
        assert_eq!(route("/vt", "/vt/health").unwrap(), "/health");
        assert_eq!(route("vt/", "//vt//health?x").unwrap(), "/health?x");
        assert_eq!(route("/vt", "/vt").unwrap(), "/");
        assert_eq!(route("/vt", "/vtx/health"), None);
        assert_eq!(route("/vt", "/health"), None);
    }

    #[test]
    fn prefixes_are_paths() {
        assert_eq!("/a/b/".parse::<PathPrefix>().unwrap().to_string(), "/a/b");
        assert_eq!("/".parse::<PathPrefix>().unwrap(), PathPrefix::default());
        for text in ["/a b", "/a?b", "/a//b"] {
            assert!(text.parse::<PathPrefix>().is_err(), "{text:?}");
        }
    }
}
