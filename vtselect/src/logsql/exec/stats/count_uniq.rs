//! `count_uniq` and `count_uniq_hash`: distinct tuples of values, not all of them empty.

use common::query::logsql::stats::{Uniq, UniqHash};

use super::super::super::ast::FieldPattern;
use super::super::super::parse::stats::NamesLimited;
use super::{Columns, Function, Text};

/// Exact.
pub(super) struct CountUniq(pub(super) NamesLimited);

/// By hash.
pub(super) struct CountUniqHash(pub(super) NamesLimited);

impl Function for CountUniq {
    type State = Uniq;

    fn fields(&self) -> Vec<FieldPattern> {
        names(&self.0)
    }

    fn new_state(&self) -> Uniq {
        Uniq::new(self.0.limit)
    }

    fn update(&self, state: &mut Uniq, columns: &Columns<'_>, rows: &[usize]) {
        if state.is_full() {
            return;
        }
        if self.0.fields.len() == 1 {
            columns.for_each(rows, |value, _| {
                if !value.is_empty() {
                    state.update_text(value);
                }
            });
            return;
        }
        let mut buffer = String::new();
        for_each_tuple(columns, rows, |tuple| state.update_tuple(tuple, &mut buffer));
    }

    fn finish(&self, state: Uniq, _: f64) -> Text {
        state.count().to_string().into()
    }
}

impl Function for CountUniqHash {
    type State = UniqHash;

    fn fields(&self) -> Vec<FieldPattern> {
        names(&self.0)
    }

    fn new_state(&self) -> UniqHash {
        UniqHash::new(self.0.limit)
    }

    fn update(&self, state: &mut UniqHash, columns: &Columns<'_>, rows: &[usize]) {
        if state.is_full() {
            return;
        }
        if self.0.fields.len() == 1 {
            columns.for_each(rows, |value, _| {
                if !value.is_empty() {
                    state.update_text(value);
                }
            });
            return;
        }
        let mut buffer = String::new();
        for_each_tuple(columns, rows, |tuple| state.update_tuple(tuple, &mut buffer));
    }

    fn finish(&self, state: UniqHash, _: f64) -> Text {
        state.count().to_string().into()
    }
}

fn names(f: &NamesLimited) -> Vec<FieldPattern> {
    f.fields.iter().map(FieldPattern::new).collect()
}

fn for_each_tuple<'r>(columns: &Columns<'r>, rows: &[usize], mut visit: impl FnMut(&mut dyn Iterator<Item = &'r str>)) {
    for row in rows {
        let mut tuple = columns.after(0).iter().map(|column| column.get(*row));
        if tuple.clone().any(|value| !value.is_empty()) {
            visit(&mut tuple);
        }
    }
}
