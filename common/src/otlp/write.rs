//! Writes the protobuf wire format into one growing buffer, nested messages in place: nothing is built beforehand.
//! It knows no schema.

/// Writes one message. Nested messages are opened and closed like brackets.
#[derive(Debug, Default)]
pub struct MessageWriter {
    buf: Vec<u8>,
}

/// An open nested message; to be given back to [`MessageWriter::close`], the innermost first.
#[derive(Debug)]
#[must_use]
pub struct Open {
    /// Where the content begins, right behind the single byte kept for its length
    content: usize,
}

impl MessageWriter {
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            buf: Vec::with_capacity(bytes),
        }
    }

    /// Begins a nested message.
    pub fn open(&mut self, field: u32) -> Open {
        self.key(field, 2);
        self.buf.push(0);
        Open {
            content: self.buf.len(),
        }
    }

    /// Ends the message of `open`. A content of 128 bytes and more is moved by the one to four bytes its length takes
    /// beyond the first.
    pub fn close(&mut self, open: Open) {
        let len = self.buf.len().saturating_sub(open.content);
        let (prefix, prefix_len) = varint(len as u64);
        let extra = prefix_len.saturating_sub(1);
        if extra > 0 {
            let end = self.buf.len();
            self.buf.resize(end + extra, 0);
            self.buf.copy_within(open.content..end, open.content + extra);
        }
        let at = open.content.saturating_sub(1);
        if let (Some(to), Some(from)) = (self.buf.get_mut(at..at + prefix_len), prefix.get(..prefix_len)) {
            to.copy_from_slice(from);
        }
    }

    /// `bytes`, `string` or a finished message.
    pub fn bytes(&mut self, field: u32, value: &[u8]) {
        self.key(field, 2);
        self.raw_varint(value.len() as u64);
        self.buf.extend_from_slice(value);
    }

    /// `uint32`, `uint64`, `bool`, enumerations; `int64` cast, `int32` sign-extended.
    pub fn varint(&mut self, field: u32, value: u64) {
        self.key(field, 0);
        self.raw_varint(value);
    }

    /// `fixed64`, or the bits of a `double`.
    pub fn fixed64(&mut self, field: u32, value: u64) {
        self.key(field, 1);
        self.buf.extend_from_slice(&value.to_le_bytes());
    }

    pub fn fixed32(&mut self, field: u32, value: u32) {
        self.key(field, 5);
        self.buf.extend_from_slice(&value.to_le_bytes());
    }

    /// Bytes that are on the wire already: whole fields, keys included.
    pub fn raw(&mut self, fields: &[u8]) {
        self.buf.extend_from_slice(fields);
    }

    /// The bytes written so far.
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// The message; every nested one must be closed.
    pub fn finish(self) -> Vec<u8> {
        self.buf
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.raw_varint(u64::from(field) << 3 | u64::from(wire));
    }

    fn raw_varint(&mut self, value: u64) {
        let (bytes, len) = varint(value);
        self.buf.extend_from_slice(bytes.get(..len).unwrap_or_default());
    }
}

/// The varint of `value` in the first bytes of an array, and how many they are.
fn varint(mut value: u64) -> ([u8; 10], usize) {
    let mut out = [0u8; 10];
    let mut len = 0;
    for byte in &mut out {
        len += 1;
        *byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (out, len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::wire::{Field, Fields, Value};

    #[test]
    fn every_kind_of_field_reads_back() {
        let mut writer = MessageWriter::default();
        writer.varint(1, u64::MAX);
        writer.fixed64(2, 7);
        writer.fixed32(300, 8);
        writer.bytes(4, b"abc");
        writer.raw(&[0x08, 0x05]);
        let message = writer.finish();
        let mut fields = Fields::new(&message);
        for (number, value) in [
            (1, Value::Varint(u64::MAX)),
            (2, Value::Fixed64(7)),
            (300, Value::Fixed32(8)),
            (4, Value::Bytes(b"abc")),
            (1, Value::Varint(5)),
        ] {
            assert_eq!(fields.next_field().unwrap(), Some(Field { number, value }));
        }
        assert_eq!(fields.next_field().unwrap(), None);
    }

    #[test]
    fn nested_messages_get_the_shortest_length_whatever_their_size() {
        for size in [0, 1, 127 - 2, 128, 300, 16_383, 16_384, 3 << 20] {
            let content = vec![b'x'; size];
            let mut writer = MessageWriter::default();
            let outer = writer.open(1);
            let inner = writer.open(2);
            writer.bytes(3, &content);
            writer.close(inner);
            writer.varint(4, 1);
            writer.close(outer);
            let mut parts = MessageWriter::default();
            parts.bytes(3, &content);
            let mut middle = MessageWriter::default();
            middle.bytes(2, &parts.finish());
            middle.varint(4, 1);
            let mut whole = MessageWriter::default();
            whole.bytes(1, &middle.finish());
            assert!(writer.finish() == whole.finish(), "{size}");
        }
    }
}
