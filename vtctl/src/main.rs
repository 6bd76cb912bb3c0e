//! The operators' program: asks a storage node what the cluster agrees on, or to change it, and prints the answer. It
//! knows the form of no answer but those about snapshots: whatever JSON a node gives becomes tables.

mod answer;
mod ask;
mod connection;
mod flags;
mod order;
mod snapshots;
mod table;

use answer::Answer;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};
use connection::{Caller, ConnectionConfig, ConnectionError};
use order::{BadArguments, Order, Request};
use snapshots::{SnapshotError, SnapshotOrder};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Shows what a cluster's storage nodes agree on, and changes it.
///
/// Flags may also be given by the environment, as VT_<flag>.
#[derive(Parser, Debug)]
#[command(name = "vtctl", version, about)]
struct Arguments {
    /// What to show or to do
    #[arg(value_enum)]
    what: What,
    /// Of join, drain, remove and repair: a node's id or address (of repair also: accept-loss); of transfers: pause or
    /// resume; of settings: replication_factor=COPIES; of snapshot: create [NAME], list, or delete NAME
    #[arg(value_name = "ARGUMENT")]
    arguments: Vec<String>,
    /// Do it, after what it will do was read
    #[arg(long)]
    yes: bool,
    /// Address of a storage node, as host:port or with http:// or https:// before it; with several, the first that answers
    /// is taken
    #[arg(long, default_value = "127.0.0.1:10491", value_delimiter = ',', value_name = "ADDR")]
    addr: Vec<String>,
    /// Print the answer as it came, in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionConfig,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    /// The cluster as a whole, and how the asked node stands
    Status,
    /// The storage nodes
    Members,
    /// Which nodes hold which slots
    Slots,
    /// The settings of the whole cluster; to be changed, too
    Settings,
    /// The moves of spans between nodes, and how much is left; to be paused and resumed
    Transfers,
    /// How the asked node stands in the consensus
    Raft,
    /// Takes a node that is being drained back
    Join,
    /// Moves everything off a node, which then leaves
    Drain,
    /// Removes a node that holds nothing
    Remove,
    /// Replaces a node that is away, or accepts that spans are lost
    Repair,
    /// Makes, lists or deletes snapshots on all members, for backups
    Snapshot,
}

/// Why there is nothing to show, or something went wrong.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Ask(#[from] ask::AskError),
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    #[error(transparent)]
    Arguments(#[from] BadArguments),
    #[error("{0}\nNothing was done. With --yes it is.")]
    NotSure(String),
    /// Said after what was done is shown
    #[error("{0}")]
    InPart(String),
    #[error("the answer is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("cannot print, or be run: {0}")]
    Io(#[from] io::Error),
}

fn main() -> ExitCode {
    match run(&arguments(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough.
        Err(Failed::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failed) => {
            let _ = writeln!(io::stderr(), "vtctl: {failed}");
            ExitCode::FAILURE
        }
    }
}

/// Those of this process; ends it where they are wrong.
fn arguments() -> Arguments {
    let names: Vec<OsString> = std::env::vars_os().map(|(name, _)| name).collect();
    let command = flags::by_environment(Arguments::command(), &names);
    let given = flags::with_two_dashes(&command, std::env::args_os());
    let matches = command.get_matches_from(given);
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let caller = arguments.connection.caller(&arguments.addr)?;
        show(&caller, arguments, out).await
    })
}

async fn show(caller: &Caller, arguments: &Arguments, out: &mut impl Write) -> Result<(), Failed> {
    let given: Vec<&str> = arguments.arguments.iter().map(String::as_str).collect();
    let addrs = &arguments.addr;
    let body = match order::request(arguments.what, &given, &by_the_time())? {
        Request::Question(path) => ask::ask(caller, addrs, path).await?,
        Request::Order(Order {
            warning: Some(warning), ..
        })
        | Request::Snapshots {
            warning: Some(warning), ..
        } if !arguments.yes => return Err(Failed::NotSure(warning)),
        Request::Order(Order { path, body, .. }) => ask::tell(caller, addrs, path, &body).await?,
        Request::Snapshots { order, .. } => return show_snapshots(caller, arguments, &order, out).await,
    };
    print(&body, arguments.json, out)
}

