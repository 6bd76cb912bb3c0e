//! Merging blocks in the background: one thread, one group of blocks at a time. A merge reads its inputs, encodes them
//! anew, which drops repeated spans, writes the result and commits it together with the end of its inputs.

use super::failpoint::Failpoint;
use super::keys;
use super::merge_plan::{self, Candidate, Eagerness};
use super::partition::Partition;
use super::partitions::NewBlock;
use super::rocks;
use super::shared::{BLOCK_ROWS, Shared};
use super::sync::Signal;
use super::view::PartitionView;
use crate::engine::batch::SpanBatch;
use crate::engine::block::{BlockHeader, BlockId, EncodedBlock, StoredBlock, encode};
use crate::engine::error::StorageError;
use common::ids::{Epoch, TenantId};
use parking_lot::Mutex;
use rocksdb::WriteBatch;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Two blocks that share at least this part of the smaller one's traces are merged, to bring these traces together.
const REJOIN_PERCENT: usize = 5;
/// Late spans of a trace come soon: so many of the last blocks are looked at.
const RECENT: usize = 4;
const IDLE: Duration = Duration::from_secs(60);

/// Blocks of one day to be merged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MergeTask {
    pub(crate) day: u32,
    pub(crate) blocks: Vec<BlockId>,
}

/// A block of a recent flush.
#[derive(Debug)]
struct Recent {
    day: u32,
    epoch: Epoch,
    id: BlockId,
    traces: Vec<(TenantId, u64)>,
}

#[derive(Debug, Default)]
struct State {
    tasks: BTreeMap<u32, Vec<MergeTask>>,
    active: Option<MergeTask>,
    recent: VecDeque<Recent>,
    /// Pairs that share traces
    split: Vec<MergeTask>,
    /// Blocks that could not be merged: not tried again until a forced merge
    failed: BTreeSet<BlockId>,
    forced: Vec<oneshot::Sender<Result<(), StorageError>>>,
    /// There will be no more merges
    ended: bool,
}

impl State {
    fn pending(&self) -> usize {
        self.tasks.values().map(Vec::len).sum::<usize>() + self.forced.len()
    }

    fn publish(&self) {
        metrics::gauge!("vt_active_merges").set(f64::from(u8::from(self.active.is_some())));
        metrics::gauge!("vt_pending_merges").set(self.pending() as f64);
    }
}

/// What is to be merged, and the signal of the merge thread.
#[derive(Debug, Default)]
pub(crate) struct MergeControl {
    pub(crate) signal: Signal,
    state: Mutex<State>,
}

impl MergeControl {
    /// Merges that run and that wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state.lock();
        (usize::from(state.active.is_some()), state.pending())
    }

    /// Tells those who ask for merges, now and later, that there will be none.
    fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        state.forced.clear();
    }

    /// Asks for a merge of all that can be merged.
    pub(crate) fn force(&self) -> oneshot::Receiver<Result<(), StorageError>> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        if state.ended {
            return receiver;
        }
        state.failed.clear();
        state.forced.push(sender);
        state.publish();
        drop(state);
        self.signal.raise();
        receiver
    }
}

impl Shared {
    /// Decides anew what is to be merged in the days of `new` blocks of a flush.
    pub(crate) fn plan_merges(&self, new: &[NewBlock]) {
        let mut state = self.merges.state.lock();
        for block in new {
            state.note(block);
        }
        let days = new.iter().map(|block| block.day).collect::<BTreeSet<_>>();
        self.replan(&mut state, &days);
        drop(state);
        self.merges.signal.raise();
    }

    /// Decides for all days: at the start.
    pub(crate) fn plan_all_merges(&self) {
        let days = self.live.partitions().keys().copied().collect();
        self.replan(&mut self.merges.state.lock(), &days);
        self.merges.signal.raise();
    }

    fn replan(&self, state: &mut State, days: &BTreeSet<u32>) {
        let partitions = self.live.partitions();
        for day in days {
            let tasks = partitions.get(day).map(|view| state.plan(view)).unwrap_or_default();
            state.tasks.remove(day);
            if !tasks.is_empty() {
                state.tasks.insert(*day, tasks);
            }
        }
        state.publish();
    }

    /// The merge thread.
    pub(crate) fn run_merges(&self) {
        self.merge_until_stopped();
        self.merges.end();
    }

    fn merge_until_stopped(&self) {
        loop {
            let outcome = match self.next_task() {
                Some(task) => self.run_task(&task),
                None => self.run_forced(),
            };
            if matches!(outcome, Err(StorageError::Failpoint(_))) || self.merges.signal.is_stopped() {
                return;
            }
            let idle = self.merges.counts() == (0, 0) || self.read_only.load(Ordering::Relaxed);
            if idle && !self.merges.signal.wait(IDLE) {
                return;
            }
        }
    }

    fn next_task(&self) -> Option<MergeTask> {
        // A merge needs space before it gives some back.
        if self.read_only.load(Ordering::Relaxed) {
            return None;
        }
        let mut state = self.merges.state.lock();
        let (day, tasks) = state.tasks.iter_mut().next_back()?;
        let (day, task) = (*day, tasks.pop());
        if tasks.is_empty() {
            state.tasks.remove(&day);
        }
        state.active = task.clone();
        state.publish();
        task
    }

