//! Texts that are sent once however often they occur.

use super::cursor::{Cursor, SpanError, put_number};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rapidhash::v3::rapidhash_v3;
use std::sync::Arc;

/// Collects the distinct texts of an answer and numbers them.
#[derive(Default)]
pub(super) struct TextWriter<'t> {
    texts: Vec<&'t str>,
    numbers: HashTable<(u64, u32)>,
}

impl<'t> TextWriter<'t> {
    /// The number of a text.
    pub(super) fn number(&mut self, text: &'t str) -> u64 {
        let hash = rapidhash_v3(text.as_bytes());
        let Self { texts, numbers } = self;
        let same = |(known, number): &(u64, u32)| *known == hash && texts.get(*number as usize) == Some(&text);
        match numbers.entry(hash, same, |(known, _)| *known) {
            Entry::Occupied(entry) => entry.get().1.into(),
            Entry::Vacant(entry) => {
                let number = u32::try_from(texts.len()).unwrap_or(u32::MAX);
                entry.insert((hash, number));
                texts.push(text);
                number.into()
            }
        }
    }

    /// All texts as one, and the length of each.
    pub(super) fn into_texts(self) -> (String, Vec<u8>) {
        let mut lengths = Vec::with_capacity(self.texts.len() + self.texts.len() / 8);
        let mut all = String::with_capacity(self.texts.iter().map(|text| text.len()).sum());
        for text in self.texts {
            all.push_str(text);
            put_number(&mut lengths, text.len() as u64);
        }
        (all, lengths)
    }
}

/// The texts of a received answer, each made once and shared.
pub(super) struct Texts {
    texts: Vec<Arc<str>>,
    empty: Arc<str>,
}

impl Texts {
    /// From [`TextWriter::into_texts`].
    pub(super) fn new(all: &str, lengths: &[u8]) -> Result<Self, SpanError> {
        let (mut rest, mut lengths) = (all, Cursor::new(lengths));
        let mut texts = Vec::with_capacity(lengths.left());
        while !lengths.is_empty() {
            let length = usize::try_from(lengths.number()?).map_err(|_| SpanError::CutOff)?;
            let (text, tail) = rest.split_at_checked(length).ok_or(SpanError::CutOff)?;
            texts.push(Arc::from(text));
            rest = tail;
        }
        match rest {
            "" => Ok(Self {
                texts,
                empty: Arc::default(),
            }),
            _ => Err(SpanError::TooLong),
        }
    }

    /// The text whose number comes next.
    #[inline]
    pub(super) fn take(&self, row: &mut Cursor<'_>) -> Result<Arc<str>, SpanError> {
        let number = usize::try_from(row.number()?).map_err(|_| SpanError::Dangling)?;
        self.texts.get(number).cloned().ok_or(SpanError::Dangling)
    }

    /// The text whose number is one less than what comes next; none for 0.
    pub(super) fn take_optional(&self, row: &mut Cursor<'_>) -> Result<Option<Arc<str>>, SpanError> {
        let Some(number) = row.number()?.checked_sub(1) else {
            return Ok(None);
        };
        let number = usize::try_from(number).map_err(|_| SpanError::Dangling)?;
        self.texts.get(number).cloned().map(Some).ok_or(SpanError::Dangling)
    }

    pub(super) fn empty(&self) -> Arc<str> {
        self.empty.clone()
    }
}
