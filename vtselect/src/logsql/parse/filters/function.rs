//! The arguments of filter functions.

use super::super::super::ast::{AddressRange, FieldTest, LengthRange, StringRange, Values};
use super::super::super::quote::Quoted;
use super::super::super::regexp::Regexp;
use super::super::super::value::{parse_ipv4, parse_ipv4_cidr, parse_ipv6_cidr, parse_length};
use super::super::Result;
use super::super::cursor::{ARGUMENT_END, Cursor, Mark};
use super::super::query::subquery;

/// Most upper-case letters in an argument of the common-case functions: each doubles the spellings.
const MAX_UPPER_CASE: usize = 10;

/// An argument; `*` without quotes is the star.
enum Argument {
    Star,
    Text(String),
}

/// `(a, "b c", *)`.
fn arguments(c: &mut Cursor<'_>) -> Result<Vec<Argument>> {
    super::super::fields::in_parens(c, |c| {
        if c.eat("*") {
            Ok(Argument::Star)
        } else {
            c.compound("an argument", ARGUMENT_END).map(Argument::Text)
        }
    })
}

/// A list of strings.
pub(super) fn list(c: &mut Cursor<'_>) -> Result<Vec<String>> {
    let text = |argument| match argument {
        Argument::Star => "*".to_owned(),
        Argument::Text(text) => text,
    };
    Ok(arguments(c)?.into_iter().map(text).collect())
}

/// A list of exactly `N` strings.
fn exactly<const N: usize>(c: &mut Cursor<'_>) -> Result<[String; N]> {
    let mark = c.mark();
    let list = list(c)?;
    let found = list.len();
    list.try_into()
        .map_err(|_| c.error_at(mark, format!("expected {N} arguments, found {found}")))
}

/// A single string.
pub(super) fn single(c: &mut Cursor<'_>) -> Result<String> {
    exactly::<1>(c).map(|[single]| single)
}

/// `(foo)` or `(foo*)`.
pub(super) fn maybe_prefix(
    c: &mut Cursor<'_>,
    whole: fn(String) -> FieldTest,
    prefix: fn(String) -> FieldTest,
) -> Result<Option<FieldTest>> {
    c.expect("(")?;
    let text = if c.is("*") {
        String::new()
    } else {
        c.compound("a word or a phrase", ARGUMENT_END)?
    };
    let test = if c.is("*") && (text.is_empty() || !c.token().spaced) {
        c.advance();
        prefix(text)
    } else {
        whole(text)
    };
    c.expect(")")?;
    Ok(Some(test))
}

/// Values, or a query that gives them; `(*)` stands for any value.
pub(super) fn values(c: &mut Cursor<'_>, test: fn(Values) -> FieldTest) -> Result<Option<FieldTest>> {
    let mark = c.mark();
    let not_a_list = match arguments(c) {
        Ok(arguments) if matches!(arguments.as_slice(), [Argument::Star]) => return Ok(None),
        Ok(_) => {
            c.reset(mark);
            return list(c).map(|list| Some(test(Values::List(list))));
        }
        Err(error) => error,
    };
    c.reset(mark);
    match subquery(c) {
        Ok(None) => Ok(None),
        Ok(Some(subquery)) => Ok(Some(test(Values::Query(Box::new(subquery))))),
        // The attempt that came further says what is wrong.
        Err(error) if error.position() >= not_a_list.position() => Err(error),
        Err(_) => Err(not_a_list),
    }
}

pub(super) fn regexp(c: &mut Cursor<'_>) -> Result<Option<FieldTest>> {
    let mark = c.mark();
    let text = single(c)?;
    regexp_test(c, mark, &text)
}

/// The test for an expression. Those that Grafana sends for "all" need no matching.
pub(super) fn regexp_test(c: &Cursor<'_>, mark: Mark, text: &str) -> Result<Option<FieldTest>> {
    match text {
        "" | ".*" => Ok(None),
        ".+" => Ok(Some(FieldTest::Prefix(String::new()))),
        _ => match Regexp::unanchored(text) {
            Ok(regexp) => Ok(Some(FieldTest::Regexp(regexp))),
            Err(error) => Err(c.error_at(mark, format!("invalid regular expression '{text}': {error}"))),
        },
    }
}

pub(super) fn string_range(c: &mut Cursor<'_>) -> Result<Option<FieldTest>> {
    let [min, max] = exactly::<2>(c)?;
    let text = format!("string_range({}, {})", Quoted(&min), Quoted(&max));
    Ok(Some(FieldTest::StringRange(StringRange {
        min,
        max: Some(max),
        text,
    })))
}

pub(super) fn length_range(c: &mut Cursor<'_>) -> Result<Option<FieldTest>> {
    let mark = c.mark();
    let [min, max] = exactly::<2>(c)?;
    let length = |s: &str| parse_length(s).ok_or_else(|| c.error_at(mark, format!("expected a length, found '{s}'")));
    let range = LengthRange {
        min: length(&min)?,
        max: length(&max)?,
        text: format!("{min}, {max}"),
    };
    Ok(Some(FieldTest::LengthRange(range)))
}

pub(super) fn ipv4_range(c: &mut Cursor<'_>) -> Result<Option<FieldTest>> {
    let (min, max) = addresses(c, "an IPv4 address", parse_ipv4_cidr, parse_ipv4)?;
    Ok(Some(FieldTest::Ipv4Range(AddressRange { min, max })))
}

pub(super) fn ipv6_range(c: &mut Cursor<'_>) -> Result<Option<FieldTest>> {
    let (min, max) = addresses(c, "an IPv6 address", parse_ipv6_cidr, |s| {
        parse_ipv6_cidr(s).filter(|_| !s.contains('/')).map(|(min, _)| min)
    })?;
    Ok(Some(FieldTest::Ipv6Range(AddressRange { min, max })))
}

/// A network or two addresses.
fn addresses<A>(
    c: &mut Cursor<'_>,
    what: &str,
    network: impl Fn(&str) -> Option<(A, A)>,
    address: impl Fn(&str) -> Option<A>,
) -> Result<(A, A)> {
    let mark = c.mark();
    let list = list(c)?;
    let range = match list.as_slice() {
        [one] => network(one),
        [min, max] => address(min).zip(address(max)),
        _ => None,
    };
    range.ok_or_else(|| {
        c.error_at(
            mark,
            format!("expected a network or two of {what}, found '{}'", list.join(", ")),
        )
    })
}

pub(super) fn common_case(c: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mark = c.mark();
    let list = list(c)?;
    let many = |text: &&String| text.chars().filter(|c| c.is_uppercase()).count() > MAX_UPPER_CASE;
    match list.iter().find(many) {
        Some(text) => Err(c.error_at(
            mark,
            format!("expected at most {MAX_UPPER_CASE} upper-case letters, found '{text}'"),
        )),
        None => Ok(list),
    }
}