    fn run_task(&self, task: &MergeTask) -> Result<(), StorageError> {
        let mut outcome = self.merge(task);
        let damaged = outcome.as_ref().is_err_and(StorageError::is_lasting_damage) && self.examine_all(task);
        if let (Err(e), false) = (&outcome, damaged) {
            tracing::error!(error = %e, day = task.day, "cannot merge blocks; they are left as they are");
            self.counters.merge_failures.increment();
        }
        let mut state = self.merges.state.lock();
        if outcome.is_err() && !damaged {
            state.failed.extend(&task.blocks);
        }
        self.replan(&mut state, &[task.day].into());
        if state.tasks.is_empty() {
            // The log keeps what was merged until it is in files.
            drop(state);
            let partition = Partition::new(task.day);
            let flushed = self.rocks.flush(&[&partition.chunks, &partition.index, rocks::META]);
            outcome = outcome.and(flushed);
            state = self.merges.state.lock();
        }
        state.active = None;
        state.publish();
        outcome
    }

    /// Puts damaged blocks aside. Whether one of these was.
    fn examine_all(&self, task: &MergeTask) -> bool {
        task.blocks.iter().for_each(|id| self.examine(task.day, *id));
        task.blocks.iter().any(|id| self.damages.has(task.day, *id))
    }

    /// Merges all that can be merged for those who asked, once nothing else waits.
    fn run_forced(&self) -> Result<(), StorageError> {
        let forced = std::mem::take(&mut self.merges.state.lock().forced);
        if forced.is_empty() {
            return Ok(());
        }
        let mut outcome = match self.read_only.load(Ordering::Relaxed) {
            true => Err(StorageError::Directory(
                "no merges while the disk is nearly full".into(),
            )),
            false => Ok(()),
        };
        for task in outcome.as_ref().map(|()| self.forced_tasks()).unwrap_or_default() {
            self.merges.state.lock().active = Some(task.clone());
            outcome = outcome.and(self.run_task(&task));
        }
        outcome = outcome.and(self.purge());
        self.merges.state.lock().publish();
        for waiting in forced {
            // Whoever asked may have gone.
            let _ = waiting.send(outcome.clone());
        }
        outcome
    }

    fn forced_tasks(&self) -> Vec<MergeTask> {
        let partitions = self.live.partitions();
        let of_day = |(day, view): (&u32, &Arc<PartitionView>)| {
            let groups = merge_plan::plan(&candidates(view, &BTreeSet::new()), BLOCK_ROWS, Eagerness::Forced);
            groups
                .into_iter()
                .map(|blocks| MergeTask { day: *day, blocks })
                .collect::<Vec<_>>()
        };
        partitions.iter().flat_map(of_day).collect()
    }

    /// Merges blocks that are still there.
    pub(crate) fn merge(&self, task: &MergeTask) -> Result<(), StorageError> {
        let started = Instant::now();
        let partitions = self.live.partitions();
        let block = |id: &BlockId| partitions.get(&task.day).and_then(|view| view.block(*id)).cloned();
        let Some(inputs) = task.blocks.iter().map(block).collect::<Option<Vec<_>>>() else {
            return Ok(());
        };
        drop(partitions);
        let inputs = inputs.into_iter().map(Input::read).collect::<Result<Vec<_>, _>>()?;
        let rows = inputs.iter().map(|input| u64::from(input.block.summary.rows)).sum();
        let (inputs, batches): (Vec<_>, Vec<_>) = inputs.into_iter().map(Input::split).unzip();
        let blocks = encode(&batches.concat(), &self.block_options())?;
        drop(batches);

        if !self.replace_blocks(task.day, &inputs, blocks)? {
            return Ok(());
        }
        self.counters.merges.increment();
        self.counters.merged_rows.add(rows);
        tracing::debug!(day = task.day, inputs = inputs.len(), rows, took = ?started.elapsed(), "merged blocks");
        Ok(())
    }

    /// Puts blocks in the place of others of a day, in one step. False if these are no longer there.
    pub(super) fn replace_blocks(
        &self,
        day: u32,
        inputs: &[(Arc<StoredBlock>, Traces)],
        blocks: Vec<EncodedBlock>,
    ) -> Result<bool, StorageError> {
        let _commit = self.commit.lock();
        let mut partitions = (*self.live.partitions()).clone();
        let Some(view) = partitions.get_mut(&day) else {
            return Ok(false);
        };
        if inputs.iter().any(|(input, _)| view.block(input.id).is_none()) {
            return Ok(false);
        }
        let mut new = Vec::new();
        let written = blocks
            .into_iter()
            .try_for_each(|block| self.write_block(block, &mut new))
            .and_then(|()| self.keep_chunks(&new));
        let committed = written.and_then(|()| self.commit_merge(inputs, &new));
        committed.inspect_err(|e| self.discard(&new, e))?;
        self.hit(Failpoint::MergeCommitted)?;
        let view = Arc::make_mut(view);
        let is_input = |id: &BlockId| inputs.iter().any(|(input, _)| input.id == *id);
        view.blocks.retain(|block| !is_input(&block.id));
        view.chunk_bytes.retain(|id, _| !is_input(id));
        self.add_blocks(&mut partitions, &new);
        self.live.install(partitions, None);
        Ok(true)
    }

