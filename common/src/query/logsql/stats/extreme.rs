//! The least or the greatest value in natural order.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

use super::super::order::OrderKey;
use super::super::value::format_float;
use super::{Partial, Text};

/// Which end of the order is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum End {
    Least,
    Greatest,
}

impl End {
    /// True when the first of two values is nearer to this end.
    pub(super) fn prefers(self, order: Ordering) -> bool {
        match self {
            Self::Least => order.is_lt(),
            Self::Greatest => order.is_gt(),
        }
    }
}

/// The least or the greatest value so far, in the text it was given in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extreme {
    end: End,
    best: Option<Best>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Best {
    Int(i64),
    Text(OrderKey, Text),
}

impl Extreme {
    /// No value yet.
    pub fn new(end: End) -> Self {
        Self { end, best: None }
    }

    /// Adds an integer.
    pub fn update_i64(&mut self, value: i64) {
        let better = match &self.best {
            None => true,
            Some(Best::Int(best)) => self.end.prefers(value.cmp(best)),
            Some(Best::Text(best, _)) => self.end.prefers(OrderKey::integer(value).cmp(best)),
        };
        if better {
            self.best = Some(Best::Int(value));
        }
    }

    /// Adds a number.
    pub fn update_f64(&mut self, value: f64) {
        let key = OrderKey::float(value);
        if self.is_better(&key) {
            self.best = Some(Best::Text(key, format_float(value).into()));
        }
    }

    /// Adds a text; the empty one is the least of all.
    pub fn update_text(&mut self, value: &Text) {
        if matches!(&self.best, Some(Best::Text(_, best)) if best == value) {
            return;
        }
        let key = OrderKey::new(value);
        if self.is_better(&key) {
            self.best = Some(Best::Text(key, value.clone()));
        }
    }

    /// The value; empty when there was none.
    pub fn text(&self) -> Text {
        match &self.best {
            None => Text::default(),
            Some(Best::Int(best)) => best.to_string().into(),
            Some(Best::Text(_, best)) => best.clone(),
        }
    }

    fn is_better(&self, key: &OrderKey) -> bool {
        match &self.best {
            None => true,
            Some(Best::Int(best)) => self.end.prefers(key.cmp(&OrderKey::integer(*best))),
            Some(Best::Text(best, _)) => self.end.prefers(key.cmp(best)),
        }
    }
}

impl Partial for Extreme {
    fn merge(&mut self, other: Self) {
        match other.best {
            Some(Best::Int(value)) => self.update_i64(value),
            Some(Best::Text(key, text)) if self.is_better(&key) => self.best = Some(Best::Text(key, text)),
            Some(Best::Text(..)) | None => {}
        }
    }

    fn memory_bytes(&self) -> usize {
        match &self.best {
            Some(Best::Text(_, text)) => text.len(),
            _ => 0,
        }
    }
}
