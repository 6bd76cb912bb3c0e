//! Stream selectors and stream ids.

use super::super::ast::{StreamId, StreamIds, StreamMatch, StreamSelector, StreamTest};
use super::super::regexp::{self, Regexp};
use super::Result;
use super::cursor::{ARGUMENT_END, Cursor};
use super::fields::in_parens;
use super::query::subquery;

/// Symbols that end the name of a label.
const LABEL_END: &[&str] = &["=", "!=", "=~", "!~", ",", "{", "}", "'", "\"", "`"];
/// Symbols that end the value of a label.
const VALUE_END: &[&str] = &[",", "{", "}", "(", "'", "\"", "`"];

/// `{a="x",b!="y" or c=~"z"}`.
pub(super) fn selector(c: &mut Cursor<'_>) -> Result<StreamSelector> {
    if !c.is("{") {
        return Err(c.expected("a stream selector, '{...}'"));
    }
    c.advance();
    let mut any_of = vec![tests(c)?];
    while c.eat("or") {
        if c.is("}") {
            return Err(c.expected("a label after 'or'"));
        }
        any_of.push(tests(c)?);
    }
    c.expect("}")?;
    Ok(StreamSelector { any_of })
}

/// `a="x",b!="y"` up to `or` or the end of the selector.
fn tests(c: &mut Cursor<'_>) -> Result<Vec<StreamTest>> {
    let mut tests = Vec::new();
    while !c.is("}") {
        tests.push(test(c)?);
        if !c.eat(",") {
            break;
        }
    }
    if c.is_any(&["or", "}"]) {
        Ok(tests)
    } else {
        Err(c.expected("',', 'or' or '}' in the stream selector"))
    }
}

fn test(c: &mut Cursor<'_>) -> Result<StreamTest> {
    let label = c.compound("the name of a label", LABEL_END)?;
    let operator = c.token().raw.to_lowercase();
    if !c.is_any(&["=", "!=", "=~", "!~", "in", "not_in"]) {
        return Err(c.expected(&format!("one of = != =~ !~ in not_in after the label '{label}'")));
    }
    c.advance();
    let mark = c.mark();
    let value = if operator.ends_with("in") {
        any_of_values(c)?
    } else {
        c.compound("the value of the label", VALUE_END)?
    };
    let regexp = |text: &str| {
        Regexp::anchored(text)
            .map_err(|error| c.error_at(mark, format!("invalid regular expression '{text}': {error}")))
    };
    let test = match operator.as_str() {
        "=" => StreamMatch::Equal(value),
        "!=" => StreamMatch::NotEqual(value),
        "=~" | "in" => StreamMatch::Regexp(regexp(&value)?),
        _ => StreamMatch::NotRegexp(regexp(&value)?),
    };
    Ok(StreamTest { label, test })
}

/// The values of `in (...)` as an expression; `(*)` is any value.
fn any_of_values(c: &mut Cursor<'_>) -> Result<String> {
    let values = in_parens(c, |c| {
        if c.eat("*") {
            Ok(None)
        } else {
            c.compound("a value", ARGUMENT_END).map(Some)
        }
    })?;
    if matches!(values.as_slice(), [None]) {
        return Ok(".*".to_owned());
    }
    let escaped: Vec<String> = values
        .iter()
        .map(|value| regexp::escape(value.as_deref().unwrap_or("*")))
        .collect();
    Ok(escaped.join("|"))
}

/// What follows `_stream_id:`: an id, or `in(...)` with ids or a query that gives them.
/// `in(*)` is every stream.
pub(super) fn ids(c: &mut Cursor<'_>) -> Result<super::Filter> {
    let ids = |ids| super::Filter::StreamId(ids);
    if !c.is("in") {
        return id(c).map(|id| ids(StreamIds::List(vec![id])));
    }
    c.advance();
    let mark = c.mark();
    let not_a_list = match in_parens(c, id) {
        Ok(list) => return Ok(ids(StreamIds::List(list))),
        Err(error) => error,
    };
    c.reset(mark);
    match c.nested(subquery) {
        Ok(None) => Ok(super::Filter::Any),
        Ok(Some(subquery)) => Ok(ids(StreamIds::Query(Box::new(subquery)))),
        Err(error) if error.position() >= not_a_list.position() => Err(error),
        Err(_) => Err(not_a_list),
    }
}

fn id(c: &mut Cursor<'_>) -> Result<StreamId> {
    let mark = c.mark();
    let text = c.value("the id of a stream")?;
    StreamId::parse(&text).ok_or_else(|| {
        c.error_at(
            mark,
            format!("expected the id of a stream, 48 hexadecimal digits, found '{text}'"),
        )
    })
}
