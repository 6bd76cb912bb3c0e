//! Links that lead nowhere.

use super::warn;
use common::span::Span;

/// Removes links without a trace id, with a warning each.
pub(crate) fn remove_without_trace(spans: &mut [Span]) {
    for span in spans {
        let all = span.links.len();
        span.links.retain(|link| !link.trace_id.is_zero());
        for _ in span.links.len()..all {
            warn(span, "Invalid span link removed".to_owned());
        }
    }
}
