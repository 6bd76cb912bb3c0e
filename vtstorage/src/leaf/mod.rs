//! Leaf query execution: runs a plan over the blocks and heads of one node. It knows no query language.

pub mod filter;
#[cfg(test)]
mod testing;
