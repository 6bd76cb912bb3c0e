//! `sort`, `first`, `last`: rows in the order of some fields.
//!
//! With a limit only the rows that may be in the result are held ([`limited`]), without one all are ([`full`]). Rows
//! that compare as equal stay in the order they arrived in.

mod full;
mod key;
mod limited;

use super::super::super::ast::pipes;
use super::super::{Account, Pipe, Rows, Text};
use full::FullSort;
use key::Order;
use limited::LimitedSort;

/// Makes a `sort` ready.
pub(super) fn new(shape: &pipes::Sort, account: Account) -> Box<dyn Pipe> {
    let order = Order::new(&shape.by, shape.descending);
    let place = Place {
        offset: size(shape.offset),
        rank: shape.rank.clone(),
    };
    if shape.limit == 0 {
        Box::new(FullSort::new(order, place, account))
    } else {
        Box::new(LimitedSort::new(
            order,
            place,
            size(shape.limit),
            &shape.partition_by,
            account,
        ))
    }
}

/// Makes a `first` ready.
pub(super) fn first(shape: &pipes::FirstLast, account: Account) -> LimitedSort {
    first_or_last(shape, false, account)
}

/// Makes a `last` ready.
pub(super) fn last(shape: &pipes::FirstLast, account: Account) -> LimitedSort {
    first_or_last(shape, true, account)
}

fn first_or_last(shape: &pipes::FirstLast, descending: bool, account: Account) -> LimitedSort {
    let place = Place {
        offset: 0,
        rank: shape.rank.clone(),
    };
    let order = Order::new(&shape.by, descending);
    LimitedSort::new(order, place, size(shape.limit), &shape.partition_by, account)
}

fn size(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// Which of the ordered rows are passed on, and the field that gets the place of each.
struct Place {
    offset: usize,
    rank: Option<String>,
}

impl Place {
    /// Sets the rank of rows, the first of which is at this place, counted from 0 after the offset. The rank starts
    /// again at each of the given places.
    fn set_rank(&self, rows: &mut Rows, first: usize, starts: &[usize]) {
        let Some(rank) = &self.rank else {
            return;
        };
        let rank_of = |place: usize| {
            let start = starts.partition_point(|start| *start <= place).checked_sub(1);
            let start = start.and_then(|i| starts.get(i)).copied().unwrap_or(0);
            Text::from((self.offset.saturating_add(place - start).saturating_add(1)).to_string())
        };
        rows.set(rank, (first..first + rows.len()).map(rank_of).collect());
    }
}
