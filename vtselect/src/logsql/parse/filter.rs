//! Filters: alternatives, conjunctions, negation, and what stands between them.

use super::super::ast::{FieldTest, Filter};
use super::cursor::{Cursor, NAME_END, PHRASE_END};
use super::lexer::TokenKind;
use super::{Result, filters, is_pipe_word, is_stats_word, stream, time_filter};

/// Tokens after which a parenthesis needs no space in front.
const BEFORE_PAREN: [&str; 6] = [":", "(", "!", "-", "not", "|"];

/// A whole filter. Its first word must not be one that starts a pipe.
pub(super) fn filter(c: &mut Cursor<'_>) -> Result<Filter> {
    if c.at_part_end() {
        return Err(c.expected("a filter"));
    }
    let first = c.token().raw.to_lowercase();
    if is_pipe_word(&first) || is_stats_word(&first) {
        return Err(c.error(format!(
            "a filter cannot start with '{first}', the name of a pipe or a function; put it in quotes to search for it"
        )));
    }
    any_of(c, None)
}

/// `all or all`.
fn any_of(c: &mut Cursor<'_>, field: Option<&str>) -> Result<Filter> {
    let mut filters = vec![all_of(c, field)?];
    while !c.at_part_end() {
        if c.eat("or") && c.at_end() {
            return Err(c.expected("a filter after 'or'"));
        }
        filters.push(all_of(c, field)?);
    }
    Ok(Filter::or(filters))
}

/// `one and one`, where `and` may be left out.
fn all_of(c: &mut Cursor<'_>, field: Option<&str>) -> Result<Filter> {
    let mut filters = vec![one(c, field)?];
    while !c.is("or") && !c.at_part_end() {
        if c.eat("and") && c.at_end() {
            return Err(c.expected("a filter after 'and'"));
        }
        filters.push(one(c, field)?);
    }
    Ok(Filter::and(filters))
}

/// A filter that is not joined with others. `field` is what it is about, if that is known already.
pub(super) fn one(c: &mut Cursor<'_>, field: Option<&str>) -> Result<Filter> {
    while c.eat(":") {
        if c.at_end() {
            return Err(c.expected("a filter after ':'"));
        }
    }
    let token = c.token();
    if token.kind != TokenKind::Symbol {
        return filters::function_or_phrase(c, field);
    }
    match token.raw {
        "{" => match field {
            None | Some("_stream") => stream::selector(c).map(Filter::Stream),
            Some(_) => Err(c.error("a stream selector can only be applied to the field '_stream'")),
        },
        "*" => star(c, field),
        "(" => in_parens(c, field),
        "!" | "-" => negation(c, field),
        ">" | "<" | "=" | "!=" | "~" | "!~" => filters::comparison(c, field),
        "," | ")" | "[" | "]" | "|" | "\"" | "'" | "`" => Err(c.expected("a filter")),
        _ => phrase(c, field),
    }
}

/// `*`, `*text*`.
fn star(c: &mut Cursor<'_>, field: Option<&str>) -> Result<Filter> {
    c.advance();
    if c.is(":") {
        return Err(c.error("the name of a field cannot be '*'"));
    }
    let mark = c.mark();
    if !c.token().spaced
        && !c.at_part_end()
        && let Ok(text) = c.compound("a phrase", PHRASE_END)
        && c.is("*")
        && !c.token().spaced
    {
        c.advance();
        return Ok(Filter::field(field, FieldTest::Substring(text)));
    }
    c.reset(mark);
    Ok(Filter::field(field, FieldTest::Prefix(String::new())))
}

fn in_parens(c: &mut Cursor<'_>, field: Option<&str>) -> Result<Filter> {
    let after = |word: &str| {
        c.previous()
            .is_none_or(|previous| previous.kind != TokenKind::Quoted && previous.raw.eq_ignore_ascii_case(word))
    };
    if !c.token().spaced && !BEFORE_PAREN.iter().any(|word| after(word)) {
        return Err(c.error("expected whitespace between a word and '('"));
    }
    c.advance();
    if c.at_end() {
        return Err(c.expected("a filter after '('"));
    }
    let filter = c.nested(|c| any_of(c, field))?;
    c.expect(")")?;
    Ok(filter)
}

pub(super) fn negation(c: &mut Cursor<'_>, field: Option<&str>) -> Result<Filter> {
    c.advance();
    if c.at_end() {
        return Err(c.expected("a filter after the negation"));
    }
    c.nested(|c| one(c, field)).map(Filter::negate)
}

/// A word or phrase: the name of a field, a prefix or a phrase.
pub(super) fn phrase(c: &mut Cursor<'_>, field: Option<&str>) -> Result<Filter> {
    let text = c.compound("a word or a phrase", phrase_end(field))?;
    after_phrase(c, text, field)
}

/// A colon ends a phrase that may still be the name of a field.
fn phrase_end(field: Option<&str>) -> &'static [&'static str] {
    if field.is_some() { PHRASE_END } else { NAME_END }
}

fn after_phrase(c: &mut Cursor<'_>, text: String, field: Option<&str>) -> Result<Filter> {
    if field.is_none() && c.is(":") {
        return after_field(c, &text);
    }
    if !c.is("*") || c.token().spaced {
        return Ok(Filter::field(field, FieldTest::Phrase(text)));
    }
    c.advance();
    if c.is(":") {
        return Err(c.error(format!("the name of a field cannot be a prefix: '{text}*'")));
    }
    Ok(Filter::field(field, FieldTest::Prefix(text)))
}

/// What follows the name of a field.
fn after_field(c: &mut Cursor<'_>, field: &str) -> Result<Filter> {
    c.advance();
    if c.at_end() {
        return Err(c.expected(&format!("a filter after the field '{field}'")));
    }
    match field {
        "_time" => time_filter::time_filter(c),
        "_stream_id" => stream::ids(c),
        "_stream" => stream::selector(c).map(Filter::Stream),
        "" => c.nested(|c| one(c, None)),
        _ => c.nested(|c| one(c, Some(field))),
    }
}
