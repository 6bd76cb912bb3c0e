//! `unpack_json`, `unpack_logfmt`: the fields in a text as fields of the row.

use super::super::super::ast::{FieldPattern, pipes};
use super::super::{Rows, Text, json, logfmt};
use super::overwrite::FieldWriter;
use super::{Condition, Transform};

pub(super) struct Unpack {
    shape: pipes::Unpack,
    condition: Condition,
    json: bool,
}

impl Unpack {
    pub(super) fn json(shape: &pipes::Unpack, condition: Condition) -> Self {
        let shape = shape.clone();
        Self {
            shape,
            condition,
            json: true,
        }
    }

    pub(super) fn logfmt(shape: &pipes::Unpack, condition: Condition) -> Self {
        let shape = shape.clone();
        Self {
            shape,
            condition,
            json: false,
        }
    }

    /// The fields in the text that the pipe asks for, under their new names.
    fn fields(&self, text: &str) -> Vec<(Text, Text)> {
        let found = match self.json {
            true if !text.starts_with('{') => return Vec::new(),
            true => json::object_fields(text, json::MAX_NAME).unwrap_or_default(),
            false if text.is_empty() => return Vec::new(),
            false => logfmt::read(text),
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
