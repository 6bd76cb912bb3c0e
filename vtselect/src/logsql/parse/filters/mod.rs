//! Filter functions, `name(arguments)`, and the table of them. A new one is a line in the table.

mod compare;
mod function;

use super::super::ast::{FieldTest, Filter, PatternEnds};
use super::Result;
use super::cursor::Cursor;
use super::filter::{negation, phrase};
use super::lexer::TokenKind;
pub(super) use compare::comparison;

/// Reads what follows the name; the current token is the bracket.
type Rule = fn(&mut Cursor<'_>) -> Result<Option<FieldTest>>;

/// A function: its name, whether the name is reserved (and so needs quotes to be a word; the others are a function only
/// right in front of their bracket), and the rule for its arguments. The rule gives `None` for a filter of every row.
struct Function {
    name: &'static str,
    reserved: bool,
    rule: Rule,
}

const fn reserved(name: &'static str, rule: Rule) -> Function {
    Function {
        name,
        reserved: true,
        rule,
    }
}

const fn contextual(name: &'static str, rule: Rule) -> Function {
    Function {
        name,
        reserved: false,
        rule,
    }
}

const FUNCTIONS: [Function; 23] = [
    reserved("contains_all", |c| function::values(c, FieldTest::ContainsAll)),
    reserved("contains_any", |c| function::values(c, FieldTest::ContainsAny)),
    reserved("eq_field", |c| function::single(c).map(FieldTest::EqField).map(Some)),
    reserved("exact", |c| {
        function::maybe_prefix(c, FieldTest::Exact, FieldTest::ExactPrefix)
    }),
    reserved("i", |c| {
        function::maybe_prefix(c, FieldTest::AnyCasePhrase, FieldTest::AnyCasePrefix)
    }),
    reserved("in", |c| function::values(c, FieldTest::In)),
    reserved("ipv4_range", function::ipv4_range),
    contextual("ipv6_range", function::ipv6_range),
    reserved("le_field", |c| function::single(c).map(FieldTest::LeField).map(Some)),
    reserved("len_range", function::length_range),
    reserved("lt_field", |c| function::single(c).map(FieldTest::LtField).map(Some)),
    reserved("range", compare::range),
    reserved("re", function::regexp),
    reserved("seq", |c| function::list(c).map(FieldTest::Sequence).map(Some)),
    reserved("string_range", function::string_range),
    reserved("value_type", |c| {
        function::single(c).map(FieldTest::ValueType).map(Some)
    }),
    contextual("contains_common_case", |c| {
        function::common_case(c).map(FieldTest::ContainsCommonCase).map(Some)
    }),
    contextual("equals_common_case", |c| {
        function::common_case(c).map(FieldTest::EqualsCommonCase).map(Some)
    }),
    contextual("json_array_contains_any", |c| {
        function::list(c).map(FieldTest::JsonArrayContainsAny).map(Some)
    }),
    contextual("pattern_match", |c| pattern(c, PatternEnds::None)),
    contextual("pattern_match_full", |c| pattern(c, PatternEnds::Both)),
    contextual("pattern_match_prefix", |c| pattern(c, PatternEnds::Start)),
    contextual("pattern_match_suffix", |c| pattern(c, PatternEnds::End)),
];

/// A negation, a function call, or a word or phrase. The current token is a word or a string.
pub(super) fn function_or_phrase(c: &mut Cursor<'_>, field: Option<&str>) -> Result<Filter> {
    if c.token().kind != TokenKind::Word {
        return phrase(c, field);
    }
    if c.is("not") {
        return negation(c, field);
    }
    let called = |function: &&Function| c.is(function.name) && is_called(c, function);
    let Some(function) = FUNCTIONS.iter().find(called) else {
        return phrase(c, field);
    };
    c.advance();
    let test = c.nested(function.rule)?;
    Ok(test.map_or(Filter::Any, |test| Filter::field(field, test)))
}

fn is_called(c: &Cursor<'_>, function: &Function) -> bool {
    let bracket = c.next_is("(") || function.name == "range" && c.next_is("[");
    bracket && (function.reserved || c.next_is_adjacent())
}

fn pattern(c: &mut Cursor<'_>, ends: PatternEnds) -> Result<Option<FieldTest>> {
    function::single(c).map(|pattern| Some(FieldTest::PatternMatch(ends, pattern)))
}
