//! Text to tokens: words, quoted strings and symbols.

use std::borrow::Cow;

use super::super::chars::is_token_char;
use super::super::quote::unquote_prefix;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Letters, digits, `_` and `.`.
    Word,
    /// A string in quotes.
    Quoted,
    /// Any other character, or one of `=~ != !~`.
    Symbol,
    /// After the last token.
    End,
}

/// A token and where it is.
#[derive(Debug, Clone)]
pub(super) struct Token<'q> {
    pub(super) kind: TokenKind,
    /// As it stands in the query.
    pub(super) raw: &'q str,
    /// What it means: a quoted string without its quotes.
    pub(super) text: Cow<'q, str>,
    /// Byte offset in the query.
    pub(super) start: usize,
    /// Whitespace or a comment is in front of it.
    pub(super) spaced: bool,
}

/// Splits a query. The last token is the `End`. A quote that is not closed properly is a symbol.
pub(super) fn tokenize(query: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = query;
    loop {
        let trimmed = skip_blank(rest);
        let spaced = trimmed.len() != rest.len();
        let start = query.len() - trimmed.len();
        let (kind, raw, text) = next(trimmed);
        tokens.push(Token {
            kind,
            raw,
            text,
            start,
            spaced,
        });
        if kind == TokenKind::End {
            return tokens;
        }
        rest = trimmed.get(raw.len()..).unwrap_or("");
    }
}

/// Skips whitespace and comments, which run from `#` to the end of the line.
fn skip_blank(mut s: &str) -> &str {
    loop {
        s = s.trim_start();
        match s.strip_prefix('#') {
            Some(comment) => s = comment.split_once('\n').map_or("", |(_, after)| after),
            None => return s,
        }
    }
}

fn next(s: &str) -> (TokenKind, &str, Cow<'_, str>) {
    let Some(first) = s.chars().next() else {
        return (TokenKind::End, "", Cow::Borrowed(""));
    };
    let (kind, length) = if is_token_char(first) {
        (TokenKind::Word, s.find(|c| !is_token_char(c)).unwrap_or(s.len()))
    } else if matches!(first, '"' | '\'' | '`') {
        if let Some((text, length)) = unquote_prefix(s) {
            return (TokenKind::Quoted, s.get(..length).unwrap_or(s), Cow::Owned(text));
        }
        (TokenKind::Symbol, 1)
    } else if ["=~", "!=", "!~"].iter().any(|double| s.starts_with(double)) {
        (TokenKind::Symbol, 2)
    } else {
        (TokenKind::Symbol, first.len_utf8())
    };
    let raw = s.get(..length).unwrap_or(s);
    (kind, raw, Cow::Borrowed(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_strings_symbols_and_comments() {
        let shown: Vec<_> = tokenize("a.b:й_1 # c\n \"x\\ty\"=~`z`!=\"")
            .into_iter()
            .map(|t| (t.kind, t.text.into_owned(), t.start, t.spaced))
            .collect();
        let (word, quoted, symbol) = (TokenKind::Word, TokenKind::Quoted, TokenKind::Symbol);
        let expected = [
            (word, "a.b", 0, false),
            (symbol, ":", 3, false),
            (word, "й_1", 4, false),
            (quoted, "x\ty", 14, true),
            (symbol, "=~", 20, false),
            (quoted, "z", 22, false),
            (symbol, "!=", 25, false),
            (symbol, "\"", 27, false),
            (TokenKind::End, "", 28, false),
        ];
        assert_eq!(
            shown,
            expected.map(|(kind, text, start, spaced)| (kind, text.to_owned(), start, spaced))
        );
    }
}
