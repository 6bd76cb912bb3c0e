//! Whether a server has the spans of a load.

use super::found::{Answer, ask, collect, found_by_id};
use super::{DAY, Entry, Fate, Load, MAX_TRACES, SpanIds};
use crate::process::Client;
use serde::Deserialize as _;
use std::collections::{BTreeMap, HashMap};

impl Load {
    /// Checks that the server has each span of each acknowledged request once, and each other request wholly or not at
    /// all, by id and by search; and remembers which of these it has. Nothing may be sent meanwhile.
    ///
    /// # Panics
    /// When it is not so.
    pub fn check(&self, server: &Client) {
        let mut ledger = self.ledger();
        let found = found_by_id(server, &ledger);
        for (key, entry) in ledger.iter_mut() {
            let (there, all) = (count(&found, entry), entry.spans.len());
            match entry.fate {
                Fate::Acknowledged | Fate::Found => {
                    assert_eq!(there, all, "spans of request {key:x} ({:?})", entry.fate);
                }
                Fate::Absent => assert_eq!(there, 0, "spans of request {key:x}, which was not there before"),
                Fate::Sent if there == all => entry.fate = Fate::Found,
                Fate::Sent => {
                    assert_eq!(
                        there, 0,
                        "spans of {all} of request {key:x}, which was not acknowledged"
                    );
                    entry.fate = Fate::Absent;
                }
            }
        }
        assert_eq!(found.len(), stored_spans(&ledger), "spans by id that nobody sent");
        assert!(found == self.found_by_search(server), "search finds other spans");
        check_one(server, &ledger);
        self.check_service(server, !found.is_empty());
    }

    /// Checks by search alone that the server has each span of each stored request once, and nothing else. Nothing may
    /// be sent meanwhile.
    ///
    /// # Panics
    /// When it is not so.
    pub fn check_by_search(&self, server: &Client) {
        let ledger = self.ledger();
        let found = self.found_by_search(server);
        for (key, entry) in ledger.iter().filter(|(_, entry)| entry.is_stored()) {
            assert_eq!(count(&found, entry), entry.spans.len(), "spans of request {key:x}");
        }
        assert_eq!(found.len(), stored_spans(&ledger), "spans that nobody sent");
    }

    /// As [`Self::check`] for a load which the server may have dropped as a whole by retention. Whether it has.
    ///
    /// # Panics
    /// When only a part is there, or not exactly once.
    pub fn check_whole_or_dropped(&self, server: &Client) -> bool {
        let found = found_by_id(server, &self.ledger());
        if !found.is_empty() {
            self.check(server);
        }
        found.is_empty()
    }

    fn found_by_search(&self, server: &Client) -> HashMap<u64, u128> {
        let (service, end) = (self.service(), (self.now + DAY) / 1_000);
        let query = format!("service={service}&start=0&end={end}&limit={MAX_TRACES}");
        let mut found = HashMap::new();
        collect(ask(server, &query), &mut found);
        found
    }

    fn check_service(&self, server: &Client, expected: bool) {
        let services = server.get_json("/select/jaeger/api/services");
        let services = services["data"].as_array().expect("services");
        let listed = services.iter().any(|service| *service == *self.service());
        assert_eq!(listed, expected, "{} among {services:?}", self.service());
    }
}

fn count(found: &HashMap<u64, u128>, entry: &Entry) -> usize {
    let there = |ids: &&SpanIds| found.get(&ids.span) == Some(&ids.trace);
    entry.spans.iter().filter(there).count()
}

pub(super) fn stored_spans(ledger: &BTreeMap<u64, Entry>) -> usize {
    let stored = ledger.values().filter(|entry| entry.is_stored());
    stored.map(|entry| entry.spans.len()).sum()
}

/// One stored trace, asked for by its path.
fn check_one(server: &Client, ledger: &BTreeMap<u64, Entry>) {
    let stored = ledger.values().find(|entry| entry.is_stored());
    if let Some(ids) = stored.and_then(|entry| entry.spans.first()) {
        let mut found = HashMap::new();
        let answer = server.get_json(&format!("/select/jaeger/api/traces/{:032x}", ids.trace));
        collect(Answer::deserialize(answer).expect("traces"), &mut found);
        assert_eq!(found.get(&ids.span), Some(&ids.trace), "a trace by its path");
    }
}
