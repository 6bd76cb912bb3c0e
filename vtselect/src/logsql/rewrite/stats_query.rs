//! Queries whose answer is a vector or matrix of numbers: they end in `stats`, followed only by pipes that keep its
//! shape.

use std::collections::BTreeSet;

use super::super::ast::pipes::{Fields, GroupBy, Mapping, Stats};
use super::super::ast::{FieldPattern, Pipe, Query};

const TIME: &str = "_time";

/// The columns of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsColumns {
    /// Columns that tell the series apart, in the order of `by`.
    pub labels: Vec<String>,
    /// Columns with numbers.
    pub metrics: BTreeSet<String>,
}

/// Why a query cannot be answered with series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatsQueryError {
    /// There is no `stats`.
    #[error("missing `| stats ...` pipe in the query [{0}]")]
    NoStats(String),
    /// A pipe that changes the shape of the result.
    #[error("the {pipe:?} pipe cannot be put after the {stats:?} pipe in the query [{query}]")]
    PipeAfterStats {
        /// The pipe.
        pipe: String,
        /// The last `stats`.
        stats: String,
        /// The query.
        query: String,
    },
    /// A label that would be lost or replaced.
    #[error("the {field:?} field cannot be dropped or overridden at {pipe:?} in the query [{query}]")]
    LabelLost {
        /// The label.
        field: String,
        /// The pipe.
        pipe: String,
        /// The query.
        query: String,
    },
    /// No number is left.
    #[error("missing metric fields in the results of query [{0}]")]
    NoMetrics(String),
}

/// A label that a pipe would lose or replace.
struct Lost(String);

impl Query {
    /// The columns of the answer to a statistics query at one moment.
    pub fn stats_columns(&self) -> Result<StatsColumns, StatsQueryError> {
        let stats = |pipe: &Pipe| match pipe {
            Pipe::Stats(stats) => Some(stats.clone()),
            _ => None,
        };
        let last = self.pipes.iter().rposition(|pipe| matches!(pipe, Pipe::Stats(_)));
        let (stats, after) = last
            .and_then(|last| Some((self.pipes.get(last).and_then(stats)?, self.pipes.get(last + 1..)?)))
            .ok_or_else(|| StatsQueryError::NoStats(self.to_string()))?;
        let mut columns = StatsColumns::of(&stats).map_err(|lost| self.lost(lost, &Pipe::Stats(stats.clone())))?;
        for pipe in after {
            match columns.pass(pipe) {
                Some(result) => result.map_err(|lost| self.lost(lost, pipe))?,
                None => {
                    let (pipe, stats) = (pipe.to_string(), Pipe::Stats(stats).to_string());
                    return Err(StatsQueryError::PipeAfterStats {
                        pipe,
                        stats,
                        query: self.to_string(),
                    });
                }
            }
        }
        if columns.metrics.is_empty() {
            Err(StatsQueryError::NoMetrics(self.to_string()))
        } else {
            Ok(columns)
        }
    }

    /// Groups every `stats` by steps of time (nanoseconds), orders and limits within each step, and returns the
    /// columns.
    pub fn stats_columns_by_step(&mut self, step: i64) -> Result<StatsColumns, StatsQueryError> {
        for pipe in &mut self.pipes {
            match pipe {
                Pipe::Stats(stats) => group_by_time(stats, step),
                Pipe::Sort(sort) if sort.limit > 0 => partition_by_time(&mut sort.partition_by),
                Pipe::First(rows) | Pipe::Last(rows) => partition_by_time(&mut rows.partition_by),
                _ => {}
            }
        }
        self.stats_columns()
    }

    fn lost(&self, lost: Lost, pipe: &Pipe) -> StatsQueryError {
        StatsQueryError::LabelLost {
            field: lost.0,
            pipe: pipe.to_string(),
            query: self.to_string(),
        }
    }
}

fn group_by_time(stats: &mut Stats, step: i64) {
    let by_time = GroupBy::bucketed(TIME, &step.to_string(), None).unwrap_or_else(|| GroupBy::field(TIME));
    match stats.by.iter_mut().find(|by| by.field == TIME) {
        Some(by) => *by = by_time,
        None => stats.by.push(by_time),
    }
}

fn partition_by_time(partition_by: &mut Vec<String>) {
    if !partition_by.iter().any(|field| field == TIME) {
        partition_by.push(TIME.to_owned());
    }
}

impl StatsColumns {
    fn of(stats: &Stats) -> Result<Self, Lost> {
        let mut columns = Self {
            labels: stats.by.iter().map(|by| by.field.clone()).collect(),
            metrics: BTreeSet::new(),
        };
        stats
            .calls
            .iter()
            .try_for_each(|call| columns.add_metric(&call.result))?;
        Ok(columns)
    }

    fn add_metric(&mut self, field: &str) -> Result<(), Lost> {
        self.keep_labels(|label| label != field)?;
        self.metrics.insert(field.to_owned());
        Ok(())
    }

    fn keep_labels(&self, keep: impl Fn(&str) -> bool) -> Result<(), Lost> {
        match self.labels.iter().find(|label| !keep(label)) {
            Some(label) => Err(Lost(label.clone())),
            None => Ok(()),
        }
    }

