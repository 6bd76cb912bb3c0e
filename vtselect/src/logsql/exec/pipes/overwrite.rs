//! What happens to fields that exist when a pipe has new values for them.

use hashbrown::HashMap;

use super::super::super::ast::pipes::Overwrite;
use super::super::{Rows, Text};

/// The value that stays.
pub(super) fn pick(overwrite: Overwrite, original: &Text, new: Text) -> Text {
    let keep = match overwrite {
        Overwrite::Always => false,
        Overwrite::KeepOriginal => !original.is_empty(),
        Overwrite::SkipEmpty => new.is_empty(),
    };
    if keep { original.clone() } else { new }
}

/// Sets fields of single rows.
pub(super) struct FieldWriter<'r> {
    rows: &'r mut Rows,
    places: HashMap<Text, usize>,
    overwrite: Overwrite,
}

impl<'r> FieldWriter<'r> {
    pub(super) fn new(rows: &'r mut Rows, overwrite: Overwrite) -> Self {
        let names = rows.columns.iter().map(|column| column.name.clone());
        Self {
            places: names.zip(0..).collect(),
            rows,
            overwrite,
        }
    }

    /// Sets a field of a row. A column is made only for a value.
    pub(super) fn set(&mut self, row: usize, name: &str, new: Text) {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if new.is_empty() => return,
            None => {
                let place = self.rows.columns.len();
                self.rows.column_mut(name);
                self.places.insert(name.into(), place);
                place
            }
        };
        let column = self.rows.columns.get_mut(place);
        if let Some(value) = column.and_then(|column| column.values.get_mut(row)) {
            *value = pick(self.overwrite, value, new);
        }
    }
}
