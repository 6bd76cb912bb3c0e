//! What is behind the name of a field.

use common::query::{Column, SpanField};

use super::names::parse_column;
use super::{MESSAGE, STREAM, STREAM_ID, TIME};

/// What is behind the name of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The text of a column.
    Column(Column),
    /// Any event or link of a span: filters can ask for it, a row has no single value of it.
    AnyOf(Column),
    /// The start of the span as RFC 3339 text.
    Time,
    /// `{name="…",resource_attr:service.name="…"}`.
    Stream,
    /// 48 hexadecimal digits.
    StreamId,
    /// Always `-`.
    Message,
    /// No span has it: always empty.
    Absent,
}

impl Field {
    /// What is behind `name`. Every name has a meaning, if only that no span has the field.
    pub fn of(name: &str) -> Self {
        match name {
            TIME => Self::Time,
            STREAM => Self::Stream,
            STREAM_ID => Self::StreamId,
            MESSAGE | "" => Self::Message,
            name => match parse_column(name) {
                Some(column @ (Column::Event { index: None, .. } | Column::Link { index: None, .. })) => {
                    Self::AnyOf(column)
                }
                Some(column) => Self::Column(column),
                None => Self::Absent,
            },
        }
    }

    /// The columns that its text is made of.
    pub fn columns(&self) -> Vec<Column> {
        match self {
            Self::Column(column) => vec![column.clone()],
            Self::Time => vec![Column::Field(SpanField::Start)],
            Self::Stream | Self::StreamId => vec![Column::service(), Column::Field(SpanField::Name)],
            Self::AnyOf(_) | Self::Message | Self::Absent => Vec::new(),
        }
    }

    /// The column whose text is the text of the field.
    pub fn column(&self) -> Option<&Column> {
        match self {
            Self::Column(column) => Some(column),
            _ => None,
        }
    }

    /// The text that it has in every span, if that is so.
    pub fn constant(&self) -> Option<&'static str> {
        match self {
            Self::Message => Some(super::NO_MESSAGE),
            Self::Absent => Some(""),
            _ => None,
        }
    }
}
