//! The error of a query that cannot be parsed: what was expected, where, and in which query.

use std::fmt;

/// Why a query text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ParseError {
    query: String,
    position: usize,
    reason: String,
}

/// How many characters of the offending line are shown on each side of the position.
const SHOWN: usize = 60;

impl ParseError {
    /// An error at a byte offset in a query that is not known yet: parsing makes many errors that are never shown.
    pub(super) fn at(position: usize, reason: impl Into<String>) -> Self {
        Self {
            query: String::new(),
            position,
            reason: reason.into(),
        }
    }

    /// The same error in its query. The position is moved to the nearest character start before it.
    pub(super) fn in_query(self, query: &str) -> Self {
        Self {
            query: query.to_owned(),
            position: query.floor_char_boundary(self.position),
            ..self
        }
    }

    /// What was expected and what was found instead.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Byte offset in the query.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The text that was parsed.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// Line and column, both from 1; the column counts characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = self.before();
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (
            before.matches('\n').count() + 1,
            before.get(line_start..).unwrap_or("").chars().count() + 1,
        )
    }

    fn before(&self) -> &str {
        self.query.get(..self.position).unwrap_or(&self.query)
    }

    /// The line with the error, cut around it, and the column of the caret in it.
    fn shown_line(&self) -> (String, usize) {
        let (_, column) = self.line_column();
        let line_start = self.before().rfind('\n').map_or(0, |i| i + 1);
        let line = self.query.get(line_start..).unwrap_or("").lines().next().unwrap_or("");
        let skipped = (column - 1).saturating_sub(SHOWN);
        let text = line
            .chars()
            .skip(skipped)
            .take(2 * SHOWN)
            .map(|c| if c.is_control() { ' ' } else { c });
        (text.collect(), column - 1 - skipped)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        let (shown, caret) = self.shown_line();
        write!(f, "cannot parse query [{}]: {} ", self.query, self.reason)?;
        write!(
            f,
            "at position {} (line {line}, column {column})\n{shown}\n{:caret$}^",
            self.position, ""
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_points_at_the_position() {
        let error = ParseError::at(11, "expected a filter").in_query("a:b |\nfoo:(");
        assert_eq!(error.line_column(), (2, 6));
        let text = error.to_string();
        assert!(
            text.starts_with("cannot parse query [a:b |\nfoo:(]: expected a filter at position 11 (line 2, column 6)")
        );
        assert!(text.ends_with("\nfoo:(\n     ^"), "{text}");
    }

    #[test]
    fn long_lines_are_cut_and_positions_inside_characters_move_back() {
        let query = format!("{}й", "x".repeat(500));
        let error = ParseError::at(501, "odd").in_query(&query);
        assert_eq!(error.position(), 500);
        let text = error.to_string();
        assert!(
            text.ends_with(&format!("\n{}й\n{}^", "x".repeat(60), " ".repeat(60))),
            "{text}"
        );
        assert_eq!(ParseError::at(9, "empty").in_query("").line_column(), (1, 1));
    }
}
