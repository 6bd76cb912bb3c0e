//! `facets`: the most frequent values of every field.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::super::super::ast::pipes;
use super::super::{Account, ExecError, Flow, Out, Pipe, Rows, Text};
use common::query::logsql::order::compare_values;

pub(super) struct Facets {
    shape: pipes::Facets,
    rows: u64,
    /// `None` for a field that is left out.
    fields: BTreeMap<Text, Option<HashMap<Text, u64>>>,
    account: Account,
}

impl Facets {
    pub(super) fn new(shape: &pipes::Facets, account: Account) -> Self {
        Self {
            shape: *shape,
            rows: 0,
            fields: BTreeMap::new(),
            account,
        }
    }

    /// The most frequent values of a field; none for a field that has the same value in all rows.
    fn largest<'f>(&self, values: &'f HashMap<Text, u64>) -> Vec<(&'f Text, u64)> {
        let mut hits: Vec<(&Text, u64)> = values.iter().map(|(value, hits)| (value, *hits)).collect();
        if let [(_, hits)] = hits.as_slice()
            && *hits == self.rows
            && !self.shape.keep_const_fields
        {
            return Vec::new();
        }
        hits.sort_unstable_by(compare);
        hits.truncate(usize::try_from(self.shape.limit).unwrap_or(usize::MAX));
        hits
    }
}

fn compare((a, a_hits): &(&Text, u64), (b, b_hits): &(&Text, u64)) -> Ordering {
    b_hits
        .cmp(a_hits)
        .then_with(|| compare_values(a, b))
        .then_with(|| a.cmp(b))
}

impl Pipe for Facets {
    fn push(&mut self, rows: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        self.rows += rows.len() as u64;
        for column in &rows.columns {
            let field = self
                .fields
                .entry(column.name.clone())
                .or_insert_with(|| Some(HashMap::new()));
            for value in column.values.iter().filter(|value| !value.is_empty()) {
                let Some(values) = field else {
                    break;
                };
                if let Some(hits) = values.get_mut(value) {
                    *hits += 1;
                    continue;
                }
                let too_many = values.len() as u64 >= self.shape.max_values_per_field;
                if too_many || value.len() as u64 > self.shape.max_value_len {
                    *field = None;
                } else {
                    self.account.grow(value.len() + 48)?;
                    values.insert(value.clone(), 1);
                }
            }
        }
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let mut columns: [Vec<Text>; 3] = Default::default();
        for (name, values) in &self.fields {
            for (value, hits) in values.iter().flat_map(|values| self.largest(values)) {
                let row = [name.clone(), value.clone(), hits.to_string().into()];
                columns
                    .iter_mut()
                    .zip(row)
                    .for_each(|(column, value)| column.push(value));
            }
        }
        let mut rows = Rows::new(columns[0].len());
        for (name, values) in ["field_name", "field_value", "hits"].into_iter().zip(columns) {
            rows.set(name, values);
        }
        out(rows).map(drop)
    }
}
