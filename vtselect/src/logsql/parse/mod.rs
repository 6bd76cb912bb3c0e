//! Text to tree. A hand-written recursive descent over tokens, with a bound on the depth and on the work; any text
//! gives a tree or an error with a position.
//!
//! Only the language is checked. What cannot be executed is for the planner to refuse.

mod cursor;
mod fields;
mod filter;
mod filters;
mod lexer;
pub mod pipes;
mod query;
pub mod stats;
mod stream;
mod time_filter;

use super::ParseError;
use super::ast::{Filter, Pipe, Query, StatsFunc};
use cursor::Cursor;

/// Words that are names of pipes or statistics functions wherever they stand; elsewhere they must be quoted.
pub(super) use pipes::is_reserved as is_pipe_word;
pub(super) use stats::is_reserved as is_stats_word;

/// The result of every parsing function.
type Result<T> = std::result::Result<T, ParseError>;

/// What the meaning of a text depends on besides the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseContext {
    /// The moment that relative times start from, unix nanoseconds.
    pub now: i64,
    /// Nanoseconds that times without a zone are east of UTC.
    pub zone_offset: i64,
}

impl ParseContext {
    /// A context in UTC.
    pub fn at(now: i64) -> Self {
        Self { now, zone_offset: 0 }
    }
}

/// Parses a query and brings it to its canonical form.
pub fn parse_query(text: &str, context: &ParseContext) -> Result<Query> {
    let mut query = whole(text, context, query::query)?;
    super::rewrite::simplify(&mut query);
    Ok(query)
}

/// Parses a filter without pipes.
pub fn parse_filter(text: &str, context: &ParseContext) -> Result<Filter> {
    let query = parse_query(text, context)?;
    if query.pipes.is_empty() {
        return Ok(query.filter);
    }
    let error = ParseError::at(text.find('|').unwrap_or(0), "expected a filter without pipes");
    Err(error.in_query(text))
}

/// Parses a single pipe, without the `|`.
pub fn parse_pipe(text: &str, context: &ParseContext) -> Result<Pipe> {
    whole(text, context, pipes::pipe)
}

/// Parses a single statistics function, without `if` and name.
pub fn parse_stats_func(text: &str, context: &ParseContext) -> Result<StatsFunc> {
    whole(text, context, stats::function)
}

/// The tokens of a query: words, quoted strings (without the quotes) and symbols.
pub fn tokens(text: &str) -> Vec<String> {
    let all = lexer::tokenize(text).into_iter();
    all.filter(|token| token.kind != lexer::TokenKind::End)
        .map(|token| token.text.into_owned())
        .collect()
}

fn whole<T>(text: &str, context: &ParseContext, parse: impl FnOnce(&mut Cursor<'_>) -> Result<T>) -> Result<T> {
    let mut cursor = Cursor::new(text, *context);
    let parsed = parse(&mut cursor).and_then(|parsed| {
        if cursor.at_end() {
            Ok(parsed)
        } else {
            Err(cursor.expected("the end of the query"))
        }
    });
    cursor.check_work().and(parsed).map_err(|error| error.in_query(text))
}
