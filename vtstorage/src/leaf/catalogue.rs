//! Services, operations and attribute names: of blocks from the catalogue that the store keeps, of heads from their rows.

use super::query::Query;
use crate::engine::batch::{CellColumn, CellTable, SpanBatch, read_resource, read_scope};
use crate::engine::error::StorageError;
use common::otlp::view::AttrView;
use common::otlp::wire::Fields;
use common::query::{Answer, AttrLevel, CatalogueQuery, Operation};
use common::span::{Resource, SpanKind};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn answer(query: &Query, question: &CatalogueQuery) -> Result<Answer, StorageError> {
    Ok(match question {
        CatalogueQuery::Services => Answer::Services(services(query)?),
        CatalogueQuery::Operations { service, kind } => Answer::Operations(operations(query, service, *kind)?),
        CatalogueQuery::AttributeNames => Answer::AttributeNames(attribute_names(query)?),
    })
}

fn services(query: &Query) -> Result<BTreeSet<Arc<str>>, StorageError> {
    let mut all = BTreeSet::new();
    for partition in query.view.partitions() {
        all.extend(partition.catalogue.services(query.tenant()));
    }
    for head in query.heads() {
        query.context.check()?;
        for resource in used(&head.batch, &head.batch.resources, |r| r.resource) {
            let resource = read_resource(resource)?;
            if let Some(name) = resource.service_name()
                && !all.contains(name)
            {
                all.insert(name.into());
            }
        }
    }
    all.retain(|name| !name.is_empty());
    Ok(all)
}

fn operations(query: &Query, service: &str, kind: Option<SpanKind>) -> Result<BTreeSet<Operation>, StorageError> {
    let mut all = BTreeSet::new();
    if service.is_empty() {
        return Ok(all);
    }
    let is_of_kind = |k: i32| kind.is_none_or(|kind| kind.0 == k);
    for partition in query.view.partitions() {
        let names = partition.catalogue.names(query.tenant(), service).into_iter();
        let names = names.filter(|(name, _)| is_of_kind(name.kind));
        all.extend(names.map(|(name, _)| Operation {
            name: name.name,
            kind: SpanKind(name.kind),
        }));
    }
    for head in query.heads() {
        query.context.check()?;
        let batch = &*head.batch;
        let is_service = |resource: Resource| resource.service_name() == Some(service);
        let of_service: Vec<bool> = batch
            .resources
            .iter()
            .map(|r| read_resource(r).map(is_service))
            .collect::<Result<_, _>>()?;
        let mut seen = hashbrown::HashSet::new();
        for row in &batch.rows {
            let wanted = of_service.get(row.resource as usize).copied().unwrap_or_default() && is_of_kind(row.kind);
            if wanted && seen.insert((batch.bytes(row.name), row.kind)) {
                all.insert(Operation {
                    name: batch.text(row.name).into(),
                    kind: SpanKind(row.kind),
                });
            }
        }
    }
    Ok(all)
}

/// The resources (or scopes) that rows refer to.
fn used<'a>(
    batch: &'a SpanBatch,
    origins: &'a [crate::engine::batch::Origin],
    number: impl Fn(&crate::engine::batch::SpanRow) -> u32,
) -> impl Iterator<Item = &'a [u8]> {
    let mut used = vec![false; origins.len()];
    for row in &batch.rows {
        if let Some(used) = used.get_mut(number(row) as usize) {
            *used = true;
        }
    }
    origins
        .iter()
        .zip(used)
        .filter(|(_, used)| *used)
        .map(|(origin, _)| &origin[..])
}

fn attribute_names(query: &Query) -> Result<BTreeSet<(AttrLevel, Arc<str>)>, StorageError> {
    let mut all = BTreeSet::new();
    for block in query.view.blocks() {
        query.read_whole_block(block, true, |rows| rows.attribute_names(query.tenant(), &mut all))?;
    }
    for head in query.heads() {
        query.context.check()?;
        let batch = &*head.batch;
        for resource in used(batch, &batch.resources, |r| r.resource) {
            all.extend(
                read_resource(resource)?
                    .attributes
                    .into_iter()
                    .map(|a| (AttrLevel::Resource, a.key)),
            );
        }
        for scope in used(batch, &batch.scopes, |r| r.scope) {
            all.extend(
                read_scope(scope)?
                    .attributes
                    .into_iter()
                    .map(|a| (AttrLevel::Scope, a.key)),
            );
        }
        span_keys(batch, &batch.spans, &mut all)?;
    }
    Ok(all)
}

fn span_keys(
    batch: &SpanBatch,
    table: &CellTable,
    all: &mut BTreeSet<(AttrLevel, Arc<str>)>,
) -> Result<(), StorageError> {
    let mut spill = None;
    for (number, column) in table.columns.iter().enumerate() {
        match column {
            CellColumn::Attr(key) => drop(all.insert((AttrLevel::Span, batch.text(*key).into()))),
            CellColumn::Spill => spill = Some(number),
            _ => {}
        }
    }
    let Some(spill) = spill else { return Ok(()) };
    for cell in table.cells.iter().filter(|cell| usize::from(cell.column) == spill) {
        let mut fields = Fields::new(batch.bytes(cell.text()));
        while let Some(field) = fields.next_field()? {
            if field.number == 1 {
                all.insert((AttrLevel::Span, AttrView::read(field.bytes()?)?.key.into()));
            }
        }
    }
    Ok(())
}
