//! `field_names`: the names of fields with the number of rows that have a value.

use std::collections::BTreeMap;

use super::super::super::ast::pipes::NamedResult;
use super::super::{Account, ExecError, Flow, Out, Pipe, Rows, Text};

pub(super) struct FieldNames {
    result: String,
    hits: BTreeMap<Text, u64>,
    account: Account,
}

impl FieldNames {
    pub(super) fn new(shape: &NamedResult, account: Account) -> Self {
        Self {
            result: shape.result.clone(),
            hits: BTreeMap::new(),
            account,
        }
    }
}

impl Pipe for FieldNames {
    fn push(&mut self, rows: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        for column in &rows.columns {
            let values = column.values.iter().filter(|value| !value.is_empty()).count() as u64;
            match self.hits.get_mut(&column.name) {
                Some(hits) => *hits += values,
                None if values > 0 => {
                    self.account.grow(column.name.len() + 64)?;
                    self.hits.insert(column.name.clone(), values);
                }
                None => {}
            }
        }
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let mut rows = Rows::new(self.hits.len());
        let hits = if self.result == "hits" { "hitss" } else { "hits" };
        rows.set(&self.result, self.hits.keys().cloned().collect());
        rows.set(
            hits,
            self.hits.values().map(|hits| Text::from(hits.to_string())).collect(),
        );
        out(rows).map(drop)
    }
}
