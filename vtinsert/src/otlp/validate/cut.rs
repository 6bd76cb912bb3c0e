//! Copies a message without its bad spans. Every good span, resource and scope keeps its bytes; only the lengths of
//! the groups around a cut change. Unknown groups (wire types 3 and 4) between them are dropped.

use super::check::Checker;
use super::framing::{self, Framing, Malformed};
use super::reason::Place;
use common::otlp::write::MessageWriter;

/// `body` without what `checker` finds bad. The verdicts are asked for a second time instead of being remembered:
/// bad requests are rare, and a list of cuts could outgrow the request.
pub(super) fn rebuild(checker: &Checker, body: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = MessageWriter::with_capacity(body.len());
    let mut request = Framing::new(body, body);
    while let Some(item) = request.next_item()? {
        if item.number == framing::RESOURCE_SPANS {
            resource_spans(checker, item.bytes()?, body, &mut out)?;
        } else {
            out.raw(item.raw);
        }
    }
    Ok(out.finish())
}

fn resource_spans(checker: &Checker, group: &[u8], body: &[u8], out: &mut MessageWriter) -> Result<(), Malformed> {
    if checker.group(group, body, Place::Resource)?.is_err() {
        return Ok(());
    }
    let open = out.open(framing::RESOURCE_SPANS);
    let mut items = Framing::new(group, body);
    while let Some(item) = items.next_item()? {
        if item.number == framing::ITEMS {
            scope_spans(checker, item.bytes()?, body, out)?;
        } else {
            out.raw(item.raw);
        }
    }
    out.close(open);
    Ok(())
}

fn scope_spans(checker: &Checker, group: &[u8], body: &[u8], out: &mut MessageWriter) -> Result<(), Malformed> {
    if checker.group(group, body, Place::Scope)?.is_err() {
        return Ok(());
    }
    let open = out.open(framing::ITEMS);
    let mut items = Framing::new(group, body);
    while let Some(item) = items.next_item()? {
        if item.number != framing::ITEMS || checker.span(item.bytes()?).is_ok() {
            out.raw(item.raw);
        }
    }
    out.close(open);
    Ok(())
}