    /// The commit: new headers and index entries in, old ones out, at once.
    fn commit_merge(&self, inputs: &[(Arc<StoredBlock>, Traces)], new: &[NewBlock]) -> Result<(), StorageError> {
        self.hit(Failpoint::MergeChunks)?;
        let mut batch = WriteBatch::default();
        for block in new {
            self.put_block(&mut batch, block)?;
        }
        let meta = self.rocks.family(rocks::META)?;
        for (input, traces) in inputs {
            let index = self.rocks.family(&Partition::new(input.day).index)?;
            let short = keys::short(input.id)?;
            batch.delete_cf(&index, keys::header(input.id)?);
            for (tenant, hash) in traces {
                batch.delete_cf(&index, keys::trace(*tenant, *hash, short));
            }
            batch.put_cf(&meta, keys::unowned(input.day, input.id), []);
        }
        batch.put_cf(
            &meta,
            keys::NEXT_BLOCK,
            keys::sequence(self.next_block.load(Ordering::Relaxed)),
        );
        // Before the index entries go: see the index.
        self.retired
            .lock()
            .blocks
            .extend(inputs.iter().map(|(input, _)| input.clone()));
        self.rocks.write(batch).inspect_err(|_| {
            self.retired
                .lock()
                .blocks
                .retain(|retired| inputs.iter().all(|(input, _)| input.id != retired.id));
        })
    }
}

/// Index entries of a block.
pub(super) type Traces = Vec<(TenantId, u64)>;

/// A block read for a merge.
struct Input {
    block: Arc<StoredBlock>,
    header: Arc<BlockHeader>,
    batches: Vec<Arc<SpanBatch>>,
    /// Its index entries
    traces: Traces,
}

impl Input {
    fn read(block: Arc<StoredBlock>) -> Result<Self, StorageError> {
        let open = block.open()?;
        let batches = open.to_batches()?.into_iter().map(Arc::new).collect::<Vec<_>>();
        let of_batch = |batch: &Arc<SpanBatch>| {
            let tenant = batch.tenant;
            batch.rows.iter().map(move |row| (tenant, row.hash)).collect::<Vec<_>>()
        };
        let mut traces = batches.iter().flat_map(of_batch).collect::<Vec<_>>();
        traces.dedup();
        Ok(Self {
            block,
            header: open.header,
            batches,
            traces,
        })
    }

    fn split(self) -> ((Arc<StoredBlock>, Traces), Vec<Arc<SpanBatch>>) {
        // The stored header goes with the commit; queries with older views go on reading the block.
        self.block.hold(self.header);
        ((self.block, self.traces), self.batches)
    }
}

fn candidates(view: &PartitionView, without: &BTreeSet<BlockId>) -> Vec<Candidate> {
    let blocks = view.blocks.iter().filter(|block| !without.contains(&block.id));
    blocks
        .map(|block| Candidate {
            id: block.id,
            epoch: block.epoch(),
            weight: merge_plan::weight(
                block.summary.rows,
                view.chunk_bytes.get(&block.id).copied().unwrap_or_default(),
            ),
        })
        .collect()
}

impl State {
    /// Remembers a new block, and whether it shares traces with one of the last.
    fn note(&mut self, block: &NewBlock) {
        for before in self
            .recent
            .iter()
            .filter(|recent| (recent.day, recent.epoch) == (block.day, block.header.epoch))
        {
            let fewer = before.traces.len().min(block.traces.len());
            let shared = merge_plan::shared(&before.traces, &block.traces);
            if shared * 100 >= fewer * REJOIN_PERCENT {
                self.split.push(MergeTask {
                    day: block.day,
                    blocks: vec![before.id, block.id],
                });
            }
        }
        self.recent.push_back(Recent {
            day: block.day,
            epoch: block.header.epoch,
            id: block.id,
            traces: block.traces.clone(),
        });
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// What is to be merged in a partition, without what is being merged.
    fn plan(&mut self, view: &PartitionView) -> Vec<MergeTask> {
        let mut taken = self.failed.clone();
        taken.extend(self.active.iter().flat_map(|task| &task.blocks));
        // Split traces of blocks that are no more were brought together by the merge that took them.
        self.split
            .retain(|task| task.day != view.day || task.blocks.iter().all(|id| view.block(*id).is_some()));
        let split = self
            .split
            .iter()
            .filter(|task| task.day == view.day)
            .map(|task| task.blocks.clone());
        let split = merge_plan::disjoint(split.collect(), taken.clone());
        taken.extend(split.iter().flatten());
        let small = merge_plan::plan(&candidates(view, &taken), BLOCK_ROWS, Eagerness::Background);
        split
            .into_iter()
            .chain(small)
            .map(|blocks| MergeTask { day: view.day, blocks })
            .collect()
    }
}
