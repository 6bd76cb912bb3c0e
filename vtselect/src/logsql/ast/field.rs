//! Names of fields in lists that may select several fields by a prefix.

use std::fmt;

use super::super::quote::{InQuotes, Quoted};

/// A field, `name`, or all fields with a prefix, `prefix*`; `*` is all fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldPattern(String);

impl FieldPattern {
    /// Text that ends with `*` selects by prefix.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// All fields.
    pub fn all() -> Self {
        Self::new("*")
    }

    /// The text, with the `*` if it has one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The prefix, if this selects by prefix.
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// True for `*`.
    pub fn is_all(&self) -> bool {
        self.0 == "*"
    }

    /// True when the field is selected.
    pub fn matches(&self, field: &str) -> bool {
        match self.prefix() {
            Some(prefix) => field.starts_with(prefix),
            None => self.0 == field,
        }
    }

    /// The field that `field` becomes when what this selects is renamed or copied to `target`; itself when not
    /// selected.
    pub fn rename(&self, target: &Self, field: &str) -> String {
        match (
            self.prefix().and_then(|prefix| field.strip_prefix(prefix)),
            target.prefix(),
        ) {
            (Some(rest), Some(prefix)) => format!("{prefix}{rest}"),
            _ if self.matches(field) => target.0.clone(),
            _ => field.to_owned(),
        }
    }
}

impl fmt::Display for FieldPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix() {
            None => Quoted(&self.0).fmt(f),
            Some("") => f.write_str("*"),
            Some(prefix) if Quoted(prefix).to_string() == prefix => f.write_str(&self.0),
            Some(_) => InQuotes(&self.0).fmt(f),
        }
    }
}

/// Displays items with `, ` between.
pub(in super::super) struct List<'a, T>(pub(in super::super) &'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_separated(f, self.0, ", ")
    }
}

/// Writes items with a separator between.
pub(in super::super) fn write_separated<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    separator: &str,
) -> fmt::Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_and_rename() {
        let (name, prefix) = (FieldPattern::new("foo"), FieldPattern::new("foo*"));
        assert!(
            name.matches("foo")
                && !name.matches("foobar")
                && prefix.matches("foobar")
                && FieldPattern::all().matches("")
        );
        assert_eq!(prefix.rename(&FieldPattern::new("x*"), "foobar"), "xbar");
        assert_eq!(prefix.rename(&FieldPattern::new("x"), "foobar"), "x");
        assert_eq!(name.rename(&FieldPattern::new("x"), "foobar"), "foobar");
    }

    #[test]
    fn patterns_print_in_quotes_when_needed() {
        for (text, shown) in [
            ("foo*", "foo*"),
            ("*", "*"),
            ("a b*", "\"a b*\""),
            ("in*", "\"in*\""),
            ("in", "\"in\""),
            ("x:y", "\"x:y\""),
        ] {
            assert_eq!(FieldPattern::new(text).to_string(), shown);
        }
    }
}
