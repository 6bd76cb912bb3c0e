//! One simulation: hosts, faults at their times, and the rules that must hold.

use super::clients::{self, Load};
use super::dice::Dice;
use super::faults::{Fault, Planned, plan};
use super::operator;
use super::record::{Counts, Record};
use super::storage::{FOUNDERS, Running, SLOTS, Seat, addr};
use super::wire::Wire;
use common::cluster::Slot;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use turmoil::{Builder, Sim};

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(40);
/// How long founding a cluster may take, and healing once nothing goes wrong any more.
const FOUNDING: Duration = Duration::from_secs(30);
const HEALING: Duration = Duration::from_secs(180);
const LATENCY: Duration = Duration::from_millis(20);
const LOSS: f64 = 0.01;

/// What a simulation came to.
pub type Outcome = Result<Counts, String>;

struct World<'a> {
    sim: Sim<'a>,
    seats: BTreeMap<String, Seat>,
    hosts: Vec<String>,
    running: Running,
    record: Record,
    load: Load,
    wire: Wire,
    /// Whether nothing goes wrong any more
    ended: Arc<AtomicBool>,
    /// How many faults have crashed a host and not ended
    down: BTreeMap<String, usize>,
}

/// Runs the simulation of a seed.
pub fn run(seed: u64) -> Outcome {
    // With odd seeds, another node joins.
    let hosts = FOUNDERS + usize::from(seed % 2 == 1);
    let storage: Vec<String> = (1..=hosts).map(|n| format!("storage-{n}")).collect();
    let mut clients: Vec<String> = ["insert-1", "insert-2", "select-1", "select-2"]
        .map(str::to_owned)
        .to_vec();
    let trouble = plan(seed, &storage, &clients, TROUBLE);
    // With some of these, somebody holds up what is moved to it.
    clients.extend((seed % 4 == 3).then(|| "operator-1".to_owned()));
    let mut world = World::new(seed, &storage, &clients);
    world.until("the cluster is founded", FOUNDING, World::is_founded)?;
    world.open_for_clients(seed, &clients);
    world.trouble(trouble)?;
    world.heal();
    world.load.end();
    world.ended.store(true, Ordering::Relaxed);
    world.until(
        "all is written and in sync, and lies where it belongs",
        HEALING,
        |world| world.load.is_written() && world.is_in_sync() && world.is_moved(),
    )?;
    let complete = world.record.counts().complete;
    // An answer that was asked for before may be among the first ones.
    world.until("complete answers", HEALING, |world| {
        world.record.counts().complete > complete + 4
    })?;
    // A span that is stored under two placements may be so on one of its owners only.
    if !world.record.may_repeat() {
        world.replicas_agree()?;
    }
    Ok(world.record.counts())
}

