//! The edge without sockets: what `src/edge` does, with pipes that a test fills and empties, cuts
//! and forgets.

use super::children::{Nature, Process};
use super::function::Worker;
use super::random::Random;
use slimcp::bounded::Key;
use slimcp::engine::call::Call;
use slimcp::engine::connection::{Connection, Waiting};
use slimcp::engine::stream::Stream;
use slimcp::engine::{Engine, Job, Reply, Transmit};
use slimcp::time::Instant;
use slimcp::tool::{Outcome, Work};
use slimcp::wire::receive::{Received, Receiver};
use std::collections::BTreeMap;

/// The number of a socket; never used again.
pub type SocketId = usize;

pub struct Edge {
    pub engine: Engine,
    pub now: Instant,
    /// Those that either side still knows of.
    pub sockets: BTreeMap<SocketId, Socket>,
    sockets_opened: usize,
    /// Commands that run.
    pub commands: Vec<Command>,
    /// Functions at work.
    pub workers: Vec<Worker>,
    /// How the children of each upstream are.
    pub natures: Vec<Nature>,
    /// Children that run.
    pub processes: Vec<Process>,
    /// What has happened, and how often.
    pub happened: BTreeMap<&'static str, u64>,
    /// Bytes of the budget that sockets hold.
    pub held_bytes: usize,
    /// Where chance strikes the edge.
    pub random: Random,
}

/// Both ends of a connection.
#[derive(Default)]
pub struct Socket {
    /// The server's end, until it is closed.
    pub key: Option<Key<Connection>>,
    receiver: Receiver,
    /// Sent by the client, not read by the server.
    pub upstream: Vec<u8>,
    /// Sent by the server, not read by the client.
    pub downstream: Vec<u8>,
    /// So many bytes stay in `downstream` before the server has to wait.
    pub room: usize,
    /// What found no room.
    unsent: Vec<u8>,
    then: Then,
    /// Its request is served later.
    pub is_postponed: bool,
    /// The stream this connection carries.
    pub stream: Option<Key<Stream>>,
    /// Bytes of the budget, by what they are held for.
    held_bytes: [usize; 2],
    /// The client is gone, whether the server knows or not.
    pub is_abandoned: bool,
}

/// What comes when the unsent bytes are away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Then {
    #[default]
    Read,
    GoOn,
    End {
        keep_alive: bool,
    },
    Close,
}

/// What a socket holds bytes of the budget for.
#[derive(Clone, Copy)]
enum For {
    /// A request that is not whole.
    Received,
    /// What found no room.
    Unsent,
}

/// How a turn of reading ends.
enum Turn {
    Wait,
    Close,
    Park(Key<Stream>),
}

/// A process that runs for a call.
pub struct Command {
    pub call: Key<Call>,
    /// The number of the request, which was its argument.
    pub number: u64,
    pub is_terminated: bool,
    pub is_killed: bool,
}

impl Socket {
    /// Bytes from the client that wait for their turn.
    pub fn unread_bytes(&self) -> usize {
        self.upstream.len() + self.receiver.held_bytes()
    }
}

impl Edge {
    pub fn new(engine: Engine, random: Random) -> Edge {
        Edge {
            engine,
            now: Instant::ZERO,
            sockets: BTreeMap::new(),
            sockets_opened: 0,
            commands: Vec::new(),
            workers: Vec::new(),
            natures: Vec::new(),
            processes: Vec::new(),
            happened: BTreeMap::new(),
            held_bytes: 0,
            random,
        }
    }

    /// A client connects; `None` if it is turned away.
    pub fn connect(&mut self, room: usize) -> Option<SocketId> {
        let key = self.engine.open_connection(self.now, None).ok()?;
        self.sockets_opened += 1;
        let socket = Socket {
            key: Some(key),
            room,
            ..Socket::default()
        };
        self.sockets.insert(self.sockets_opened, socket);
        self.settle();
        Some(self.sockets_opened)
    }

    fn socket(&mut self, id: SocketId) -> &mut Socket {
        self.sockets.get_mut(&id).expect("both ends are known")
    }

    /// The server reads at most `bytes_max` bytes, if it reads at all now.
    pub fn read(&mut self, id: SocketId, bytes_max: usize) {
        let socket = self.socket(id);
        let is_busy = socket.stream.is_some() || socket.is_postponed || !socket.unsent.is_empty();
        let Some(key) = socket.key.filter(|_| !is_busy) else {
            return;
        };
        let count = socket.upstream.len().min(bytes_max);
        if count == 0 && !socket.receiver.has_kept() {
            return;
        }
        let input: Vec<u8> = socket.upstream.drain(..count).collect();
        let mut receiver = std::mem::take(&mut socket.receiver);
        let mut out = Vec::new();
        let (turn, used) = self.answer(id, key, &mut receiver, &input, &mut out);
        let socket = self.socket(id);
        socket.receiver = receiver;
        socket.upstream.splice(..0, input[used..].iter().copied());
        match turn {
            Turn::Wait => self.write(id, &out, Then::Read),
            Turn::Close => self.write(id, &out, Then::Close),
            Turn::Park(stream) => self.park(id, stream, &out),
        }
        self.settle();
    }

