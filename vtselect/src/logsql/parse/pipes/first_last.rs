//! `first [N] by (a) partition by (x) rank as r`, `last ...`: the first or last rows of an order.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{at_any_or_end, decimal};
use super::sort::{SortField, partition, rank, sort_fields, write_rank};
use super::{Shape, quoted, write_by};

/// The first rows of an order; of its reverse for `last`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstLast {
    /// How many rows.
    pub limit: u64,
    /// Fields to order by; none for all fields of a row.
    pub by: Vec<SortField>,
    /// So many rows for each value of these fields.
    pub partition_by: Vec<String>,
    /// A field that gets the place of the row, from 1.
    pub rank: Option<String>,
}

impl Shape for FirstLast {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let mark = c.mark();
        let limit = if at_any_or_end(c, &["by", "partition", "rank", "("]) {
            1
        } else {
            decimal(c, "a number of rows")?
        };
        if limit == 0 {
            return Err(c.error_at(mark, "expected a number of rows above 0"));
        }
        let by = if c.eat("by") || c.is("(") {
            sort_fields(c)?
        } else {
            Vec::new()
        };
        Ok(Self {
            limit,
            by,
            partition_by: partition(c)?,
            rank: rank(c)?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.limit != 1 {
            write!(f, " {}", self.limit)?;
        }
        write_by(f, "by", &self.by)?;
        write_by(f, "partition by", quoted(&self.partition_by))?;
        write_rank(f, self.rank.as_deref())
    }
}
