//! Filters by the id of a stream: ids are hashes, so the streams that there are tell what an id stands for.

use common::query::{Plan, Shape};
use std::collections::HashSet;

use super::super::ast::{Filter, StreamIds, StreamMatch, StreamSelector, StreamTest};
use super::super::exec::ExecError;
use super::super::fields::{Stream, StreamTexts};
use super::super::plan::{Grouping, split};
use super::Engine;
use super::engine::Explain;

impl Engine {
    /// The filter with the labels of streams in place of their ids, so that storage can evaluate it.
    pub(super) fn with_labels(&self, filter: Filter) -> Result<Filter, ExecError> {
        let mut wanted = HashSet::new();
        stream_ids(&filter, &mut wanted);
        if wanted.is_empty() {
            return Ok(filter);
        }
        let labels = Stream::labels().map(str::to_owned);
        let Some(grouping) = Grouping::of_counts(&labels) else {
            return Ok(filter);
        };
        let plan = Plan {
            tenant: self.tenant(),
            range: split(&filter).range,
            filter: common::query::Filter::All,
            shape: Shape::Aggregate(grouping.query.clone()),
        };
        let (groups, _account) = self.groups(plan, Explain::default())?;
        let (rows, _) = grouping.counts(groups, &mut StreamTexts::new(self.tenant()));
        let mut known = Vec::new();
        for row in 0..rows.len() {
            let [name, service] = Stream::labels().map(|label| rows.get(label, row));
            let id = Stream { service, name }.id(self.tenant()).to_string();
            if wanted.contains(&id) {
                known.push((id, tests([name, service])));
            }
        }
        Ok(replaced(filter, &known))
    }
}

/// The ids in a filter.
fn stream_ids(filter: &Filter, ids: &mut HashSet<String>) {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().for_each(|filter| stream_ids(filter, ids)),
        Filter::Not(filter) => stream_ids(filter, ids),
        Filter::StreamId(StreamIds::List(list)) => ids.extend(list.iter().map(ToString::to_string)),
        _ => {}
    }
}

fn tests(labels: [&str; 2]) -> Vec<StreamTest> {
    let test = |(label, value): (&str, &str)| StreamTest {
        label: label.to_owned(),
        test: StreamMatch::Equal(value.to_owned()),
    };
    Stream::labels().into_iter().zip(labels).map(test).collect()
}

/// The filter with these streams in place of their ids; what is the id of none of them matches nothing.
fn replaced(filter: Filter, known: &[(String, Vec<StreamTest>)]) -> Filter {
    let all = |filters: Vec<Filter>| filters.into_iter().map(|filter| replaced(filter, known)).collect();
    match filter {
        Filter::And(filters) => Filter::And(all(filters)),
        Filter::Or(filters) => Filter::Or(all(filters)),
        Filter::Not(filter) => Filter::Not(Box::new(replaced(*filter, known))),
        Filter::StreamId(StreamIds::List(ids)) => {
            let ids: HashSet<String> = ids.iter().map(ToString::to_string).collect();
            let streams = known.iter().filter(|(id, _)| ids.contains(id));
            let any_of: Vec<_> = streams.map(|(_, tests)| tests.clone()).collect();
            match any_of.is_empty() {
                true => Filter::Not(Box::new(Filter::Any)),
                false => Filter::Stream(StreamSelector { any_of }),
            }
        }
        other => other,
    }
}
