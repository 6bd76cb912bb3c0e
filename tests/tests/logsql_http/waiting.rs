//! Queries that take long: who waits for a turn, and what becomes of a query whose client goes away.

use super::target::{Reply, reply};
use common::config::Period;
use common::contract::{AnswerStream, QueryContext, QueryError, SpanSource};
use common::query::Plan;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use serde_json::json;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use vtselect::SelectConfig;

/// How long a step may take that does not depend on time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Steps that nobody has looked at.
const STEPS: usize = 16;

/// What a query came to.
#[derive(Debug, PartialEq)]
enum Step {
    Began,
    Ended,
}

/// Tells of the end of a query.
struct Running(Sender<Step>);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.try_send(Step::Ended);
    }
}

/// A source whose queries end only when they are cancelled.
struct Endless(Sender<Step>);

impl SpanSource for Endless {
    fn query<'a: 'f, 'f>(&'a self, _: Plan, context: QueryContext) -> BoxFuture<'f, Result<AnswerStream, QueryError>>
    where
        Self: 'f,
    {
        self.0.try_send(Step::Began).expect("room");
        let running = Running(self.0.clone());
        let end = async move {
            let _running = running;
            loop {
                context.check()?;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        Box::pin(async move { Ok(futures::stream::once(end).boxed()) })
    }
}

struct Server {
    address: SocketAddr,
    steps: Receiver<Step>,
    runtime: Runtime,
}

impl Server {
    /// Lets one query run at a time, and others wait for so long.
    fn new(queue: Period) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (send, steps) = channel(STEPS);
        let config = SelectConfig {
            search_max_concurrent_requests: 1,
            search_max_queue_duration: queue,
            ..SelectConfig::default()
        };
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let entered = runtime.enter();
        let router = vtselect::http_router(&config, Arc::new(Endless(send)));
        drop(entered);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            steps,
            runtime,
        }
    }

    /// Sends a request; its answer is not read.
    fn begin(&self, path: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).expect("a connection");
        let request = format!("GET /select/logsql/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        connection.write_all(request.as_bytes()).expect("a request");
        connection
    }

    fn get(&self, path: &str) -> Reply {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let url = format!("http://{}/select/logsql/{path}", self.address);
        reply(agent.get(url).call().expect("an answer"))
    }

    fn step(&mut self) -> Step {
        let step = async { tokio::time::timeout(PATIENCE, self.steps.recv()).await };
        self.runtime.block_on(step).expect("a step in time").expect("a step")
    }
}

#[test]
fn who_gets_no_turn_is_told_to_come_later() {
    let mut server = Server::new("1ms".parse().expect("a period"));
    let _running = server.begin("query?query=*");
    assert_eq!(server.step(), Step::Began);
    let refused = server.get("hits?query=*");
    assert_eq!(
        (refused.status, refused.content_type.as_str()),
        (503, "text/plain; charset=utf-8"),
        "{}",
        refused.body
    );
    assert!(refused.body.contains("no turn within"), "{}", refused.body);
    let refused = server.get("stats_query?query=*|count()");
    let error = refused.json();
    assert_eq!(
        (refused.status, &error["status"], &error["errorType"]),
        (503, &json!("error"), &json!("503"))
    );
}

#[test]
fn the_query_of_a_client_that_went_away_ends_and_the_next_gets_its_turn() {
    let mut server = Server::new(Period::from_secs(600));
    for path in [
        "query?query=*",
        "stats_query?query=*|count()",
        "facets?query=*",
        "field_names?query=*",
    ] {
        let connection = server.begin(path);
        assert_eq!(server.step(), Step::Began, "{path}");
        drop(connection);
        assert_eq!(server.step(), Step::Ended, "{path}");
    }
}

#[test]
fn a_query_ends_when_its_time_is_over() {
    let mut server = Server::new(Period::from_secs(600));
    let reply = server.get("query?query=*&timeout=20ms");
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert_eq!(server.step(), Step::Began);
    assert_eq!(server.step(), Step::Ended);
    let reply = server.get("stats_query?query=*|count()&timeout=0.02");
    assert_eq!((reply.status, &reply.json()["errorType"]), (503, &json!("503")));
}
