//! A real process for tests, `vtsingle` or a node of a cluster: on free ports of the loopback interface, in a directory
//! of its own, with its log kept. It knows the programs' flags and nothing of their insides.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take before a test fails: generous, for loaded machines.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A program under test.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Program {
    #[default]
    Single,
    Insert,
    Storage,
    Select,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Single => "vtsingle",
            Self::Insert => "vtinsert",
            Self::Storage => "vtstorage",
            Self::Select => "vtselect",
        }
    }

    /// Whether it keeps data on disk.
    fn stores(self) -> bool {
        matches!(self, Self::Single | Self::Storage)
    }
}

/// How to start a server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    program: Program,
    /// Where it shall listen, if not on any free port
    addr: Option<SocketAddr>,
    /// What the program is started by, such as `ip netns exec NAME`
    prefix: Vec<OsString>,
    flags: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    data_dir: Option<PathBuf>,
    /// The certificate in PEM of the authority to trust, where the server speaks TLS
    authority: Option<String>,
}

impl Options {
    /// Starts `program` instead of `vtsingle`.
    pub fn of(program: Program) -> Self {
        Self {
            program,
            ..Self::default()
        }
    }

    /// Listens on `addr` instead of any free port.
    pub fn addr(mut self, addr: SocketAddr) -> Self {
        self.addr = Some(addr);
        self
    }

    /// Starts the program by another one, such as `ip netns exec NAME`.
    pub fn prefix<T: Into<OsString>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.prefix = words.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a flag such as `--retentionPeriod=30d`.
    pub fn flag(mut self, flag: impl Into<OsString>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Keeps the data in `dir` instead of a directory that goes away with the server.
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(dir.into());
        self
    }

    /// Speaks TLS with the server, and trusts this authority's certificate in PEM.
    pub fn trusting(mut self, authority: &str) -> Self {
        self.authority = Some(authority.to_owned());
        self
    }

    /// Starts the server and waits until it listens.
    ///
    /// # Panics
    /// With the server's log, when it does not come up.
    pub fn start(self) -> Server {
        Server::start(self)
    }

    /// Runs the program to its end without waiting for it to listen: for starts that must fail.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`].
    pub fn run(self) -> Finished {
        let (data_dir, _own_dir) = self.directory();
        let mut command = self.command(&data_dir);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("run the program");
        let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let status = wait(&mut child);
        if status.is_none() {
            child.kill().expect("kill the server");
            child.wait().expect("wait for the server");
        }
        let [stdout, stderr] = [stdout, stderr].map(|reader| reader.join().expect("a reader"));
        let status = status.unwrap_or_else(|| panic!("the program goes on running:\n{stderr}"));
        Finished { status, stdout, stderr }
    }

    /// The data directory, and its owner where it goes away with the server.
    fn directory(&self) -> (PathBuf, Option<tempfile::TempDir>) {
        match &self.data_dir {
            Some(dir) => (dir.clone(), None),
            None => {
                let dir = tempfile::tempdir().expect("temporary directory");
                (dir.path().to_owned(), Some(dir))
            }
        }
    }

    fn command(&self, data_dir: &Path) -> Command {
        let binary = binary(self.program);
        let mut command = match self.prefix.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        let addr = self.addr.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        command
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().to_uppercase().starts_with("VT_")))
            .envs(self.env.iter().cloned())
            .arg(format!("--httpListenAddr={addr}"))
            .args((self.program == Program::Single).then_some("--otlpGRPCListenAddr=127.0.0.1:0"))
            .args(
                self.program
                    .stores()
                    .then(|| format!("--storageDataPath={}", data_dir.display())),
            )
            .args(&self.flags)
            .stdin(Stdio::null());
        command
    }
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// A running server. It is killed when dropped, and its own data directory is removed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    options: Options,
    data_dir: PathBuf,
    own_dir: Option<tempfile::TempDir>,
    log: Log,
    client: Client,
    grpc: Option<SocketAddr>,
}

impl Server {
    /// Starts with default flags.
    pub fn new() -> Self {
        Options::default().start()
    }

    fn start(options: Options) -> Self {
        let (data_dir, own_dir) = options.directory();
        let (child, log) = spawn(&options, &data_dir);
        let unset = SocketAddr::from(([0; 4], 0));
        let mut server = Self {
            child,
            options,
            data_dir,
            own_dir,
            log,
            client: Client::new(unset, None),
            grpc: None,
        };
        server.wait_until_it_listens();
        server
    }

    /// The address of the OTLP/gRPC receiver.
    ///
    /// # Panics
    /// When it is switched off.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc.expect("the gRPC receiver is switched on")
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that the server has logged since it was (re)started.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until a line of the log contains `text`, and returns that line.
    ///
    /// # Panics
    /// With the log, when it does not within [`PATIENCE`].
    pub fn wait_for_log(&self, text: &str) -> String {
        match self.log.wait_for(text) {
            Ok(line) => line,
            Err(log) => panic!("{text:?} was not logged:\n{log}"),
        }
    }

