//! Queries, their options, and queries that stand for a list of values.

use super::super::ast::{Filter, Pipe, Query, QueryOptions, Subquery};
use super::super::value::{parse_duration, parse_uint};
use super::Result;
use super::cursor::{Cursor, VALUE_END};
use super::filter::filter;
use super::pipes::{self, pipe};

/// Most workers that make sense.
const MAX_CONCURRENCY: u64 = 1_024;

/// `options(...) filter | pipe | pipe`.
pub(super) fn query(c: &mut Cursor<'_>) -> Result<Query> {
    c.nested(|c| {
        let options = options(c)?;
        c.options.push(options);
        let body = body(c);
        let options = c.options.pop().unwrap_or_default();
        let (filter, pipes) = body?;
        Ok(Query { options, filter, pipes })
    })
}

fn body(c: &mut Cursor<'_>) -> Result<(Filter, Vec<Pipe>)> {
    let filter = filter(c)?;
    let mut pipes = Vec::new();
    while c.eat("|") {
        pipes.push(pipe(c)?);
        if !c.at_part_end() {
            return Err(c.expected("'|' or the end of the query"));
        }
    }
    Ok((filter, pipes))
}

/// A query in parentheses.
pub(super) fn query_in_parens(c: &mut Cursor<'_>) -> Result<Query> {
    c.expect("(")?;
    let query = query(c)?;
    c.expect(")")?;
    Ok(query)
}

/// A query in parentheses that gives the values of one field; `None` for `(*)`, which stands for any value.
pub(super) fn subquery(c: &mut Cursor<'_>) -> Result<Option<Subquery>> {
    c.expect("(")?;
    let query = query(c)?;
    let any = query.pipes.is_empty() && query.filter.is_star();
    let field = if any {
        String::new()
    } else {
        single_field(c, query.pipes.last())?
    };
    c.expect(")")?;
    Ok((!any).then_some(Subquery { query, field }))
}

fn single_field(c: &Cursor<'_>, last: Option<&Pipe>) -> Result<String> {
    let field = match last {
        Some(Pipe::Fields(pipes::Fields { fields, .. })) => match fields.as_slice() {
            [field] if field.prefix().is_none() => Some(field.as_str().to_owned()),
            _ => None,
        },
        Some(Pipe::Uniq(uniq)) if uniq.by.len() == 1 => uniq.by.first().cloned(),
        _ => None,
    };
    field
        .ok_or_else(|| c.error("expected values or a query that ends with a 'fields' or 'uniq' pipe of a single field"))
}

/// `options(key=value, ...)` over those of the query around this one.
fn options(c: &mut Cursor<'_>) -> Result<QueryOptions> {
    let mut options = c.options.last().cloned().unwrap_or_default();
    if !c.is("options") {
        return Ok(options);
    }
    c.advance();
    if !c.is("(") {
        return Err(c.expected("'(' after 'options', which must be in quotes to be searched for"));
    }
    super::fields::in_parens(c, |c| option(c, &mut options))?;
    Ok(options)
}

fn option(c: &mut Cursor<'_>, options: &mut QueryOptions) -> Result<()> {
    let mark = c.mark();
    let key = setting(c, "the name of an option")?;
    c.expect("=")?;
    if key == "global_filter" {
        options.global_filter = Some(Box::new(global_filter(c)?));
        return Ok(());
    }
    let value_mark = c.mark();
    let value = setting(c, "the value of the option")?;
    let wrong = |what: &str| {
        c.error_at(
            value_mark,
            format!("expected {what} for the option '{key}', found '{value}'"),
        )
    };
    match key.as_str() {
        "concurrency" => {
            let workers = parse_uint(&value)
                .ok_or_else(|| wrong("a number"))?
                .min(MAX_CONCURRENCY);
            options.concurrency = u32::try_from(workers).unwrap_or_default();
        }
        "parallel_readers" => options.parallel_readers = parse_uint(&value).ok_or_else(|| wrong("a number"))?,
        "ignore_global_time_filter" => {
            options.ignore_global_time_filter = Some(boolean(&value).ok_or_else(|| wrong("true or false"))?)
        }
        "allow_partial_response" => {
            options.allow_partial_response = Some(boolean(&value).ok_or_else(|| wrong("true or false"))?)
        }
        "time_offset" => {
            let offset = parse_duration(&value).ok_or_else(|| wrong("a duration"))?;
            options.time_offset = Some((offset, value));
        }
        _ => return Err(c.error_at(mark, format!("unknown option '{key}'"))),
    }
    Ok(())
}

fn global_filter(c: &mut Cursor<'_>) -> Result<Filter> {
    let mark = c.mark();
    let query = query_in_parens(c)?;
    if query.pipes.is_empty() {
        Ok(query.filter)
    } else {
        Err(c.error_at(mark, "expected a filter without pipes"))
    }
}

fn setting(c: &mut Cursor<'_>, what: &str) -> Result<String> {
    let end: Vec<&str> = VALUE_END.iter().copied().chain(["="]).collect();
    c.compound(what, &end)
}

fn boolean(s: &str) -> Option<bool> {
    match s {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
