//! Parts that many pipes share: names and lists of fields, conditions, counts.

use super::super::ast::{FieldPattern, Filter};
use super::super::value::{is_number_prefix, parse_length, parse_number_or_unit, parse_uint};
use super::Result;
use super::cursor::{Cursor, PART_END};
use super::filter::filter;

/// The name that "" stands for.
pub(super) use super::super::ast::MESSAGE;

/// A name or a `prefix*`.
pub(super) fn pattern(c: &mut Cursor<'_>) -> Result<FieldPattern> {
    let text = c.value("a field name")?;
    Ok(FieldPattern::new(if text.is_empty() {
        MESSAGE.to_owned()
    } else {
        text
    }))
}

/// A name; it must not end with `*`.
pub(super) fn name(c: &mut Cursor<'_>) -> Result<String> {
    let mark = c.mark();
    let pattern = pattern(c)?;
    if pattern.prefix().is_some() {
        return Err(c.error_at(
            mark,
            format!(
                "expected a field name without '*' at its end, found '{}'",
                pattern.as_str()
            ),
        ));
    }
    Ok(pattern.as_str().to_owned())
}

/// A name, in parentheses or not.
pub(super) fn name_maybe_in_parens(c: &mut Cursor<'_>) -> Result<String> {
    let in_parens = c.eat("(");
    let name = name(c)?;
    if in_parens {
        c.expect(")")?;
    }
    Ok(name)
}

/// At least one name or prefix, separated by commas.
pub(super) fn patterns(c: &mut Cursor<'_>) -> Result<Vec<FieldPattern>> {
    let mut patterns = vec![pattern(c)?];
    while c.eat(",") {
        patterns.push(pattern(c)?);
    }
    Ok(patterns)
}

/// As [`patterns`], names only.
pub(super) fn names(c: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mut names = vec![name(c)?];
    while c.eat(",") {
        names.push(name(c)?);
    }
    Ok(names)
}

/// `(item, item)`, maybe empty, maybe with a comma at the end.
pub(super) fn in_parens<'q, T>(
    c: &mut Cursor<'q>,
    mut item: impl FnMut(&mut Cursor<'q>) -> Result<T>,
) -> Result<Vec<T>> {
    c.expect("(")?;
    let mut items = Vec::new();
    while !c.eat(")") {
        items.push(item(c)?);
        if !c.is(")") && !c.eat(",") {
            return Err(c.expected("',' or ')'"));
        }
    }
    Ok(items)
}

/// `(a, b*)`.
pub(super) fn patterns_in_parens(c: &mut Cursor<'_>) -> Result<Vec<FieldPattern>> {
    in_parens(c, pattern)
}

/// `(a, b)`.
pub(super) fn names_in_parens(c: &mut Cursor<'_>) -> Result<Vec<String>> {
    in_parens(c, name)
}

/// At least one name, `(a, b)`; `what` names the list in the error.
pub(super) fn some_names_in_parens(c: &mut Cursor<'_>, what: &str) -> Result<Vec<String>> {
    let mark = c.mark();
    let names = names_in_parens(c)?;
    if names.is_empty() {
        Err(c.error_at(mark, format!("expected {what}, found none")))
    } else {
        Ok(names)
    }
}

/// `(a, b)` or `a, b`, at least one.
pub(super) fn some_names(c: &mut Cursor<'_>, what: &str) -> Result<Vec<String>> {
    if c.is("(") {
        some_names_in_parens(c, what)
    } else {
        names(c)
    }
}

/// `if (filter)`, if it is here. `if ()` is always true.
pub(super) fn condition(c: &mut Cursor<'_>) -> Result<Option<Filter>> {
    if !c.eat("if") {
        return Ok(None);
    }
    c.expect("(")?;
    if c.eat(")") {
        return Ok(Some(Filter::Any));
    }
    let condition = c.nested(filter)?;
    c.expect(")")?;
    Ok(Some(condition))
}

/// `keyword name`, if the keyword is here; `default` otherwise.
pub(super) fn name_after(c: &mut Cursor<'_>, keyword: &str, default: &str) -> Result<String> {
    if c.eat(keyword) {
        name(c)
    } else {
        Ok(default.to_owned())
    }
}

/// `[as] name` up to the end of the pipe; `default` when nothing is left.
pub(super) fn result_name(c: &mut Cursor<'_>, default: &str) -> Result<String> {
    if !c.eat("as") && c.at_part_end() {
        Ok(default.to_owned())
    } else {
        name(c)
    }
}

/// `limit N`, if it is here; 0 otherwise.
pub(super) fn limit(c: &mut Cursor<'_>) -> Result<u64> {
    if c.eat("limit") {
        decimal(c, "a number of rows")
    } else {
        Ok(0)
    }
}

/// A whole decimal number.
pub(super) fn decimal(c: &mut Cursor<'_>, what: &str) -> Result<u64> {
    parsed_token(c, what, parse_uint)
}

/// A whole number in any spelling: `10`, `0x10`, `1_000`, `1K`.
pub(super) fn count(c: &mut Cursor<'_>, what: &str) -> Result<u64> {
    parsed_token(c, what, parse_length)
}

fn parsed_token(c: &mut Cursor<'_>, what: &str, parse: impl Fn(&str) -> Option<u64>) -> Result<u64> {
    let number = parse(&c.token().text).ok_or_else(|| c.expected(what))?;
    c.advance();
    Ok(number)
}

/// A number in any form, and its text.
pub(super) fn number(c: &mut Cursor<'_>) -> Result<(f64, String)> {
    let mark = c.mark();
    let text = c.value("a number")?;
    let number = if text.eq_ignore_ascii_case("nan") {
        Some(f64::NAN)
    } else {
        parse_number_or_unit(&text)
    };
    match number {
        Some(number) => Ok((number, text)),
        None => Err(c.error_at(mark, format!("expected a number, found '{text}'"))),
    }
}

/// A number of at least `least` in any form, cut to whole, and its text.
pub(super) fn whole_number(c: &mut Cursor<'_>, least: u64) -> Result<(u64, String)> {
    let mark = c.mark();
    let (number, text) = number(c)?;
    if number >= least as f64 && number <= u64::MAX as f64 {
        return Ok((number as u64, text));
    }
    Err(c.error_at(mark, format!("expected a number of at least {least}, found '{text}'")))
}

/// True when the current token starts as a number does.
pub(super) fn at_number(c: &Cursor<'_>) -> bool {
    is_number_prefix(&c.token().text)
}

/// True at one of the words or at the end of the pipe.
pub(super) fn at_any_or_end(c: &Cursor<'_>, words: &[&str]) -> bool {
    c.at_end() || c.is_any(words) || c.is_any(PART_END)
}
