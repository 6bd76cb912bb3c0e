//! From the tree of a filter to what is executed.

use std::sync::Arc;

use common::query::logsql::text::{TextFilter, ValueType};

use super::super::super::ast::{FieldTest, Filter, StreamIds, StreamSelector, Values};
use super::super::ExecError;
use super::evaluate::Node;
use super::fields::{FieldComparison, Relation};
use super::time::TimeTest;

/// The field with the id of the stream of a row.
const STREAM_ID: &str = "_stream_id";

pub(super) fn node(filter: &Filter) -> Result<Node, ExecError> {
    Ok(match filter {
        Filter::Any => Node::Always,
        Filter::And(filters) => Node::And(nodes(filters)?),
        Filter::Or(filters) => Node::Or(nodes(filters)?),
        Filter::Not(filter) => Node::Not(Box::new(node(filter)?)),
        Filter::Stream(selector) => stream(selector),
        Filter::StreamId(ids) => stream_id(ids)?,
        Filter::Time(time) => Node::Time(TimeTest::Range(time.range)),
        Filter::DayRange(range) => Node::Time(TimeTest::Day(range.clone())),
        Filter::WeekRange(range) => Node::Time(TimeTest::Week(range.clone())),
        // A `*` on its own: rows whose message is missing match too.
        _ if filter.is_star() => Node::Always,
        Filter::Field(field, test) => field_test(field, test)?,
    })
}

fn nodes(filters: &[Filter]) -> Result<Vec<Node>, ExecError> {
    filters.iter().map(node).collect()
}

fn field_test(field: &str, test: &FieldTest) -> Result<Node, ExecError> {
    let against = |relation, other: &String| {
        Node::Fields(FieldComparison {
            field: field.to_owned(),
            relation,
            other: other.clone(),
        })
    };
    Ok(match test {
        FieldTest::EqField(other) => against(Relation::Equal, other),
        FieldTest::LeField(other) => against(Relation::AtMost, other),
        FieldTest::LtField(other) => against(Relation::Less, other),
        FieldTest::ValueType(name) => Node::ValueType {
            field: field.to_owned(),
            expected: ValueType::parse(name),
        },
        _ => {
            let test = text_filter(test).ok_or_else(not_replaced)?.compile();
            if test.is_always() {
                Node::Always
            } else {
                Node::Text {
                    field: field.to_owned(),
                    test: Box::new(test),
                }
            }
        }
    })
}

/// The test of a single value that a test of a field is; `None` for what needs another field of the row, and for
/// subqueries that were not replaced by their values.
pub fn text_filter(test: &FieldTest) -> Option<TextFilter> {
    Some(match test {
        FieldTest::Phrase(s) => TextFilter::Phrase(s.clone()),
        FieldTest::Prefix(s) => TextFilter::Prefix(s.clone()),
        FieldTest::Substring(s) => TextFilter::Substring(s.clone()),
        FieldTest::AnyCasePhrase(s) => TextFilter::AnyCasePhrase(s.clone()),
        FieldTest::AnyCasePrefix(s) => TextFilter::AnyCasePrefix(s.clone()),
        FieldTest::Exact(s) => TextFilter::Exact(s.clone()),
        FieldTest::ExactPrefix(s) => TextFilter::ExactPrefix(s.clone()),
        FieldTest::Regexp(regexp) => TextFilter::Regexp(regexp.clone()),
        FieldTest::In(values) => TextFilter::In(list(values)?),
        FieldTest::ContainsAll(values) => TextFilter::ContainsAll(list(values)?),
        FieldTest::ContainsAny(values) => TextFilter::ContainsAny(list(values)?),
        FieldTest::Sequence(phrases) => TextFilter::Sequence(phrases.clone()),
        FieldTest::Range(range) => TextFilter::Number {
            min: range.min,
            max: range.max,
        },
        FieldTest::StringRange(range) => TextFilter::StringRange {
            min: range.min.clone(),
            max: range.max.clone(),
        },
        FieldTest::LengthRange(range) => TextFilter::Length {
            min: range.min,
            max: range.max,
        },
        FieldTest::Ipv4Range(range) => TextFilter::Ipv4 {
            min: range.min,
            max: range.max,
        },
        FieldTest::Ipv6Range(range) => TextFilter::Ipv6 {
            min: range.min,
            max: range.max,
        },
        FieldTest::ValueType(name) => TextFilter::ValueType(ValueType::parse(name)),
        FieldTest::PatternMatch(ends, pattern) => TextFilter::Pattern(*ends, pattern.clone()),
        FieldTest::JsonArrayContainsAny(values) => TextFilter::JsonArrayContainsAny(values.clone()),
        FieldTest::EqualsCommonCase(values) => TextFilter::EqualsCommonCase(values.clone()),
        FieldTest::ContainsCommonCase(phrases) => TextFilter::ContainsCommonCase(phrases.clone()),
        FieldTest::EqField(_) | FieldTest::LeField(_) | FieldTest::LtField(_) => return None,
    })
}

fn list(values: &Values) -> Option<Vec<String>> {
    match values {
        Values::List(list) => Some(list.clone()),
        Values::Query(_) => None,
    }
}

/// Every stream is selected when an alternative asks for nothing; then rows need no stream.
fn stream(selector: &StreamSelector) -> Node {
    if selector.any_of.iter().any(Vec::is_empty) {
        Node::Always
    } else {
        Node::Stream(Arc::new(selector.clone()))
    }
}

fn stream_id(ids: &StreamIds) -> Result<Node, ExecError> {
    match ids {
        StreamIds::List(ids) => Ok(Node::Text {
            field: STREAM_ID.to_owned(),
            test: Box::new(TextFilter::In(ids.iter().map(ToString::to_string).collect()).compile()),
        }),
        StreamIds::Query(_) => Err(not_replaced()),
    }
}

fn not_replaced() -> ExecError {
    ExecError::Unsupported("a subquery in a filter at this place".to_owned())
}
