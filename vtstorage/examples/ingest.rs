//! Loads a corpus straight into the engine, without a network, and accounts CPU time per thread, memory and disk.
//!
//! ```text
//! cargo run --release -p vtstorage --example ingest -- CORPUS [--way WAY] [--writers N] [storage flags]
//! ```
//!
//! The ways: `plain`, as a client's requests; `replica`, as a node's part of them, packed beforehand; `hints`, from a
//! second store that kept them for this one.
//!
//! A corpus is a file of OTLP messages, each after its length as a little-endian u32.

// A tool for measuring: it ends where it cannot go on.
#![allow(clippy::expect_used, clippy::panic)]

use async_trait::async_trait;
use bytes::Bytes;
use clap::Parser;
use common::cluster::{
    HintCount, NodeAnswers, NodeId, NodeQuery, PeerNode, Placement, Pull, Pulls, ReplicaWrite, RequestPart, Slot,
    StorageNode,
};
use common::contract::{BatchWrite, QueryContext, QueryError, SpanSink, WriteError};
use common::ids::{Epoch, RequestId, TenantId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use vtstorage::engine::batch::{DecodeLimits, SpanBatch};
use vtstorage::hints::{HintDelivery, Route};
use vtstorage::{Engine, StorageConfig};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(clap::Parser)]
struct Args {
    corpus: PathBuf,
    #[arg(long, value_enum, default_value_t = Way::Plain)]
    way: Way,
    /// Messages written at a time
    #[arg(long, default_value_t = 4)]
    writers: usize,
    /// Traces looked up at the end
    #[arg(long, default_value_t = 2_000)]
    lookups: usize,
    #[command(flatten)]
    storage: StorageConfig,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Way {
    Plain,
    Replica,
    Hints,
}

/// A message on its way.
enum Message {
    Plain(Bytes),
    Packed(ReplicaWrite),
}

const SLOTS: u16 = 1_024;
/// About the bytes of a span in a corpus.
const SPAN: f64 = 504.0;

/// All messages as another node would send them.
fn pack(file: &Corpus) -> Vec<ReplicaWrite> {
    let pack = |number: usize| {
        let otlp = file.read(number)?;
        let batch = SpanBatch::decode(TenantId(0), Epoch(1), &otlp, DecodeLimits::default()).expect("decode");
        let part = RequestPart {
            id: RequestId(number as u128),
            slots: batch.rows.iter().map(|row| Slot::of_hash(row.hash, SLOTS)).collect(),
            bytes: otlp.len() as u32,
        };
        Some(ReplicaWrite {
            tenant: TenantId(0),
            epoch: Epoch(1),
            parts: vec![part],
            length: otlp.len() as u32,
            payload: zstd::bulk::compress(&otlp, -3).expect("compress").into(),
            compressed: true,
        })
    };
    (0..).map_while(pack).collect()
}

/// A store that others send hints to.
struct Target(Arc<Engine>);

#[async_trait]
impl StorageNode for Target {
    async fn write(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        self.0.write_replica(write, SLOTS, &Placement::default()).await
    }

    async fn hint(&self, _: NodeId, _: u64, _: ReplicaWrite) -> Result<(), WriteError> {
        Err(WriteError::Unavailable("not asked".into()))
    }

    async fn mark(&self, _: NodeId) -> Result<u64, WriteError> {
        Err(WriteError::Unavailable("not asked".into()))
    }

    async fn query(&self, _: NodeQuery, _: QueryContext) -> Result<NodeAnswers, QueryError> {
        Err(QueryError::Unavailable("not asked".into()))
    }
}

#[async_trait]
impl PeerNode for Target {
    async fn pull(&self, _: Pull) -> Result<Pulls, WriteError> {
        Err(WriteError::Unavailable("not asked".into()))
    }

    async fn deliver(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        self.0.write_replica(write, SLOTS, &Placement::default()).await
    }

    async fn hints_for(&self, _: NodeId) -> Result<HintCount, WriteError> {
        Err(WriteError::Unavailable("not asked".into()))
    }

    async fn confirm_no_hints(&self, _: NodeId, _: u64, _: u64) -> Result<bool, WriteError> {
        Err(WriteError::Unavailable("not asked".into()))
    }
}

/// Keeps all messages as hints in a second store, and sends them to the first.
async fn by_hints(engine: &Arc<Engine>, storage: StorageConfig, messages: Vec<ReplicaWrite>, spans: f64) {
    let path = storage.storage_data_path.join("keeper");
    let keeper = Engine::open(StorageConfig {
        storage_data_path: path,
        ..storage
    });
    let keeper = keeper.expect("open");
    let (hints, target) = (keeper.hints(u64::MAX), NodeId(1));
    let (before, started) = (cpu(), Instant::now());
    for write in messages {
        hints.put(target, write).await.expect("hint");
    }
    println!(
        "{:?} kept in {:.2} s",
        hints.count(target),
        started.elapsed().as_secs_f64()
    );
    report("kept", &before, spans);
    let (before, started) = (cpu(), Instant::now());
    let node: Arc<dyn PeerNode> = Arc::new(Target(engine.clone()));
    let route: Route = Arc::new(move |_| Some(node.clone()));
    let _delivery = HintDelivery::start(hints.clone(), route, 0);
    while hints.count(target).hints > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("delivered in {:.2} s", started.elapsed().as_secs_f64());
    report("delivered", &before, spans);
}

/// CPU seconds of this process by thread name.
fn cpu() -> BTreeMap<String, f64> {
    let mut by_name = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").expect("proc").flatten() {
        let read = |file| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let name = read("comm").trim().to_owned();
        let nanos = read("schedstat")
            .split(' ')
            .next()
            .and_then(|n| n.parse::<f64>().ok())
            .unwrap_or_default();
        *by_name.entry(name).or_default() += nanos / 1e9;
    }
    by_name
}

