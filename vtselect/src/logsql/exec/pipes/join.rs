//! `join`: adds the fields of another query's rows that are equal in some fields.

use super::super::super::ast::pipes;
use super::super::groups::{Groups, Values};
use super::super::row_store::RowStore;
use super::super::rows::RowColumn;
use super::super::{Account, ExecContext, ExecError, Flow, Out, Pipe, Rows, Text};

/// Rows in one block that is passed on.
const BLOCK: usize = 1_024;

pub(super) struct Join {
    shape: pipes::Join,
    context: ExecContext,
    account: Account,
    other: Option<Other>,
}

/// The rows of the other query.
struct Other {
    keys: Groups,
    rows_of_key: Vec<Vec<usize>>,
    rows: RowStore,
}

/// A row that is passed on: the row that arrived, and its partner.
type Pair = (usize, Option<usize>);

impl Join {
    pub(super) fn new(shape: &pipes::Join, context: &ExecContext, account: Account) -> Self {
        Self {
            shape: shape.clone(),
            context: context.clone(),
            account,
            other: None,
        }
    }

    /// Executes the other query, once.
    fn read_other(&mut self) -> Result<Other, ExecError> {
        if let Some(other) = self.other.take() {
            return Ok(other);
        }
        let mut other = Other {
            keys: Groups::new(self.shape.by.len()),
            rows_of_key: Vec::new(),
            rows: RowStore::default(),
        };
        let (by, account) = (&self.shape.by, &mut self.account);
        self.context.subqueries.run(&self.shape.query, &mut |rows| {
            other.add(rows, by, account)?;
            Ok(Flow::More)
        })?;
        Ok(other)
    }

    fn joined(&self, rows: &Rows, other: &Other, pairs: &[Pair]) -> Rows {
        let mut joined = Rows::new(pairs.len());
        joined.columns = rows.columns.iter().map(|column| left_column(column, pairs)).collect();
        for column in other.rows.columns() {
            if !self.shape.by.iter().any(|name| **name == *column.name) {
                add_right_column(&mut joined, &self.shape.prefix, column, pairs);
            }
        }
        joined
    }
}

impl Other {
    fn add(&mut self, rows: Rows, by: &[String], account: &mut Account) -> Result<(), ExecError> {
        let columns = Values::of_all(&rows, by);
        for row in 0..rows.len() {
            let (key, bytes) = self.keys.add(&columns, row);
            account.grow(bytes + size_of::<usize>() + size_of::<Vec<usize>>())?;
            match self.rows_of_key.get_mut(key) {
                Some(rows) => rows.push(self.rows.len() + row),
                None => self.rows_of_key.push(vec![self.rows.len() + row]),
            }
        }
        self.rows.append(rows, account)
    }

    /// The rows that are equal to this one in the joined fields.
    fn partners(&self, columns: &[Values<'_>], row: usize) -> &[usize] {
        let key = self.keys.find(columns, row);
        key.and_then(|key| self.rows_of_key.get(key)).map_or(&[], Vec::as_slice)
    }
}

fn left_column(column: &RowColumn, pairs: &[Pair]) -> RowColumn {
    let values = pairs
        .iter()
        .map(|(row, _)| column.values.get(*row).cloned().unwrap_or_default());
    RowColumn {
        name: column.name.clone(),
        values: values.collect(),
    }
}

/// Values that a row has already stay.
fn add_right_column(joined: &mut Rows, prefix: &str, column: &RowColumn, pairs: &[Pair]) {
    let own = &mut joined.column_mut(&format!("{prefix}{}", column.name)).values;
    for (own, (_, partner)) in own.iter_mut().zip(pairs).filter(|(own, _)| own.is_empty()) {
        if let Some(value) = partner.and_then(|partner| column.values.get(partner)) {
            *own = Text::clone(value);
        }
    }
}

impl Pipe for Join {
    fn push(&mut self, rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError> {
        let other = self.read_other()?;
        let columns = Values::of_all(&rows, &self.shape.by);
        let mut pairs: Vec<Pair> = Vec::new();
        let mut flow = Flow::More;
        for row in 0..rows.len() {
            let partners = other.partners(&columns, row);
            if partners.is_empty() && !self.shape.inner {
                pairs.push((row, None));
            }
            for partner in partners {
                pairs.push((row, Some(*partner)));
                if pairs.len() == BLOCK && flow == Flow::More {
                    self.account.check()?;
                    flow = out(self.joined(&rows, &other, &pairs))?;
                    pairs.clear();
                }
                if flow == Flow::Enough {
                    return Ok(flow);
                }
            }
        }
        flow = out(self.joined(&rows, &other, &pairs))?;
        self.other = Some(other);
        Ok(flow)
    }
}
