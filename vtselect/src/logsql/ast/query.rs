//! A query, and a query used as a list of values.

use std::fmt;

use super::super::quote::Quoted;
use super::field::write_separated;
use super::{Filter, Pipe, QueryOptions};

/// `options(...) filter | pipe | pipe`.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The options, with those that a subquery has from the query around it.
    pub options: QueryOptions,
    /// Which rows are read.
    pub filter: Filter,
    /// What is done with the rows, in order.
    pub pipes: Vec<Pipe>,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.options.is_empty() {
            write!(f, "{} ", self.options)?;
        }
        self.filter.fmt(f)?;
        self.pipes.iter().try_for_each(|pipe| write!(f, " | {pipe}"))
    }
}

/// A query whose rows give one field as a list of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// The query; its last pipe is `fields` or `uniq` with a single field.
    pub query: Query,
    /// The field that holds the values.
    pub field: String,
}

/// The values of `in(...)` and its kin.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Given in the query.
    List(Vec<String>),
    /// The result of a query that is executed first.
    Query(Box<Subquery>),
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(subquery) => subquery.query.fmt(f),
            // A single `*` without quotes would mean "any value".
            Self::List(values) => write_separated(f, values.iter().map(|value| Quoted(value)), ","),
        }
    }
}
