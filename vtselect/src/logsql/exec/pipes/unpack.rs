//! `unpack_json`, `unpack_logfmt`, `unpack_syslog`: the fields in a text as fields of the row.

use super::super::super::ast::{FieldPattern, pipes};
use super::super::syslog::{self, Clock};
use super::super::{Rows, Text, json, logfmt};
use super::overwrite::FieldWriter;
use super::{Condition, Transform};

pub(super) struct Unpack {
    shape: pipes::Unpack,
    condition: Condition,
    form: Form,
}

/// How the text has fields.
enum Form {
    Json,
    Logfmt,
    Syslog(Clock),
}

impl Unpack {
    pub(super) fn json(shape: &pipes::Unpack, condition: Condition) -> Self {
        let shape = shape.clone();
        Self {
            shape,
            condition,
            form: Form::Json,
        }
    }

    pub(super) fn logfmt(shape: &pipes::Unpack, condition: Condition) -> Self {
        let shape = shape.clone();
        Self {
            shape,
            condition,
            form: Form::Logfmt,
        }
    }

    /// `now` is unix nanoseconds.
    pub(super) fn syslog(shape: &pipes::UnpackSyslog, condition: Condition, now: i64) -> Self {
        let overwrite = match shape.keep_original_fields {
            true => pipes::Overwrite::KeepOriginal,
            false => pipes::Overwrite::Always,
        };
        Self {
            shape: pipes::Unpack {
                condition: None,
                from: shape.from.clone(),
                fields: Vec::new(),
                result_prefix: shape.result_prefix.clone(),
                overwrite,
            },
            condition,
            form: Form::Syslog(Clock {
                now,
                offset: shape.offset.as_ref().map_or(0, |(offset, _)| *offset),
            }),
        }
    }

    /// The fields in the text that the pipe asks for, under their new names.
    fn fields(&self, text: &str) -> Vec<(Text, Text)> {
        let found = match &self.form {
            Form::Json if !text.starts_with('{') => return Vec::new(),
            Form::Json => json::object_fields(text, json::MAX_NAME).unwrap_or_default(),
            Form::Logfmt if text.is_empty() => return Vec::new(),
            Form::Logfmt => logfmt::read(text),
            Form::Syslog(clock) => syslog::read(text, *clock),
        };
        let fields = &self.shape.fields;
        let missing = fields
            .iter()
            .map(FieldPattern::as_str)
            .filter(|name| !name.ends_with('*') && found.iter().all(|(other, _)| other != name))
            .map(|name| (name, ""));
        let asked = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| fields.is_empty() || fields.iter().any(|pattern| pattern.matches(name)));
        let prefix = self.shape.result_prefix.as_str();
        asked
            .chain(missing)
            .map(|(name, value)| (format!("{prefix}{name}").into(), value.into()))
            .collect()
    }
}

impl Transform for Unpack {
    fn apply(&mut self, rows: &mut Rows) {
        let Some(source) = rows.column(&self.shape.from).map(|column| column.values.clone()) else {
            return;
        };
        let mask = self.condition.mask(rows);
        let mut writer = FieldWriter::new(rows, self.shape.overwrite);
        let mut last: Option<(Text, Vec<(Text, Text)>)> = None;
        for (row, text) in source.into_iter().enumerate().filter(|(row, _)| mask.has(*row)) {
            if last.as_ref().is_none_or(|(seen, _)| *seen != text) {
                let fields = self.fields(&text);
                last = Some((text, fields));
            }
            for (name, value) in last.iter().flat_map(|(_, fields)| fields) {
                writer.set(row, name, value.clone());
            }
        }
    }
}
