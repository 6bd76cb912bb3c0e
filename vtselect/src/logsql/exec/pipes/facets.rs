//! `facets`: the most frequent values of every field.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::super::super::ast::pipes;
use super::super::{Account, ExecContext, ExecError, Flow, Out, Pipe, Rows, Text};
use common::query::logsql::order::compare_values;

/// Facets of fields whose values are counted already.
pub struct FacetValues(Facets);

impl FacetValues {
    /// No fields yet.
    pub fn new(shape: &pipes::Facets, context: &ExecContext) -> Self {
        Self(Facets::new(shape, Account::new(&context.query, "facets")))
    }

    /// Adds the values of a field: a single column, in which each value stands for as many rows as its place in
    /// `times` says. The rows without a value must be there too.
    pub fn add(&mut self, values: &Rows, times: &[u64]) -> Result<(), ExecError> {
        self.0.rows = times.iter().sum();
        self.0.add(values, |row| times.get(row).copied().unwrap_or_default())
    }

    /// The facets of all fields.
    pub fn into_rows(self) -> Rows {
        self.0.rows()
    }
}

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

impl Facets {
    /// Adds rows, each of which stands for as many as `times` says.
    fn add(&mut self, rows: &Rows, times: impl Fn(usize) -> u64) -> Result<(), ExecError> {
        for column in &rows.columns {
            let field = self
                .fields
                .entry(column.name.clone())
                .or_insert_with(|| Some(HashMap::new()));
            let filled = column.values.iter().enumerate().filter(|(_, value)| !value.is_empty());
            for (row, value) in filled {
                let Some(values) = field else {
                    break;
                };
                if let Some(hits) = values.get_mut(value) {
                    *hits += times(row);
                    continue;
                }
                let too_many = values.len() as u64 >= self.shape.max_values_per_field;
                if too_many || value.len() as u64 > self.shape.max_value_len {
                    *field = None;
                } else {
                    self.account.grow(value.len() + 48)?;
                    values.insert(value.clone(), times(row));
                }
            }
        }
        Ok(())
    }

    fn rows(&self) -> Rows {
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
        rows
    }
}

impl Pipe for Facets {
    fn push(&mut self, rows: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        self.rows += rows.len() as u64;
        self.add(&rows, |_| 1)?;
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        out(self.rows()).map(drop)
    }
}
