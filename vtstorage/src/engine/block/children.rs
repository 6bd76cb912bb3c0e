//! Columns of events and links as their spans have them.

use super::header::Field;
use super::nested;
use super::source::BlockRows;
use super::values::{self, Gathered};
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, Values};
use common::query::{EventField, LinkField};
use common::value::AttrValue;
use std::ops::Range;

impl BlockRows<'_> {
    pub(super) fn event(
        &mut self,
        field: &EventField,
        index: Option<u32>,
        want: &RowSet,
    ) -> Result<Option<Loaded>, StorageError> {
        let spans = &self.header().columns.spans;
        let owners = nested::owners(self.pages(), spans, &Field::EventsEnd)?;
        let loaded = self.event_values(field, &owners)?;
        Ok(loaded.and_then(|loaded| values::for_owners(loaded, &owners, index, want)))
    }

    /// The values of events by the number of the event.
    pub(super) fn event_values(
        &mut self,
        field: &EventField,
        owners: &[(u32, u32)],
    ) -> Result<Option<Loaded>, StorageError> {
        let columns = &self.header().columns;
        let all = RowSet::of_range(columns.events.rows, 0..columns.events.rows);
        Ok(match field {
            EventField::Name => {
                let mut out = Gathered::new(&columns.event.name);
                out.read(self.pages(), 0..columns.events.rows)?;
                Some(Loaded {
                    rows: LoadedRows::Dense { start: 0 },
                    values: out.finish(self.pages())?,
                })
            }
            EventField::Time => Some(self.event_times(owners)?),
            EventField::DroppedAttributesCount => {
                Some(self.counts(&columns.events, &Field::DroppedAttributes, &all)?)
            }
            EventField::Attr(key) => self.attr(&columns.events, key, &all)?,
        })
    }

    fn event_times(&mut self, owners: &[(u32, u32)]) -> Result<Loaded, StorageError> {
        let rows = self.header().rows;
        let (_, starts) = self.starts(&RowSet::of_range(rows, 0..rows))?;
        let header = self.header();
        let mut times = self.pages().all_ints(&header.columns.event.time)?;
        for (time, (row, _)) in times.iter_mut().zip(owners) {
            *time = time.wrapping_add(starts.get(*row as usize).unwrap_or_default());
        }
        Ok(Loaded {
            rows: LoadedRows::Dense { start: 0 },
            values: Values::UInt(times.into()),
        })
    }

    pub(super) fn link(
        &mut self,
        field: &LinkField,
        index: Option<u32>,
        want: &RowSet,
    ) -> Result<Option<Loaded>, StorageError> {
        let spans = &self.header().columns.spans;
        let owners = nested::owners(self.pages(), spans, &Field::LinksEnd)?;
        let loaded = self.link_values(field, &owners)?;
        Ok(loaded.and_then(|loaded| values::for_owners(loaded, &owners, index, want)))
    }

    /// The values of links by the number of the link.
    pub(super) fn link_values(
        &mut self,
        field: &LinkField,
        owners: &[(u32, u32)],
    ) -> Result<Option<Loaded>, StorageError> {
        let columns = &self.header().columns;
        let all = RowSet::of_range(columns.links.rows, 0..columns.links.rows);
        Ok(match field {
            LinkField::TraceId | LinkField::SpanId => self.link_ids(*field == LinkField::TraceId, owners)?,
            LinkField::TraceState => Some(self.link_trace_states()?),
            LinkField::Flags => Some(self.counts(&columns.links, &Field::Flags, &all)?),
            LinkField::DroppedAttributesCount => Some(self.counts(&columns.links, &Field::DroppedAttributes, &all)?),
            LinkField::Attr(key) => self.attr(&columns.links, key, &all)?,
        })
    }

    /// The ids that links point to, read with their spans' rows.
    fn link_ids(&mut self, of_trace: bool, owners: &[(u32, u32)]) -> Result<Option<Loaded>, StorageError> {
        let mut rows: Vec<u32> = owners.iter().map(|(row, _)| *row).collect();
        rows.dedup();
        let ranges: Vec<Range<u32>> = rows.iter().map(|row| *row..row + 1).collect();
        if ranges.is_empty() {
            return Ok(None);
        }
        let batch = self.read_rows(&ranges)?;
        // Ids that are zeros are no value.
        let number = 0..batch.links.len() as u32;
        Ok(Some(if of_trace {
            let ids = number
                .zip(batch.links.iter().map(|l| l.trace_id))
                .filter(|(_, id)| !id.is_zero());
            let (links, ids) = ids.unzip();
            Loaded {
                rows: LoadedRows::Sparse(links),
                values: Values::TraceIds(ids),
            }
        } else {
            let ids = number
                .zip(batch.links.iter().map(|l| l.span_id))
                .filter(|(_, id)| !id.is_zero());
            let (links, ids) = ids.unzip();
            Loaded {
                rows: LoadedRows::Sparse(links),
                values: Values::SpanIds(ids),
            }
        }))
    }

    /// The trace state of each link, empty or not.
    fn link_trace_states(&mut self) -> Result<Loaded, StorageError> {
        let table = &self.header().columns.links;
        let mut states = vec![AttrValue::from(""); table.rows as usize];
        let all = RowSet::of_range(table.rows, 0..table.rows);
        if let Some(Loaded { rows, values }) = self.of_table(table, &Field::TraceState, &all)? {
            let values = values::into_list(values);
            for (row, value) in rows.row_numbers(values.len()).zip(values) {
                states
                    .iter_mut()
                    .skip(row as usize)
                    .take(1)
                    .for_each(|state| *state = value.clone());
            }
        }
        Ok(Loaded {
            rows: LoadedRows::Dense { start: 0 },
            values: Values::Mixed(states),
        })
    }
}
