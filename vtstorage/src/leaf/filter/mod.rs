//! Filters over columns: which rows of a block or head batch a plan's filter holds for. What a filter means is
//! [`common::query::eval`]; here it is compiled once for a query and then asks each source for as little as it can:
//! statistics first, then the cheapest column, then the next one for the rows that are left.

mod cost;
mod field;
mod kept;
mod select;
#[cfg(test)]
mod tests;
mod text;
mod value;

use crate::engine::error::StorageError;
use crate::engine::rows::{RowSet, RowSource};
use common::contract::QueryError;
use common::ids::{TenantId, TraceId};
use common::query::{Column, Filter, Predicate, SpanField};
use cost::Cost;
pub use kept::Kept;
use std::sync::Arc;
use value::{IdTest, IntTest, ValueTest};

/// A filter made ready for one query.
#[derive(Clone, Debug)]
pub struct RowFilter {
    /// All of them must hold; the cheapest first
    conjuncts: Vec<(Cost, Node)>,
}

/// Inclusive bounds on a number that every span has: what a query knows besides its filter, and may tighten on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// `Start`, `End` or `Duration`
    pub field: SpanField,
    pub min: u64,
    pub max: u64,
}

#[derive(Clone, Debug)]
enum Node {
    All,
    None,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Test(Box<Test>),
}

#[derive(Clone, Debug)]
struct Test {
    column: Column,
    value: ValueTest,
    /// Whether it holds for the rows of which the source gives no value: texts that every span has, empty or not
    if_absent: bool,
}

impl RowFilter {
    /// Fails on a bad regular expression.
    pub fn compile(filter: &Filter) -> Result<Self, QueryError> {
        let mut conjuncts: Vec<(Cost, Node)> = match Node::compile(filter)? {
            Node::And(nodes) => nodes.into_iter().map(|node| (node.cost(), node)).collect(),
            Node::All => Vec::new(),
            node => vec![(node.cost(), node)],
        };
        conjuncts.sort_by_key(|(cost, _)| *cost);
        Ok(Self { conjuncts })
    }

    /// The only traces that can have a matching span, where the filter names them.
    pub fn traces(&self) -> Option<Vec<TraceId>> {
        self.conjuncts.iter().find_map(|(_, node)| match node {
            Node::Test(test) => test.traces(),
            _ => None,
        })
    }

    /// The rows of `tenant`, of those that the source is restricted to, that the filter and all bounds hold for; `None` where statistics tell that there are none,
    /// so that no column was loaded.
    pub fn select(
        &self,
        source: &mut dyn RowSource,
        tenant: TenantId,
        bounds: &[Bound],
    ) -> Result<Option<RowSet>, StorageError> {
        self.select_keeping(source, tenant, bounds, &mut Kept::new(&[]))
    }

    /// As [`Self::select`], and keeps columns that it loads and that are of use later.
    pub fn select_keeping(
        &self,
        source: &mut dyn RowSource,
        tenant: TenantId,
        bounds: &[Bound],
        kept: &mut Kept<'_>,
    ) -> Result<Option<RowSet>, StorageError> {
        let mut left = RowSet::of_range(source.rows(), source.tenant_rows(tenant));
        if let Some(within) = source.within() {
            left.intersect(within);
        }
        let bounds: Vec<Test> = bounds.iter().map(Test::of_bound).collect();
        if left.is_empty() || !self.is_possible(source, &bounds)? {
            return Ok(None);
        }
        let before_bounds = self.conjuncts.partition_point(|(cost, _)| *cost < cost::NUMBER);
        let (first, last) = self.conjuncts.split_at(before_bounds);
        let mut eval = Eval { source, tenant, kept };
        for (_, node) in first {
            left = eval.rows(node, left)?;
        }
        for bound in &bounds {
            left = eval.test(bound, left)?;
        }
        for (_, node) in last {
            left = eval.rows(node, left)?;
        }
        Ok(Some(left))
    }

    /// Those of `candidates`, rows of `tenant`, that the filter holds for.
    pub fn narrow(
        &self,
        source: &mut dyn RowSource,
        tenant: TenantId,
        candidates: RowSet,
    ) -> Result<RowSet, StorageError> {
        if !self.is_possible(source, &[])? {
            return Ok(RowSet::empty(candidates.rows()));
        }
        let kept = &mut Kept::new(&[]);
        let mut eval = Eval { source, tenant, kept };
        self.conjuncts
            .iter()
            .try_fold(candidates, |left, (_, node)| eval.rows(node, left))
    }

