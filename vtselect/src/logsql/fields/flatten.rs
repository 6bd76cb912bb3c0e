//! Attributes as fields: what is inside of maps has the keys joined by dots.

use common::value::{AttrValue, Attribute, find};
use std::cmp::Reverse;
use std::sync::Arc;

/// Calls `visit` with the key of each field and its value, `None` where it shows nothing. Of one key the first call
/// counts; the order is that of [`common::value::find_path`].
pub(super) fn flatten<'s>(attributes: &'s [Attribute], visit: &mut dyn FnMut(&Arc<str>, Option<&'s AttrValue>)) {
    below(None, attributes, visit);
}

fn below<'s>(
    outer: Option<&str>,
    attributes: &'s [Attribute],
    visit: &mut dyn FnMut(&Arc<str>, Option<&'s AttrValue>),
) {
    let mut maps = Vec::new();
    for (i, Attribute { key: own, value }) in attributes.iter().enumerate() {
        let joined: Arc<str>;
        let key = match outer {
            None => own,
            Some(outer) => {
                joined = format!("{outer}.{own}").into();
                &joined
            }
        };
        match value {
            // A key without a value, or with a map, hides the same key further on.
            AttrValue::Empty => visit(key, None),
            AttrValue::Map(entries) => {
                let earlier = attributes.get(..i).unwrap_or_default();
                if find(earlier, own).is_none() {
                    maps.push((key.clone(), entries));
                }
                visit(key, None);
            }
            value => visit(key, Some(value)),
        }
    }
    maps.sort_by_key(|(key, _)| Reverse(key.len()));
    for (key, entries) in maps {
        below(Some(&key), entries, visit);
    }
}
