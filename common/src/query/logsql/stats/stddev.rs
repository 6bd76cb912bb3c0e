//! Standard deviation, by the running method of Welford and its merge by Chan et al.

use super::Partial;
use serde::{Deserialize, Serialize};

/// Mean and squared differences from it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Stddev {
    values: u64,
    mean: f64,
    squares: f64,
}

impl Stddev {
    /// Adds a number; what is not a number does not count.
    pub fn update_f64(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.values += 1;
        let delta = value - self.mean;
        self.mean += delta / self.values as f64;
        self.squares += delta * (value - self.mean);
    }

    /// The standard deviation of the values as the whole population; not a number when there was no value.
    pub fn stddev(&self) -> f64 {
        if self.values == 0 {
            f64::NAN
        } else {
            (self.squares / self.values as f64).sqrt()
        }
    }
}

impl Partial for Stddev {
    fn merge(&mut self, other: Self) {
        let values = self.values + other.values;
        if other.values == 0 {
            return;
        }
        let (share, delta) = (other.values as f64 / values as f64, other.mean - self.mean);
        self.squares += other.squares + delta * delta * share * self.values as f64;
        self.mean += delta * share;
        self.values = values;
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}
