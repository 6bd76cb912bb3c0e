//! The canonical form of a query: filters that match everything disappear, stream selectors come first, pipes that can
//! be one are one.

use super::super::ast::{Filter, Pipe, Query, StreamSelector};

/// Brings a query and all queries inside it to the canonical form.
pub(in super::super) fn simplify(query: &mut Query) {
    query.for_each_query(&mut |query| {
        merge_pipes(&mut query.pipes);
        if let Some(Pipe::Filter(_)) = query.pipes.first()
            && let Pipe::Filter(rows) = query.pipes.remove(0)
        {
            query.filter = Filter::and(vec![std::mem::replace(&mut query.filter, Filter::Any), rows.filter]);
        }
        let filter = std::mem::replace(&mut query.filter, Filter::Any);
        query.filter = streams_first(without_stars(filter));
    });
}

/// Drops `*` from conjunctions; an alternative with `*` is `*`.
fn without_stars(filter: Filter) -> Filter {
    match filter {
        Filter::And(filters) => {
            let rest: Vec<_> = filters
                .into_iter()
                .map(without_stars)
                .filter(|filter| *filter != Filter::Any)
                .collect();
            if rest.is_empty() {
                Filter::Any
            } else {
                Filter::and(rest)
            }
        }
        Filter::Or(filters) => {
            let filters: Vec<_> = filters.into_iter().map(without_stars).collect();
            if filters.contains(&Filter::Any) {
                Filter::Any
            } else {
                Filter::or(filters)
            }
        }
        Filter::Not(filter) => without_stars(*filter).negate(),
        other => other,
    }
}

/// Moves the stream selectors of a conjunction to its front; selectors without alternatives become one.
fn streams_first(filter: Filter) -> Filter {
    let Filter::And(filters) = filter else {
        return filter;
    };
    let mut streams = Vec::new();
    let mut others = Vec::new();
    for filter in filters {
        match filter {
            Filter::Stream(selector) => streams.push(selector),
            other => others.push(other),
        }
    }
    if streams.len() > 1 && streams.iter().all(|selector| selector.any_of.len() == 1) {
        let tests = streams
            .into_iter()
            .flat_map(|selector| selector.any_of)
            .flatten()
            .collect();
        streams = vec![StreamSelector { any_of: vec![tests] }];
    }
    Filter::and(streams.into_iter().map(Filter::Stream).chain(others).collect())
}

/// Merges each pipe into the one before it where both together are one pipe.
fn merge_pipes(pipes: &mut Vec<Pipe>) {
    let mut merged: Vec<Pipe> = Vec::with_capacity(pipes.len());
    for pipe in pipes.drain(..) {
        let left_over = match merged.last_mut() {
            Some(last) => merge(last, pipe),
            None => Some(pipe),
        };
        merged.extend(left_over);
    }
    *pipes = merged;
}

/// Merges `next` into `pipe`, or returns it. A `sort` with a limit cannot take an offset, and one with partitions
/// limits each of them, so those stay apart.
fn merge(pipe: &mut Pipe, next: Pipe) -> Option<Pipe> {
    match (pipe, next) {
        (Pipe::Sort(sort), Pipe::Offset(offset)) if sort.limit == 0 && sort.offset == 0 => sort.offset = offset.rows,
        (Pipe::Sort(sort), Pipe::Limit(limit)) if sort.partition_by.is_empty() && limit.rows > 0 => {
            sort.limit = least(sort.limit, limit.rows);
        }
        (Pipe::Uniq(uniq), Pipe::Limit(limit)) if limit.rows > 0 => uniq.limit = least(uniq.limit, limit.rows),
        (Pipe::Filter(rows), Pipe::Filter(more)) => {
            let first = std::mem::replace(&mut rows.filter, Filter::Any);
            rows.filter = Filter::and(vec![first, more.filter]);
        }
        (_, next) => return Some(next),
    }
    None
}

/// The smaller of two limits, where 0 is no limit.
fn least(a: u64, b: u64) -> u64 {
    if a == 0 { b } else { a.min(b) }
}

#[cfg(test)]
mod tests {
    use super::super::super::{ParseContext, parse_query};

    fn canonical(s: &str) -> String {
        parse_query(s, &ParseContext::at(0)).map_or_else(|error| error.to_string(), |query| query.to_string())
    }

    #[test]
    fn pipes_merge_only_when_the_rows_stay_the_same() {
        for (given, expected) in [
            ("* | sort | offset 5 | limit 3", "* | sort offset 5 limit 3"),
            ("* | sort limit 3 | offset 1", "* | sort limit 3 | offset 1"),
            ("* | sort offset 1 | offset 2", "* | sort offset 1 | offset 2"),
            ("* | sort | limit 0", "* | sort | limit 0"),
            (
                "* | sort (a) limit 5 partition by (b) | limit 3",
                "* | sort by (a) partition by (b) limit 5 | limit 3",
            ),
            ("* | uniq (a) limit 5 | limit 3", "* | uniq by (a) limit 3"),
            (
                "* | fields a | filter b | where c or d",
                "* | fields a | filter b (c or d)",
            ),
            ("a | b | c:d | keep e", "a b c:d | fields e"),
        ] {
            assert_eq!(canonical(given), expected, "{given}");
        }
    }

    #[test]
    fn stars_and_streams_also_inside_of_subqueries() {
        for (given, expected) in [
            ("((a *) or ((b or c) *)) and *", "a or b or c"),
            ("!(!a *)", "a"),
            ("!*", "!*"),
            ("x:in(b {c=d} * {e=f} | keep y)", "x:in({c=\"d\",e=\"f\"} b | fields y)"),
            (
                "* | join by (x) (* a) | union (b | filter c)",
                "* | join by (x) (a) | union (b c)",
            ),
        ] {
            assert_eq!(canonical(given), expected, "{given}");
        }
    }
}