impl World<'_> {
    fn new(seed: u64, storage: &[String], clients: &[String]) -> Self {
        let mut builder = Builder::new();
        builder
            .rng_seed(seed)
            .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
            .simulation_duration(Duration::from_secs(3_600))
            .tick_duration(Duration::from_millis(2))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(LATENCY)
            .fail_rate(0.0)
            .repair_rate(0.5)
            .tcp_capacity(1 << 14)
            .enable_random_order();
        let (mut sim, wire, running) = (builder.build(), Wire::default(), Running::default());
        let mut seats = BTreeMap::new();
        for at in 0..storage.len() {
            let seat = Seat::new(seed, at, storage);
            seats.insert(seat.host.clone(), seat.clone());
            let (wire, running) = (wire.clone(), running.clone());
            sim.host(seat.host.clone(), move || {
                seat.clone().run(wire.clone(), running.clone())
            });
        }
        let record = Record::default();
        Self {
            sim,
            seats,
            hosts: storage.iter().chain(clients).cloned().collect(),
            running,
            load: Load::new(seed, record.clone()),
            record,
            down: BTreeMap::new(),
            wire,
            ended: Arc::default(),
        }
    }

    fn open_for_clients(&mut self, seed: u64, hosts: &[String]) {
        let addrs: Vec<String> = self.seats.keys().map(|host| addr(host)).collect();
        for (at, host) in hosts.iter().enumerate() {
            let (load, record, wire) = (self.load.clone(), self.record.clone(), self.wire.clone());
            let (addrs, dice, who) = (addrs.clone(), Dice::new(seed, 10 + at as u64), host.clone());
            let ended = self.ended.clone();
            match host.split_once('-').map_or("", |(kind, _)| kind) {
                "insert" => self.sim.host(host.clone(), move || {
                    clients::insert(load.clone(), wire.clone(), addrs.clone(), dice.clone())
                }),
                "select" => self.sim.host(host.clone(), move || {
                    clients::select(who.clone(), record.clone(), wire.clone(), addrs.clone(), dice.clone())
                }),
                _ => self.sim.host(host.clone(), move || {
                    operator::operate(wire.clone(), addrs.clone(), dice.clone(), ended.clone())
                }),
            }
        }
    }

    /// One tick, after which the rules must hold.
    fn step(&mut self) -> Result<(), String> {
        self.sim.step().map_err(|error| error.to_string())?;
        for node in self.running.lock().values() {
            let view = node.consensus();
            if view.is_leader {
                self.record.leads(view.term, node.id());
            }
        }
        self.record.broken().map_or(Ok(()), Err)
    }

    fn until(&mut self, what: &str, within: Duration, is_met: impl Fn(&Self) -> bool) -> Result<(), String> {
        let end = self.sim.elapsed() + within;
        while !is_met(self) {
            if self.sim.elapsed() > end {
                return Err(format!("not within {within:?}: {what}; {}", self.state()));
            }
            self.step()?;
        }
        Ok(())
    }

    fn is_founded(&self) -> bool {
        let running = self.running.lock();
        running.len() >= FOUNDERS && running.values().all(|node| node.in_sync())
    }

    /// Whether all spans lie where those of their slots go now, and no others are left.
    fn is_moved(&self) -> bool {
        let running = self.running.lock();
        let state = running.values().find_map(|node| node.state());
        state.is_some_and(|state| {
            let histories = state.placement.slots.iter();
            histories.into_iter().all(|history| history.len() == 1) && state.transfers.running.is_empty()
        })
    }

    fn is_in_sync(&self) -> bool {
        let running = self.running.lock();
        running.len() == self.seats.len()
            && running.values().all(|node| {
                let all = |state: &common::cluster::ClusterState| {
                    state.members.len() == self.seats.len()
                        && state.members.values().all(|member| member.in_sync())
                        && state
                            .placement
                            .slots
                            .iter()
                            .all(|slot| slot.last().is_some_and(|entry| entry.replicas.len() == 2))
                };
                node.in_sync() && node.state().as_deref().is_some_and(all)
            })
    }

    /// For messages.
    fn state(&self) -> String {
        let running = self.running.lock();
        let nodes = running.iter().map(|(host, node)| {
            let marks = node.state().map(|state| {
                let marked = state
                    .members
                    .values()
                    .filter_map(|member| Some((member.id, member.mark?)));
                marked.map(|(id, mark)| format!("{id}: {mark:?}")).collect::<Vec<_>>()
            });
            let view = node.consensus();
            format!(
                "{host} {} term {} leader {:?} in sync {} marks {marks:?}",
                node.id(),
                view.term,
                view.leader,
                node.in_sync()
            )
        });
        let written = self.load.is_written();
        format!(
            "written {written}, {:?}, {}",
            self.record.counts(),
            nodes.collect::<Vec<_>>().join("; ")
        )
    }

    /// Begins and ends faults at their times.
    fn trouble(&mut self, planned: Vec<Planned>) -> Result<(), String> {
        let begin = self.sim.elapsed();
        let mut due: Vec<(Duration, bool, Fault)> = planned
            .into_iter()
            .flat_map(|planned| {
                [
                    (planned.from, true, planned.fault.clone()),
                    (planned.until, false, planned.fault),
                ]
            })
            .collect();
        due.sort_by_key(|(at, _, _)| *at);
        for (at, begins, fault) in due {
            while self.sim.elapsed() - begin < at {
                self.step()?;
            }
            if std::env::var_os("VT_SIM_TRACE").is_some() {
                println!("{at:?} {} {fault:?}", if begins { "begins" } else { "ends" });
            }
            match begins {
                true => self.begin(&fault),
                false => self.end(&fault),
            }
        }
        Ok(())
    }

    fn begin(&mut self, fault: &Fault) {
        match fault {
            Fault::Crash(hosts) => hosts.iter().for_each(|host| self.crash(host)),
            Fault::Cut(these, those) => pairs(these, those, |a, b| self.sim.partition(a, b)),
            Fault::CutOneWay(from, to) => self.sim.partition_oneway(from.as_str(), to.as_str()),
            Fault::Hold(a, b) => self.sim.hold(a.as_str(), b.as_str()),
            Fault::Lose => self.sim.set_fail_rate(LOSS),
            Fault::Slow(latency) => self.sim.set_max_message_latency(*latency),
        }
    }

    fn end(&mut self, fault: &Fault) {
        match fault {
            Fault::Crash(hosts) => hosts.iter().for_each(|host| self.restart(host)),
            Fault::Cut(these, those) => pairs(these, those, |a, b| self.sim.repair(a, b)),
            Fault::CutOneWay(from, to) => self.sim.repair_oneway(from.as_str(), to.as_str()),
            Fault::Hold(a, b) => self.sim.release(a.as_str(), b.as_str()),
            Fault::Lose => self.sim.set_fail_rate(0.0),
            Fault::Slow(_) => self.sim.set_max_message_latency(LATENCY),
        }
    }

    fn crash(&mut self, host: &str) {
        let down = self.down.entry(host.to_owned()).or_default();
        *down += 1;
        if *down > 1 {
            return;
        }
        self.running.lock().remove(host);
        self.sim.crash(host);
        if let Some(seat) = self.seats.get(host) {
            seat.crash();
        }
    }

    fn restart(&mut self, host: &str) {
        let down = self.down.entry(host.to_owned()).or_default();
        *down -= 1;
        if *down == 0 {
            self.sim.bounce(host);
        }
    }

    /// The network is well, whatever the order in which faults overlapped.
    fn heal(&mut self) {
        self.sim.set_fail_rate(0.0);
        self.sim.set_max_message_latency(LATENCY);
        for (at, a) in self.hosts.iter().enumerate() {
            for b in &self.hosts[at + 1..] {
                self.sim.release(a.as_str(), b.as_str());
                self.sim.repair(a.as_str(), b.as_str());
            }
        }
    }

    /// The owners of each slot hold the same, and nobody anything twice.
    fn replicas_agree(&self) -> Result<(), String> {
        let running = self.running.lock();
        let hosts: BTreeMap<_, _> = running.iter().map(|(host, node)| (node.id(), host)).collect();
        let state = running.values().find_map(|node| node.state()).ok_or("no state")?;
        for slot in (0..SLOTS).map(Slot) {
            let held = |id| self.seats[hosts[id]].store.durable(slot);
            let held: Vec<_> = state.placement.owners(slot).iter().map(held).collect();
            if held.windows(2).any(|pair| pair[0] != pair[1]) {
                let counts: Vec<usize> = held.iter().map(Vec::len).collect();
                return Err(format!("the owners of slot {} differ: {counts:?} spans", slot.0));
            }
            if held.iter().any(|spans| spans.windows(2).any(|pair| pair[0] == pair[1])) {
                return Err(format!("a span of slot {} is stored twice", slot.0));
            }
        }
        Ok(())
    }
}

fn pairs(these: &[String], those: &[String], mut act: impl FnMut(&str, &str)) {
    for a in these {
        for b in those {
            act(a, b);
        }
    }
}
