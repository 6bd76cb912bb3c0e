//! What clients were told, and what must follow from it.

use common::cluster::NodeId;
use common::ids::{SpanId, TraceId};
use common::span::Span;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

pub type Identity = (TraceId, SpanId);

/// Counts for the report.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    pub acknowledged: u64,
    /// Writes that failed, and were tried again
    pub failed: u64,
    pub complete: u64,
    pub partial: u64,
    pub refused: u64,
    pub terms: u64,
    /// Follows from all events and their times
    pub trace: u64,
}

#[derive(Default)]
struct Facts {
    sent: BTreeSet<Identity>,
    /// Of requests that were sent again by another placement
    sent_anew: BTreeSet<Identity>,
    acknowledged: BTreeSet<Identity>,
    leaders: BTreeMap<u64, NodeId>,
    broken: Vec<String>,
    counts: Counts,
}

impl Facts {
    fn note(&mut self, event: impl Hash + Debug) {
        let mut hasher = DefaultHasher::new();
        let at = turmoil::sim_elapsed().unwrap_or_default();
        if std::env::var_os("VT_SIM_EVENTS").is_some() {
            println!("{at:?} {event:?}");
        }
        (self.counts.trace, at, event).hash(&mut hasher);
        self.counts.trace = hasher.finish();
    }
}

/// Shared by all hosts, and outside of the simulation's time.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Facts>>);

impl Record {
    pub fn sent(&self, spans: &[Identity]) {
        let mut facts = self.0.lock();
        facts.note(("sent", spans));
        facts.sent.extend(spans);
    }

    /// A request without an answer is sent again, by another placement than before. What was stored of it by the old
    /// placement is not known to nodes that are owners by the new one alone: until their data meets, its spans may be
    /// counted twice. No other may.
    pub fn sent_anew(&self, spans: &[Identity]) {
        if std::env::var_os("VT_SIM_STRICT").is_none() {
            self.0.lock().sent_anew.extend(spans);
        }
    }

    /// Whether there are such requests.
    pub fn may_repeat(&self) -> bool {
        !self.0.lock().sent_anew.is_empty()
    }

    pub fn acknowledged(&self, spans: &[Identity]) {
        let mut facts = self.0.lock();
        facts.note(("acknowledged", spans));
        facts.acknowledged.extend(spans);
        facts.counts.acknowledged += spans.len() as u64;
    }

    pub fn write_failed(&self) {
        let mut facts = self.0.lock();
        facts.note("failed");
        facts.counts.failed += 1;
    }

    /// What a reader who asks now must be told, unless the answer is marked as partial.
    pub fn due(&self) -> BTreeSet<Identity> {
        self.0.lock().acknowledged.clone()
    }

    /// An answer to a reader who was due this.
    pub fn answered(&self, who: &str, due: &BTreeSet<Identity>, found: &[Span], partial: bool) {
        let mut times: BTreeMap<Identity, usize> = BTreeMap::new();
        for span in found {
            *times.entry((span.trace_id, span.span_id)).or_default() += 1;
        }
        let mut facts = self.0.lock();
        facts.note(("answered", who, found.len(), partial));
        let may_repeat = |span: &Identity| facts.sent_anew.contains(span);
        let twice = times
            .iter()
            .filter(|(span, times)| **times > 1 && !may_repeat(span))
            .count();
        let unknown = times.keys().filter(|span| !facts.sent.contains(span)).count();
        let missing = due.iter().filter(|span| !times.contains_key(span)).count();
        if twice > 0 {
            facts
                .broken
                .push(format!("{who} counted {twice} of {} spans twice", times.len()));
        }
        if unknown > 0 {
            facts
                .broken
                .push(format!("{who} found {unknown} spans that nobody sent"));
        }
        if missing > 0 && !partial {
            facts.broken.push(format!(
                "{who} missed {missing} of {} acknowledged spans in an answer that is not marked as partial",
                due.len()
            ));
        }
        match partial {
            true => facts.counts.partial += 1,
            false => facts.counts.complete += 1,
        }
    }

    pub fn refused(&self) {
        let mut facts = self.0.lock();
        facts.note("refused");
        facts.counts.refused += 1;
    }

    pub fn leads(&self, term: u64, node: NodeId) {
        let mut facts = self.0.lock();
        if !facts.leaders.contains_key(&term) {
            facts.note(("leads", term, node));
        }
        let first = *facts.leaders.entry(term).or_insert(node);
        facts.counts.terms = facts.leaders.len() as u64;
        if first != node {
            facts
                .broken
                .push(format!("{first} and {node} both lead in term {term}"));
        }
    }

    pub fn break_rule(&self, what: String) {
        self.0.lock().broken.push(what);
    }

    pub fn counts(&self) -> Counts {
        self.0.lock().counts
    }

    /// The first rule that was broken.
    pub fn broken(&self) -> Option<String> {
        self.0.lock().broken.first().cloned()
    }
}
