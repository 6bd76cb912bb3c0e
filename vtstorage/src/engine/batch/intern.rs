//! Attribute keys to column numbers while a batch is decoded. Spans of one library carry the same keys in the same
//! order, so the column that followed the last one before is tried first, and hashing is the exception.

use super::arena::same;
use super::{CellColumn, Text};
use common::otlp::wire::WireError;
use hashbrown::HashTable;
use rapidhash::v3::rapidhash_v3;

/// Columns of one level of a batch under construction.
#[derive(Debug, Default)]
pub(super) struct Interner<'a> {
    keys: Vec<&'a [u8]>,
    columns: Vec<CellColumn>,
    by_key: HashTable<u16>,
    fields: Vec<(CellColumn, u16)>,
    /// For each column the one that came after it last time; the last entry is for the start of a row
    follows: Vec<u16>,
    first: u16,
    previous: Option<u16>,
}

const NONE: u16 = u16::MAX;

/// So many attribute columns at most: a few numbers stay free for the intrinsic fields.
const MOST: usize = NONE as usize - 16;

impl<'a> Interner<'a> {
    pub(super) fn new() -> Self {
        Self {
            first: NONE,
            ..Self::default()
        }
    }

    /// To be called before the keys of a row.
    pub(super) fn begin_row(&mut self) {
        self.previous = None;
    }

    /// The column of an attribute, `None` when there would be more than `limit` columns. `place` checks a new key and
    /// keeps it.
    #[inline]
    pub(super) fn attr(
        &mut self,
        key: &'a [u8],
        limit: usize,
        place: impl FnOnce() -> Result<Text, WireError>,
    ) -> Result<Option<u16>, WireError> {
        let guess = match self.previous {
            Some(previous) => self.follows.get(previous as usize).copied().unwrap_or(NONE),
            None => self.first,
        };
        let column = match self.keys.get(guess as usize) {
            Some(known) if same(known, key) => Some(guess),
            _ => self.look_up(key, limit, place)?,
        };
        if column.is_some() {
            self.previous = column;
        }
        Ok(column)
    }

    fn look_up(
        &mut self,
        key: &'a [u8],
        limit: usize,
        place: impl FnOnce() -> Result<Text, WireError>,
    ) -> Result<Option<u16>, WireError> {
        let hash = rapidhash_v3(key);
        let keys = &self.keys;
        let found = self
            .by_key
            .find(hash, |c| keys.get(*c as usize).is_some_and(|k| same(k, key)))
            .copied();
        let column = match found {
            Some(column) => column,
            None => {
                if self.columns.len() >= limit.min(MOST) {
                    return Ok(None);
                }
                let Some(column) = self.add(key, CellColumn::Attr(place()?)) else {
                    return Ok(None);
                };
                let keys = &self.keys;
                self.by_key.insert_unique(hash, column, |c| {
                    rapidhash_v3(keys.get(*c as usize).map_or(&[], |k| *k))
                });
                column
            }
        };
        match self.previous.and_then(|p| self.follows.get_mut(p as usize)) {
            Some(follow) => *follow = column,
            None => self.first = column,
        }
        Ok(Some(column))
    }

    /// The column of an intrinsic field: never refused, there are few.
    pub(super) fn field(&mut self, field: CellColumn) -> u16 {
        if let Some((_, column)) = self.fields.iter().find(|(f, _)| *f == field) {
            return *column;
        }
        let column = self.add(&[], field).unwrap_or(NONE - 1);
        self.fields.push((field, column));
        column
    }

    fn add(&mut self, key: &'a [u8], column: CellColumn) -> Option<u16> {
        let number = u16::try_from(self.columns.len()).ok()?;
        self.columns.push(column);
        self.keys.push(key);
        self.follows.push(NONE);
        Some(number)
    }

    pub(super) fn into_columns(self) -> Vec<CellColumn> {
        self.columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_column_in_any_order() {
        let mut interner = Interner::new();
        let at = Text::default();
        let mut row = |keys: &[&'static str]| {
            interner.begin_row();
            keys.iter()
                .map(|k| interner.attr(k.as_bytes(), 3, || Ok(at)).unwrap().unwrap_or(NONE))
                .collect::<Vec<_>>()
        };
        assert_eq!(row(&["a", "b", "c"]), [0, 1, 2]);
        assert_eq!(row(&["c", "a", "b"]), [2, 0, 1]);
        assert_eq!(row(&["a", "d", "c"]), [0, NONE, 2]);
        assert_eq!(interner.field(CellColumn::Flags), 3);
        assert_eq!(interner.field(CellColumn::Flags), 3);
        interner.begin_row();
        assert_eq!(
            interner.attr(b"", 9, || Ok(at)).unwrap(),
            Some(4),
            "an empty key is no intrinsic field"
        );
    }
}
