//! Tests in any case: both sides are compared in lower case.

use std::borrow::Cow;

/// A test made for lower case.
#[derive(Debug, Clone)]
pub(super) struct AnyCase<T>(T);

impl<T> AnyCase<T> {
    pub(super) fn new(text: &str, test: impl Fn(&str) -> T) -> Self {
        Self(test(&lower(text)))
    }

    pub(super) fn test(&self, value: &str, test: impl Fn(&T, &str) -> bool) -> bool {
        test(&self.0, &lower(value))
    }
}

/// Each character on its own, so that the length of a match does not depend on what is around it.
fn lower(s: &str) -> Cow<'_, str> {
    if s.is_ascii() {
        if s.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(s.to_ascii_lowercase());
        }
        return Cow::Borrowed(s);
    }
    Cow::Owned(s.chars().filter_map(|c| c.to_lowercase().next()).collect())
}
