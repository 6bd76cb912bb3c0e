//! Aggregates by definition: the texts of fields, span by span.

use crate::contract::{QueryContext, QueryError};
use crate::query::eval::{ColumnValue, CompiledFilter, first_value, matches};
use crate::query::logsql::stats::{State, Text};
use crate::query::logsql::value::parse_number;
use crate::query::{AggregateQuery, Column, Filter, Function, FunctionKind, Groups};
use crate::span::Span;

/// The groups of the spans.
pub(super) fn groups(query: &AggregateQuery, spans: &[&Span], context: &QueryContext) -> Result<Groups, QueryError> {
    let conditions = query
        .functions
        .iter()
        .map(|f| f.condition.as_ref().map(Filter::compile).transpose());
    let conditions: Vec<Option<CompiledFilter>> = conditions.collect::<Result<_, _>>()?;
    let mut groups = query.empty_groups();
    for span in spans {
        context.check()?;
        let key = query
            .by
            .iter()
            .map(|key| Text::from(key.text(&text(&key.column, span))))
            .collect();
        let states = groups.entry(key).or_insert_with(|| query.new_states());
        for ((function, condition), state) in query.functions.iter().zip(&conditions).zip(states) {
            if condition.as_ref().is_none_or(|condition| matches(condition, span)) {
                update(function, state, span);
            }
        }
    }
    Ok(groups)
}

/// The text of a field, empty where there is no value.
fn text(column: &Column, span: &Span) -> Text {
    first_value(column, span).map_or_else(Text::default, |value| Text::from(value.field_text()))
}

fn update(function: &Function, state: &mut State, span: &Span) {
    let texts: Vec<Text> = function.columns.iter().map(|column| text(column, span)).collect();
    let any = texts.iter().any(|text| !text.is_empty());
    match (&function.kind, state) {
        (FunctionKind::Count, State::Count(count)) => count.add(u64::from(any || texts.is_empty())),
        (FunctionKind::CountEmpty, State::Count(count)) => count.add(u64::from(!any)),
        (FunctionKind::SumLen, State::Count(count)) => texts.iter().for_each(|text| count.add(text.len() as u64)),
        (FunctionKind::CountUniq { .. }, State::Uniq(uniq)) if any => match texts.as_slice() {
            [text] => uniq.update_text(text),
            texts => uniq.update_tuple(texts.iter().map(|text| &**text), &mut String::new()),
        },
        (FunctionKind::CountUniqHash { .. }, State::UniqHash(uniq)) if any => match texts.as_slice() {
            [text] => uniq.update_text(text),
            texts => uniq.update_tuple(texts.iter().map(|text| &**text), &mut String::new()),
        },
        (FunctionKind::Min | FunctionKind::Max, State::Extreme(extreme)) => {
            texts.iter().for_each(|text| extreme.update_text(text));
        }
        (FunctionKind::Quantile | FunctionKind::QuantileOfPart { .. }, State::Quantile(quantile)) => {
            texts.iter().for_each(|text| quantile.update_text(text));
        }
        (FunctionKind::Sum, State::Sum(sum)) => {
            for (column, text) in function.columns.iter().zip(&texts) {
                match whole_number(column, span) {
                    Some(number) => sum.update_i64(number),
                    None => parse_number(text).into_iter().for_each(|number| sum.update_f64(number)),
                }
            }
        }
        _ => {}
    }
}

/// A whole number that is shown.
fn whole_number(column: &Column, span: &Span) -> Option<i64> {
    match first_value(column, span)? {
        ColumnValue::Int(0) => None,
        value => i64::try_from(value.whole()?).ok(),
    }
}
