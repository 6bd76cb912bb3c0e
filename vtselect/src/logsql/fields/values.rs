//! Texts of the values that storage answers with.

use common::query::{Column, ColumnRows, EMPTY_TEXT, RowValues, field_text, is_always_shown};
use common::value::AttrValue;

use super::super::exec::Text;
use super::super::value::format_rfc3339;

/// The texts of a column, one for each row; empty where a row has no value.
pub fn column_texts(column: &Column, rows: &ColumnRows, at: usize) -> Vec<Text> {
    let empty = Text::default();
    match rows.columns.get(at) {
        None => vec![empty; rows.len],
        Some(RowValues::Dict { values, codes }) => {
            let shown: Text = if is_always_shown(column) {
                EMPTY_TEXT.into()
            } else {
                empty.clone()
            };
            let texts: Vec<Text> = values
                .iter()
                .map(|value| if value.is_empty() { shown.clone() } else { value.clone() })
                .collect();
            let text = |code: &Option<u32>| {
                let text = code.and_then(|code| texts.get(code as usize));
                text.unwrap_or(&empty).clone()
            };
            codes.iter().map(text).collect()
        }
        Some(RowValues::Values(values)) => {
            let text = |value: &Option<AttrValue>| match value {
                None => empty.clone(),
                Some(value) => value_text(column, value),
            };
            values.iter().map(text).collect()
        }
    }
}

/// The text of a value; a text that is shown as it is stays shared.
pub(super) fn value_text(column: &Column, value: &AttrValue) -> Text {
    match value {
        AttrValue::Str(text) if !text.is_empty() => text.clone(),
        value => field_text(column, value).into(),
    }
}

/// A time, given as decimal nanoseconds, as `_time` shows it.
pub fn time_text(nanos: &str) -> Text {
    let nanos = nanos.parse::<i128>().unwrap_or_default();
    let end = if nanos < 0 { i64::MIN } else { i64::MAX };
    format_rfc3339(i64::try_from(nanos).unwrap_or(end)).into()
}
