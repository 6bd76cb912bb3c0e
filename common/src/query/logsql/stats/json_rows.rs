//! Rows as JSON texts, in the order they came or in an order of their own.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

use super::super::order::OrderKey;
use super::{Partial, Text};

/// A row and the values it is ordered by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JsonRow {
    /// As many as the state has directions.
    pub keys: Vec<OrderKey>,
    /// The row as a JSON object.
    pub json: Text,
}

/// Rows, at most `limit` of them unless that is 0: the first that come, or the first in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JsonRows {
    limit: u64,
    /// For each key, true when the greatest value is first.
    descending: Vec<bool>,
    rows: Vec<JsonRow>,
    bytes: usize,
}

impl JsonRows {
    /// No rows yet. Without directions the order is that of arrival.
    pub fn new(descending: Vec<bool>, limit: u64) -> Self {
        Self {
            limit,
            descending,
            rows: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds a row.
    pub fn update(&mut self, row: JsonRow) {
        if self.is_full() {
            return;
        }
        self.bytes += bytes_of(&row);
        self.rows.push(row);
        // Twice as many as needed, so that sorting is rare.
        let most = self.limit.saturating_mul(2).max(64);
        if self.limit > 0 && self.rows.len() as u64 > most {
            self.prune();
        }
    }

    /// No further row would be kept.
    pub fn is_full(&self) -> bool {
        self.limit > 0 && self.descending.is_empty() && self.rows.len() as u64 >= self.limit
    }

    /// The rows in order.
    pub fn finish(mut self) -> Vec<Text> {
        self.prune();
        self.rows.into_iter().map(|row| row.json).collect()
    }

    /// Sorts, and drops what is beyond the limit.
    fn prune(&mut self) {
        let descending = &self.descending;
        if !descending.is_empty() {
            self.rows.sort_by(|a, b| compare(descending, a, b));
        }
        if let Ok(limit @ 1..) = usize::try_from(self.limit) {
            self.rows.truncate(limit);
        }
        self.bytes = self.rows.iter().map(bytes_of).sum();
    }
}

fn compare(descending: &[bool], a: &JsonRow, b: &JsonRow) -> Ordering {
    let keys = a.keys.iter().zip(&b.keys).zip(descending);
    let orders = keys.map(|((a, b), descending)| if *descending { b.cmp(a) } else { a.cmp(b) });
    orders.fold(Ordering::Equal, Ordering::then)
}

fn bytes_of(row: &JsonRow) -> usize {
    size_of::<JsonRow>() + row.json.len() + row.keys.len() * size_of::<OrderKey>()
}

impl Partial for JsonRows {
    fn merge(&mut self, other: Self) {
        other.rows.into_iter().for_each(|row| self.update(row));
    }

    fn memory_bytes(&self) -> usize {
        self.bytes
    }
}
