//! Zipkin's clients give the server's span the id of the client's: the server's span gets one of its own and becomes
//! the client's child, and the server's children follow.

use common::ids::SpanId;
use common::span::{Span, SpanKind};
use hashbrown::{HashMap, HashSet};

pub(crate) fn make_unique(spans: &mut [Span]) {
    let clients = spans
        .iter()
        .filter(|s| s.kind == SpanKind::CLIENT)
        .map(|s| s.span_id)
        .collect::<HashSet<_>>();
    let is_shared = |span: &Span| span.kind == SpanKind::SERVER && clients.contains(&span.span_id);
    if !spans.iter().any(is_shared) {
        return;
    }
    let mut used: HashSet<SpanId> = spans.iter().map(|s| s.span_id).collect();
    let (mut renamed, mut fresh_ids) = (HashMap::new(), HashSet::new());
    let mut last = 0u64;
    for span in spans.iter_mut().filter(|span| is_shared(span)) {
        let fresh = unused(&mut used, &mut last);
        renamed.insert(span.span_id, fresh);
        fresh_ids.insert(fresh);
        span.parent_span_id = Some(span.span_id);
        span.span_id = fresh;
    }
    for span in spans.iter_mut().filter(|span| !fresh_ids.contains(&span.span_id)) {
        if let Some(fresh) = span.parent_span_id.and_then(|parent| renamed.get(&parent)) {
            span.parent_span_id = Some(*fresh);
        }
    }
}

/// The lowest id above `last` that no span has.
fn unused(used: &mut HashSet<SpanId>, last: &mut u64) -> SpanId {
    loop {
        *last = last.wrapping_add(1);
        let id = SpanId(last.to_be_bytes());
        if used.insert(id) {
            return id;
        }
    }
}
