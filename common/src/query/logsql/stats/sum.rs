//! Sums of numbers.

use super::Partial;
use serde::{Deserialize, Serialize};

/// Largest whole number below which every whole number is a `f64`.
const EXACT: f64 = (1u64 << 53) as f64;

/// A sum and a number of values. Whole numbers are added exactly, so that their sum does not depend on the order.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Sum {
    whole: i128,
    rest: f64,
    values: u64,
}

impl Sum {
    /// Adds an integer, such as a duration in nanoseconds.
    pub fn update_i64(&mut self, value: i64) {
        self.whole = self.whole.saturating_add(value.into());
        self.values += 1;
    }

    /// Adds `values` integers by their sum.
    pub fn update_total(&mut self, total: i128, values: u64) {
        self.whole = self.whole.saturating_add(total);
        self.values += values;
    }

    /// Adds a number; what is not a number does not count.
    pub fn update_f64(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.values += 1;
        if value.fract() == 0.0 && value.abs() < EXACT {
            self.whole = self.whole.saturating_add(value as i128);
        } else {
            self.rest += value;
        }
    }

    /// Adds the same number `times` times.
    pub fn update_f64_times(&mut self, value: f64, times: u64) {
        let product = value * times as f64;
        if times > 0 && !value.is_nan() {
            self.update_f64(product);
            self.values += times - 1;
        }
    }

    /// The sum; not a number when there was no value.
    pub fn sum(&self) -> f64 {
        if self.values == 0 {
            f64::NAN
        } else {
            self.whole as f64 + self.rest
        }
    }

    /// The mean; not a number when there was no value.
    pub fn mean(&self) -> f64 {
        self.sum() / self.values as f64
    }
}

impl Partial for Sum {
    fn merge(&mut self, other: Self) {
        self.whole = self.whole.saturating_add(other.whole);
        self.rest += other.rest;
        self.values += other.values;
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}
