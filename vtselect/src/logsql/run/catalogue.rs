//! `field_names` and `facets` over all fields: the names come from storage's catalogue, the numbers from aggregates of
//! one column each, so that no whole span has to be read.
//!
//! The catalogue knows attributes of resources, scopes and spans. Fields of events and links, and what maps have
//! inside, are those of the newest spans that match.

use common::query::logsql::stats::State;
use common::query::{
    AggregateQuery, Answer, AttrLevel, CatalogueQuery, Column, Function, FunctionKind, GroupKey, Plan, Projection,
    RowOrder, RowsQuery, Shape,
};
use std::collections::BTreeMap;

use super::super::ast::pipes::{Facets, NamedResult};
use super::super::exec::pipes::FacetValues;
use super::super::exec::{ExecContext, ExecError, Flow, Out, Rows, Text};
use super::super::fields::{
    Field, MESSAGE, STREAM, STREAM_ID, StreamTexts, TIME, column_name, intrinsic_names, span_rows,
};
use super::super::plan::Grouping;
use super::Engine;
use super::engine::Explain;

/// So many of the newest spans show which fields of events and links there are.
const SAMPLE: usize = 1_000;
/// Functions in one aggregate.
const FUNCTIONS: usize = 256;

impl Engine {
    /// The names of all fields with the number of spans that have a value.
    pub(super) fn field_names(&self, plan: Plan, shape: &NamedResult, push: &mut Out<'_>) -> Result<(), ExecError> {
        let names = self.names(&plan)?;
        let columns: Vec<Column> = names.iter().map(|(_, column)| column.clone()).collect();
        let kind = |column: &Column| Function {
            kind: FunctionKind::Count,
            columns: vec![column.clone()],
            condition: None,
        };
        let mut hits: BTreeMap<Text, u64> = BTreeMap::new();
        for ((name, _), state) in names.iter().zip(self.states(&plan, &columns, kind)?) {
            if let State::Count(count) = state
                && count.get() > 0
            {
                hits.insert(name.as_str().into(), count.get());
            }
        }
        // Every span has these, as it has a trace id.
        let spans = hits.get("trace_id").copied().unwrap_or_default();
        if spans > 0 {
            hits.extend([TIME, STREAM, STREAM_ID, MESSAGE].map(|name| (name.into(), spans)));
        }
        let mut rows = Rows::new(hits.len());
        let result = if shape.result == "hits" { "hitss" } else { "hits" };
        rows.set(&shape.result, hits.keys().cloned().collect());
        rows.set(result, hits.values().map(|hits| hits.to_string().into()).collect());
        push(rows).map(drop)
    }

    /// The most frequent values of every field that has not too many.
    pub(super) fn facets(
        &self,
        plan: Plan,
        shape: &Facets,
        context: &ExecContext,
        push: &mut Out<'_>,
    ) -> Result<(), ExecError> {
        let names = self.names(&plan)?;
        let columns: Vec<Column> = names.iter().map(|(_, column)| column.clone()).collect();
        let most = shape.max_values_per_field;
        let kind = |column: &Column| Function {
            kind: FunctionKind::CountUniqHash {
                limit: most.saturating_add(1),
            },
            columns: vec![column.clone()],
            condition: None,
        };
        let states = self.states(&plan, &columns, kind)?;
        let few = |state: &State| matches!(state, State::UniqHash(uniq) if (1..=most).contains(&uniq.count()));
        let mut fields: Vec<String> = names
            .into_iter()
            .zip(states)
            .filter(|(_, state)| few(state))
            .map(|((name, _), _)| name)
            .collect();
        fields.extend([STREAM, STREAM_ID, MESSAGE].map(str::to_owned));
        fields.sort_unstable();
        let mut facets = FacetValues::new(shape, context);
        for field in fields {
            let Some(grouping) = Grouping::of_counts(std::slice::from_ref(&field)) else {
                continue;
            };
            let plan = Plan {
                shape: Shape::Aggregate(grouping.query.clone()),
                ..plan.clone()
            };
            let (groups, _account) = self.groups(plan, Explain::default())?;
            let (rows, counts) = grouping.counts(groups, &mut StreamTexts::new(self.tenant()));
            facets.add(&rows, &counts)?;
        }
        push(facets.into_rows()).map(drop)
    }

    /// The fields that the matching spans may have, with their columns.
    fn names(&self, plan: &Plan) -> Result<Vec<(String, Column)>, ExecError> {
        let own = intrinsic_names().map(str::to_owned);
        let mut names: BTreeMap<String, Column> = own
            .filter_map(|name| Field::of(&name).column().cloned().map(|column| (name, column)))
            .collect();
        for column in self.attributes(plan)? {
            names.insert(column_name(&column), column);
        }
        let newest = RowsQuery {
            projection: Projection::Spans,
            order: RowOrder::Newest,
            limit: Some(SAMPLE),
        };
        let sample = Plan {
            shape: Shape::Rows(newest),
            ..plan.clone()
        };
        let mut streams = StreamTexts::new(self.tenant());
        self.each_part(sample, Explain::default(), &mut |answer| {
            let Answer::Rows { parts, .. } = answer else {
                return Ok(Flow::More);
            };
            for part in parts {
                let common::query::RowPart::Spans(spans) = part else {
                    continue;
                };
                for column in span_rows(&spans, &mut streams).columns {
                    if let Field::Column(found) = Field::of(&column.name) {
                        names.entry(column.name.to_string()).or_insert(found);
                    }
                }
            }
            Ok(Flow::More)
        })?;
        Ok(names.into_iter().collect())
    }

    /// The attributes in the catalogue.
    fn attributes(&self, plan: &Plan) -> Result<Vec<Column>, ExecError> {
        let mut found = Vec::new();
        let catalogue = Plan::catalogue(plan.tenant, CatalogueQuery::AttributeNames);
        self.each_part(catalogue, Explain::default(), &mut |answer| {
            if let Answer::AttributeNames(names) = answer {
                found.extend(names.into_iter().map(|(level, key)| match level {
                    AttrLevel::Resource => Column::resource(key),
                    AttrLevel::Scope => Column::scope(key),
                    AttrLevel::Span => Column::span(key),
                }));
            }
            Ok(Flow::More)
        })?;
        Ok(found)
    }

    /// The state of one function for each column, over all matching spans.
    fn states(
        &self,
        plan: &Plan,
        columns: &[Column],
        function: impl Fn(&Column) -> Function,
    ) -> Result<Vec<State>, ExecError> {
        let mut states = Vec::with_capacity(columns.len());
        for columns in columns.chunks(FUNCTIONS) {
            let query = AggregateQuery {
                by: Vec::<GroupKey>::new(),
                functions: columns.iter().map(&function).collect(),
            };
            let empty = query.new_states();
            let plan = Plan {
                shape: Shape::Aggregate(query),
                ..plan.clone()
            };
            let (groups, _account) = self.groups(plan, Explain::default())?;
            states.extend(groups.into_values().next().unwrap_or(empty));
        }
        Ok(states)
    }
}
