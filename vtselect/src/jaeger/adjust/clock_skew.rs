//! Where a child's times do not fit into its parent's and they ran on different hosts, their clocks disagree: the
//! child is shifted to the middle of its parent, or, beyond the bound, only warned about.

use super::super::duration;
use super::warn;
use common::ids::SpanId;
use common::span::{Resource, Span};
use common::time::UnixNanos;
use common::value::{AttrValue, find};
use hashbrown::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Shifts times by at most `max`; zero only warns.
pub(crate) fn correct(spans: &mut [Span], max: Duration) {
    let max = i64::try_from(max.as_nanos()).unwrap_or(i64::MAX);
    let tree = Tree::of(spans);
    for place in &tree.repeated {
        warn_at(spans, *place, || {
            "duplicate span IDs; skipping clock skew adjustment".to_owned()
        });
    }
    for (place, parent) in &tree.orphans {
        let text = || format!("parent span ID={parent} is not in the trace; skipping clock skew adjustment");
        warn_at(spans, *place, text);
    }
    let hosts = hosts_of(spans);
    let host = |place: usize| hosts.get(place).map_or("", |host| host.as_ref());
    let mut todo: Vec<Step> = tree
        .roots
        .iter()
        .map(|root| Step {
            place: *root,
            parent: None,
            skew: 0,
        })
        .collect();
    while let Some(Step {
        place,
        parent,
        mut skew,
    }) = todo.pop()
    {
        if let Some(parent) = parent
            && (host(place) != host(parent) || host(place).is_empty())
        {
            skew = skew_between(spans, place, parent);
        }
        shift(spans, place, skew, max);
        let children = tree.children.get(place).into_iter().flatten();
        todo.extend(children.map(|child| Step {
            place: *child,
            parent: Some(place),
            skew,
        }));
    }
}

/// A span to look at, with the skew of its parent's host in nanoseconds.
struct Step {
    place: usize,
    parent: Option<usize>,
    skew: i64,
}

/// Who is whose child, as places in the list of spans. Of spans with the same id the first counts.
#[derive(Default)]
struct Tree {
    roots: Vec<usize>,
    children: Vec<Vec<usize>>,
    repeated: Vec<usize>,
    orphans: Vec<(usize, SpanId)>,
}

impl Tree {
    fn of(spans: &[Span]) -> Self {
        let mut tree = Self {
            children: vec![Vec::new(); spans.len()],
            ..Self::default()
        };
        let mut places = HashMap::with_capacity(spans.len());
        for (place, span) in spans.iter().enumerate() {
            match places.entry(span.span_id) {
                hashbrown::hash_map::Entry::Occupied(_) => tree.repeated.push(place),
                hashbrown::hash_map::Entry::Vacant(entry) => {
                    entry.insert(place);
                }
            }
        }
        for (place, span) in spans.iter().enumerate() {
            if places.get(&span.span_id) != Some(&place) {
                continue;
            }
            let Some(parent) = span.parent_span_id else {
                tree.roots.push(place);
                continue;
            };
            match places.get(&parent).and_then(|parent| tree.children.get_mut(*parent)) {
                Some(siblings) => siblings.push(place),
                None => {
                    tree.orphans.push((place, parent));
                    tree.roots.push(place);
                }
            }
        }
        tree
    }
}

/// The host of each span; empty where its resource does not say.
fn hosts_of(spans: &[Span]) -> Vec<Arc<str>> {
    let mut known: Vec<(&Arc<Resource>, Arc<str>)> = Vec::new();
    let mut hosts = Vec::with_capacity(spans.len());
    for span in spans {
        // Spans of one resource mostly follow each other.
        let seen = known
            .iter()
            .rev()
            .take(16)
            .find(|(resource, _)| Arc::ptr_eq(resource, &span.resource));
        let host = match seen {
            Some((_, host)) => host.clone(),
            None => {
                let host = host_of(&span.resource);
                known.push((&span.resource, host.clone()));
                host
            }
        };
        hosts.push(host);
    }
    hosts
}

fn host_of(resource: &Resource) -> Arc<str> {
    let text = |value: &AttrValue| match value {
        AttrValue::Str(text) => text.clone(),
        _ => Arc::default(),
    };
    if let Some(id) = find(&resource.attributes, "host.id") {
        return text(id);
    }
    match find(&resource.attributes, "host.ip") {
        Some(AttrValue::Str(address)) => return address.clone(),
        Some(AttrValue::Array(addresses)) => {
            if let Some(first) = addresses.first() {
                return first.to_text().into();
            }
        }
        _ => {}
    }
    find(&resource.attributes, "host.name").map(text).unwrap_or_default()
}

/// What to add to the child's times, in nanoseconds.
fn skew_between(spans: &[Span], child: usize, parent: usize) -> i64 {
    let (Some(child), Some(parent)) = (spans.get(child), spans.get(parent)) else {
        return 0;
    };
    let nanos = |time: UnixNanos| i128::from(time.0);
    let (child_start, child_end) = (nanos(child.start), nanos(child.end));
    let (parent_start, parent_end) = (nanos(parent.start), nanos(parent.end));
    let spare = (parent_end - parent_start) - (child_end - child_start);
    let skew = if spare < 0 {
        // It ran longer than its parent: all that is known is that it did not start earlier.
        (parent_start - child_start).max(0)
    } else if child_start >= parent_start && child_end <= parent_end {
        0
    } else {
        parent_start + spare / 2 - child_start
    };
    i64::try_from(skew).unwrap_or(0)
}

fn shift(spans: &mut [Span], place: usize, skew: i64, max: i64) {
    let Some(span) = spans.get_mut(place).filter(|_| skew != 0) else {
        return;
    };
    let delta = duration::format(skew);
    if max == 0 {
        warn(
            span,
            format!("clock skew adjustment disabled; not applying calculated delta of {delta}"),
        );
    } else if skew.unsigned_abs() > max.unsigned_abs() {
        let max = duration::format(max);
        warn(
            span,
            format!("max clock skew adjustment delta of {max} exceeded; not applying calculated delta of {delta}"),
        );
    } else {
        span.start.0 = span.start.0.saturating_add_signed(skew);
        span.end.0 = span.end.0.saturating_add_signed(skew);
        for event in &mut span.events {
            event.time.0 = event.time.0.saturating_add_signed(skew);
        }
        warn(span, format!("This span's timestamps were adjusted by {delta}"));
    }
}

fn warn_at(spans: &mut [Span], place: usize, text: impl FnOnce() -> String) {
    if let Some(span) = spans.get_mut(place) {
        warn(span, text());
    }
}
