//! The layout of a table: its shapes, and for each page of rows how many values each column has before it. With both,
//! the values of any row are found without reading the rows before its page.

use crate::engine::codec::{PAGE_VALUES, Packer, Unpacker};
use crate::engine::error::StorageError;
use serde::{Deserialize, Serialize};

/// The columns of a row, in order.
pub type Shape = Vec<u16>;

/// Shapes and rank bases of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    pub shapes: Vec<Shape>,
    /// For each column, the number of its values before each page of rows (and, last, in all)
    ranks: Vec<Vec<u32>>,
}

/// No layout is larger than this when decompressed.
const MAX_LAYOUT: usize = 64 << 20;

/// As stored: values per page are small, so they are kept as differences.
#[derive(Serialize, Deserialize)]
struct Stored {
    shapes: Vec<Shape>,
    counts: Vec<Vec<u16>>,
}

impl Layout {
    /// Counts the values of `columns` columns from the shape of each row.
    pub fn new(shapes: Vec<Shape>, columns: usize, row_shapes: &[u64]) -> Self {
        let pages = row_shapes.len().div_ceil(PAGE_VALUES);
        let mut ranks = vec![Vec::with_capacity(pages + 1); columns];
        let mut totals = vec![0u32; columns];
        let mut rows_of_shape = vec![0u32; shapes.len()];
        for page in row_shapes.chunks(PAGE_VALUES) {
            ranks
                .iter_mut()
                .zip(&totals)
                .for_each(|(ranks, total)| ranks.push(*total));
            rows_of_shape.fill(0);
            for shape in page {
                if let Some(rows) = rows_of_shape.get_mut(*shape as usize) {
                    *rows += 1;
                }
            }
            for (shape, rows) in shapes.iter().zip(&rows_of_shape).filter(|(_, rows)| **rows > 0) {
                for column in shape {
                    if let Some(total) = totals.get_mut(usize::from(*column)) {
                        *total += rows;
                    }
                }
            }
        }
        ranks
            .iter_mut()
            .zip(&totals)
            .for_each(|(ranks, total)| ranks.push(*total));
        Self { shapes, ranks }
    }

    pub fn to_bytes(&self, packer: &mut Packer) -> Result<Vec<u8>, StorageError> {
        let error = |why: String| StorageError::corrupt("table layout", why);
        let counts = self
            .ranks
            .iter()
            .map(|ranks| ranks.windows(2).map(difference).collect())
            .collect();
        let stored = Stored {
            shapes: self.shapes.clone(),
            counts,
        };
        let bytes = postcard::to_stdvec(&stored).map_err(|e| error(e.to_string()))?;
        let mut out = Vec::new();
        packer.pack(&bytes, &mut out)?;
        Ok(out)
    }

    pub fn from_bytes(bytes: &[u8], unpacker: &mut Unpacker) -> Result<Self, StorageError> {
        let error = |why: String| StorageError::corrupt("table layout", why);
        let bytes = unpacker.unpack(bytes, MAX_LAYOUT)?;
        let stored: Stored = postcard::from_bytes(&bytes).map_err(|e| error(e.to_string()))?;
        let ranks = stored.counts.iter().map(|counts| {
            let mut total = 0;
            let mut ranks = vec![0];
            ranks.extend(counts.iter().map(|count| {
                total += u32::from(*count);
                total
            }));
            ranks
        });
        Ok(Self {
            ranks: ranks.collect(),
            shapes: stored.shapes,
        })
    }

    /// How many values `column` has before page `page` of rows.
    #[inline]
    pub fn rank(&self, column: u16, page: usize) -> u32 {
        let ranks = self.ranks.get(usize::from(column));
        ranks
            .and_then(|ranks| ranks.get(page).or(ranks.last()))
            .copied()
            .unwrap_or_default()
    }

    /// The columns of a row with this shape code.
    #[inline]
    pub fn shape(&self, code: u64) -> &[u16] {
        self.shapes.get(code as usize).map_or(&[], |shape| shape)
    }

    /// Which shapes have `column`, by shape code.
    pub fn having(&self, column: u16) -> Vec<bool> {
        self.shapes.iter().map(|shape| shape.contains(&column)).collect()
    }

    /// Bytes of memory held, about.
    pub fn size(&self) -> usize {
        let lists = self.shapes.iter().map(|s| 24 + 2 * s.len()).sum::<usize>();
        lists + self.ranks.iter().map(|r| 24 + 4 * r.len()).sum::<usize>()
    }
}

fn difference(pair: &[u32]) -> u16 {
    match pair {
        [before, after] => u16::try_from(after - before).unwrap_or(u16::MAX),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_the_values_before_a_page() {
        let rows: Vec<u64> = (0..3_000).map(|row| row % 3).collect();
        let layout = Layout::new(vec![vec![0], vec![0, 1], vec![]], 2, &rows);
        let back = layout.to_bytes(&mut Packer::new().unwrap()).unwrap();
        let back = Layout::from_bytes(&back, &mut Unpacker::default()).unwrap();
        assert_eq!(back, layout);
        for page in 0..4 {
            let before = &rows[..(page * PAGE_VALUES).min(rows.len())];
            let with = |shapes: &[u64]| before.iter().filter(|s| shapes.contains(s)).count() as u32;
            assert_eq!(back.rank(0, page), with(&[0, 1]));
            assert_eq!(back.rank(1, page), with(&[1]));
        }
        assert_eq!(back.having(1), [false, true, false]);
    }
}