    fn is_possible(&self, source: &mut dyn RowSource, bounds: &[Test]) -> Result<bool, StorageError> {
        for bound in bounds {
            if !bound.is_possible(source)? {
                return Ok(false);
            }
        }
        for (_, node) in &self.conjuncts {
            if !node.is_possible(source)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Node {
    fn compile(filter: &Filter) -> Result<Self, QueryError> {
        let all = |filters: &[Filter]| filters.iter().map(Self::compile).collect::<Result<Vec<_>, _>>();
        Ok(match filter {
            Filter::All => Self::All,
            Filter::None => Self::None,
            Filter::And(filters) => {
                let mut flat = Vec::with_capacity(filters.len());
                for node in all(filters)? {
                    match node {
                        Self::And(inner) => flat.extend(inner),
                        node => flat.push(node),
                    }
                }
                flat.sort_by_key(Self::cost);
                Self::And(flat)
            }
            Filter::Or(filters) => {
                let mut nodes = all(filters)?;
                nodes.sort_by_key(Self::cost);
                Self::Or(nodes)
            }
            Filter::Not(inner) => Self::Not(Box::new(Self::compile(inner)?)),
            Filter::Test(column, predicate) => match Test::new(column, predicate)? {
                Test {
                    value: ValueTest::Field(field),
                    ..
                } if field.is_always() => Self::All,
                test => Self::Test(test.into()),
            },
        })
    }

    fn cost(&self) -> Cost {
        match self {
            Self::All | Self::None => 0,
            Self::And(nodes) => nodes.first().map_or(0, Self::cost),
            Self::Or(nodes) => cost::of_any(nodes.iter().map(Self::cost)),
            Self::Not(inner) => cost::of_not(inner.cost()),
            Self::Test(test) => cost::of_test(&test.column, &test.value),
        }
    }

    /// False only if it holds for no row, which is known without loading a column.
    fn is_possible(&self, source: &mut dyn RowSource) -> Result<bool, StorageError> {
        match self {
            Self::All | Self::Not(_) => Ok(true),
            Self::None => Ok(false),
            Self::And(nodes) => {
                for node in nodes {
                    if !node.is_possible(source)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(nodes) => {
                for node in nodes {
                    if node.is_possible(source)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Test(test) => test.is_possible(source),
        }
    }
}

/// At most so many texts of a set are looked up before the column is loaded.
const MAX_LOOK_UPS: usize = 32;

impl Test {
    fn new(column: &Column, predicate: &Predicate) -> Result<Self, QueryError> {
        let value = ValueTest::new(column, predicate)?;
        let always_there = matches!(
            column,
            Column::Field(
                SpanField::TraceState | SpanField::StatusMessage | SpanField::ScopeName | SpanField::ScopeVersion
            )
        );
        Ok(Self {
            column: column.clone(),
            if_absent: match &value {
                ValueTest::Field(field) => field.matches_missing(),
                value => always_there && value.text(b""),
            },
            value,
        })
    }

    fn of_bound(bound: &Bound) -> Self {
        let value = ValueTest::Int {
            min: i128::from(bound.min),
            max: i128::from(bound.max),
        };
        Self {
            column: Column::Field(bound.field),
            value,
            if_absent: false,
        }
    }

    fn traces(&self) -> Option<Vec<TraceId>> {
        match (&self.column, self.value.ids()) {
            (Column::Field(SpanField::TraceId), IdTest::OneOf(ids)) => Some(ids.into_iter().map(TraceId).collect()),
            _ => None,
        }
    }

    fn is_possible(&self, source: &mut dyn RowSource) -> Result<bool, StorageError> {
        if self.if_absent {
            return Ok(true);
        }
        match &self.value {
            ValueTest::Text(text) => match text.exact() {
                Some(exact) => self.may_contain_any(source, &exact.texts),
                None => Ok(true),
            },
            ValueTest::Field(field) => match (field.texts(), field.bounds(), &self.column) {
                (Some(_), ..) if field.matches_shown_empty() => Ok(true),
                (Some(texts), ..) => self.may_contain_any(source, texts),
                // Elsewhere texts may be numbers.
                (None, Some((min, max)), Column::Field(_)) => Ok(source.may_be_within(&self.column, min, max)),
                _ => Ok(true),
            },
            ValueTest::Is(value) => source.may_contain(&self.column, &value.to_text()),
            ValueTest::Number { min, max } => Ok(source.may_be_within(&self.column, *min, *max)),
            ValueTest::Int { min, max } => Ok(min <= max && self.may_have_ints(source, *min, *max)),
            ValueTest::Exists => Ok(true),
        }
    }

    fn may_contain_any(&self, source: &mut dyn RowSource, texts: &[Arc<str>]) -> Result<bool, StorageError> {
        if texts.len() > MAX_LOOK_UPS {
            return Ok(true);
        }
        for text in texts {
            if source.may_contain(&self.column, text)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn may_have_ints(&self, source: &mut dyn RowSource, min: i128, max: i128) -> bool {
        if self.column == Column::Field(SpanField::Start) {
            let (first, last) = source.start_range();
            return min <= i128::from(last) && i128::from(first) <= max;
        }
        source.may_be_within(&self.column, outward(min, f64::next_down), outward(max, f64::next_up))
    }

    /// Whether it holds for every row, which is known without loading the column.
    fn is_certain(&self, source: &dyn RowSource) -> bool {
        match (&self.column, self.value.ints()) {
            (Column::Field(SpanField::Start), IntTest::Within(min, max)) => {
                let (first, last) = source.start_range();
                min <= i128::from(first) && i128::from(last) <= max
            }
            (Column::Field(SpanField::End | SpanField::Duration), IntTest::Within(min, max)) => {
                min <= 0 && max >= i128::from(u64::MAX)
            }
            _ => false,
        }
    }
}

/// The double at or beyond `bound`.
fn outward(bound: i128, beyond: fn(f64) -> f64) -> f64 {
    let nearest = bound as f64;
    if nearest.abs() < EXACT {
        nearest
    } else {
        beyond(nearest)
    }
}

/// Doubles below it are exact for whole numbers.
const EXACT: f64 = (1u64 << 53) as f64;

/// One evaluation over one source.
struct Eval<'a, 'c> {
    source: &'a mut dyn RowSource,
    tenant: TenantId,
    kept: &'a mut Kept<'c>,
}

impl Eval<'_, '_> {
    /// Those of `candidates` that `node` holds for.
    fn rows(&mut self, node: &Node, candidates: RowSet) -> Result<RowSet, StorageError> {
        if candidates.is_empty() {
            return Ok(candidates);
        }
        match node {
            Node::All => Ok(candidates),
            Node::None => Ok(RowSet::empty(candidates.rows())),
            Node::And(nodes) => nodes.iter().try_fold(candidates, |left, node| self.rows(node, left)),
            Node::Or(nodes) => self.any(nodes, candidates),
            Node::Not(inner) => {
                let mut left = candidates.clone();
                if inner.is_possible(self.source)? {
                    left.subtract(&self.rows(inner, candidates)?);
                }
                Ok(left)
            }
            Node::Test(test) => self.test(test, candidates),
        }
    }

    fn any(&mut self, nodes: &[Node], mut candidates: RowSet) -> Result<RowSet, StorageError> {
        let mut all = RowSet::empty(candidates.rows());
        for node in nodes {
            if node.is_possible(self.source)? {
                let found = self.rows(node, candidates.clone())?;
                candidates.subtract(&found);
                all.union(&found);
            }
        }
        Ok(all)
    }

    fn test(&mut self, test: &Test, mut candidates: RowSet) -> Result<RowSet, StorageError> {
        if candidates.is_empty() || test.is_certain(self.source) {
            return Ok(candidates);
        }
        if let Some(traces) = test.traces() {
            return self.of_traces(&traces, candidates);
        }
        let loaded = self.source.load(&test.column, &candidates)?;
        let loaded_for = self.kept.wants(&test.column).then(|| candidates.clone());
        match &loaded {
            None if test.if_absent => {}
            None => candidates = RowSet::empty(candidates.rows()),
            Some(loaded) => {
                let mut found = select::select(loaded, &test.value, &candidates);
                if test.if_absent {
                    let mut absent = candidates.clone();
                    absent.subtract(&select::present(loaded, candidates.rows()));
                    found.union(&absent);
                }
                candidates.intersect(&found);
            }
        }
        if let Some(rows) = loaded_for {
            self.kept.keep(&test.column, rows, loaded);
        }
        Ok(candidates)
    }

    fn of_traces(&mut self, traces: &[TraceId], mut candidates: RowSet) -> Result<RowSet, StorageError> {
        let mut found = RowSet::empty(candidates.rows());
        for trace in traces {
            self.source
                .trace_rows(self.tenant, *trace)?
                .iter()
                .for_each(|row| found.insert(*row));
        }
        candidates.intersect(&found);
        Ok(candidates)
    }
}
