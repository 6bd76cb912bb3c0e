//! `hash`: the low 53 bits of the xxHash64 of a value, which a JSON number can hold.

use xxhash_rust::xxh64::xxh64;

use super::super::super::ast::pipes::FieldFunction;
use super::super::Rows;
use super::Transform;
use super::per_block::derive;

pub(super) struct Hash(FieldFunction);

impl Hash {
    pub(super) fn new(shape: &FieldFunction) -> Self {
        Self(shape.clone())
    }
}

impl Transform for Hash {
    fn apply(&mut self, rows: &mut Rows) {
        derive(rows, &self.0.field, &self.0.result, |value| {
            (xxh64(value.as_bytes(), 0) & ((1 << 53) - 1)).to_string().into()
        });
    }
}
