//! Digests of one set of spans, stored in several ways.

use super::*;
use crate::leaf::testing::spans;
use crate::leaf::tests::{SPREAD, Spread, distinct, some_spans, spreads, view, view_under};
use common::ids::Epoch;
use proptest::prelude::*;

const SLOTS: u16 = 16;

fn scope(epochs: (u32, u32), slots: SlotSet) -> Scope {
    let epochs = (Epoch(epochs.0), Epoch(epochs.1));
    Scope {
        slots: SLOTS,
        ranges: vec![ScopeRange { epochs, slots }],
    }
}

fn everything() -> Scope {
    scope((0, u32::MAX), SlotSet::all(SLOTS))
}

fn of(view: &View) -> BTreeMap<Slot, SlotDigest> {
    digest(view, &everything(), &|_, _| {}).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_digest_knows_the_spans_and_not_how_they_lie(
        spans in spans(60).prop_map(distinct),
        (one, other) in (spreads(), spreads()),
        cut in 0..SLOTS,
    ) {
        let repeated = [spans.clone(), spans.clone()].concat();
        // The strangers' spans are in every part.
        let (a, b) = (view(&spans, one), view(&repeated, other));
        prop_assert_eq!(of(&a), of(&b));
        let (low, high): (SlotSet, SlotSet) = ((0..cut).map(Slot).collect(), (cut..SLOTS).map(Slot).collect());
        let mut parts = digest(&a, &scope((0, 5), low), &|_, _| {}).unwrap();
        parts.extend(digest(&a, &scope((0, 0), high), &|_, _| {}).unwrap());
        prop_assert_eq!(of(&a), parts);
    }

    #[test]
    fn a_missing_span_shows(spans in spans(60).prop_map(distinct), spread in spreads(), missing in any::<prop::sample::Index>()) {
        let mut fewer = spans.clone();
        let gone = fewer.swap_remove(missing.index(spans.len()));
        prop_assume!(!fewer.is_empty());
        let (a, b) = (of(&view(&spans, spread)), of(&view(&fewer, spread)));
        let slot = Slot::of(gone.trace_id, SLOTS);
        let spans_of = |digests: &BTreeMap<Slot, SlotDigest>| digests.get(&slot).map_or(0, |digest| digest.spans);
        prop_assert_eq!(spans_of(&a), spans_of(&b) + 1);
        prop_assert!(a.iter().all(|(at, digest)| *at == slot || b.get(at) == Some(digest)));
    }
}

#[test]
fn other_epochs_are_not_looked_at() {
    let spread = Spread {
        heads: 2,
        blocks: 2,
        ..SPREAD
    };
    let view = view_under(&some_spans(), spread, |part| Epoch(part as u32));
    let spans = |epochs| {
        digest(&view, &scope(epochs, SlotSet::all(SLOTS)), &|_, _| {})
            .unwrap()
            .values()
            .map(|d| d.spans)
            .sum::<u64>()
    };
    // A head of strangers is of epoch 0.
    assert_eq!(spans((0, 3)), 49 + 7);
    assert_eq!(spans((1, 1)), 12);
    assert_eq!(spans((4, 9)), 0);
}
