//! States of LogsQL's statistics functions: what a function knows about the values it has seen.
//!
//! States are plain data. Each part of the rows is aggregated where it lies, the states travel, and merging them gives
//! what one state would know that had seen all rows. How a state is shown as the result of a function is not known
//! here.

mod count;
mod extreme;
mod histogram;
mod json_rows;
mod quantile;
mod row;
mod sample;
mod sketch;
mod stddev;
mod sum;
#[cfg(test)]
mod tests;
mod text_set;
mod texts;
mod uniq;
mod uniq_hash;
mod values;

use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use count::Count;
pub use extreme::{End, Extreme};
pub use histogram::Histogram;
pub use json_rows::{JsonRow, JsonRows};
pub use quantile::{EXACT_VALUES, Quantile, RELATIVE_ERROR};
pub use row::{Pick, Row};
pub use stddev::Stddev;
pub use sum::Sum;
pub use texts::Texts;
pub use uniq::Uniq;
pub use uniq_hash::UniqHash;
pub use values::Values;

/// A value as text; cheap to clone.
pub type Text = Arc<str>;

/// What every state can do.
pub trait Partial: Sized {
    /// Adds what another state of the same function knows.
    fn merge(&mut self, other: Self);

    /// About how much memory the state holds beyond its own size.
    fn memory_bytes(&self) -> usize;
}

/// A kind of state as a member of [`State`].
pub trait Kind: Partial + Into<State> {
    /// The state, if it is of this kind.
    fn of(state: State) -> Option<Self>;
    /// The state, if it is of this kind.
    fn of_mut(state: &mut State) -> Option<&mut Self>;
}

/// Makes the enum of states from the table. A new kind of state is a line in the table and a file.
macro_rules! states {
    ($($(#[$doc:meta])* $kind:ident,)+) => {
        /// The state of any function.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum State {
            $($(#[$doc])* $kind($kind),)+
        }

        impl State {
            /// Adds what another state of the same function knows; an error for the state of another function.
            pub fn merge(&mut self, other: Self) -> Result<(), StateMismatch> {
                match (self, other) {
                    $((Self::$kind(state), Self::$kind(other)) => state.merge(other),)+
                    _ => return Err(StateMismatch),
                }
                Ok(())
            }

            /// About how much memory the state holds.
            pub fn memory_bytes(&self) -> usize {
                size_of::<Self>() + match self {
                    $(Self::$kind(state) => state.memory_bytes(),)+
                }
            }
        }

        $(
            impl From<$kind> for State {
                fn from(state: $kind) -> Self {
                    Self::$kind(state)
                }
            }

            impl Kind for $kind {
                fn of(state: State) -> Option<Self> {
                    match state {
                        State::$kind(state) => Some(state),
                        _ => None,
                    }
                }

                fn of_mut(state: &mut State) -> Option<&mut Self> {
                    match state {
                        State::$kind(state) => Some(state),
                        _ => None,
                    }
                }
            }
        )+
    };
}

states! {
    /// `count`, `count_empty`, `rate`, `sum_len`
    Count,
    /// `sum`, `avg`, `rate_sum`
    Sum,
    /// `stddev`
    Stddev,
    /// `min`, `max`
    Extreme,
    /// `quantile`, `median`
    Quantile,
    /// `count_uniq`
    Uniq,
    /// `count_uniq_hash`
    UniqHash,
    /// `histogram`
    Histogram,
    /// `row_any`, `row_min`, `row_max`, `field_min`, `field_max`, `any`
    Row,
    /// `uniq_values`
    Texts,
    /// `values`
    Values,
    /// `json_values`
    JsonRows,
}

/// States of different functions do not merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the states of different statistics functions cannot be merged")]
pub struct StateMismatch;