async fn show_snapshots(
    caller: &Caller,
    arguments: &Arguments,
    order: &SnapshotOrder,
    out: &mut impl Write,
) -> Result<(), Failed> {
    let outcome = snapshots::carry_out(caller, &arguments.addr, order).await?;
    print(&serde_json::to_string(&outcome)?, arguments.json, out)?;
    match outcome.fault(order) {
        Some(fault) => Err(Failed::InPart(fault)),
        None => Ok(()),
    }
}

fn print(body: &str, as_it_is: bool, out: &mut impl Write) -> Result<(), Failed> {
    if as_it_is {
        writeln!(out, "{}", body.trim_end())?;
    } else {
        let answer: Answer = serde_json::from_str(body)?;
        write!(out, "{}", table::render(&answer))?;
    }
    Ok(())
}

/// A name for what is made now.
fn by_the_time() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("at-{}", since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    #[test]
    fn the_arguments_are_sound() {
        Arguments::command().debug_assert();
    }

    /// Answers one request with `status` and `body`; returns its address and, when joined, the request's first line.
    fn node(status: u16, body: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines: Vec<String> = BufReader::new(&stream)
                .lines()
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty())
                .collect();
            let length = body.len();
            write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
            lines[0].clone()
        });
        (addr, answering)
    }

    /// An address where nobody listens.
    fn nobody() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    }

    fn members(addr: &[String], json: bool) -> Result<String, Failed> {
        let arguments = Arguments {
            what: What::Members,
            arguments: Vec::new(),
            yes: false,
            addr: addr.to_vec(),
            json,
            connection: ConnectionConfig::default(),
        };
        let mut out = Vec::new();
        run(&arguments, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_first_node_that_answers_is_shown() {
        let (addr, asked) = node(200, r#"{"members":[{"id":"a1","in_sync":true}]}"#);
        let shown = members(&[nobody(), addr], false).unwrap();
        assert_eq!(shown, "members\n  id  in_sync\n  a1  true\n");
        assert_eq!(asked.join().unwrap(), "GET /cluster/members HTTP/1.1");
    }

    #[test]
    fn what_is_dangerous_is_done_with_yes_only() {
        let (addr, asked) = node(200, r#"{"version":7}"#);
        let mut arguments = Arguments {
            what: What::Drain,
            arguments: vec!["n1:1".to_owned()],
            yes: false,
            addr: vec![addr],
            json: false,
            connection: ConnectionConfig::default(),
        };
        let refused = run(&arguments, &mut Vec::new()).unwrap_err().to_string();
        assert!(refused.contains("--yes") && refused.contains("n1:1"), "{refused}");
        arguments.yes = true;
        let mut out = Vec::new();
        run(&arguments, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "version  7\n");
        assert_eq!(asked.join().unwrap(), "POST /cluster/drain HTTP/1.1");
    }

    #[test]
    fn json_is_passed_on() {
        let (addr, _) = node(200, "{\"members\": []}\n");
        assert_eq!(members(&[addr], true).unwrap(), "{\"members\": []}\n");
    }

    #[test]
    fn failures_name_the_node_and_what_it_said() {
        let (addr, _) = node(503, "no cluster yet\n");
        let failed = members(std::slice::from_ref(&addr), false).unwrap_err().to_string();
        assert_eq!(failed, format!("{addr}: status 503: no cluster yet"));
        let (addr, _) = node(200, "<html>");
        assert!(matches!(members(&[addr], false), Err(Failed::NotJson(_))));
        let addr = nobody();
        let failed = members(std::slice::from_ref(&addr), false).unwrap_err().to_string();
        assert!(failed.starts_with(&format!("{addr}: ")), "{failed}");
    }
}
