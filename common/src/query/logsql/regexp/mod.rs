//! Regular expressions of the language: RE2 with Perl syntax, as text and compiled.
//!
//! Queries are written for RE2, where classes such as `\d` and boundaries are ASCII and fewer characters are special
//! inside `[...]`; the text is translated before it is compiled.

mod translate;

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Largest size of a compiled expression, bytes.
const SIZE_LIMIT: usize = 4 << 20;

/// An expression with its text; equal when the texts are.
#[derive(Clone)]
pub struct Regexp {
    text: String,
    form: Form,
    compiled: Regex,
}

/// What an expression is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Form {
    Unanchored,
    Anchored,
    Plain,
}

impl Regexp {
    /// Compiles a filter's expression: it may match anywhere in the value, and `.` also matches a newline.
    pub fn unanchored(text: &str) -> Result<Self, RegexpError> {
        Self::compile(text, Form::Unanchored)
    }

    /// Compiles a stream selector's expression: it must match the whole value.
    pub fn anchored(text: &str) -> Result<Self, RegexpError> {
        Self::compile(text, Form::Anchored)
    }

    /// Compiles an expression for extraction and replacement: `.` does not match a newline.
    pub fn plain(text: &str) -> Result<Self, RegexpError> {
        Self::compile(text, Form::Plain)
    }

    fn compile(text: &str, form: Form) -> Result<Self, RegexpError> {
        let body = translate::translate(text)?;
        // Compiled alone first, so that a wrapper cannot close what the body left open.
        let build = |pattern: &str| {
            let built = RegexBuilder::new(pattern)
                .dot_matches_new_line(form != Form::Plain)
                .size_limit(SIZE_LIMIT)
                .build();
            built.map_err(|error| RegexpError(last_line(&error.to_string())))
        };
        let compiled = build(&body)?;
        let compiled = match form {
            Form::Anchored => build(&format!("^(?:{body})$"))?,
            Form::Unanchored | Form::Plain => compiled,
        };
        Ok(Self {
            text: text.to_owned(),
            form,
            compiled,
        })
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The compiled expression.
    pub fn regex(&self) -> &Regex {
        &self.compiled
    }

    /// True when the value matches.
    pub fn is_match(&self, value: &str) -> bool {
        self.compiled.is_match(value)
    }

    /// The names of the groups that have one, in order.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.compiled.capture_names().flatten()
    }
}

/// As its text; it is compiled anew where it arrives.
impl Serialize for Regexp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.form, &self.text).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Regexp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (form, text) = <(Form, String)>::deserialize(deserializer)?;
        Self::compile(&text, form).map_err(de::Error::custom)
    }
}

impl PartialEq for Regexp {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Regexp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regexp({:?})", self.text)
    }
}

/// Why an expression was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RegexpError(String);

impl RegexpError {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Text that matches only itself, with the characters escaped that RE2 takes as special.
pub fn escape(text: &str) -> String {
    let special = |c: char| r"\.+*?()|[]{}^$".contains(c);
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

/// The parser of expressions draws the place on lines of its own; only what it says at the end is of use in one line.
fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or(message).trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_and_newlines() {
        assert!(Regexp::unanchored("o.b").expect("valid").is_match("foo\nbar"));
        assert!(!Regexp::plain("o.b").expect("valid").is_match("foo\nbar"));
        let anchored = Regexp::anchored("foo|bar").expect("valid");
        assert!(anchored.is_match("bar") && !anchored.is_match("barn") && anchored.text() == "foo|bar");
        assert!(Regexp::anchored("a)(b").is_err());
    }

    #[test]
    fn groups_have_names() {
        let regexp = Regexp::plain("(?P<ip>[0-9.]+)(x)(?<y>.)").expect("valid");
        assert_eq!(regexp.group_names().collect::<Vec<_>>(), ["ip", "y"]);
    }

    #[test]
    fn errors_are_one_line() {
        let error = Regexp::unanchored("ab(").expect_err("unclosed").to_string();
        assert!(!error.contains('\n') && !error.is_empty(), "{error}");
        assert!(Regexp::unanchored(r"(\pL{1000}){1000}").is_err());
    }

    #[test]
    fn escapes_for_re2() {
        assert_eq!(escape("b.c|d-#"), r"b\.c\|d-#");
    }
}
