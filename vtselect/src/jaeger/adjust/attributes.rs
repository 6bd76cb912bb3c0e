//! Repairs to attributes.

use super::warn;
use common::span::{Resource, Span};
use common::value::{AttrValue, Attribute, find};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Attributes of the library that made a span: they belong to its resource.
const LIBRARY: [&str; 5] = [
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
];
const LIBRARY_PREFIX: &str = "telemetry.";

/// Orders attributes by key and events by time.
pub(crate) fn sort(spans: &mut [Span]) {
    for span in spans {
        span.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        span.events.sort_by_key(|event| event.time);
        for event in &mut span.events {
            event.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        }
    }
}

/// Writes IPv4 addresses that are stored as numbers with dots.
pub(crate) fn dot_addresses(spans: &mut [Span]) {
    let mut dotted: Vec<(Arc<Resource>, Arc<Resource>)> = Vec::new();
    for span in spans {
        span.attributes.iter_mut().for_each(dot_address);
        if !span.resource.attributes.iter().any(|a| dotted_address(a).is_some()) {
            continue;
        }
        let known = dotted.iter().find(|(stored, _)| Arc::ptr_eq(stored, &span.resource));
        let repaired = match known {
            Some((_, repaired)) => repaired.clone(),
            None => {
                let mut resource = Resource::clone(&span.resource);
                resource.attributes.iter_mut().for_each(dot_address);
                let repaired = Arc::new(resource);
                dotted.push((span.resource.clone(), repaired.clone()));
                repaired
            }
        };
        span.resource = repaired;
    }
}

fn dot_address(attribute: &mut Attribute) {
    if let Some(address) = dotted_address(attribute) {
        attribute.value = address.to_string().into();
    }
}

fn dotted_address(attribute: &Attribute) -> Option<Ipv4Addr> {
    if !matches!(&*attribute.key, "ip" | "peer.ipv4") {
        return None;
    }
    let bits = match attribute.value {
        AttrValue::Int(number) => number as u64,
        AttrValue::Double(number) => number as u64,
        _ => return None,
    };
    // The low 32 bits, as Jaeger has it.
    Some(Ipv4Addr::from_bits((bits & 0xffff_ffff) as u32))
}

/// Moves attributes of the telemetry library from spans to their resource, for all spans of that resource.
pub(crate) fn move_library_attributes(spans: &mut [Span]) {
    let has_any = |span: &Span| span.attributes.iter().any(|a| is_library(&a.key));
    if !spans.iter().any(has_any) {
        return;
    }
    let mut moved: Vec<(Arc<Resource>, Resource)> = Vec::new();
    for span in spans.iter_mut().filter(|span| has_any(span)) {
        let place = match moved.iter().position(|(stored, _)| same(stored, &span.resource)) {
            Some(place) => place,
            None => {
                moved.push((span.resource.clone(), Resource::clone(&span.resource)));
                moved.len() - 1
            }
        };
        if let Some((_, resource)) = moved.get_mut(place) {
            move_attributes(span, resource);
        }
    }
    let moved: Vec<_> = moved
        .into_iter()
        .map(|(stored, resource)| (stored, Arc::new(resource)))
        .collect();
    for span in spans {
        if let Some((_, resource)) = moved.iter().find(|(stored, _)| same(stored, &span.resource)) {
            span.resource = resource.clone();
        }
    }
}

fn same(a: &Arc<Resource>, b: &Arc<Resource>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

fn is_library(key: &str) -> bool {
    key.starts_with(LIBRARY_PREFIX) && LIBRARY.contains(&key)
}

fn move_attributes(span: &mut Span, resource: &mut Resource) {
    let mut conflicts = Vec::new();
    span.attributes.retain(|attribute| {
        if !is_library(&attribute.key) {
            return true;
        }
        match find(&resource.attributes, &attribute.key) {
            None => resource.attributes.push(attribute.clone()),
            Some(AttrValue::Str(known)) if attribute.value.as_str() == Some(known) => {}
            Some(_) => {
                conflicts.push(attribute.key.clone());
                return true;
            }
        }
        false
    });
    for key in conflicts {
        warn(
            span,
            format!("conflicting values between Span and Resource for attribute {key}"),
        );
    }
}
