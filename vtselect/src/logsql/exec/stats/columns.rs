//! The columns of a block that a function reads.

use std::sync::Arc;

use common::query::logsql::value::parse_number;

use super::super::super::ast::FieldPattern;
use super::super::{Rows, Text};

/// Columns of one block of rows.
#[derive(Debug, Clone)]
pub struct Columns<'r> {
    list: Vec<Column<'r>>,
    rows: usize,
    /// Every field was asked for.
    all: bool,
}

/// A column, which the block may lack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'r> {
    pub(super) name: Option<&'r Text>,
    values: &'r [Text],
    /// It was asked for by its name, so that rows without a value count as empty; else they do not have the field.
    named: bool,
}

impl<'r> Columns<'r> {
    /// The columns of some fields, in this order. A field that the block lacks is a column of empty values; a prefix
    /// stands for the columns that the block has.
    pub fn select(rows: &'r Rows, fields: &[FieldPattern]) -> Self {
        let mut list = Vec::with_capacity(fields.len());
        for field in fields {
            if field.prefix().is_none() {
                let column = rows.column(field.as_str());
                list.push(Column {
                    name: column.map(|column| &column.name),
                    values: column.map_or(&[], |column| column.values.as_slice()),
                    named: true,
                });
                continue;
            }
            for column in rows.columns.iter().filter(|column| field.matches(&column.name)) {
                list.push(Column {
                    name: Some(&column.name),
                    values: &column.values,
                    named: false,
                });
            }
        }
        Self {
            list,
            rows: rows.len(),
            all: fields.iter().any(FieldPattern::is_all),
        }
    }

    /// The first column; empty if there is none.
    pub(super) fn first(&self) -> Column<'r> {
        self.list.first().copied().unwrap_or(Column {
            name: None,
            values: &[],
            named: true,
        })
    }

    /// All columns, or those after the first `skip`.
    pub(super) fn after(&self, skip: usize) -> &[Column<'r>] {
        self.list.get(skip..).unwrap_or(&[])
    }

    /// True when the function reads every field of a row.
    pub(super) fn is_all(&self) -> bool {
        self.all
    }

    /// Calls `visit` with the values of the rows, column by column, and with how many times in a row they stand there.
    /// Rows that do not have the field are left out; rows where a named field is missing give the empty text.
    pub(super) fn for_each(&self, rows: &[usize], mut visit: impl FnMut(&Text, u64)) {
        let empty = Text::default();
        for column in &self.list {
            if column.values.is_empty() {
                if column.named && !rows.is_empty() {
                    visit(&empty, rows.len() as u64);
                }
                continue;
            }
            let mut run: Option<(&Text, u64)> = None;
            for value in rows.iter().filter_map(|row| column.values.get(*row)) {
                match &mut run {
                    Some((last, times)) if Arc::ptr_eq(last, value) => *times += 1,
                    _ => {
                        if let Some((last, times)) = run.replace((value, 1)) {
                            column.give(last, times, &mut visit);
                        }
                    }
                }
            }
            if let Some((last, times)) = run {
                column.give(last, times, &mut visit);
            }
        }
    }

    /// As [`Self::for_each`], for the values that are numbers, durations or sizes.
    pub(super) fn for_each_number(&self, rows: &[usize], mut visit: impl FnMut(f64, u64)) {
        self.for_each(rows, |value, times| {
            if let Some(number) = parse_number(value) {
                visit(number, times);
            }
        });
    }

    /// How many of the rows have a value in at least one of the columns.
    pub(super) fn count_filled(&self, rows: &[usize]) -> u64 {
        let filled = |row: &&usize| self.list.iter().any(|column| !column.get(**row).is_empty());
        rows.iter().filter(filled).count() as u64
    }

    /// The values of a row that are not empty, by name, each name once.
    pub(super) fn fields_of(&self, skip: usize, row: usize) -> Vec<(Text, Text)> {
        let fields = self.after(skip).iter().filter_map(|column| {
            let value = column.values.get(row).filter(|value| !value.is_empty())?;
            Some((column.name?.clone(), value.clone()))
        });
        let mut fields: Vec<_> = fields.collect();
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        fields.dedup_by(|(a, _), (b, _)| a == b);
        fields
    }

    /// How many rows the block has.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

impl<'r> Column<'r> {
    /// The value of a row; empty where there is none.
    pub(super) fn get(&self, row: usize) -> &'r str {
        self.values.get(row).map_or("", |value| value)
    }

    /// The value of a row as a text of its own.
    pub(super) fn text(&self, row: usize) -> Text {
        self.values.get(row).cloned().unwrap_or_default()
    }

    fn give(&self, value: &Text, times: u64, visit: &mut impl FnMut(&Text, u64)) {
        if self.named || !value.is_empty() {
            visit(value, times);
        }
    }
}
