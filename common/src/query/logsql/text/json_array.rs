//! The items of a JSON array as texts.

use serde_json::value::RawValue;

/// True when the text is a JSON array and an item is accepted. A string is given without its quotes, anything else as
/// it is written.
pub(super) fn any(value: &str, accept: impl Fn(&str) -> bool) -> bool {
    if !value.starts_with('[') {
        return false;
    }
    let items: Vec<&RawValue> = serde_json::from_str(value).unwrap_or_default();
    items.into_iter().any(|item| {
        let raw = item.get();
        if raw.starts_with('"') {
            serde_json::from_str::<String>(raw).is_ok_and(|text| accept(&text))
        } else {
            accept(raw)
        }
    })
}