    /// Sends SIGTERM and does not wait.
    pub fn terminate(&self) {
        let status = Command::new("kill")
            .args(["-TERM", &self.pid().to_string()])
            .status()
            .expect("run kill");
        assert!(status.success(), "kill -TERM {}", self.pid());
    }

    /// Waits for the end of a process that was told to end.
    ///
    /// # Panics
    /// With the log, when it does not end within [`PATIENCE`].
    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child).unwrap_or_else(|| panic!("the server does not end:\n{}", self.log()))
    }

    /// Ends the process as an operator does: SIGTERM, then the wait for its end.
    pub fn stop(&mut self) -> ExitStatus {
        self.terminate();
        self.wait()
    }

    /// Ends the process as a crash does: SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("kill the server");
        self.child.wait().expect("wait for the server");
    }

    /// Starts again on the same data; the process must have ended. Ports change.
    pub fn start_again(&mut self) {
        assert!(
            self.child.try_wait().expect("wait for the server").is_some(),
            "the server still runs"
        );
        (self.child, self.log) = spawn(&self.options, &self.data_dir);
        self.wait_until_it_listens();
    }

    /// Starts again on the same data and kills the process so long after that, be it ready by then or not.
    pub fn start_and_kill(&mut self, after: std::time::Duration) {
        (self.child, self.log) = spawn(&self.options, &self.data_dir);
        std::thread::sleep(after);
        self.kill();
    }

    /// Loses the data; the process must have ended.
    pub fn lose_disk(&mut self) {
        for entry in std::fs::read_dir(&self.data_dir).expect("the data directory") {
            let path = entry.expect("an entry").path();
            let removed = match path.is_dir() {
                true => std::fs::remove_dir_all(&path),
                false => std::fs::remove_file(&path),
            };
            removed.expect("an entry that can be removed");
        }
    }

    /// Starts again on the same data with other flags.
    pub fn start_again_with(&mut self, options: Options) {
        self.options = options;
        self.start_again();
    }

    /// Starts again with one more flag, on what is in the data directory.
    pub fn start_again_with_flag(&mut self, flag: impl Into<OsString>) {
        self.options = std::mem::take(&mut self.options).flag(flag);
        self.start_again();
    }

    fn wait_until_it_listens(&mut self) {
        match self.log.wait_for("ready to serve") {
            Ok(_) => {}
            Err(log) => panic!("the server does not come up:\n{log}"),
        }
        let log = self.log();
        let addr = |listener| log.lines().find_map(|line| listening(line, listener));
        let http = addr("http").unwrap_or_else(|| panic!("the server does not say where it listens:\n{log}"));
        self.client = Client::new(http, self.options.authority.as_deref());
        self.grpc = addr("otlp-grpc");
    }
}

/// A client of one server. Clones live on without it.
#[derive(Clone, Debug)]
pub struct Client {
    http: SocketAddr,
    scheme: &'static str,
    headers: Vec<(String, String)>,
    agent: ureq::Agent,
}

impl Client {
    fn new(http: SocketAddr, authority: Option<&str>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        let (scheme, config) = match authority {
            None => ("http", config),
            Some(pem) => ("https", config.tls_config(trusting(pem))),
        };
        Self {
            http,
            scheme,
            headers: Vec::new(),
            agent: config.build().new_agent(),
        }
    }

    /// The same, sending these headers with each request.
    pub fn with_headers(&self, headers: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            headers: headers.iter().map(own).collect(),
            ..self.clone()
        }
    }

    fn asking(&self, path: &str) -> ureq::RequestBuilder<ureq::typestate::WithoutBody> {
        let request = self.agent.get(self.url(path));
        let headers = self.headers.iter();
        headers.fold(request, |request, (name, value)| request.header(name, value))
    }

    /// The address of the HTTP server.
    pub fn http_addr(&self) -> SocketAddr {
        self.http
    }

    /// `http://…`, or `https://…`, and `path`, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.http)
    }

    /// Status and body of a GET.
    pub fn get(&self, path: &str) -> (u16, String) {
        read(self.asking(path).call())
    }

    /// The body of a GET that is answered with status 200 and not marked as partial; `None` without an answer.
    ///
    /// # Panics
    /// When it is answered otherwise.
    pub fn try_complete(&self, path: &str) -> Option<String> {
        let answer = self.asking(path).call().ok()?;
        let partial = answer.headers().contains_key("x-partial-response");
        let (status, body) = read(Ok(answer));
        assert_eq!(status, 200, "GET {path}: {body}");
        assert!(!partial, "GET {path} is answered in part: {body}");
        Some(body)
    }

    /// Whether a GET is answered with status 200 and marked as partial.
    pub fn is_partial(&self, path: &str) -> bool {
        let answer = self.asking(path).call().expect("an answer");
        answer.status() == 200 && answer.headers().contains_key("x-partial-response")
    }

    /// Status and body of a GET, when there is an answer at all.
    pub fn try_get(&self, path: &str) -> Option<(u16, String)> {
        self.asking(path).call().ok().map(|answer| read(Ok(answer)))
    }

    /// The JSON that a GET answers with status 200.
    pub fn get_json(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("GET {path}: {error}: {body}"))
    }

    /// Status and body of a POST.
    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> (u16, String) {
        let request = self.agent.post(self.url(path)).header("Content-Type", content_type);
        let headers = self.headers.iter();
        let request = headers.fold(request, |request, (name, value)| request.header(name, value));
        read(request.send(body))
    }

    /// Sends OTLP/JSON and asserts that it was accepted.
    pub fn send_otlp_json(&self, request: &serde_json::Value) {
        let (status, body) = self.post("/v1/traces", "application/json", request.to_string().as_bytes());
        assert_eq!(status, 200, "{body}");
    }

    /// The value of a metric without labels, or with exactly `labels` as they are written (`{path="/x"}`).
    pub fn metric(&self, name_and_labels: &str) -> Option<f64> {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200, "{text}");
        text.lines()
            .find_map(|line| line.strip_prefix(name_and_labels)?.strip_prefix(' ')?.parse().ok())
    }
}

