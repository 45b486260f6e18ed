//! Starts the real program and talks to it over real sockets.
//!
//! Nothing sleeps to let something happen: whatever is waited for is looked at again and again
//! until it holds or [`PATIENCE`] is over.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at something that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Looks until there is something to see.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// As [`eventually`], with a patience of its own.
pub fn within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(LOOK_AGAIN);
    }
}

/// An empty folder of the test's own.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("daemon")
        .join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("the target folder can be written");
    path
}

/// The program with a configuration in a folder of the test's own, and nothing else around it.
pub fn program(folder: &Path, config: &str) -> Command {
    let file = folder.join("slimcp.toml");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_slimcp"));
    let path = std::env::var_os("PATH").expect("a PATH");
    command.env_clear().env("PATH", path);
    command.arg("-c").arg(file);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// Runs the program to its end: exit code, stdout, stderr.
pub fn run(command: &mut Command) -> (i32, String, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("it is ours").is_none() {
        if Instant::now() > deadline {
            child.kill().expect("it is ours");
        }
        thread::sleep(LOOK_AGAIN);
    }
    let output = child.wait_with_output().expect("it has ended");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = output
        .status
        .code()
        .expect("it should have ended by itself");
    (code, text(output.stdout), text(output.stderr))
}

/// A running daemon; killed when the test is done with it.
pub struct Daemon {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    address: Option<SocketAddr>,
    pub folder: PathBuf,
}

impl Daemon {
    /// Starts it on a free loopback port and waits until it serves.
    pub fn start(name: &str, config: &str) -> Daemon {
        let folder = folder(name);
        let mut command = program(&folder, config);
        command.args(["--listen", "127.0.0.1:0"]);
        Daemon::of(folder, command)
    }

    /// The same for a program that may open only so many files.
    pub fn start_with_descriptors(name: &str, config: &str, descriptors: u32) -> Daemon {
        let folder = folder(name);
        let prepared = program(&folder, config);
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {descriptors}; exec \"$@\"");
        command.args(["-c", &script, "sh"]);
        command
            .arg(prepared.get_program())
            .args(prepared.get_args())
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped());
        Daemon::of(folder, command)
    }

    /// Runs a prepared command and waits until it listens.
    pub fn of(folder: PathBuf, mut command: Command) -> Daemon {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let log = follow(child.stderr.take().expect("stderr is piped"));
        let mut daemon = Daemon {
            child,
            log,
            address: None,
            folder,
        };
        let line = daemon.line("listening on ");
        let address = line.split("http://").nth(1);
        daemon.address = address
            .and_then(|rest| rest.split('/').next())
            .map(|address| address.parse().expect("an address"));
        daemon
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("it listens on TCP")
    }

    /// A new connection.
    pub fn connect(&self) -> Peer<TcpStream> {
        let socket = TcpStream::connect(self.address()).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket.set_nodelay(true).expect("no delay");
        Peer::new(socket)
    }

    /// The first log line with `part` in it, as soon as it is written.
    pub fn line(&self, part: &str) -> String {
        let find = || self.log().into_iter().find(|line| line.contains(part));
        eventually(&format!("a log line with {part:?}"), || {
            find().or_else(|| {
                self.check_alive(part);
                None
            })
        })
    }

    fn check_alive(&self, part: &str) {
        let path = format!("/proc/{}/stat", self.pid());
        let stat = fs::read_to_string(path).unwrap_or_default();
        let is_over = stat.is_empty() || stat.contains(") Z ");
        assert!(!is_over, "it ended before {part:?}: {:?}", self.log());
    }

    /// Every log line so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no reader panicked").clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What `/health` says.
    pub fn health(&self) -> Value {
        self.try_health().expect("an answer")
    }

    /// What `/health` says, if it answers at all.
    pub fn try_health(&self) -> Option<Value> {
        let mut socket = TcpStream::connect(self.address()).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        socket.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        socket.read_to_string(&mut text).ok()?;
        serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
    }

    /// One number of `/health`, without the connection that asks; `None` if that is refused.
    pub fn gauge(&self, name: &str) -> Option<u64> {
        let value = self.try_health()?[name].as_u64()?;
        Some(value - u64::from(name == "connections"))
    }

    /// Waits until a gauge has this value.
    pub fn gauge_becomes(&self, name: &str, expected: u64) {
        let mut last = None;
        let deadline = Instant::now() + PATIENCE;
        while last != Some(expected) {
            let is_late = Instant::now() > deadline;
            assert!(!is_late, "{name} stays {last:?} instead of {expected}");
            last = self.gauge(name);
        }
    }

    /// One line of `/proc/PID/status`, in KiB: `VmRSS`, `VmHWM`.
    pub fn memory_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it lives");
        let line = status.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        value.expect("a value").parse().expect("a number")
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid()));
        entries.expect("it lives").count()
    }

    /// Its children, zombies included.
    pub fn children(&self) -> Vec<u32> {
        let pid = self.pid();
        let path = format!("/proc/{pid}/task/{pid}/children");
        let text = fs::read_to_string(path).expect("it lives");
        text.split_whitespace()
            .map(|pid| pid.parse().expect("a number"))
            .collect()
    }

    /// Processor time used so far.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("it lives");
        let fields = stat.rsplit_once(") ").expect("a name").1.split(' ');
        let ticks: u64 = fields
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().expect("a number"))
            .sum();
        // Linux shows these in hundredths of a second everywhere (USER_HZ).
        Duration::from_millis(ticks * 10)
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process");
        kill_process(pid, signal).expect("it lives");
    }

    /// Waits for its end.
    pub fn exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the end of the daemon", || {
            child.try_wait().expect("it is ours")
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended as the test wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("log of the daemon:\n{}", self.log().join("\n"));
        }
    }
}

