//! `field_names` and `facets` over all fields: storage counts the columns that spans show, and the values of each of
//! them, so that no whole span has to be read.

use common::query::logsql::stats::State;
use common::query::{AggregateQuery, Answer, Column, Function, FunctionKind, GroupKey, Plan, Shape};
use std::collections::BTreeMap;

use super::super::ast::pipes::{Facets, NamedResult};
use super::super::exec::pipes::FacetValues;
use super::super::exec::{ExecContext, ExecError, Flow, Out, Rows, Text};
use super::super::fields::{MESSAGE, STREAM, STREAM_ID, StreamTexts, TIME, column_name};
use super::super::plan::{Grouping, start};
use super::Engine;
use super::engine::Explain;

/// Functions in one aggregate.
const FUNCTIONS: usize = 256;

impl Engine {
    /// The names of all fields with the number of spans that have a value.
    pub(super) fn field_names(&self, plan: Plan, shape: &NamedResult, push: &mut Out<'_>) -> Result<(), ExecError> {
        let columns = self.columns(&plan)?;
        let named = columns.iter().map(|(column, hits)| (column_name(column).into(), *hits));
        let mut hits: BTreeMap<Text, u64> = named.collect();
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
        let columns: Vec<Column> = self.columns(&plan)?.into_keys().collect();
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
        let counted = columns.iter().zip(states).filter(|(_, state)| few(state));
        let mut fields: Vec<String> = counted.map(|(column, _)| column_name(column)).collect();
        let start = column_name(&start());
        if fields.contains(&start) {
            fields.push(TIME.to_owned());
        }
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

    /// The columns that matching spans show, with the number of these spans.
    fn columns(&self, plan: &Plan) -> Result<BTreeMap<Column, u64>, ExecError> {
        let plan = Plan {
            shape: Shape::Columns,
            ..plan.clone()
        };
        let mut whole = Answer::empty_for(&plan);
        self.each_part(plan, Explain::default(), &mut |answer| {
            whole.merge(answer);
            Ok(Flow::More)
        })?;
        match whole {
            Answer::Columns { spans, .. } => Ok(spans),
            _ => Ok(BTreeMap::new()),
        }
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
