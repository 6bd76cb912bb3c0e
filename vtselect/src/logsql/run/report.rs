//! What running a query took: each plan that storage was asked for, and what it read.

use common::query::{Plan, ScanStats};
use std::fmt::Write as _;
use std::time::Duration;

use super::super::exec::json;
use super::super::value::format_rfc3339;

/// One plan and what its answer took.
#[derive(Debug, Clone)]
pub struct PlanRun {
    pub plan: Plan,
    /// The filter that rows had to pass afterwards, as text
    pub residual: Option<String>,
    /// The pipes that ran over the answer, as text
    pub pipes: Vec<String>,
    pub stats: ScanStats,
    pub took: Duration,
}

/// All plans of a request, in the order they ended: those of subqueries first.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub runs: Vec<PlanRun>,
}

impl Report {
    /// The report on `query` as a JSON object.
    pub fn to_json(&self, query: &str, took: Duration) -> String {
        let mut out = String::from("{\"query\":");
        json::write_string(&mut out, query);
        let _ = write!(out, ",\"duration_us\":{},\"plans\":[", took.as_micros());
        for (i, run) in self.runs.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            run.write_json(&mut out);
        }
        out.push_str("]}");
        out
    }
}

impl PlanRun {
    fn write_json(&self, out: &mut String) {
        let Plan {
            range, filter, shape, ..
        } = &self.plan;
        out.push_str("{\"start\":");
        json::write_string(out, &time(range.start.0));
        out.push_str(",\"end\":");
        json::write_string(out, &time(range.end.0));
        out.push_str(",\"filter\":");
        json::write_string(out, &format!("{filter:?}"));
        out.push_str(",\"shape\":");
        json::write_string(out, &format!("{shape:?}"));
        out.push_str(",\"row_filter\":");
        json::write_string(out, self.residual.as_deref().unwrap_or_default());
        out.push_str(",\"pipes\":");
        out.push_str(&json::array(self.pipes.iter().map(String::as_str)));
        let ScanStats {
            blocks_considered,
            blocks_scanned,
            rows_scanned,
            bytes_read,
        } = self.stats;
        let pruned = blocks_considered.saturating_sub(blocks_scanned);
        let _ = write!(
            out,
            ",\"blocks_considered\":{blocks_considered},\"blocks_pruned\":{pruned},\"blocks_scanned\":{blocks_scanned},\
             \"rows_scanned\":{rows_scanned},\"bytes_read\":{bytes_read},\"duration_us\":{}}}",
            self.took.as_micros()
        );
    }
}

/// A bound of the time range; unbounded ones are empty.
fn time(nanos: u64) -> String {
    match i64::try_from(nanos) {
        Ok(0) | Err(_) => String::new(),
        Ok(nanos) => format_rfc3339(nanos),
    }
}
