//! Which fields of the rows the pipes and the client look at.

use std::collections::BTreeSet;

use super::super::ast::pipes::{Fields, GroupBy, MathExpr, SortField, Stats};
use super::super::ast::{FieldPattern, FieldTest, Filter, Pipe};
use super::super::exec::stats::function;
use super::super::fields::{STREAM, STREAM_ID, TIME};

/// Fields that must be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// Every field that there is.
    All,
    /// These, by name.
    Fields(BTreeSet<String>),
}

impl Needed {
    /// No field.
    pub fn none() -> Self {
        Self::Fields(BTreeSet::new())
    }

    fn of<I: IntoIterator<Item = S>, S: Into<String>>(names: I) -> Self {
        Self::Fields(names.into_iter().map(Into::into).collect())
    }

    fn add(&mut self, name: &str) {
        if let Self::Fields(fields) = self
            && !fields.contains(name)
        {
            fields.insert(name.to_owned());
        }
    }

    fn add_pattern(&mut self, pattern: &FieldPattern) {
        match pattern.prefix() {
            Some(_) => *self = Self::All,
            None => self.add(pattern.as_str()),
        }
    }

    fn add_all<'p>(&mut self, patterns: impl IntoIterator<Item = &'p FieldPattern>) {
        patterns.into_iter().for_each(|pattern| self.add_pattern(pattern));
    }

    fn remove(&mut self, name: &str) {
        if let Self::Fields(fields) = self {
            fields.remove(name);
        }
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Fields(fields) => fields.contains(name),
        }
    }

    /// Adds the fields that a filter looks at.
    pub fn add_filter(&mut self, filter: &Filter) {
        match filter {
            Filter::Any => {}
            Filter::And(filters) | Filter::Or(filters) => filters.iter().for_each(|filter| self.add_filter(filter)),
            Filter::Not(filter) => self.add_filter(filter),
            Filter::Stream(_) => self.add(STREAM),
            Filter::StreamId(_) => self.add(STREAM_ID),
            Filter::Time(_) | Filter::DayRange(_) | Filter::WeekRange(_) => self.add(TIME),
            Filter::Field(name, test) => {
                self.add(name);
                if let FieldTest::EqField(other) | FieldTest::LeField(other) | FieldTest::LtField(other) = test {
                    self.add(other);
                }
            }
        }
    }
}

/// The fields of the rows in front of `pipes` that change what comes out behind them.
pub fn needed(pipes: &[Pipe]) -> Needed {
    pipes.iter().rev().fold(Needed::All, before)
}

/// The fields that a pipe needs so that `after` can be had behind it. All fields for pipes that are seldom used.
fn before(after: Needed, pipe: &Pipe) -> Needed {
    let mut needed = after;
    match pipe {
        Pipe::Fields(fields) => return kept(needed, fields),
        Pipe::Delete(fields) => {
            if let Needed::Fields(names) = &mut needed {
                names.retain(|name| !fields.matches(name));
            }
        }
        Pipe::Stats(stats) => return of_stats(stats),
        Pipe::Uniq(uniq) => return Needed::of(uniq.by.iter().cloned()),
        Pipe::Top(top) => return Needed::of(top.by.iter().cloned()),
        Pipe::FieldValues(values) => return Needed::of([values.field.clone()]),
        Pipe::Sort(sort) if !sort.by.is_empty() => {
            sort.rank.iter().for_each(|rank| needed.remove(rank));
            add_order(&mut needed, &sort.by, &sort.partition_by);
        }
        Pipe::First(rows) | Pipe::Last(rows) if !rows.by.is_empty() => {
            rows.rank.iter().for_each(|rank| needed.remove(rank));
            add_order(&mut needed, &rows.by, &rows.partition_by);
        }
        Pipe::Filter(rows) => needed.add_filter(&rows.filter),
        Pipe::Limit(_) | Pipe::Offset(_) | Pipe::Sample(_) => {}
        Pipe::Math(math) => {
            for entry in math.entries.iter().rev() {
                needed.remove(&entry.result);
                add_expression(&mut needed, &entry.expr);
            }
        }
        Pipe::Copy(mapping) | Pipe::Rename(mapping) => {
            for (from, to) in mapping.pairs.iter().rev() {
                if from.prefix().is_some() || to.prefix().is_some() {
                    return Needed::All;
                }
                if needed.has(to.as_str()) {
                    needed.remove(to.as_str());
                    needed.add_pattern(from);
                }
            }
        }
        _ => return Needed::All,
    }
    needed
}

/// What of `after` passes a list of fields to keep.
fn kept(after: Needed, fields: &Fields) -> Needed {
    match after {
        Needed::All => {
            let mut needed = Needed::none();
            needed.add_all(&fields.fields);
            needed
        }
        Needed::Fields(names) => Needed::of(names.into_iter().filter(|name| fields.matches(name))),
    }
}

fn of_stats(stats: &Stats) -> Needed {
    let mut needed = Needed::of(stats.by.iter().map(|by: &GroupBy| by.field.clone()));
    for call in &stats.calls {
        let fields = function(&call.func).fields();
        let counts_rows = matches!(&call.func, super::super::ast::StatsFunc::Count(count) if is_all(&count.fields));
        if !counts_rows {
            needed.add_all(&fields);
        }
        call.condition.iter().for_each(|condition| needed.add_filter(condition));
    }
    needed
}

fn is_all(fields: &[FieldPattern]) -> bool {
    fields.iter().any(FieldPattern::is_all)
}

fn add_order(needed: &mut Needed, by: &[SortField], partition_by: &[String]) {
    by.iter().for_each(|field| needed.add(&field.name));
    partition_by.iter().for_each(|name| needed.add(name));
}

fn add_expression(needed: &mut Needed, expression: &MathExpr) {
    match expression {
        MathExpr::Number(..) => {}
        MathExpr::Field(name) => needed.add(name),
        MathExpr::Negate(inner) => add_expression(needed, inner),
        MathExpr::Binary(_, left, right) => {
            add_expression(needed, left);
            add_expression(needed, right);
        }
        MathExpr::Call(_, arguments) => arguments.iter().for_each(|argument| add_expression(needed, argument)),
    }
}