fn status(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<f64>().ok())
        .unwrap_or_default()
        / 1024.0
}

fn disk(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk(&entry.path()),
        Ok(meta) => meta.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

/// Bytes that this process gave to the file system to write.
fn written() -> f64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find(|line| line.starts_with("wchar")).unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or_default()
}

fn report(what: &str, before: &BTreeMap<String, f64>, spans: f64) {
    let now = cpu();
    let used = |name: &String| now.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0);
    let total = now.keys().map(used).sum::<f64>();
    println!(
        "{what}: {:.3} us/span CPU, rss {:.0} MiB, peak {:.0} MiB",
        total * 1e6 / spans,
        status("VmRSS"),
        status("VmHWM")
    );
    println!("    written {:.1} bytes/span", written() / spans);
    for name in now.keys().filter(|name| used(name) > 0.001) {
        println!("    {name:<16} {:.3}", used(name) * 1e6 / spans);
    }
}

async fn write(engine: &Engine, message: Message) {
    let tenant = TenantId(0);
    loop {
        let written = match &message {
            Message::Packed(write) => engine.write_replica(write.clone(), SLOTS, &Placement::default()).await,
            Message::Plain(otlp) => {
                let batch = BatchWrite {
                    tenant,
                    request_id: RequestId::of(tenant, otlp),
                    otlp: otlp.clone(),
                };
                engine.write(batch).await
            }
        };
        match written {
            Ok(()) => return,
            Err(WriteError::Overloaded { retry_after, .. }) => tokio::time::sleep(retry_after).await,
            Err(e) => panic!("{e}"),
        }
    }
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let path = args.storage.storage_data_path.clone();
    let engine = Engine::open(args.storage.clone()).expect("open");
    let file = Arc::new(Corpus::open(&args.corpus));
    let packed = match args.way {
        Way::Plain => Vec::new(),
        Way::Replica | Way::Hints => pack(&file),
    };
    if args.way == Way::Hints {
        let spans = packed.iter().map(|write| f64::from(write.length)).sum::<f64>() / SPAN;
        return by_hints(&engine, args.storage, packed, spans).await;
    }
    let packed = Arc::new(packed);
    println!("opened: rss {:.0} MiB", status("VmRSS"));
    let (before, started) = (cpu(), Instant::now());
    let next = Arc::new(AtomicUsize::new(0));
    let writers = (0..args.writers).map(|_| {
        let (engine, file, next, packed) = (engine.clone(), file.clone(), next.clone(), packed.clone());
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let message = match packed.is_empty() {
                    true => file.read(number).map(Message::Plain),
                    false => packed.get(number).cloned().map(Message::Packed),
                };
                let Some(message) = message else { return };
                write(&engine, message).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("writer");
    }
    let stats = engine.stats();
    let spans = stats.rows as f64 + stats.head_rows as f64;
    println!("when loaded: {stats:?}");
    println!(
        "{spans} spans in {} messages, {:.2} s",
        file.places.len(),
        started.elapsed().as_secs_f64()
    );
    report("loaded", &before, spans);
    engine.force_flush().await.expect("flush");
    while engine.stats().active_merges + engine.stats().pending_merges > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    report("settled", &before, spans);
    let stats = engine.stats();
    println!("{stats:?}");
    let per_span = |bytes: u64| bytes as f64 / spans;
    println!(
        "disk {:.2} bytes/span: chunks {:.2}, index {:.2}",
        per_span(disk(&path)),
        per_span(stats.chunk_bytes),
        per_span(stats.index_bytes)
    );
    look_up(&engine, args.lookups);
    let before = cpu();
    engine.force_merge().await.expect("merge");
    report("forced merge", &before, spans);
}

fn look_up(engine: &Engine, count: usize) {
    let view = engine.view();
    let mut hashes = Vec::new();
    for block in view.blocks() {
        let batches = block.open().expect("header").to_batches().expect("read");
        hashes.extend(
            batches
                .iter()
                .flat_map(|b| b.rows.iter().step_by(997))
                .map(|row| row.hash),
        );
    }
    for (what, twist) in [("found", 0), ("found again", 0), ("absent", 1)] {
        let started = Instant::now();
        let found = hashes.iter().take(count).map(|hash| {
            engine
                .blocks_of_trace(&view, TenantId(0), hash ^ twist)
                .expect("look up")
                .len()
        });
        let found = found.sum::<usize>();
        let each = started.elapsed().as_secs_f64() * 1e6 / hashes.len().min(count).max(1) as f64;
        println!(
            "look-up {what}: {each:.2} us, {found} blocks, of {} partitions",
            view.partitions().count()
        );
    }
}

/// Messages of a corpus file.
struct Corpus {
    file: std::fs::File,
    places: Vec<(u64, usize)>,
}

impl Corpus {
    fn open(path: &Path) -> Self {
        use std::os::unix::fs::FileExt;
        let file = std::fs::File::open(path).expect("corpus");
        let (mut at, mut places, mut length) = (0, Vec::new(), [0; 4]);
        while file.read_exact_at(&mut length, at).is_ok() {
            let length = u32::from_le_bytes(length) as usize;
            places.push((at + 4, length));
            at += 4 + length as u64;
        }
        Self { file, places }
    }

    fn read(&self, number: usize) -> Option<Bytes> {
        use std::os::unix::fs::FileExt;
        let (at, length) = *self.places.get(number)?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at).expect("corpus");
        Some(bytes.into())
    }
}