    /// Answers the requests in `input`. Returns how many bytes of it are used.
    fn answer(
        &mut self,
        id: SocketId,
        key: Key<Connection>,
        receiver: &mut Receiver,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> (Turn, usize) {
        let body_bytes_max = self.engine.config().limits.body_bytes_max;
        let mut at = 0;
        loop {
            let was_in_body = receiver.is_in_body();
            let received = match receiver.has_kept() {
                true => receiver.again(),
                false => receiver.receive(&input[at..], body_bytes_max),
            };
            match received {
                Received::More { in_body, .. } => {
                    if let Some(head) = receiver.head().filter(|_| !was_in_body)
                        && !self.engine.handle_head(self.now, key, &head, out)
                    {
                        return (Turn::Close, input.len());
                    }
                    if !self.hold(id, For::Received, receiver.held_bytes()) {
                        out.extend_from_slice(FULL);
                        return (Turn::Close, input.len());
                    }
                    let waiting = if in_body {
                        Waiting::Body
                    } else {
                        Waiting::Head
                    };
                    self.engine.handle_waiting(self.now, key, waiting);
                    return (Turn::Wait, input.len());
                }
                Received::Refuse(refusal) => {
                    let code = refusal.status.code();
                    let head = format!("HTTP/1.1 {code} Refused\r\nContent-Length: 0\r\n\r\n");
                    out.extend_from_slice(head.as_bytes());
                    return (Turn::Close, input.len());
                }
                Received::Request { request, used } => {
                    self.engine.handle_waiting(self.now, key, Waiting::Nothing);
                    let reply = self.engine.handle_request(self.now, key, &request, out);
                    at += used;
                    if reply == Reply::Later {
                        let (head_bytes, body_bytes) = request.bytes();
                        let begin = at.saturating_sub(head_bytes + body_bytes);
                        receiver.keep(&input[begin..at], head_bytes);
                        if !self.hold(id, For::Received, receiver.held_bytes()) {
                            out.extend_from_slice(FULL);
                            return (Turn::Close, input.len());
                        }
                        self.socket(id).is_postponed = true;
                        return (Turn::Wait, at);
                    }
                    receiver.finish();
                    let keep_alive = match reply {
                        Reply::Later => unreachable!("it was kept above"),
                        Reply::Sent { keep_alive } => keep_alive,
                        Reply::Stream(stream) => {
                            self.settle();
                            match self.engine.poll_transmit(self.now, stream, out) {
                                Transmit::Finished { keep_alive } => keep_alive,
                                Transmit::Waiting | Transmit::More => {
                                    self.hold(id, For::Received, 0);
                                    return (Turn::Park(stream), at);
                                }
                            }
                        }
                    };
                    if !keep_alive {
                        return (Turn::Close, at);
                    }
                }
            }
            if at == input.len() {
                receiver.finish();
                self.hold(id, For::Received, 0);
                self.engine.handle_waiting(self.now, key, Waiting::Request);
                return (Turn::Wait, at);
            }
        }
    }

    /// The socket carries the stream from here on, and no other one does.
    fn park(&mut self, id: SocketId, stream: Key<Stream>, out: &[u8]) {
        if self.socket(id).is_abandoned && self.random.percent(50) {
            // The write tells that the client is gone.
            self.engine.handle_stream_closed(self.now, stream);
            return self.close(id);
        }
        if let Some(before) = self.carrier(stream) {
            self.socket(before).stream = None;
            self.close(before);
        }
        self.socket(id).stream = Some(stream);
        self.engine.handle_parked(self.now, stream);
        self.write(id, out, Then::GoOn);
        self.transmit(stream);
    }

    fn carrier(&self, stream: Key<Stream>) -> Option<SocketId> {
        let carries = |socket: &Socket| socket.stream == Some(stream);
        let found = self.sockets.iter().find(|(_, socket)| carries(socket));
        found.map(|(id, _)| *id)
    }

    /// Writes what finds room; when all is away, `then`.
    fn write(&mut self, id: SocketId, out: &[u8], then: Then) {
        let socket = self.socket(id);
        assert!(socket.unsent.is_empty());
        let free = match socket.is_abandoned {
            true => out.len(),
            false => socket.room.saturating_sub(socket.downstream.len()),
        };
        let sent = free.min(out.len());
        if !socket.is_abandoned {
            socket.downstream.extend_from_slice(&out[..sent]);
        }
        let stream = socket.stream;
        if sent == out.len() {
            return self.written(id, then);
        }
        if let (Then::GoOn | Then::End { .. }, Some(stream)) = (then, stream) {
            self.engine.handle_blocked(stream);
        }
        if !self.hold(id, For::Unsent, out.len() - sent) {
            return self.notice(id);
        }
        let socket = self.socket(id);
        socket.unsent = out[sent..].to_vec();
        socket.then = then;
        if matches!(then, Then::End { .. }) {
            socket.stream = None;
        }
    }

    fn written(&mut self, id: SocketId, then: Then) {
        match then {
            Then::Read | Then::GoOn => {}
            Then::End { keep_alive: true } => {
                let socket = self.socket(id);
                socket.stream = None;
                let key = socket.key.expect("it was just written to");
                self.engine.handle_waiting(self.now, key, Waiting::Request);
            }
            Then::End { keep_alive: false } | Then::Close => {
                self.socket(id).stream = None;
                self.close(id);
            }
        }
    }

    /// Sends what the stream has to send.
    fn transmit(&mut self, stream: Key<Stream>) {
        while let Some(id) = self.carrier(stream) {
            if !self.socket(id).unsent.is_empty() {
                return;
            }
            let mut out = Vec::new();
            match self.engine.poll_transmit(self.now, stream, &mut out) {
                Transmit::More => self.write(id, &out, Then::GoOn),
                Transmit::Waiting => return self.write(id, &out, Then::GoOn),
                Transmit::Finished { keep_alive } => {
                    return self.write(id, &out, Then::End { keep_alive });
                }
            }
        }
    }

    /// The client reads at most `bytes_max` bytes. What the server had to keep goes on its way.
    pub fn take(&mut self, id: SocketId, bytes_max: usize) -> Vec<u8> {
        let socket = self.socket(id);
        let count = socket.downstream.len().min(bytes_max);
        let taken = socket.downstream.drain(..count).collect();
        if !socket.unsent.is_empty() && socket.downstream.len() < socket.room {
            let unsent = std::mem::take(&mut socket.unsent);
            let (then, stream) = (socket.then, socket.stream);
            self.hold(id, For::Unsent, 0);
            self.write(id, &unsent, then);
            let socket = &self.sockets[&id];
            if let (Then::GoOn, Some(stream), true) = (then, stream, socket.unsent.is_empty())
                && socket.stream == Some(stream)
            {
                self.engine.handle_drained(stream);
            }
            self.settle();
        }
        taken
    }

    /// The client is gone. The server learns of it by and by.
    pub fn abandon(&mut self, id: SocketId) {
        let socket = self.socket(id);
        // What is on its way to the server still arrives.
        socket.is_abandoned = true;
        socket.downstream.clear();
        if socket.key.is_none() {
            self.sockets.remove(&id);
        }
    }

    /// The server learns that the connection is gone.
    pub fn notice(&mut self, id: SocketId) {
        if let Some(stream) = self.socket(id).stream.take() {
            self.engine.handle_stream_closed(self.now, stream);
        }
        self.close(id);
        self.settle();
    }

    /// The server closes its end.
    fn close(&mut self, id: SocketId) {
        self.hold(id, For::Received, 0);
        self.hold(id, For::Unsent, 0);
        let socket = self.socket(id);
        socket.unsent.clear();
        socket.receiver = Receiver::default();
        let key = socket.key.take().expect("an end is closed once");
        let is_forgotten = socket.is_abandoned;
        self.engine.close_connection(key);
        if is_forgotten {
            self.sockets.remove(&id);
        }
    }

    /// Holds so many bytes of the budget for a socket. Returns whether there were enough.
    fn hold(&mut self, id: SocketId, what: For, bytes: usize) -> bool {
        let held = self.socket(id).held_bytes[what as usize];
        if bytes > held && !self.engine.take_bytes(bytes - held) {
            return false;
        }
        self.engine.give_bytes(held.saturating_sub(bytes));
        self.socket(id).held_bytes[what as usize] = bytes;
        self.held_bytes = self.held_bytes + bytes - held;
        true
    }

    /// Does everything the engine wants done.
    pub fn settle(&mut self) {
        loop {
            if let Some(job) = self.engine.poll_job() {
                self.act(job);
            } else if let Some(stream) = self.engine.poll_ready() {
                self.transmit(stream);
            } else {
                return;
            }
        }
    }

    fn act(&mut self, job: Job) {
        match job {
            Job::Start {
                call, work, told, ..
            } => match work {
                Work::SystemInfo => {
                    let outcome = Outcome::text("a machine");
                    self.engine.handle_outcome(self.now, call, &outcome);
                }
                Work::Command(line) => self.commands.push(Command {
                    call,
                    number: line.argv[1].parse().expect("the argument is a number"),
                    is_terminated: false,
                    is_killed: false,
                }),
                Work::Function(begin) => self.start_function(call, begin, told),
                Work::Upstream(forward) => self.engine.forward(self.now, call, forward),
            },
            Job::Resume(connection) => {
                let mut sockets = self.sockets.iter();
                let found = sockets.find(|(_, socket)| socket.key == Some(connection));
                if let Some(id) = found.map(|(id, _)| *id) {
                    self.socket(id).is_postponed = false;
                    self.read(id, 0);
                }
            }
            Job::Answer { call, key, answer } => {
                self.wake_function(call, |context| context.answer(&key, answer));
            }
            Job::Forget(call) => {
                assert!(self.forget_function(call), "only functions are forgotten");
            }
            Job::Look { .. } => unreachable!("nothing here changes by itself"),
            Job::Spawn { child, line, .. } => self.spawn(child, &line),
            Job::Keep { .. } => {}
            Job::Feed(child) => self.feed(child),
            Job::CloseInput(child) => self.tell_child(child, |process| process.is_closed = true),
            Job::TerminateChild(child) => {
                self.tell_child(child, |process| process.is_terminated = true);
            }
            Job::KillChild(child) => self.tell_child(child, |process| process.is_killed = true),
            // Work that is done at once may be over when the order to stop it comes.
            Job::Terminate(call) if self.stop_function(call) => {}
            Job::Terminate(call) => {
                if let Some(command) = self.command(call) {
                    command.is_terminated = true;
                }
            }
            Job::Kill(call) => {
                let command = self.command(call).expect("KILL comes much later");
                assert!(command.is_terminated, "TERM comes before KILL");
                command.is_killed = true;
            }
            Job::CloseStream(stream) => {
                if let Some(id) = self.carrier(stream) {
                    self.socket(id).stream = None;
                    self.close(id);
                }
            }
            Job::CloseConnection {
                connection,
                in_request,
            } => self.close_connection(connection, in_request),
        }
    }

    fn close_connection(&mut self, connection: Key<Connection>, in_request: bool) {
        let is_it = |socket: &Socket| socket.key == Some(connection);
        let found = self.sockets.iter().find(|(_, socket)| is_it(socket));
        let id = *found.expect("the engine knows open connections only").0;
        let socket = self.socket(id);
        assert!(
            socket.stream.is_none(),
            "a stream's connection waits for nothing"
        );
        if in_request && socket.unsent.is_empty() && !socket.is_abandoned {
            socket.downstream.extend_from_slice(TIMEOUT);
        }
        self.close(id);
    }

    fn command(&mut self, call: Key<Call>) -> Option<&mut Command> {
        let mut commands = self.commands.iter_mut();
        commands.find(|command| command.call == call)
    }

    /// A process ends and is reaped.
    pub fn finish(&mut self, index: usize) {
        let command = self.commands.swap_remove(index);
        let text = match self.engine.why_stopped(command.call) {
            None => format!("slept {}", command.number),
            Some(_) => format!("stopped {}", command.number),
        };
        let outcome = match command.is_terminated {
            true => Outcome::error(text),
            false => Outcome::text(text),
        };
        self.engine.handle_outcome(self.now, command.call, &outcome);
        self.settle();
    }

    /// A process says something.
    pub fn line(&mut self, index: usize, to_stderr: bool) {
        let command = &self.commands[index];
        let (call, line) = (command.call, command.number.to_string());
        match to_stderr {
            true => self.engine.handle_stderr_line(self.now, call, &line),
            false => self.engine.handle_line(self.now, call, &line),
        }
        self.settle();
    }

    /// Time passes. A machine that is asleep meets its deadlines late.
    pub fn wait_until(&mut self, then: Instant, asleep: bool) {
        while let Some(next) = self.engine.poll_timeout().filter(|next| *next <= then) {
            self.now = if asleep { then } else { next.max(self.now) };
            self.engine.handle_timeout(self.now);
            self.settle();
            if asleep {
                break;
            }
        }
        self.now = then;
    }

    /// Nothing is left to do, and nothing has leaked.
    pub fn check(&mut self) {
        assert!(self.engine.poll_job().is_none() && self.engine.poll_ready().is_none());
        self.engine.check(self.held_bytes);
        let open = self.sockets.values().filter(|socket| socket.key.is_some());
        assert_eq!(self.engine.gauges().connections as usize, open.count());
    }
}

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
const TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