/// Collects the lines of a pipe in a thread that ends with it.
fn follow(pipe: ChildStderr) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let shared = lines.clone();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            shared.lock().expect("no reader panicked").push(line);
        }
    });
    lines
}

/// What both kinds of sockets can.
pub trait Socket: Read + Write {}

impl Socket for TcpStream {}
impl Socket for UnixStream {}

/// A client on one connection.
pub struct Peer<S> {
    pub socket: S,
    /// Bytes that were read and not yet asked for.
    read: Vec<u8>,
}

/// One whole HTTP response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Response {
    /// The value of a header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(prefix.as_str()))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl<S: Socket> Peer<S> {
    pub fn new(socket: S) -> Peer<S> {
        Peer {
            socket,
            read: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).expect("it is taken");
    }

    /// Sends a request and waits for its whole response.
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Response {
        self.send(request);
        self.response()
    }

    /// The next response, whole.
    pub fn response(&mut self) -> Response {
        let head = self.head();
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let mut response = Response {
            status: status.unwrap_or_else(|| panic!("no response: {head:?}")),
            head,
            body: String::new(),
        };
        if let Some(length) = response.field("Content-Length") {
            let bytes = self.take(length.parse().expect("a length"));
            response.body = String::from_utf8(bytes).expect("text");
        } else if response.field("Transfer-Encoding").is_some() {
            while let Some(chunk) = self.chunk() {
                response.body.push_str(&chunk);
            }
        }
        response
    }

    /// The head of the next response, the empty line included.
    pub fn head(&mut self) -> String {
        self.until("\r\n\r\n")
    }

    /// The next chunk of a chunked body; `None` at its end.
    pub fn chunk(&mut self) -> Option<String> {
        let line = self.until("\r\n");
        let length = usize::from_str_radix(line.trim_end(), 16);
        let length = length.unwrap_or_else(|_| panic!("no chunk: {line:?}"));
        let mut bytes = self.take(length + 2);
        bytes.truncate(length);
        (length > 0).then(|| String::from_utf8(bytes).expect("text"))
    }

    /// The data of the next event of a chunked stream that is a message.
    pub fn message(&mut self) -> Value {
        loop {
            let event = self.chunk().expect("a further event");
            if let Some((_, data)) = event.split_once("event: message\ndata: ") {
                return serde_json::from_str(data.trim_end()).expect("JSON");
            }
        }
    }

    /// Everything up to and including `end`.
    pub fn until(&mut self, end: &str) -> String {
        let find = |bytes: &[u8]| bytes.windows(end.len()).position(|at| at == end.as_bytes());
        loop {
            if let Some(at) = find(&self.read) {
                let rest = self.read.split_off(at + end.len());
                let bytes = std::mem::replace(&mut self.read, rest);
                return String::from_utf8(bytes).expect("text");
            }
            self.more();
        }
    }

    /// So many bytes.
    pub fn take(&mut self, bytes: usize) -> Vec<u8> {
        while self.read.len() < bytes {
            self.more();
        }
        let rest = self.read.split_off(bytes);
        std::mem::replace(&mut self.read, rest)
    }

    fn more(&mut self) {
        let mut buffer = [0; 64 * 1024];
        let bytes = self.socket.read(&mut buffer).unwrap_or_else(|error| {
            let so_far = String::from_utf8_lossy(&self.read);
            panic!("nothing more comes ({error}): {so_far:?}")
        });
        assert!(
            bytes > 0,
            "the connection ended after {:?}",
            String::from_utf8_lossy(&self.read)
        );
        self.read.extend_from_slice(&buffer[..bytes]);
    }

    /// Waits until the daemon closes the connection; what it still sent.
    pub fn rest(mut self) -> String {
        let mut rest = std::mem::take(&mut self.read);
        // A reset is an end as well.
        let _ = self.socket.read_to_end(&mut rest);
        String::from_utf8(rest).expect("text")
    }

    /// Whether the daemon has closed the connection by now or does so soon.
    pub fn is_closed(&mut self) -> bool {
        let mut byte = [0; 1];
        match self.socket.read(&mut byte) {
            Ok(0) => true,
            Ok(_) => panic!("unexpected byte {byte:?}"),
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    /// Opens a Streamable HTTP session and confirms it: its header fields.
    pub fn session(&mut self) -> String {
        self.session_at("/mcp")
    }

    /// The same at another door.
    pub fn session_at(&mut self, path: &str) -> String {
        let response = self.ask(post(path, "", INITIALIZE));
        let id = response.field("Mcp-Session-Id").expect("a session id");
        let revision = "MCP-Protocol-Version: 2025-11-25\r\n";
        let fields = format!("Mcp-Session-Id: {id}\r\n{revision}");
        let notice = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(self.ask(post(path, &fields, notice)).status, 202);
        fields
    }

    /// Opens an HTTP+SSE session on this connection: where to post.
    pub fn sse(&mut self) -> String {
        self.send(get("/sse", ""));
        assert!(self.head().starts_with("HTTP/1.1 200 "));
        let event = self.chunk().expect("the endpoint event");
        let path = event.lines().find_map(|line| line.strip_prefix("data: "));
        path.expect("a path").to_owned()
    }
}

pub const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;

/// A POST with a JSON body.
pub fn post(path: &str, fields: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A GET of an event stream.
pub fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{fields}\r\n")
}

/// A GET of `/health`.
pub fn health() -> &'static str {
    "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
}

/// A request to call a tool.
pub fn call(id: u32, tool: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    )
}

/// The same with a wish to hear of progress.
pub fn call_with_progress(id: u32, tool: &str, arguments: &str) -> String {
    let plain = call(id, tool, arguments);
    let params = plain.strip_suffix("}}").expect("two objects end");
    format!(r#"{params},"_meta":{{"progressToken":"p"}}}}}}"#)
}

/// The first text of a tool's result.
pub fn text(response: &Value) -> &str {
    let text = response["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("no text: {response}"))
}

/// A command tool that runs `script`, whose one argument `text` is `$1`.
pub fn shell_tool(name: &str, script: &str, more: &str) -> String {
    format!(
        "[[tool]]\nname = '{name}'\ndescription = 'A test.'\n\
         command = ['sh', '-c', '''{}''', 'sh', '{{text}}']\n{more}\n\
         [tool.arguments]\ntext = {{ type = 'string', default = '' }}\n",
        script.replace('{', "{{").replace('}', "}}")
    )
}
