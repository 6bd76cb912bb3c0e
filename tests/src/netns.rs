//! A network of its own for tests that cut it: hosts in network namespaces, each on a cable to a bridge in another one.
//! Needs root and `ip` (Debian package iproute2).

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A bridge and the hosts on it. All is removed when it is dropped.
#[derive(Debug)]
pub struct Network {
    name: String,
    hosts: u8,
}

impl Network {
    /// `None`, with a line that says so, where namespaces cannot be made. From now on this thread, and those that it
    /// starts, are on the bridge and reach the hosts.
    ///
    /// # Panics
    /// When a namespace can be made and its links cannot.
    pub fn new(hosts: u8) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let network = Self {
            name: format!("vt{}x{number}", std::process::id()),
            hosts,
        };
        let hub = network.hub();
        if !ip(&["netns", "add", &hub]) {
            println!("SKIPPED: no network namespaces here (they need root and iproute2)");
            return None;
        }
        let must = |args: &[&str]| assert!(ip(args), "ip {}", args.join(" "));
        must(&["-n", &hub, "link", "set", "lo", "up"]);
        must(&["-n", &hub, "link", "add", "bridge", "type", "bridge"]);
        must(&["-n", &hub, "addr", "add", "10.77.0.254/24", "dev", "bridge"]);
        must(&["-n", &hub, "link", "set", "bridge", "up"]);
        for host in 0..hosts {
            let (space, cable) = (network.host(host), cable(host));
            let addr = format!("{}/24", network.addr(host));
            must(&["netns", "add", &space]);
            must(&["-n", &space, "link", "set", "lo", "up"]);
            must(&[
                "link", "add", &cable, "netns", &hub, "type", "veth", "peer", "name", "eth0", "netns", &space,
            ]);
            must(&["-n", &space, "addr", "add", &addr, "dev", "eth0"]);
            must(&["-n", &space, "link", "set", "eth0", "up"]);
            must(&["-n", &hub, "link", "set", &cable, "master", "bridge", "up"]);
        }
        enter(&hub);
        Some(network)
    }

    /// The address of a host.
    pub fn addr(&self, host: u8) -> IpAddr {
        Ipv4Addr::new(10, 77, 0, host + 1).into()
    }

    /// What starts a program on a host.
    pub fn prefix(&self, host: u8) -> [String; 4] {
        ["ip", "netns", "exec", &self.host(host)].map(str::to_owned)
    }

    /// Runs `act` on a host.
    pub fn on<T: Send>(&self, host: u8, act: impl FnOnce() -> T + Send) -> T {
        let space = self.host(host);
        std::thread::scope(|scope| {
            let there = scope.spawn(move || {
                enter(&space);
                act()
            });
            there.join().expect("what runs on the host")
        })
    }

    /// Unplugs a host.
    ///
    /// # Panics
    /// When that fails.
    pub fn cut(&self, host: u8) {
        assert!(ip(&["-n", &self.hub(), "link", "set", &cable(host), "down"]));
    }

    /// Plugs it in again.
    ///
    /// # Panics
    /// When that fails.
    pub fn mend(&self, host: u8) {
        assert!(ip(&["-n", &self.hub(), "link", "set", &cable(host), "up"]));
    }

    fn hub(&self) -> String {
        format!("{}hub", self.name)
    }

    fn host(&self, host: u8) -> String {
        format!("{}h{host}", self.name)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in 0..self.hosts {
            ip(&["netns", "del", &self.host(host)]);
        }
        ip(&["netns", "del", &self.hub()]);
    }
}

fn cable(host: u8) -> String {
    format!("cable{host}")
}

fn ip(args: &[&str]) -> bool {
    let output = Command::new("ip").args(args).output();
    output.is_ok_and(|output| output.status.success())
}

/// Moves this thread into a namespace.
fn enter(space: &str) {
    let file = File::open(format!("/run/netns/{space}")).expect("a namespace");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("enter a namespace");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn a_cut_host_is_not_reached_until_it_is_mended() {
        std::thread::spawn(|| {
            let Some(network) = Network::new(2) else { return };
            let listener = network.on(0, || TcpListener::bind((network.addr(0), 0)).expect("listen"));
            let addr = listener.local_addr().expect("address");
            let reached = || TcpStream::connect_timeout(&addr, Duration::from_millis(500)).is_ok();
            assert!(reached() && network.on(1, reached));
            network.cut(0);
            assert!(!reached() && !network.on(1, reached));
            network.mend(0);
            let deadline = std::time::Instant::now() + Duration::from_secs(30);
            while !reached() {
                assert!(std::time::Instant::now() < deadline, "not reached again");
            }
        })
        .join()
        .expect("the test");
    }
}
