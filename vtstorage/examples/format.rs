//! What the block format costs: CPU per span of decoding, encoding and reading back, and bytes per span by column.
//!
//! `cargo run --release -p vtstorage --example format -- CORPUS [SPANS_PER_BLOCK]`, where CORPUS holds OTLP requests,
//! each behind its length (u32, little-endian).

use bytes::Bytes;
use common::ids::{Epoch, TenantId};
use cpu_time::ThreadTime;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use vtstorage::engine::batch::{DecodeLimits, SpanBatch, SpanReader};
use vtstorage::engine::block::header::{ColumnData, ColumnMeta, Field, TableMeta};
use vtstorage::engine::block::{Block, BlockId, BlockOptions, ChunkId, ChunkSource, EncodedBlock, encode};
use vtstorage::engine::error::StorageError;

struct Chunks(HashMap<ChunkId, Bytes>);

impl ChunkSource for Chunks {
    fn chunk(&self, _: u32, block: BlockId, chunk: ChunkId, _: bool) -> Result<Bytes, StorageError> {
        let missing = || StorageError::MissingChunk {
            block: block.0,
            chunk: chunk.to_string(),
        };
        self.0.get(&chunk).cloned().ok_or_else(missing)
    }
}

#[global_allocator]
static GLOBAL: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let corpus = Bytes::from(std::fs::read(
        args.next().ok_or("usage: format CORPUS [SPANS_PER_BLOCK]")?,
    )?);
    let per_block: usize = args.next().map_or(Ok(65_536), |n| n.parse())?;
    let mut requests = Vec::new();
    let mut at = 0;
    while let Some(length) = corpus.get(at..at + 4) {
        let length = u32::from_le_bytes(length.try_into()?) as usize;
        requests.push(corpus.slice(at + 4..at + 4 + length));
        at += 4 + length;
    }
    let (mut decoding, mut encoding, mut reading) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut spans, mut blocks, mut pending, mut rows) = (0, Vec::new(), Vec::new(), 0);
    let mut flush = |pending: &mut Vec<Arc<SpanBatch>>| -> Result<(), StorageError> {
        let since = ThreadTime::now();
        let encoded = encode(pending, &BlockOptions::default())?;
        encoding += since.elapsed();
        blocks.extend(encoded);
        pending.clear();
        Ok(())
    };
    for request in &requests {
        let since = ThreadTime::now();
        let batch = SpanBatch::decode(TenantId(0), Epoch(0), request.clone(), DecodeLimits::default())?;
        decoding += since.elapsed();
        rows += batch.rows.len();
        spans += batch.rows.len();
        pending.push(Arc::new(batch));
        if rows >= per_block {
            flush(&mut pending)?;
            rows = 0;
        }
    }
    flush(&mut pending)?;
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    let count = blocks.len();
    for block in blocks {
        add_sizes(&block, &mut sizes)?;
        let stored = Block {
            id: BlockId(1),
            day: block.day,
            header: Arc::new(block.header),
            chunks: Arc::new(Chunks(
                block.chunks.into_iter().map(|(id, bytes)| (id, bytes.into())).collect(),
            )),
        };
        let since = ThreadTime::now();
        for batch in stored.to_batches()? {
            reading += since.elapsed();
            std::hint::black_box(SpanReader::new(&batch).span(0)?);
        }
    }
    let per_span = |time: Duration| time.as_secs_f64() * 1e6 / spans as f64;
    println!(
        "{spans} spans in {count} blocks; microseconds per span: decode {:.3}, encode {:.3}, read back {:.3}",
        per_span(decoding),
        per_span(encoding),
        per_span(reading)
    );
    let mut sizes: Vec<(String, u64)> = sizes.into_iter().collect();
    sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    for (name, bytes) in &sizes {
        println!("{:>8.3} bytes per span  {name}", *bytes as f64 / spans as f64);
    }
    println!(
        "{:>8.3} bytes per span in all",
        sizes.iter().map(|(_, b)| *b).sum::<u64>() as f64 / spans as f64
    );
    Ok(())
}

/// Adds the bytes of each stream under the name of its column.
fn add_sizes(block: &EncodedBlock, sizes: &mut BTreeMap<String, u64>) -> Result<(), StorageError> {
    let mut names: HashMap<u16, String> = HashMap::new();
    let columns = &block.header.columns;
    let (span, trace) = (&columns.span, &columns.trace);
    for (stream, name) in [
        (span.span_id.segments.stream, "span id"),
        (span.parent.segments.stream, "parent"),
        (span.start.segments.stream, "start"),
        (span.duration.segments.stream, "duration"),
        (span.kind.segments.stream, "kind"),
        (span.status.segments.stream, "status"),
        (span.resource.segments.stream, "resource ref"),
        (span.scope.segments.stream, "scope ref"),
        (trace.trace_id.segments.stream, "trace id"),
        (trace.rows_end.segments.stream, "trace rows"),
        (trace.start.segments.stream, "trace start"),
        (trace.extent.segments.stream, "trace extent"),
        (columns.event.time.segments.stream, "event time"),
        (columns.resources.segments.stream, "resources"),
        (columns.scopes.segments.stream, "scopes"),
    ] {
        names.insert(stream, name.into());
    }
    name_column(&span.name, "name", &mut names);
    name_column(&columns.event.name, "event name", &mut names);
    for (table, level) in [
        (&columns.spans, "span"),
        (&columns.events, "event"),
        (&columns.links, "link"),
    ] {
        name_table(table, level, &mut names);
    }
    for (chunk, bytes) in &block.chunks {
        let name = names.get(&chunk.stream).cloned().unwrap_or_else(|| "other".into());
        *sizes.entry(name).or_default() += bytes.len() as u64;
    }
    *sizes.entry("headers".into()).or_default() += block.header.to_bytes()?.len() as u64;
    Ok(())
}

fn name_table(table: &TableMeta, level: &str, names: &mut HashMap<u16, String>) {
    names.insert(table.shapes.segments.stream, format!("{level} shapes"));
    names.insert(table.layout.stream, format!("{level} layout"));
    for column in &table.columns {
        let field = match &column.field {
            Field::Attr(key) => format!("{level} {key}"),
            field => format!("{level} {field:?}"),
        };
        name_column(column, &field, names);
    }
}

fn name_column(column: &ColumnMeta, name: &str, names: &mut HashMap<u16, String>) {
    if let Some(filter) = &column.filter {
        names.insert(filter.stream, "filters".into());
    }
    match &column.data {
        ColumnData::Empty => {}
        ColumnData::Numbers(stream) => {
            drop(names.insert(stream.segments.stream, format!("{name} {}", encoding(stream))))
        }
        ColumnData::Texts(stream) => drop(names.insert(stream.segments.stream, format!("{name} texts"))),
        ColumnData::Fixed(stream) => drop(names.insert(stream.segments.stream, name.into())),
        ColumnData::Dict { dict, codes } => {
            names.insert(dict.segments.stream, format!("{name} dictionary"));
            names.insert(codes.segments.stream, format!("{name} codes {}", encoding(codes)));
        }
    }
}

fn encoding(stream: &vtstorage::engine::codec::IntStream) -> &'static str {
    use vtstorage::engine::codec::ints::IntEncoding;
    match stream.encoding {
        IntEncoding::Const(_) => "const",
        IntEncoding::Packed { .. } => "packed",
        IntEncoding::Zstd { .. } => "zstd",
        IntEncoding::Pco(_) => "pco",
    }
}
