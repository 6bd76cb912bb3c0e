//! Rows of one source by group: each group a small number.

use super::coded::Coded;
use super::columns::Columns;
use super::prepared::Aggregation;
use crate::engine::error::StorageError;
use crate::engine::rows::RowSource;
use common::query::logsql::stats::Text;
use hashbrown::HashMap;

/// The group of rows that do not count.
pub(super) const NONE: u32 = u32::MAX;

/// Which group rows belong to.
pub(super) trait Assign {
    /// The group of the row at this place, or [`NONE`].
    fn group(&self, place: usize) -> u32;
}

/// All rows are one group.
pub(super) struct One;

/// By place of the row.
pub(super) struct ByPlace<'a>(pub(super) &'a [u32]);

impl Assign for One {
    #[inline]
    fn group(&self, _: usize) -> u32 {
        0
    }
}

impl Assign for ByPlace<'_> {
    #[inline]
    fn group(&self, place: usize) -> u32 {
        self.0.get(place).copied().unwrap_or(NONE)
    }
}

/// The groups of the rows of one source.
pub(super) struct Grouping {
    /// By place of the row; `None` if all are one group
    pub(super) by_place: Option<Vec<u32>>,
    /// Rows by group
    pub(super) counts: Vec<u64>,
    /// By group; several groups may have one key, and those without rows have none
    pub(super) keys: Vec<Option<Vec<Text>>>,
}

impl Grouping {
    pub(super) fn new(
        what: &Aggregation,
        columns: &mut Columns<'_>,
        source: &mut dyn RowSource,
    ) -> Result<Self, StorageError> {
        if what.keys.is_empty() {
            return Ok(Self {
                by_place: None,
                counts: vec![columns.members.len as u64],
                keys: vec![Some(Vec::new())],
            });
        }
        let mut coded = Vec::with_capacity(what.keys.len());
        for (key, column) in &what.keys {
            columns.load(source, *column)?;
            if let Some(data) = columns.get(*column) {
                coded.push(Coded::of_key(key, data, columns.members));
            }
        }
        if coded.len() == 1
            && let Some(only) = coded.pop()
        {
            return Ok(Self::of_one_key(only));
        }
        let combined = Combined::new(&coded, columns.members.len);
        Ok(Self {
            keys: combined.texts(&coded).into_iter().map(Some).collect(),
            by_place: Some(combined.by_place),
            counts: combined.counts,
        })
    }

    /// The codes are the groups.
    fn of_one_key(coded: Coded) -> Self {
        let Coded { codes, texts } = coded;
        let counts = count(&codes, texts.len());
        let used = texts.into_iter().zip(&counts);
        Self {
            keys: used.map(|(text, count)| (*count > 0).then(|| vec![text])).collect(),
            by_place: Some(codes),
            counts,
        }
    }

    /// The groups of those rows for which `counts` holds, where not all do.
    pub(super) fn only(&self, counts: &[bool]) -> (Vec<u32>, Vec<u64>) {
        let one = |place: usize| {
            self.by_place
                .as_ref()
                .map_or(0, |by_place| ByPlace(by_place).group(place))
        };
        let group = |(place, counts): (usize, &bool)| if *counts { one(place) } else { NONE };
        let groups: Vec<u32> = counts.iter().enumerate().map(group).collect();
        let counts = count(&groups, self.len());
        (groups, counts)
    }

    /// The number of groups.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// Rows by group.
pub(super) fn count(groups: &[u32], len: usize) -> Vec<u64> {
    let mut counts = vec![0; len];
    for group in groups {
        if let Some(count) = counts.get_mut(*group as usize) {
            *count += 1;
        }
    }
    counts
}

/// Rows by the tuple of their codes.
pub(super) struct Combined {
    /// The number of the tuple by place of the row
    pub(super) by_place: Vec<u32>,
    /// Rows by tuple
    pub(super) counts: Vec<u64>,
    /// The place of a row with the tuple
    first: Vec<usize>,
}

impl Combined {
    /// The tuples of `rows` rows.
    pub(super) fn new(coded: &[Coded], rows: usize) -> Self {
        let mut all = Self {
            by_place: Vec::new(),
            counts: Vec::new(),
            first: Vec::new(),
        };
        let sizes = coded.iter().map(|c| c.texts.len());
        let tuples = sizes.clone().try_fold(1usize, usize::checked_mul);
        match tuples.filter(|tuples| *tuples <= MAX_TABLE.max(2 * rows)) {
            Some(tuples) => all.by_table(coded, tuples, rows),
            None => all.by_map(coded, rows),
        }
        all.counts = count(&all.by_place, all.first.len());
        all
    }

    fn by_table(&mut self, coded: &[Coded], tuples: usize, rows: usize) {
        let mut slots = vec![0; rows];
        for c in coded {
            let size = c.texts.len();
            slots
                .iter_mut()
                .zip(&c.codes)
                .for_each(|(slot, code)| *slot = *slot * size + *code as usize);
        }
        let mut known = vec![NONE; tuples];
        self.by_place = Vec::with_capacity(rows);
        for (place, slot) in slots.into_iter().enumerate() {
            let Some(known) = known.get_mut(slot) else { continue };
            if *known == NONE {
                *known = self.first.len() as u32;
                self.first.push(place);
            }
            self.by_place.push(*known);
        }
    }

    /// Tuples are made of a tuple of all codes but one and that one.
    fn by_map(&mut self, coded: &[Coded], rows: usize) {
        self.by_place = vec![0; rows];
        for c in coded {
            let mut known: HashMap<u64, u32> = HashMap::new();
            self.first.clear();
            for (place, (tuple, code)) in self.by_place.iter_mut().zip(&c.codes).enumerate() {
                let key = u64::from(*tuple) << 32 | u64::from(*code);
                *tuple = *known.entry(key).or_insert_with(|| {
                    self.first.push(place);
                    self.first.len() as u32 - 1
                });
            }
        }
    }

    /// The texts of each tuple.
    pub(super) fn texts(&self, coded: &[Coded]) -> Vec<Vec<Text>> {
        let text = |c: &Coded, place: usize| {
            let code = c.codes.get(place).copied().unwrap_or_default();
            c.texts.get(code as usize).cloned().unwrap_or_default()
        };
        let places = self.first.iter();
        places
            .map(|place| coded.iter().map(|c| text(c, *place)).collect())
            .collect()
    }
}

/// So many tuples are looked up in a table.
const MAX_TABLE: usize = 1 << 16;
