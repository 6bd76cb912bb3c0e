//! Flags of a node's membership.

use super::entry::{Search, SystemNames};
use clap::Args;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// How a storage node finds its cluster, and what it says of itself.
#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct ClusterConfig {
    /// Address of another storage node, as host:port; may be repeated or a list with commas, this node's own address
    /// among them, and a host name may stand for several nodes. Without it the node makes a cluster of its own. Of no
    /// meaning once the node has a cluster, but that it refuses to start beside the nodes of another one
    #[arg(long = "cluster.peers", value_name = "ADDR", value_delimiter = ',', value_parser = address)]
    pub cluster_peers: Vec<String>,

    /// How many empty nodes make a cluster together, this one included; 0 means as many as addresses are given with
    /// --cluster.peers. Must be given where that is one host name
    #[arg(long = "cluster.bootstrapExpect", default_value_t = 0, value_name = "NODES")]
    pub cluster_bootstrap_expect: usize,

    /// Where other nodes reach this one, as host:port; by default the host's name and the port of --httpListenAddr
    #[arg(long = "cluster.advertiseAddr", value_name = "ADDR", value_parser = address)]
    pub cluster_advertise_addr: Option<String>,

    /// Where the node stands, such as a data centre: copies of a span lie in different zones where there are enough
    #[arg(long = "cluster.zone", default_value = "", value_name = "NAME")]
    pub cluster_zone: String,

    /// On how many nodes each span is stored. A setting of the cluster: the flag counts when the cluster is made, later
    /// it is changed with POST /cluster/settings
    #[arg(long = "replicationFactor", default_value_t = 2, value_name = "COPIES", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub replication_factor: u8,
}

/// `host:port` with a port that is a number.
fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err("expected an address such as host:10491 or [::1]:10491".to_owned()),
    }
}

impl ClusterConfig {
    /// Where to look for others.
    ///
    /// # Errors
    /// When it cannot be told how many nodes make a cluster.
    pub fn search(&self) -> Result<Search, String> {
        let expect = match (self.cluster_bootstrap_expect, self.cluster_peers.as_slice()) {
            (0, []) => 1,
            (0, [one]) if one.parse::<SocketAddr>().is_err() => {
                return Err(format!(
                    "--cluster.peers={one} may stand for several nodes: --cluster.bootstrapExpect says how many make a cluster"
                ));
            }
            (0, several) => several.len(),
            (given, _) => given,
        };
        Ok(Search {
            peers: self.cluster_peers.clone(),
            expect,
            names: Arc::new(SystemNames),
        })
    }

    /// Where other nodes reach this one, if it listens on `bound`.
    ///
    /// # Errors
    /// When it listens everywhere, and the system has no name for it.
    pub fn advertised(&self, bound: SocketAddr) -> io::Result<String> {
        if let Some(addr) = &self.cluster_advertise_addr {
            return Ok(addr.clone());
        }
        if !bound.ip().is_unspecified() {
            return Ok(bound.to_string());
        }
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
        Ok(format!("{}:{}", name.trim(), bound.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        cluster: ClusterConfig,
    }

    fn parse(flags: &[&str]) -> ClusterConfig {
        Flags::parse_from(std::iter::once(&"x").chain(flags)).cluster
    }

    #[test]
    fn as_many_nodes_as_addresses_are_expected() {
        let expected = |flags: &[&str]| parse(flags).search().map(|search| search.expect);
        assert_eq!(expected(&[]), Ok(1));
        assert_eq!(expected(&["--cluster.peers=a:1,b:2", "--cluster.peers=c:3"]), Ok(3));
        assert_eq!(expected(&["--cluster.peers=127.0.0.1:1"]), Ok(1));
        assert_eq!(expected(&["--cluster.peers=a:1", "--cluster.bootstrapExpect=5"]), Ok(5));
        assert!(expected(&["--cluster.peers=a:1"]).is_err());
        assert!(Flags::try_parse_from(["x", "--cluster.peers=a"]).is_err());
        assert!(Flags::try_parse_from(["x", "--replicationFactor=0"]).is_err());
    }

    #[test]
    fn a_node_is_reached_where_it_says_or_where_it_listens() {
        let given = parse(&["--cluster.advertiseAddr=n1:9"]);
        let bound = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(given.advertised(bound("127.0.0.1:1")).unwrap(), "n1:9");
        let config = parse(&[]);
        assert_eq!(config.advertised(bound("127.0.0.1:1")).unwrap(), "127.0.0.1:1");
        let everywhere = config.advertised(bound("[::]:7")).unwrap();
        assert!(everywhere.ends_with(":7") && !everywhere.contains("::"), "{everywhere}");
    }
}
