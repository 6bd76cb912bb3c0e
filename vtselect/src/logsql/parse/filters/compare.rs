//! Comparisons, `> < >= <= = != ~ !~`, and `range(...)`.

use super::super::super::ast::{FieldTest, Filter, NumberRange, StringRange};
use super::super::super::quote::{QuotedString, Verbatim};
use super::super::Result;
use super::super::cursor::{ARGUMENT_END, Cursor};
use super::super::fields::number;
use super::function::regexp_test;

/// A filter that begins with the sign of a comparison.
pub(in super::super) fn comparison(c: &mut Cursor<'_>, field: Option<&str>) -> Result<Filter> {
    let sign = c.token().raw;
    c.advance();
    let test = match sign {
        ">" | "<" => Some(order(c, sign == ">")?),
        "=" | "!=" => Some(equal(c)?),
        _ => {
            let mark = c.mark();
            let text = c.value("a regular expression")?;
            regexp_test(c, mark, &text)?
        }
    };
    let filter = test.map_or(Filter::Any, |test| Filter::field(field, test));
    Ok(if sign.starts_with('!') {
        Filter::Not(Box::new(filter))
    } else {
        filter
    })
}

/// A value or a `prefix*`.
fn equal(c: &mut Cursor<'_>) -> Result<FieldTest> {
    let text = if c.is("*") {
        String::new()
    } else {
        c.compound("a value", ARGUMENT_END)?
    };
    if c.is("*") && (text.is_empty() || !c.token().spaced) {
        c.advance();
        return Ok(FieldTest::ExactPrefix(text));
    }
    Ok(FieldTest::Exact(text))
}

/// The bound of `>`, `>=`, `<` or `<=`: a number, or any other text, which is compared as a string.
fn order(c: &mut Cursor<'_>, greater: bool) -> Result<FieldTest> {
    let inclusive = c.eat("=");
    let sign = match (greater, inclusive) {
        (true, false) => ">",
        (true, true) => ">=",
        (false, false) => "<",
        (false, true) => "<=",
    };
    let mark = c.mark();
    if let Ok((bound, text)) = number(c) {
        let (min, max) = if greater {
            (if inclusive { bound } else { bound.next_up() }, f64::INFINITY)
        } else {
            (f64::NEG_INFINITY, if inclusive { bound } else { bound.next_down() })
        };
        return Ok(FieldTest::Range(NumberRange {
            min,
            max,
            text: format!("{sign}{}", Verbatim(&text)),
        }));
    }
    c.reset(mark);
    let bound = c.value("a number or a string")?;
    let text = format!("{sign}{}", QuotedString(&bound));
    // The string right after the bound is the bound with a zero byte.
    let next = format!("{bound}\0");
    let (min, max) = match (greater, inclusive) {
        (true, true) => (bound, None),
        (true, false) => (next, None),
        (false, true) => (String::new(), Some(next)),
        (false, false) => (String::new(), Some(bound)),
    };
    Ok(FieldTest::StringRange(StringRange { min, max, text }))
}

/// `(1, 2]` and the like.
pub(super) fn range(c: &mut Cursor<'_>) -> Result<Option<FieldTest>> {
    let closed_left = c.is("[");
    c.advance();
    let (min, min_text) = number(c)?;
    c.expect(",")?;
    let (max, max_text) = number(c)?;
    let closed_right = c.eat("]");
    if !closed_right {
        c.expect(")")?;
    }
    let (left, right) = (
        if closed_left { '[' } else { '(' },
        if closed_right { ']' } else { ')' },
    );
    let text = format!("range{left}{}, {}{right}", Verbatim(&min_text), Verbatim(&max_text));
    let min = if closed_left { min } else { min.next_up() };
    let max = if closed_right { max } else { max.next_down() };
    Ok(Some(FieldTest::Range(NumberRange { min, max, text })))
}
