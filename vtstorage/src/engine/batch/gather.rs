//! Collects the values of one column, whose type is only known from the values themselves.

use super::{CellKind, text_value};
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, Texts, Values};
use common::otlp::decode;
use common::otlp::view::ValueView;
use common::value::AttrValue;

/// Values and their rows, typed for as long as all values are of one type.
#[derive(Debug, Default)]
pub(super) struct Gather {
    rows: Vec<u32>,
    values: Option<Gathered>,
}

/// Values of the types that rows give one by one.
#[derive(Debug)]
enum Gathered {
    Text(Texts),
    Int(Vec<i64>),
    Double(Vec<f64>),
    Bool(Vec<bool>),
    Mixed(Vec<AttrValue>),
}

impl Gather {
    pub(super) fn text(&mut self, row: u32, text: &[u8]) -> Result<(), StorageError> {
        self.rows.push(row);
        match self.values.get_or_insert_with(|| Gathered::Text(Texts::default())) {
            Gathered::Text(texts) => texts.push(text),
            _ => self.mixed(text_value(CellKind::Str, text)?),
        }
        Ok(())
    }

    pub(super) fn int(&mut self, row: u32, int: i64) {
        self.rows.push(row);
        match self.values.get_or_insert_with(|| Gathered::Int(Vec::new())) {
            Gathered::Int(ints) => ints.push(int),
            _ => self.mixed(AttrValue::Int(int)),
        }
    }

    fn double(&mut self, row: u32, double: f64) {
        self.rows.push(row);
        match self.values.get_or_insert_with(|| Gathered::Double(Vec::new())) {
            Gathered::Double(doubles) => doubles.push(double),
            _ => self.mixed(AttrValue::Double(double)),
        }
    }

    fn bool(&mut self, row: u32, bool: bool) {
        self.rows.push(row);
        match self.values.get_or_insert_with(|| Gathered::Bool(Vec::new())) {
            Gathered::Bool(bools) => bools.push(bool),
            _ => self.mixed(AttrValue::Bool(bool)),
        }
    }

    fn other(&mut self, row: u32, value: AttrValue) {
        self.rows.push(row);
        self.mixed(value);
    }

    /// A value as it stands in OTLP.
    pub(super) fn view(&mut self, row: u32, value: &ValueView<'_>) -> Result<(), StorageError> {
        match *value {
            ValueView::Str(text) => self.text(row, text.as_bytes())?,
            ValueView::Bool(bool) => self.bool(row, bool),
            ValueView::Int(int) => self.int(row, int),
            ValueView::Double(double) => self.double(row, double),
            ref other => self.other(row, decode::value(other)?),
        }
        Ok(())
    }

    /// A value as a cell holds it: the bits of a number, or the bytes of a text.
    pub(super) fn cell(&mut self, row: u32, kind: CellKind, bits: u64, bytes: &[u8]) -> Result<(), StorageError> {
        match kind {
            CellKind::Str => self.text(row, bytes)?,
            CellKind::Bool => self.bool(row, bits != 0),
            CellKind::Int => self.int(row, bits.cast_signed()),
            CellKind::Double => self.double(row, f64::from_bits(bits)),
            CellKind::Empty => self.other(row, AttrValue::Empty),
            CellKind::Bytes | CellKind::Array | CellKind::Map => self.other(row, text_value(kind, bytes)?),
        }
        Ok(())
    }

    fn mixed(&mut self, value: AttrValue) {
        let mut values = match self.values.take() {
            None => Vec::new(),
            Some(values) => owned(values),
        };
        values.push(value);
        self.values = Some(Gathered::Mixed(values));
    }

    /// What was collected; `None` where that is nothing.
    pub(super) fn finish(self) -> Option<Loaded> {
        self.values.map(|values| Loaded {
            rows: LoadedRows::Sparse(self.rows),
            values: match values {
                Gathered::Text(texts) => Values::Text(texts.into()),
                Gathered::Int(ints) => Values::Int(ints.into()),
                Gathered::Double(doubles) => Values::Double(doubles),
                Gathered::Bool(bools) => Values::Bool(bools),
                Gathered::Mixed(values) => Values::Mixed(values),
            },
        })
    }
}

/// The values one by one.
fn owned(values: Gathered) -> Vec<AttrValue> {
    match values {
        Gathered::Text(texts) => texts
            .iter()
            .map(|t| String::from_utf8_lossy(t).into_owned().into())
            .collect(),
        Gathered::Int(ints) => ints.into_iter().map(AttrValue::Int).collect(),
        Gathered::Double(doubles) => doubles.into_iter().map(AttrValue::Double).collect(),
        Gathered::Bool(bools) => bools.into_iter().map(AttrValue::Bool).collect(),
        Gathered::Mixed(values) => values,
    }
}
