//! Somebody who holds up transfers now and then, and has drained nodes take their slots again.

use super::dice::Dice;
use super::wire::{Callee, Wire};
use common::cluster::{Command, NodeId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// What is asked is asked again after so long.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

/// Until things are to come to their end: then all that was held up goes on.
pub async fn operate(wire: Wire, addrs: Vec<String>, mut dice: Dice, ended: Arc<AtomicBool>) -> turmoil::Result {
    while !ended.load(Ordering::Relaxed) {
        sleep(dice.millis(500, 4_000)).await;
        match dice.below(3) {
            0 => {
                let Some(node) = any_member(&wire, dice.of::<String>(&addrs)).await else {
                    continue;
                };
                ask(&wire, &addrs, &mut dice, Command::Drain { node }).await;
                // Less than epochs are open for: it does not get empty.
                sleep(dice.millis(200, 6_000)).await;
                ask(&wire, &addrs, &mut dice, Command::Rejoin { node }).await;
            }
            _ => {
                ask(&wire, &addrs, &mut dice, Command::PauseTransfers { paused: true }).await;
                sleep(dice.millis(200, 6_000)).await;
                ask(&wire, &addrs, &mut dice, Command::PauseTransfers { paused: false }).await;
            }
        }
    }
    std::future::pending().await
}

/// Asks one node after the other until it is done, or was before.
async fn ask(wire: &Wire, addrs: &[String], dice: &mut Dice, command: Command) {
    loop {
        let command = command.clone();
        let asked = wire.call(dice.of::<String>(addrs), move |callee: Arc<Callee>| async move {
            callee.cluster.propose(command).await.is_ok()
        });
        if matches!(timeout(PATIENCE, asked).await, Ok(Ok(true))) {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// Whoever answers there.
async fn any_member(wire: &Wire, addr: &str) -> Option<NodeId> {
    let asked = wire.call(addr, |callee: Arc<Callee>| async move {
        let id = callee.cluster.id();
        callee
            .cluster
            .state()
            .is_some_and(|state| state.member(id).is_some())
            .then_some(id)
    });
    timeout(PATIENCE, asked).await.ok()?.ok()?
}
