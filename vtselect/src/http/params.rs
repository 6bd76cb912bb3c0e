//! The parameters of a query string, in their order, repeated ones kept.

use std::borrow::Cow;

/// Decoded `key=value` pairs (`application/x-www-form-urlencoded`: `+` is a space).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the part of a URL after `?`.
    pub fn parse(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(
            pairs
                .map(|(key, value)| (Cow::into_owned(key), Cow::into_owned(value)))
                .collect(),
        )
    }

    /// The first value of `key`, unless it is missing or empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.all(key).next().filter(|value| !value.is_empty())
    }

    /// Whether `key` is there, be it empty.
    pub fn has(&self, key: &str) -> bool {
        self.all(key).next().is_some()
    }

    /// All values of `key`, empty ones included.
    pub fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_kept_in_order() {
        let params = Params::parse(Some("tag=a%3Ab&tag=c+d&service=&limit=5&limit=6"));
        assert_eq!(params.all("tag").collect::<Vec<_>>(), ["a:b", "c d"]);
        assert_eq!(params.get("limit"), Some("5"));
        assert_eq!(params.get("service"), None);
        assert!(params.has("service"));
        assert!(!Params::parse(None).has("service"));
    }
}
