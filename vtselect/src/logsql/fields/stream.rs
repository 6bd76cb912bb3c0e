//! Streams: spans of one service and one name.

use common::ids::TenantId;
use common::query::{Column, SpanField};
use hashbrown::HashMap;
use xxhash_rust::xxh64::{Xxh64, xxh64};

use super::super::ast::StreamId;
use super::super::exec::Text;
use super::super::quote::InQuotes;

const NAME: &str = "name";
const SERVICE: &str = "resource_attr:service.name";
/// What the second half of the hash covers besides the labels.
const SECOND_HALF: &[u8] = b"magic!";

/// The labels of a stream: the texts of the fields, empty where a span lacks one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream<'a> {
    pub service: &'a str,
    pub name: &'a str,
}

impl Stream<'_> {
    /// The column of a label; `None` for names that are no label of any stream.
    pub fn label_column(label: &str) -> Option<Column> {
        match label {
            NAME => Some(Column::Field(SpanField::Name)),
            SERVICE => Some(Column::service()),
            _ => None,
        }
    }

    /// The names of all labels, sorted.
    pub fn labels() -> [&'static str; 2] {
        [NAME, SERVICE]
    }

    fn filled(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [(NAME, self.name), (SERVICE, self.service)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
    }

    /// `{name="…",resource_attr:service.name="…"}`, labels without a value left out.
    pub fn text(&self) -> String {
        let mut out = String::from("{");
        for (label, value) in self.filled() {
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(label);
            out.push('=');
            out.push_str(&InQuotes(value).to_string());
        }
        out.push('}');
        out
    }

    /// The id: the tenant, then a hash of the labels of 128 bits. It depends on nothing else.
    pub fn id(&self, tenant: TenantId) -> StreamId {
        let mut labels = Vec::with_capacity(64);
        let count = self.filled().count();
        write_length(&mut labels, count);
        for (label, value) in self.filled() {
            for text in [label, value] {
                write_length(&mut labels, text.len());
                labels.extend_from_slice(text.as_bytes());
            }
        }
        let mut second = Xxh64::new(0);
        second.update(&labels);
        second.update(SECOND_HALF);
        let mut id = [0; 24];
        let parts = [
            u64::from(tenant.account()) << 32 | u64::from(tenant.project()),
            xxh64(&labels, 0),
            second.digest(),
        ];
        for (bytes, part) in id.chunks_exact_mut(8).zip(parts) {
            bytes.copy_from_slice(&part.to_be_bytes());
        }
        StreamId(id)
    }
}

/// A length in groups of seven bits, the lowest first.
fn write_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// Texts of streams, made once for each stream.
#[derive(Debug)]
pub struct StreamTexts {
    tenant: TenantId,
    known: HashMap<(Text, Text), (Text, Text)>,
}

/// Streams that are remembered; queries over more of them make texts again.
const MOST_KNOWN: usize = 16 << 10;

impl StreamTexts {
    /// No streams yet.
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            known: HashMap::new(),
        }
    }

    /// The text and the id of the stream with these labels.
    pub fn of(&mut self, service: &Text, name: &Text) -> (Text, Text) {
        let key = (service.clone(), name.clone());
        if let Some(texts) = self.known.get(&key) {
            return texts.clone();
        }
        let stream = Stream { service, name };
        let texts = (
            Text::from(stream.text()),
            Text::from(stream.id(self.tenant).to_string()),
        );
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(key, texts.clone());
        texts
    }
}
