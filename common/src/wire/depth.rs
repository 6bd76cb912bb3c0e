//! A bound on how deep decoded values are nested, so that bytes from outside do not use up the stack.

use serde::de::{Deserialize, Deserializer, Error};
use std::cell::Cell;

/// Filters and attribute values are nested less deep: their own readers see to it.
pub(crate) const MAX_DEPTH: u32 = 512;

thread_local! {
    /// Levels of the value that this thread decodes. Decoding does not leave its thread.
    static LEVELS: Cell<u32> = const { Cell::new(0) };
}

/// A level that ends when it is dropped.
struct Level;

impl Level {
    fn enter() -> Option<Self> {
        let level = LEVELS.get();
        (level < MAX_DEPTH).then(|| {
            LEVELS.set(level + 1);
            Self
        })
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        LEVELS.set(LEVELS.get().saturating_sub(1));
    }
}

/// Decodes what lies one level deeper: for `deserialize_with` on the recursive fields of a type.
pub(crate) fn bounded<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    let _level = Level::enter().ok_or_else(|| D::Error::custom("nested too deep"))?;
    T::deserialize(deserializer)
}
