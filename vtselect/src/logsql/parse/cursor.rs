//! A place in the tokens of a query, with the checks that every grammar rule needs.

use std::borrow::Cow;

use super::super::ParseError;
use super::super::ast::QueryOptions;
use super::lexer::{Token, TokenKind, tokenize};
use super::{ParseContext, Result};

/// How deep parentheses, negations and subqueries may nest.
const MAX_DEPTH: u32 = 100;
/// Steps per token before a query is refused: only texts made to be ambiguous need more than a few.
const STEPS_PER_TOKEN: usize = 10;

/// Symbols that end a value made of adjacent tokens.
pub(super) const VALUE_END: &[&str] = &[",", "(", ")", "[", "]", "|"];
/// Symbols that end a word or phrase.
pub(super) const PHRASE_END: &[&str] = &["*", ",", "(", ")", "[", "]", "|"];
/// Symbols that end a word or phrase that a field name may be.
pub(super) const NAME_END: &[&str] = &["*", ",", "(", ")", "[", "]", "|", ":"];
/// Symbols that end an argument of a filter function.
pub(super) const ARGUMENT_END: &[&str] = &["*", ",", "(", ")", "|"];
/// Symbols that end a filter or a pipe, besides the end of the query.
pub(super) const PART_END: &[&str] = &["|", ")"];

/// The tokens, and how far they are read.
pub(super) struct Cursor<'q> {
    tokens: Vec<Token<'q>>,
    at: usize,
    depth: u32,
    steps_left: usize,
    pub(super) context: ParseContext,
    /// The options of the queries around this place, innermost last.
    pub(super) options: Vec<QueryOptions>,
}

/// A place to go back to.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize);

static END: Token<'static> = Token {
    kind: TokenKind::End,
    raw: "",
    text: Cow::Borrowed(""),
    start: usize::MAX,
    spaced: false,
};

impl<'q> Cursor<'q> {
    pub(super) fn new(query: &'q str, context: ParseContext) -> Self {
        let tokens = tokenize(query);
        let steps_left = STEPS_PER_TOKEN * (tokens.len() + 100);
        Self {
            tokens,
            at: 0,
            depth: 0,
            steps_left,
            context,
            options: Vec::new(),
        }
    }

    /// The current token.
    pub(super) fn token(&self) -> &Token<'q> {
        self.tokens.get(self.at).unwrap_or(&END)
    }

    fn token_after(&self) -> &Token<'q> {
        self.tokens.get(self.at + 1).unwrap_or(&END)
    }

    /// The token before the current one.
    pub(super) fn previous(&self) -> Option<&Token<'q>> {
        self.tokens.get(self.at.checked_sub(1)?)
    }

    /// Goes to the next token; stays at the end. When the work is used up, goes to the end.
    pub(super) fn advance(&mut self) {
        let last = self.tokens.len().saturating_sub(1);
        self.steps_left = self.steps_left.saturating_sub(1);
        self.at = if self.steps_left == 0 {
            last
        } else {
            last.min(self.at + 1)
        };
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.at)
    }

    /// Goes back, unless the work is used up.
    pub(super) fn reset(&mut self, mark: Mark) {
        if self.steps_left > 0 {
            self.at = mark.0;
        }
    }

    /// An error if the query needed too much work; then any other error is a consequence of it.
    pub(super) fn check_work(&self) -> Result<()> {
        if self.steps_left > 0 {
            Ok(())
        } else {
            Err(self.error("the query is too ambiguous to be parsed"))
        }
    }

    pub(super) fn at_end(&self) -> bool {
        self.token().kind == TokenKind::End
    }

    /// True at the end of a filter or a pipe: `|`, `)` or the end of the query.
    pub(super) fn at_part_end(&self) -> bool {
        self.at_end() || self.is_any(PART_END)
    }

    /// True when the current token is this word (in any case) or symbol, without quotes.
    pub(super) fn is(&self, word: &str) -> bool {
        is_unquoted(self.token(), word)
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// As [`Cursor::is`], for the next token.
    pub(super) fn next_is(&self, word: &str) -> bool {
        is_unquoted(self.token_after(), word)
    }

    /// True when nothing is between the current token and the next.
    pub(super) fn next_is_adjacent(&self) -> bool {
        !self.token_after().spaced
    }

    /// Skips the word or symbol if it is the current token.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let found = self.is(word);
        if found {
            self.advance();
        }
        found
    }

    /// Skips the word or symbol, or says that it is missing.
    pub(super) fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.eat(symbol) {
            Ok(())
        } else {
            Err(self.expected(&format!("'{symbol}'")))
        }
    }

    /// An error at the current token.
    pub(super) fn error(&self, reason: impl Into<String>) -> ParseError {
        ParseError::at(self.token().start, reason)
    }

    /// An error at a place before.
    pub(super) fn error_at(&self, mark: Mark, reason: impl Into<String>) -> ParseError {
        let start = self.tokens.get(mark.0).map_or(usize::MAX, |token| token.start);
        ParseError::at(start, reason)
    }

    /// An error that says what should have been here, and what is.
    pub(super) fn expected(&self, what: &str) -> ParseError {
        let token = self.token();
        if token.kind == TokenKind::End {
            return self.error(format!("expected {what}, found the end of the query"));
        }
        let shown: String = token.raw.chars().take(40).collect();
        if self.is_broken_quote() {
            return self.error(format!(
                "expected {what}, found a string that is not closed or has a wrong escape after {shown}; put it in backquotes if it holds backslashes"
            ));
        }
        self.error(format!("expected {what}, found '{shown}'"))
    }

    /// Runs a rule one level deeper.
    pub(super) fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(format!("the query nests deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// The text of the current token, which is skipped; an error at the end of the query.
    pub(super) fn take(&mut self, what: &str) -> Result<String> {
        if self.at_end() || self.is_broken_quote() {
            return Err(self.expected(what));
        }
        let text = self.token().text.clone().into_owned();
        self.advance();
        Ok(text)
    }

    /// A value made of adjacent tokens up to one of the symbols in `end`: `foo-bar`, `2024-05-31T10:20:30Z`. A single
    /// quoted token is the string in it; several tokens are their text as it stands, quotes included.
    pub(super) fn compound(&mut self, what: &str, end: &[&str]) -> Result<String> {
        if self.at_end() || self.is_broken_quote() || self.is_any(end) {
            return Err(self.expected(what));
        }
        let first = self.at;
        self.advance();
        while !self.at_end() && !self.token().spaced && !self.is_any(end) {
            self.advance();
        }
        let parts = self.tokens.get(first..self.at).unwrap_or_default();
        Ok(match parts {
            [single] => single.text.clone().into_owned(),
            parts => parts.iter().map(|token| token.raw).collect(),
        })
    }

    /// A value such as a name or a number.
    pub(super) fn value(&mut self, what: &str) -> Result<String> {
        self.compound(what, VALUE_END)
    }

    fn is_broken_quote(&self) -> bool {
        let token = self.token();
        token.kind == TokenKind::Symbol && matches!(token.raw, "\"" | "'" | "`")
    }
}

fn is_unquoted(token: &Token<'_>, word: &str) -> bool {
    matches!(token.kind, TokenKind::Word | TokenKind::Symbol) && token.raw.eq_ignore_ascii_case(word)
}
