//! What goes wrong, and when: follows from the seed alone.

use super::dice::Dice;
use std::time::Duration;

/// Something that goes wrong, for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The host is without power
    Crash(Vec<String>),
    /// Nothing goes between any of these and any of those
    Cut(Vec<String>, Vec<String>),
    /// Nothing goes from the one to the other
    CutOneWay(String, String),
    /// Messages wait
    Hold(String, String),
    /// Some messages are lost, on all links
    Lose,
    /// Messages may take this long, so that they overtake each other
    Slow(Duration),
}

/// When a fault begins and ends, from when the load has begun.
#[derive(Clone, Debug)]
pub struct Planned {
    pub from: Duration,
    pub until: Duration,
    pub fault: Fault,
}

/// The faults of a seed, by their beginning; all have ended after `length` and some seconds.
pub fn plan(seed: u64, storage: &[String], clients: &[String], length: Duration) -> Vec<Planned> {
    let mut dice = Dice::new(seed, 1);
    let (mut from, mut planned) = (dice.millis(500, 2_000), Vec::new());
    while from < length {
        let fault = fault(&mut dice, storage, clients);
        let lasts = match dice.below(3) {
            0 => dice.millis(100, 800),
            1 => dice.millis(800, 3_000),
            _ => dice.millis(3_000, 8_000),
        };
        let until = from + lasts;
        planned.push(Planned { from, until, fault });
        from += dice.millis(300, 5_000);
    }
    planned
}

fn fault(dice: &mut Dice, storage: &[String], clients: &[String]) -> Fault {
    let node = dice.of(storage).clone();
    let rest: Vec<String> = storage.iter().filter(|other| **other != node).cloned().collect();
    let other = dice.of(&rest).clone();
    let client = dice.of(clients).clone();
    match dice.below(14) {
        0..=2 => Fault::Crash(vec![node]),
        3 => Fault::Crash(vec![node, other]),
        4 => Fault::Crash(storage.to_vec()),
        5 => Fault::Crash(vec![client]),
        6 => Fault::Cut(vec![node], [rest, clients.to_vec()].concat()),
        // A minority with clients beside it.
        7 | 8 => {
            let others: Vec<String> = clients.iter().filter(|other| **other != client).cloned().collect();
            Fault::Cut(vec![node, client], [rest, others].concat())
        }
        9 => Fault::Cut(vec![node], vec![other]),
        10 => Fault::CutOneWay(node, if dice.below(2) == 0 { other } else { client }),
        11 => Fault::Hold(node, if dice.below(2) == 0 { other } else { client }),
        12 => Fault::Lose,
        _ => Fault::Slow(dice.millis(100, 900)),
    }
}
