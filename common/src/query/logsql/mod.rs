//! What LogsQL says about single values and groups of them, apart from its grammar: the forms of [`value`]s, words,
//! regular expressions, tests of a text and mergeable states of statistics. Pure, so that storage nodes can evaluate
//! it over their columns and the query side over rows of texts. It knows no query text, no rows and no columns.

pub mod chars;
pub mod order;
pub mod regexp;
pub mod stats;
pub mod text;
pub mod value;
