//! `field_values`: the values of a field with their number of rows.

use super::super::super::ast::pipes;
use super::super::Account;
use super::uniq::Uniq;

pub(super) fn new(shape: &pipes::FieldValues, account: Account) -> Uniq {
    // A field of this name is not lost.
    let hits = if shape.field == "hits" { "hitss" } else { "hits" };
    Uniq::of(vec![shape.field.clone()], Some(hits.to_owned()), shape.limit, account)
}
