//! Pipes that change each block on its own, and changes of a single column.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::{ExecError, Flow, Out, Pipe, Rows, Text};
use super::condition::Mask;

/// A change of a block that depends on nothing but the block.
pub(super) trait Transform: Send {
    fn apply(&mut self, rows: &mut Rows);
}

/// A transform as a pipe.
pub(super) struct PerBlock<T>(pub(super) T);

impl<T: Transform> Pipe for PerBlock<T> {
    fn push(&mut self, mut rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError> {
        self.0.apply(&mut rows);
        out(rows)
    }
}

/// A function of texts that is not called again for the text it saw last: following rows are often alike.
pub(super) struct Repeated<F> {
    function: F,
    last: Option<(Text, Text)>,
}

impl<F: FnMut(&str) -> Text> Repeated<F> {
    pub(super) fn new(function: F) -> Self {
        Self { function, last: None }
    }

    pub(super) fn call(&mut self, value: &Text) -> Text {
        if let Some((seen, result)) = &self.last
            && (Arc::ptr_eq(seen, value) || seen == value)
        {
            return result.clone();
        }
        let result = (self.function)(value);
        self.last = Some((value.clone(), result.clone()));
        result
    }
}

/// Sets `result` to a function of `field`.
pub(super) fn derive(rows: &mut Rows, field: &str, result: &str, function: impl FnMut(&str) -> Text) {
    let mut function = Repeated::new(function);
    let values = match rows.column(field) {
        Some(column) => column.values.iter().map(|value| function.call(value)).collect(),
        None => vec![function.call(&Text::default()); rows.len()],
    };
    rows.set(result, values);
}

/// Changes the values of `field` in the rows of the mask; borrowed text means no change.
pub(super) fn update(rows: &mut Rows, field: &str, mask: &Mask, mut function: impl FnMut(&str) -> Cow<'_, str>) {
    if rows.column(field).is_none() && matches!(function(""), Cow::Borrowed(_)) {
        return;
    }
    let mut last: Option<(Text, Option<Text>)> = None;
    for (row, value) in rows.column_mut(field).values.iter_mut().enumerate() {
        if !mask.has(row) {
            continue;
        }
        let known = last
            .as_ref()
            .filter(|(seen, _)| Arc::ptr_eq(seen, value) || seen == value);
        let new = match known {
            Some((_, new)) => new.clone(),
            None => {
                let new = match function(value) {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(new) => Some(Text::from(new)),
                };
                last = Some((value.clone(), new.clone()));
                new
            }
        };
        if let Some(new) = new {
            *value = new;
        }
    }
}
