//! `count_uniq` and `count_uniq_hash`: distinct tuples of values, not all of them empty.

use common::query::logsql::stats::{Uniq, UniqHash};

use super::super::super::ast::FieldPattern;
use super::super::super::parse::stats::NamesLimited;
use super::{Columns, Function, Kind, Text};
use std::marker::PhantomData;

/// Counts what is distinct, exactly ([`Uniq`]) or by hash ([`UniqHash`]).
pub(super) struct CountUniq<S> {
    of: NamesLimited,
    state: PhantomData<fn() -> S>,
}

impl<S> CountUniq<S> {
    pub(super) fn new(of: NamesLimited) -> Self {
        Self { of, state: PhantomData }
    }
}

/// What has been seen.
pub(super) trait Seen: Kind {
    fn up_to(limit: u64) -> Self;
    fn is_full(&self) -> bool;
    fn text(&mut self, value: &str);
    fn tuple(&mut self, values: &mut dyn Iterator<Item = &str>, buffer: &mut String);
    fn count(&self) -> u64;
}

macro_rules! seen {
    ($($state:ty),*) => {$(
        impl Seen for $state {
            fn up_to(limit: u64) -> Self {
                Self::new(limit)
            }

            fn is_full(&self) -> bool {
                <$state>::is_full(self)
            }

            fn text(&mut self, value: &str) {
                self.update_text(value);
            }

            fn tuple(&mut self, values: &mut dyn Iterator<Item = &str>, buffer: &mut String) {
                self.update_tuple(values, buffer);
            }

            fn count(&self) -> u64 {
                <$state>::count(self)
            }
        }
    )*};
}
seen!(Uniq, UniqHash);

impl<S: Seen> Function for CountUniq<S> {
    type State = S;

    fn fields(&self) -> Vec<FieldPattern> {
        self.of.fields.iter().map(FieldPattern::new).collect()
    }

    fn new_state(&self) -> S {
        S::up_to(self.of.limit)
    }

    fn update(&self, state: &mut S, columns: &Columns<'_>, rows: &[usize]) {
        if state.is_full() {
            return;
        }
        if self.of.fields.len() == 1 {
            columns.for_each(rows, |value, _| {
                if !value.is_empty() {
                    state.text(value);
                }
            });
            return;
        }
        let mut buffer = String::new();
        for_each_tuple(columns, rows, |tuple| state.tuple(tuple, &mut buffer));
    }

    fn finish(&self, state: S, _: f64) -> Text {
        state.count().to_string().into()
    }
}

fn for_each_tuple<'r>(columns: &Columns<'r>, rows: &[usize], mut visit: impl FnMut(&mut dyn Iterator<Item = &'r str>)) {
    for row in rows {
        let mut tuple = columns.after(0).iter().map(|column| column.get(*row));
        if tuple.clone().any(|value| !value.is_empty()) {
            visit(&mut tuple);
        }
    }
}