    /// The columns after a pipe; `None` for a pipe that changes the shape.
    fn pass(&mut self, pipe: &Pipe) -> Option<Result<(), Lost>> {
        Some(match pipe {
            Pipe::Filter(_) | Pipe::First(_) | Pipe::Last(_) | Pipe::Sort(_) => Ok(()),
            Pipe::Math(math) => math.entries.iter().try_for_each(|entry| self.add_metric(&entry.result)),
            Pipe::Fields(fields) => self.keep(|field, _| fields.matches(field), fields),
            Pipe::Delete(fields) => self.keep(|field, _| !fields.matches(field), fields),
            Pipe::Copy(mapping) => self.map(mapping, false),
            Pipe::Rename(mapping) => self.map(mapping, true),
            Pipe::Format(format) => self.add_label(&format.result),
            _ => return None,
        })
    }

    fn keep(&mut self, keep: impl Fn(&str, &Fields) -> bool, fields: &Fields) -> Result<(), Lost> {
        self.keep_labels(|label| keep(label, fields))?;
        self.metrics.retain(|metric| keep(metric, fields));
        Ok(())
    }

    fn add_label(&mut self, field: &str) -> Result<(), Lost> {
        self.keep_labels(|label| label != field)?;
        self.metrics.remove(field);
        self.labels.push(field.to_owned());
        Ok(())
    }

    fn map(&mut self, mapping: &Mapping, rename: bool) -> Result<(), Lost> {
        mapping
            .pairs
            .iter()
            .try_for_each(|(from, to)| self.map_pair(from, to, rename))
    }

    fn map_pair(&mut self, from: &FieldPattern, to: &FieldPattern, rename: bool) -> Result<(), Lost> {
        self.keep_labels(|label| !to.matches(label))?;
        for at in 0..self.labels.len() {
            let Some(label) = self.labels.get_mut(at).filter(|label| from.matches(label)) else {
                continue;
            };
            let target = from.rename(to, label);
            if rename {
                *label = target;
            } else {
                self.labels.push(target);
            }
        }
        for metric in std::mem::take(&mut self.metrics) {
            if from.matches(&metric) {
                self.metrics.insert(from.rename(to, &metric));
            }
            if !(to.matches(&metric) || rename && from.matches(&metric)) {
                self.metrics.insert(metric);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{ParseContext, parse_query};
    use super::*;

    fn columns(s: &str) -> Result<(Vec<String>, Vec<String>), StatsQueryError> {
        let query = parse_query(s, &ParseContext::at(0)).expect(s);
        query
            .stats_columns()
            .map(|columns| (columns.labels, columns.metrics.into_iter().collect()))
    }

    #[test]
    fn labels_and_metrics_follow_the_pipes() {
        for (query, labels, metrics) in [
            ("* | count()", vec![], vec!["count(*)"]),
            (
                "* | by (a, b) count() c, sum(d) s | math c / s as r | rm s",
                vec!["a", "b"],
                vec!["c", "r"],
            ),
            (
                "* | by (x) count() y | mv x* z* | copy y y2, z w",
                vec!["z", "w"],
                vec!["y", "y2"],
            ),
            (
                "* | count() c | format '<c>' as l | sort by (c) | first 3 by (c) | c:>5",
                vec!["l"],
                vec!["c"],
            ),
            ("* | by (x) count() total | keep x, y, total", vec!["x"], vec!["total"]),
        ] {
            let expected = (
                labels.into_iter().map(String::from).collect(),
                metrics.into_iter().map(String::from).collect(),
            );
            assert_eq!(columns(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn refuses_what_breaks_series() {
        for (query, text) in [
            ("foo", "missing `| stats ...` pipe in the query [foo]"),
            ("* | count() | limit 5", "the \"limit 5\" pipe cannot be put after"),
            ("* | by (x) count() | rm x", "\"x\" field cannot be dropped"),
            ("* | by (x) count() | math 1 as x", "\"x\" field cannot be dropped"),
            ("* | by (x) count() c | mv x c", "missing metric fields"),
            ("* | count() c | fields d", "missing metric fields"),
        ] {
            let error = columns(query).expect_err(query).to_string();
            assert!(error.contains(text), "{query}: {error}");
        }
    }

    #[test]
    fn steps_group_and_partition() {
        let mut query = parse_query(
            "* | by (p) rate() r | sort by (r) limit 3 | first by (r)",
            &ParseContext::at(0),
        )
        .expect("valid");
        let columns = query.stats_columns_by_step(60_000_000_000).expect("series");
        assert_eq!(columns.labels, ["p", "_time"]);
        assert_eq!(
            query.to_string(),
            "* | stats by (p, _time:60000000000) rate() as r | sort by (r) partition by (_time) limit 3 | first by (r) partition by (_time)"
        );
        assert!(
            parse_query("* | count() | rm _time", &ParseContext::at(0))
                .expect("valid")
                .stats_columns_by_step(1)
                .is_err()
        );
    }
}
