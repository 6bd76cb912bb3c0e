//! `replace`, `replace_regexp`: other text in place of some text.

use std::borrow::Cow;

use super::super::super::ast::pipes;
use super::super::Rows;
use super::per_block::update;
use super::{Condition, Transform};

pub(super) struct Replace {
    shape: pipes::Replace,
    condition: Condition,
}

pub(super) struct ReplaceRegexp {
    shape: pipes::ReplaceRegexp,
    condition: Condition,
}

impl Replace {
    pub(super) fn new(shape: &pipes::Replace, condition: Condition) -> Self {
        let shape = shape.clone();
        Self { shape, condition }
    }
}

impl ReplaceRegexp {
    pub(super) fn new(shape: &pipes::ReplaceRegexp, condition: Condition) -> Self {
        let shape = shape.clone();
        Self { shape, condition }
    }
}

/// 0 stands for no bound.
fn bound(limit: u64) -> usize {
    match limit {
        0 => usize::MAX,
        limit => usize::try_from(limit).unwrap_or(usize::MAX),
    }
}

impl Transform for Replace {
    fn apply(&mut self, rows: &mut Rows) {
        let pipes::Replace {
            old, new, field, limit, ..
        } = &self.shape;
        if old.is_empty() {
            return;
        }
        update(rows, field, &self.condition.mask(rows), |value| {
            if value.contains(old.as_str()) {
                Cow::Owned(value.replacen(old.as_str(), new, bound(*limit)))
            } else {
                Cow::Borrowed(value)
            }
        });
    }
}

impl Transform for ReplaceRegexp {
    fn apply(&mut self, rows: &mut Rows) {
        let pipes::ReplaceRegexp {
            regexp,
            replacement,
            field,
            limit,
            ..
        } = &self.shape;
        let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
        update(rows, field, &self.condition.mask(rows), |value| {
            regexp.regex().replacen(value, limit, replacement.as_str())
        });
    }
}
