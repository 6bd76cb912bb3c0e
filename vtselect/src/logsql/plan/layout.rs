//! Answers of rows as rows of texts.

use common::query::{Column, ColumnRows, Projection, RowPart};

use super::super::exec::{ExecError, Rows, Text};
use super::super::fields::{Field, StreamTexts, column_texts, span_rows, time_text};
use super::Needed;

/// Which columns are asked for, and what is made of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    columns: Vec<Column>,
    /// The fields, and the place of the first of each one's columns; `None` for whole spans
    fields: Option<Vec<(Text, Field, usize)>>,
}

impl Layout {
    /// The layout of rows with the needed fields. An error for a field that has several values in a row.
    pub fn new(needed: &Needed) -> Result<Self, ExecError> {
        let mut layout = Self {
            columns: Vec::new(),
            fields: None,
        };
        let Needed::Fields(names) = needed else {
            return Ok(layout);
        };
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            let field = single(name)?;
            fields.push((Text::from(name.as_str()), field.clone(), layout.columns.len()));
            layout.columns.extend(field.columns());
        }
        layout.fields = Some(fields);
        Ok(layout)
    }

    /// What to ask storage for.
    pub fn projection(&self) -> Projection {
        match self.fields {
            None => Projection::Spans,
            Some(_) => Projection::Columns(self.columns.clone()),
        }
    }

    /// The rows of a part of the answer.
    pub fn rows(&self, part: RowPart, streams: &mut StreamTexts) -> Rows {
        match (part, &self.fields) {
            (RowPart::Columns(part), Some(fields)) => self.of_columns(&part, fields, streams),
            (RowPart::Spans(spans), _) => span_rows(&spans, streams),
            (RowPart::Columns(part), None) => Rows::new(part.len),
        }
    }

    fn of_columns(&self, part: &ColumnRows, fields: &[(Text, Field, usize)], streams: &mut StreamTexts) -> Rows {
        let mut rows = Rows::new(part.len);
        let texts = |at: usize| match self.columns.get(at) {
            Some(column) => column_texts(column, part, at),
            None => vec![Text::default(); part.len],
        };
        for (name, field, first) in fields {
            let values = match field {
                Field::Column(_) => texts(*first),
                Field::Time => texts(*first).iter().map(|nanos| time_text(nanos)).collect(),
                Field::Stream | Field::StreamId => {
                    let (services, names) = (texts(*first), texts(first + 1));
                    let pairs = services.iter().zip(&names);
                    let of = |(service, name)| streams.of(service, name);
                    match field {
                        Field::Stream => pairs.map(of).map(|(stream, _)| stream).collect(),
                        _ => pairs.map(of).map(|(_, id)| id).collect(),
                    }
                }
                Field::Message | Field::Absent | Field::AnyOf(_) => {
                    vec![Text::from(field.constant().unwrap_or_default()); part.len]
                }
            };
            rows.set(name, values);
        }
        rows
    }
}

/// What is behind a name, unless that is many values in a row.
pub(super) fn single(name: &str) -> Result<Field, ExecError> {
    match Field::of(name) {
        Field::AnyOf(_) => Err(ExecError::Invalid(format!(
            "a span may have many values of {name:?}; only filters can ask for any of them, \
             elsewhere the name needs the index of one, such as {:?}",
            format!("{name}:0")
        ))),
        field => Ok(field),
    }
}
