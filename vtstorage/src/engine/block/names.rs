//! Which attribute keys the spans of a tenant have in a block: told from the header where it is the block's only tenant.

use super::header::{Field, TableMeta};
use super::source::BlockRows;
use super::values;
use crate::engine::batch::{read_resource, read_scope};
use crate::engine::codec::{IntStream, TextStream};
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, RowSource};
use common::ids::TenantId;
use common::otlp::wire::WireError;
use common::query::{AttrLevel, Column};
use common::value::{AttrValue, Attribute};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

type Names = BTreeSet<(AttrLevel, Arc<str>)>;

impl BlockRows<'_> {
    /// Adds the keys of resource, scope and span attributes.
    pub fn attribute_names(&mut self, tenant: TenantId, all: &mut Names) -> Result<(), StorageError> {
        let rows = self.tenant_rows(tenant);
        if rows.is_empty() {
            return Ok(());
        }
        let header = self.header();
        let columns = &header.columns;
        let only_tenant = header.tenants.len() == 1;
        for (level, listed) in [
            (AttrLevel::Resource, &header.resource_keys),
            (AttrLevel::Scope, &header.scope_keys),
        ] {
            match listed {
                Some(keys) if only_tenant => all.extend(keys.iter().map(|key| (level, key.as_str().into()))),
                _ if level == AttrLevel::Resource => {
                    let attributes = |origin: &[u8]| read_resource(origin).map(|r| r.attributes);
                    self.origin_names(
                        level,
                        &columns.span.resource,
                        &columns.resources,
                        attributes,
                        &rows,
                        all,
                    )?;
                }
                _ => {
                    let attributes = |origin: &[u8]| read_scope(origin).map(|s| s.attributes);
                    self.origin_names(level, &columns.span.scope, &columns.scopes, attributes, &rows, all)?;
                }
            }
        }
        self.span_names(&columns.spans, &rows, only_tenant, all)
    }

    fn origin_names(
        &mut self,
        level: AttrLevel,
        codes: &IntStream,
        origins: &TextStream,
        attributes: impl Fn(&[u8]) -> Result<Vec<Attribute>, WireError>,
        rows: &Range<u32>,
        all: &mut Names,
    ) -> Result<(), StorageError> {
        let want = RowSet::of_range(self.rows(), rows.clone());
        let (at, codes) = self.dense(codes, &want)?;
        let codes = at.row_numbers(codes.len()).zip(codes.iter());
        let used: BTreeSet<u64> = codes
            .filter(|(row, _)| rows.contains(row))
            .map(|(_, code)| code)
            .collect();
        let keys = |origin: &[u8]| attributes(origin).map(|attributes| Some(AttrValue::Map(attributes)));
        let origins = values::of_origins(self.pages(), origins, keys)?;
        for code in used {
            if let Some(Some(AttrValue::Map(attributes))) = origins.get(code as usize) {
                all.extend(attributes.iter().map(|attribute| (level, attribute.key.clone())));
            }
        }
        Ok(())
    }

    fn span_names(
        &mut self,
        table: &TableMeta,
        rows: &Range<u32>,
        only_tenant: bool,
        all: &mut Names,
    ) -> Result<(), StorageError> {
        let want = RowSet::of_range(self.rows(), rows.clone());
        let is_in = |at: &LoadedRows, count: usize| at.row_numbers(count).any(|row| rows.contains(&row));
        for column in &table.columns {
            match &column.field {
                Field::Attr(key) if only_tenant => drop(all.insert((AttrLevel::Span, key.as_str().into()))),
                Field::Attr(key) => {
                    let loaded = self.load(&Column::span(key.as_str()), &want)?;
                    if loaded.is_some_and(|loaded| is_in(&loaded.rows, loaded.values.len())) {
                        all.insert((AttrLevel::Span, key.as_str().into()));
                    }
                }
                Field::Spill => {
                    let Some(Loaded { rows: at, values }) = self.sparse(&Field::Spill, &want)? else {
                        continue;
                    };
                    let spilled = values::into_list(values);
                    for (row, value) in at.row_numbers(spilled.len()).zip(&spilled) {
                        if let (true, AttrValue::Map(entries)) = (rows.contains(&row), value) {
                            all.extend(entries.iter().map(|entry| (AttrLevel::Span, entry.key.clone())));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
