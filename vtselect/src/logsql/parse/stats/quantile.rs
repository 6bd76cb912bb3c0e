//! `(phi, a, b*)`.

use std::fmt;

use super::super::super::ast::{FieldPattern, List};
use super::super::super::value::parse_float;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::patterns_in_parens;
use super::Shape;

/// A quantile of the values of some fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantile {
    /// From 0 for the least to 1 for the greatest value.
    pub phi: f64,
    phi_text: String,
    /// The fields; none for all.
    pub fields: Vec<FieldPattern>,
}

impl Shape for Quantile {
    fn parse(c: &mut Cursor<'_>) -> Result<Self> {
        let mark = c.mark();
        let mut arguments = patterns_in_parens(c)?.into_iter();
        let phi_text = arguments
            .next()
            .map_or(String::new(), |first| first.as_str().to_owned());
        let phi = parse_float(&phi_text).filter(|phi| (0.0..=1.0).contains(phi));
        let phi = phi.ok_or_else(|| {
            c.error_at(
                mark,
                format!("expected a number from 0 to 1 as first argument, found '{phi_text}'"),
            )
        })?;
        let mut fields: Vec<_> = arguments.collect();
        if fields.iter().any(FieldPattern::is_all) {
            fields.clear();
        }
        Ok(Self { phi, phi_text, fields })
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.fields.is_empty() { "" } else { ", " };
        write!(f, "({}{separator}{})", self.phi_text, List(&self.fields))
    }
}
