//! `time_add`: moves times; other values stay.

use std::borrow::Cow;

use super::super::super::ast::pipes;
use super::super::super::value::{format_rfc3339, parse_rfc3339};
use super::super::Rows;
use super::Transform;
use super::condition::Mask;
use super::per_block::update;

pub(super) struct TimeAdd(pipes::TimeAdd);

impl TimeAdd {
    pub(super) fn new(shape: &pipes::TimeAdd) -> Self {
        Self(shape.clone())
    }
}

impl Transform for TimeAdd {
    fn apply(&mut self, rows: &mut Rows) {
        let duration = self.0.duration;
        update(rows, &self.0.field, &Mask::All, |value| match parse_rfc3339(value) {
            Some(ns) => Cow::Owned(format_rfc3339(ns.saturating_add(duration))),
            None => Cow::Borrowed(value),
        });
    }
}