fn trusting(pem: &str) -> ureq::tls::TlsConfig {
    let authority = ureq::tls::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::new_with_certs(&[authority]))
        .unversioned_rustls_crypto_provider(std::sync::Arc::new(provider))
        .build()
}

impl std::ops::Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!(
                "log of a server, data in {:?}:\n{}",
                self.own_dir.as_ref().map(|dir| dir.path()),
                self.log()
            );
        }
    }
}

/// The address in a log line that says where `listener` listens, in either log format.
fn listening(line: &str, listener: &str) -> Option<SocketAddr> {
    let said = line.contains("listening")
        && (line.contains(&format!("listener=\"{listener}\""))
            || line.contains(&format!("\"listener\":\"{listener}\"")));
    let (_, behind) = line
        .split_once("addr=")
        .or_else(|| line.split_once("\"addr\":\""))
        .filter(|_| said)?;
    behind.split([' ', '"']).next()?.parse().ok()
}

fn spawn(options: &Options, data_dir: &Path) -> (Child, Log) {
    let mut child = options
        .command(data_dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", options.program.name()));
    let log = Log::default();
    let stderr = BufReader::new(child.stderr.take().expect("piped"));
    std::thread::spawn({
        let log = log.clone();
        move || {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                log.add(&String::from_utf8_lossy(&line));
            }
            log.end();
        }
    });
    (child, log)
}

/// The status of a process that ends within [`PATIENCE`].
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = child.try_wait().expect("wait for the server");
        if status.is_some() || Instant::now() >= deadline {
            return status;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reads all of a pipe beside the process that writes it.
fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    let mut pipe = pipe.expect("piped");
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("read a pipe");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, String) {
    let mut answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer
        .body_mut()
        .with_config()
        .limit(1 << 30)
        .lossy_utf8(true)
        .read_to_string()
        .expect("a body");
    (status, body)
}

/// What a process has written to its standard error.
#[derive(Clone, Debug, Default)]
struct Log(Arc<(Mutex<LogState>, Condvar)>);

#[derive(Debug, Default)]
struct LogState {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    fn add(&self, line: &str) {
        self.0.0.lock().expect("log").lines.push(line.to_owned());
        self.0.1.notify_all();
    }

    fn end(&self) {
        self.0.0.lock().expect("log").ended = true;
        self.0.1.notify_all();
    }

    fn text(&self) -> String {
        self.0.0.lock().expect("log").lines.join("\n")
    }

    /// The first line with `text`, or the whole log when the process ends or time passes without one.
    fn wait_for(&self, text: &str) -> Result<String, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.0.0.lock().expect("log");
        loop {
            if let Some(line) = state.lines.iter().find(|line| line.contains(text)) {
                return Ok(line.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return Err(state.lines.join("\n"));
            }
            state = self.0.1.wait_timeout(state, left).expect("log").0;
        }
    }
}

fn binary(program: Program) -> PathBuf {
    binary_named(program.name())
}

/// The program under test: in `VT_BIN_DIR` where that is set, else built for the profile of this test.
pub(crate) fn binary_named(name: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&'static str, PathBuf>> = Mutex::new(BTreeMap::new());
    match std::env::var_os("VT_BIN_DIR") {
        Some(dir) => PathBuf::from(dir).join(name),
        None => BUILT
            .lock()
            .expect("built programs")
            .entry(name)
            .or_insert_with(|| build(name))
            .clone(),
    }
}

/// Builds into the folder that this test came out of: `target/PROFILE/deps/this-test`.
fn build(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("path of this test");
    let profile_dir = test.ancestors().nth(2).expect("a target directory");
    let target_dir = profile_dir.parent().expect("a target directory");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--workspace", "--bin", name, "--target-dir"])
        .arg(target_dir);
    if profile_dir.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("run cargo");
    assert!(status.success(), "{name} cannot be built");
    profile_dir.join(name)
}
