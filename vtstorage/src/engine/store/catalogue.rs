//! The catalogue of one partition: services and span names with kinds, and when they were first and last seen. It is
//! in memory whole, and stored so that only what changed is written. It knows nothing of blocks.

use crate::engine::block::CatalogueEntry;
use common::ids::TenantId;
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// When a span name was seen, in nanoseconds, rounded outwards to [`SEEN_STEP`]: exact times would have to be written
/// anew at each flush.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    pub first: u64,
    pub last: u64,
}

/// Longer services and names are not catalogued.
const MAX_NAME: usize = 4_096;

/// Ten minutes in nanoseconds.
pub const SEEN_STEP: u64 = 600 * 1_000_000_000;

impl Seen {
    fn rounded(first: u64, last: u64) -> Self {
        Self {
            first: first / SEEN_STEP * SEEN_STEP,
            last: last.div_ceil(SEEN_STEP).saturating_mul(SEEN_STEP),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

/// A span name with its kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SpanName {
    pub name: Arc<str>,
    pub kind: i32,
}

/// Span names with kinds, as they came.
type NewNames<'a> = BTreeMap<(&'a str, i32), Seen>;

type Services = BTreeMap<Arc<str>, BTreeMap<SpanName, Seen>>;

/// What is new in a flush: to be stored, then applied.
#[derive(Debug, Default)]
pub(crate) struct CatalogueChange {
    pub(crate) entries: Vec<(TenantId, Arc<str>, SpanName, Seen)>,
    /// Names that found no room
    pub(crate) refused: u64,
}

/// Services and span names of the blocks of one partition.
#[derive(Debug)]
pub struct Catalogue {
    tenants: RwLock<HashMap<TenantId, Services>>,
    max_names: usize,
}

impl Catalogue {
    /// An empty one that keeps up to `max_names` span names per service.
    pub(crate) fn new(max_names: usize) -> Self {
        Self {
            tenants: RwLock::default(),
            max_names,
        }
    }

    /// All service names of a tenant, ascending.
    pub fn services(&self, tenant: TenantId) -> Vec<Arc<str>> {
        self.tenants
            .read()
            .get(&tenant)
            .map(|services| services.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// The span names of a service, ascending, with when they were seen.
    pub fn names(&self, tenant: TenantId, service: &str) -> Vec<(SpanName, Seen)> {
        let tenants = self.tenants.read();
        let names = tenants.get(&tenant).and_then(|services| services.get(service));
        names
            .map(|names| names.iter().map(|(name, seen)| (name.clone(), *seen)).collect())
            .unwrap_or_default()
    }

    /// What `entries` add to this catalogue.
    pub(crate) fn change<'a>(&self, entries: impl Iterator<Item = &'a CatalogueEntry>) -> CatalogueChange {
        let tenants = self.tenants.read();
        let mut change = CatalogueChange::default();
        let mut added: HashMap<(TenantId, &str), NewNames<'_>> = HashMap::new();
        for entry in entries {
            if entry.service.len().max(entry.name.len()) > MAX_NAME {
                change.refused += 1;
                continue;
            }
            let seen = Seen::rounded(entry.first_seen, entry.last_seen);
            let names = added.entry((entry.tenant, &entry.service)).or_default();
            names
                .entry((&entry.name, entry.kind))
                .and_modify(|s| *s = s.and(seen))
                .or_insert(seen);
        }
        for ((tenant, service), names) in added {
            let known = tenants
                .get(&tenant)
                .and_then(|services| services.get_key_value(service));
            let service: Arc<str> = known.map_or_else(|| service.into(), |(service, _)| service.clone());
            let mut room = self.max_names.saturating_sub(known.map_or(0, |(_, names)| names.len()));
            for ((name, kind), seen) in names {
                let name = SpanName {
                    name: name.into(),
                    kind,
                };
                match known.and_then(|(_, names)| names.get(&name)) {
                    Some(before) if before.and(seen) == *before => {}
                    Some(before) => change.entries.push((tenant, service.clone(), name, before.and(seen))),
                    None if room > 0 => {
                        room -= 1;
                        change.entries.push((tenant, service.clone(), name, seen));
                    }
                    None => change.refused += 1,
                }
            }
        }
        change
    }

    /// Takes back an entry that was stored.
    pub(crate) fn restore(&self, tenant: TenantId, service: Arc<str>, name: SpanName, seen: Seen) {
        let mut tenants = self.tenants.write();
        tenants
            .entry(tenant)
            .or_default()
            .entry(service)
            .or_default()
            .insert(name, seen);
    }

    pub(crate) fn apply(&self, change: CatalogueChange) {
        let mut tenants = self.tenants.write();
        for (tenant, service, name, seen) in change.entries {
            tenants
                .entry(tenant)
                .or_default()
                .entry(service)
                .or_default()
                .insert(name, seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(service: &str, name: &str, at: u64) -> CatalogueEntry {
        CatalogueEntry {
            tenant: TenantId(1),
            service: service.into(),
            name: name.into(),
            kind: 2,
            first_seen: at,
            last_seen: at,
        }
    }

    fn add(catalogue: &Catalogue, entries: &[CatalogueEntry]) -> (usize, u64) {
        let change = catalogue.change(entries.iter());
        let sizes = (change.entries.len(), change.refused);
        catalogue.apply(change);
        sizes
    }

    #[test]
    fn only_what_is_new_is_stored() {
        let catalogue = Catalogue::new(10);
        assert_eq!(
            add(
                &catalogue,
                &[entry("a", "x", 5), entry("a", "x", 9), entry("b", "x", 5)]
            ),
            (2, 0)
        );
        assert_eq!(add(&catalogue, &[entry("a", "x", SEEN_STEP)]), (0, 0));
        assert_eq!(add(&catalogue, &[entry("a", "x", SEEN_STEP + 1)]), (1, 0));
        assert_eq!(catalogue.services(TenantId(1)), ["a".into(), "b".into()]);
        assert_eq!(catalogue.services(TenantId(2)), []);
        let name = SpanName {
            name: "x".into(),
            kind: 2,
        };
        assert_eq!(
            catalogue.names(TenantId(1), "a"),
            [(
                name,
                Seen {
                    first: 0,
                    last: 2 * SEEN_STEP
                }
            )]
        );
    }

    #[test]
    fn a_service_has_room_for_so_many_names() {
        let catalogue = Catalogue::new(2);
        assert_eq!(
            add(
                &catalogue,
                &[entry("a", "x", 1), entry("a", "y", 1), entry("a", "z", 1)]
            ),
            (2, 1)
        );
        assert_eq!(add(&catalogue, &[entry("a", "w", 1), entry("b", "w", 1)]), (1, 1));
        assert_eq!(catalogue.names(TenantId(1), "a").len(), 2);
        assert_eq!(add(&catalogue, &[entry(&"x".repeat(5_000), "w", 1)]), (0, 1));
    }
}
