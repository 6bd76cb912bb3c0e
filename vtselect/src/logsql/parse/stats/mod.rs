//! Statistics functions: one file for each shape of arguments, and the table of all functions.
//!
//! A new function is a line in the table, with a file if its arguments have a new shape.

mod field;
mod fields;
mod json_values;
mod limited;
mod nothing;
mod quantile;
mod row_of;

use std::fmt;

use super::Result;
use super::cursor::Cursor;

pub use field::{Field, FieldOf};
pub use fields::Fields;
pub use json_values::JsonValues;
pub use limited::{Limited, NamesLimited};
pub use nothing::Nothing;
pub use quantile::Quantile;
pub use row_of::RowOf;

/// What a shape of arguments can do.
trait Shape: Sized + fmt::Display {
    /// Reads the arguments with their parentheses and what may follow them; the cursor is after the name.
    fn parse(c: &mut Cursor<'_>) -> Result<Self>;
}

/// Reads the arguments of one function.
type Parser = fn(&mut Cursor<'_>) -> Result<StatsFunc>;

/// Makes the enum of functions from the table: variant, shape, name, and whether the name is a reserved word (or only
/// means the function right in front of its parenthesis).
macro_rules! functions {
    ($($variant:ident($shape:ty) $name:literal $word:ident;)+) => {
        /// A function over the rows of a group. Its `Display` is the default name of its result.
        #[derive(Debug, Clone, PartialEq)]
        pub enum StatsFunc {
            $(#[doc = concat!("`", $name, "`")] $variant($shape),)+
        }

        impl StatsFunc {
            /// The name of the function.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }
        }

        impl fmt::Display for StatsFunc {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())?;
                match self {
                    $(Self::$variant(shape) => shape.fmt(f),)+
                }
            }
        }

        /// The name of each function, whether it is reserved, and how the arguments are read.
        const PARSERS: &[(&str, bool, Parser)] = &[
            $(($name, functions!(@ $word), |c| <$shape as Shape>::parse(c).map(StatsFunc::$variant)),)+
        ];
    };
    (@ reserved) => { true };
    (@ contextual) => { false };
}

functions! {
    Any(Field)                   "any"             contextual;
    Avg(Fields)                  "avg"             reserved;
    Count(Fields)                "count"           reserved;
    CountEmpty(Fields)           "count_empty"     reserved;
    CountUniq(NamesLimited)      "count_uniq"      reserved;
    CountUniqHash(NamesLimited)  "count_uniq_hash" reserved;
    FieldMax(FieldOf)            "field_max"       contextual;
    FieldMin(FieldOf)            "field_min"       contextual;
    Histogram(Field)             "histogram"       reserved;
    JsonValues(JsonValues)       "json_values"     reserved;
    Max(Fields)                  "max"             reserved;
    Median(Fields)               "median"          reserved;
    Min(Fields)                  "min"             reserved;
    Quantile(Quantile)           "quantile"        reserved;
    Rate(Nothing)                "rate"            reserved;
    RateSum(Fields)              "rate_sum"        reserved;
    RowAny(Fields)               "row_any"         reserved;
    RowMax(RowOf)                "row_max"         reserved;
    RowMin(RowOf)                "row_min"         reserved;
    Stddev(Fields)               "stddev"          contextual;
    Sum(Fields)                  "sum"             reserved;
    SumLen(Fields)               "sum_len"         reserved;
    UniqValues(Limited)          "uniq_values"     reserved;
    Values(Limited)              "values"          reserved;
}

/// A function call.
pub(super) fn function(c: &mut Cursor<'_>) -> Result<StatsFunc> {
    let called = |reserved| reserved || c.next_is("(") && c.next_is_adjacent();
    let Some((_, _, parser)) = PARSERS
        .iter()
        .find(|(name, reserved, _)| c.is(name) && called(*reserved))
    else {
        return Err(c.expected("a pipe, a statistics function or a filter"));
    };
    c.advance();
    parser(c)
}

/// True for a word, in lower case, that names a function wherever it stands.
pub(in super::super) fn is_reserved(word: &str) -> bool {
    PARSERS.iter().any(|&(name, reserved, _)| reserved && name == word)
}
