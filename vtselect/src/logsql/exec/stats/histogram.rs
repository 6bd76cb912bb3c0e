//! `histogram`: hits by range of values, as JSON.

use std::fmt::Write;

use common::query::logsql::order::compare_natural;
use common::query::logsql::stats::Histogram;

use super::super::super::ast::FieldPattern;
use super::{Columns, Function, Text};

/// Hits by range of the values of a field that are numbers, durations or sizes.
pub(super) struct Hits(pub(super) String);

impl Function for Hits {
    type State = Histogram;

    fn fields(&self) -> Vec<FieldPattern> {
        vec![FieldPattern::new(&self.0)]
    }

    fn new_state(&self) -> Histogram {
        Histogram::default()
    }

    fn update(&self, state: &mut Histogram, columns: &Columns<'_>, rows: &[usize]) {
        columns.for_each_number(rows, |number, times| state.update_f64_times(number, times));
    }

    fn finish(&self, state: Histogram, _: f64) -> Text {
        // The reference orders the ranges as texts, so that greater powers of ten need not come later.
        let mut buckets: Vec<_> = state.buckets().collect();
        buckets.sort_by(|(a, _), (b, _)| compare_natural(a, b));
        let mut out = String::from("[");
        for (range, hits) in buckets {
            let separator = if out.len() > 1 { "," } else { "" };
            let _ = write!(out, r#"{separator}{{"vmrange":"{range}","hits":{hits}}}"#);
        }
        out.push(']');
        out.into()
    }
}
