//! `slimcp notify`: sends an event to the open streams of a server, from cron, udev or a script.
//!
//! One HTTP/1.1 exchange over a blocking socket: the program does nothing else meanwhile. All of it
//! has to be over within ten seconds, and the answer has a bound.

use super::cli::{Exit, Notify, Usage};
use super::run;
use crate::edge::listen::parse_port;
use crate::limits::{HEAD_BYTES_MAX, JWT_BYTES_MAX};
use crate::wire::body::ChunkDecoder;
use crate::wire::json;
use rustix::net::sockopt::{self, Timeout};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For how long a server may keep a script waiting, name look-up aside.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of an answer's body; a count needs a handful, a refusal a sentence.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// Letters of a refusal that are shown.
const REFUSAL_CHARS_MAX: usize = 300;

/// Where events are taken, below the address of the server.
const BROADCAST: &str = "/mcp/sse/broadcast";

/// Sends the event and says on how many streams it is queued.
pub fn send(asked: &Notify) -> Exit {
    let (target, request) = match prepare(asked) {
        Ok(prepared) => prepared,
        Err(usage) => {
            run::complain(&usage);
            return Exit::Usage;
        }
    };
    match target.exchange(&request).and_then(|bytes| answer(&bytes)) {
        Ok(streams) => run::print(&format!("queued on {streams} streams\n")),
        Err(problem) => {
            run::complain(&format_args!("{}: {problem}", asked.url));
            Exit::Failed
        }
    }
}

/// Whom to ask, and what.
fn prepare(asked: &Notify) -> Result<(Target, Vec<u8>), Usage> {
    let target = Target::parse(&asked.url)?;
    let body = body(asked)?;
    let variable = std::env::var_os("SLIMCP_TOKEN").filter(|token| !token.is_empty());
    let token = match (&asked.token_file, variable) {
        (Some(file), _) => Some(token_of_file(file)?),
        (None, Some(token)) => Some(token_of(token.as_encoded_bytes(), "SLIMCP_TOKEN")?),
        (None, None) => None,
    };
    let request = request_of(&target, token.as_deref(), &body);
    Ok((target, request))
}

/// The server, as a socket and as HTTP name it.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    address: Address,
    /// The value of `Host`.
    host: String,
    /// What stands before the paths of the server.
    prefix: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Address {
    /// Host and port.
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Target {
    /// Reads `http://host:8000`, the same with a path of a proxy or of `/mcp`, or `unix:/path`.
    fn parse(url: &str) -> Result<Target, Usage> {
        if url.starts_with("https:") {
            let problem = "there is no TLS here: name the server itself or a proxy beside it with \
                           http://, or send the event with curl";
            return Err(Usage(format!("{url}: {problem}")));
        }
        let expected = || {
            let example = "expected an address such as http://127.0.0.1:8000 or unix:/path";
            Usage(format!("{url:?}: {example}"))
        };
        if let Some(path) = url.strip_prefix("unix:") {
            let is_absolute = path.starts_with('/') && !path.contains('\0');
            return is_absolute.then(|| Target::unix(path)).ok_or_else(expected);
        }
        let rest = url.strip_prefix("http://").ok_or_else(expected)?;
        // Nothing in it may end the line that it becomes part of, or name a user or a query.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"@?#\\".contains(&byte);
        if !rest.bytes().all(is_plain) {
            return Err(expected());
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_authority(authority).ok_or_else(expected)?;
        let path = path.trim_end_matches('/');
        Ok(Target {
            address: Address::Tcp(host.to_string(), port),
            host: authority.to_string(),
            prefix: path.strip_suffix("/mcp").unwrap_or(path).to_string(),
        })
    }

    fn unix(path: &str) -> Target {
        Target {
            address: Address::Unix(PathBuf::from(path)),
            host: "localhost".to_string(),
            prefix: String::new(),
        }
    }

    /// Sends `request` and takes what comes back until the server closes.
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, String> {
        let deadline = Instant::now() + PATIENCE;
        let late = |error: io::Error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("no answer within {} seconds", PATIENCE.as_secs())
            }
            _ => error.to_string(),
        };
        // Read and written as a file, so that both kinds of socket are one.
        let mut socket = File::from(self.connect(deadline).map_err(late)?);
        let sent = set_timeouts(&socket, deadline).and_then(|()| socket.write_all(request));
        // A refusal may come before all is sent; then it is here although sending failed.
        let received = receive(&mut socket, deadline);
        match (sent, received) {
            (_, Ok(answer)) if !answer.is_empty() => Ok(answer),
            (Err(error), _) | (Ok(()), Err(error)) => Err(late(error)),
            (Ok(()), Ok(_)) => Err("the connection was closed without an answer".to_string()),
        }
    }

    fn connect(&self, deadline: Instant) -> io::Result<OwnedFd> {
        match &self.address {
            Address::Unix(path) => Ok(UnixStream::connect(path)?.into()),
            Address::Tcp(host, port) => {
                let mut failure = io::Error::from(ErrorKind::NotFound);
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, left(deadline)?) {
                        Ok(stream) => return Ok(stream.into()),
                        Err(error) => failure = error,
                    }
                }
                Err(failure)
            }
        }
    }
}

/// Host, without the brackets of IPv6, and port.
fn split_authority(authority: &str) -> Option<(&str, u16)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, parse_port(port)?),
        Some(_) | None => (authority, 80),
    };
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(address) => Some((address, port)),
        None if host.is_empty() || host.contains(['[', ']', ':']) => None,
        None => Some((host, port)),
    }
}

/// The time until `deadline`, or that it is over.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

fn set_timeouts(socket: &File, deadline: Instant) -> io::Result<()> {
    let left = left(deadline)?;
    sockopt::set_socket_timeout(socket, Timeout::Send, Some(left))?;
    Ok(sockopt::set_socket_timeout(
        socket,
        Timeout::Recv,
        Some(left),
    )?)
}

/// Everything up to the end, or the first bytes of too much.
fn receive(socket: &mut File, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut answer = vec![0; HEAD_BYTES_MAX + BODY_BYTES_MAX];
    let mut filled = 0;
    while filled < answer.len() {
        // A server that sends a byte a second must not be waited for again and again.
        set_timeouts(socket, deadline)?;
        match socket.read(&mut answer[filled..]) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Closed with something unread: what came before is an answer all the same.
            Err(error) if error.kind() == ErrorKind::ConnectionReset && filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    answer.truncate(filled);
    Ok(answer)
}

/// What the server is sent: the event with the members of a JSON object, or with anything else as
/// its `data`. Texts of JSON go in as they were written, so no number changes on its way.
fn body(asked: &Notify) -> Result<String, Usage> {
    let event = &asked.event;
    if event.is_empty() || event.contains(char::is_control) {
        return Err(Usage(format!("{event:?}: expected the name of an event")));
    }
    let mut body = b"{\"message\":{\"type\":".to_vec();
    json::push_string(&mut body, event);
    if let Some(more) = &asked.json {
        push_event(&mut body, more.trim())?;
    }
    body.push(b'}');
    let mut separator: &[u8] = b",\"filter\":{\"tokenTypes\":[";
    for role in &asked.roles {
        body.extend_from_slice(separator);
        json::push_string(&mut body, role);
        separator = b",";
    }
    if separator == b"," {
        body.extend_from_slice(b"]}");
    }
    body.push(b'}');
    Ok(String::from_utf8(body).expect("texts make a text"))
}

/// Appends what the event says beside its name.
fn push_event(body: &mut Vec<u8>, event: &str) -> Result<(), Usage> {
    json::check(event).map_err(|error| Usage(format!("the event is not JSON: {error}")))?;
    let inner = event.strip_prefix('{');
    let Some(members) = inner.and_then(|inner| inner.strip_suffix('}')) else {
        body.extend_from_slice(b",\"data\":");
        body.extend_from_slice(event.as_bytes());
        return Ok(());
    };
    // It may stand there several times, which is as wrong.
    if !matches!(json::pick(event, ["type"]), Ok([None])) {
        let problem = "the type is the name of the event: leave it out of the JSON";
        return Err(Usage(problem.to_string()));
    }
    if !members.trim_ascii().is_empty() {
        body.push(b',');
        body.extend_from_slice(members.as_bytes());
    }
    Ok(())
}

fn token_of_file(path: &Path) -> Result<String, Usage> {
    let shown = path.display();
    let unreadable = |error| Usage(format!("{shown}: cannot be read: {error}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let mut capped = file.take(JWT_BYTES_MAX as u64 + 2);
    capped.read_to_end(&mut bytes).map_err(unreadable)?;
    token_of(&bytes, &shown.to_string())
}

/// A token as it goes into a header: letters that are seen, and nothing else. It is never shown.
fn token_of(bytes: &[u8], place: &str) -> Result<String, Usage> {
    let token = bytes.trim_ascii();
    let is_token = (1..=JWT_BYTES_MAX).contains(&token.len());
    if !is_token || !token.iter().all(u8::is_ascii_graphic) {
        return Err(Usage(format!("{place}: expected a token and nothing else")));
    }
    Ok(String::from_utf8_lossy(token).into_owned())
}

fn request_of(target: &Target, token: Option<&str>, body: &str) -> Vec<u8> {
    let Target { host, prefix, .. } = target;
    let authorization = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let length = body.len();
    format!(
        "POST {prefix}{BROADCAST} HTTP/1.1\r\nHost: {host}\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\
         \r\n{body}"
    )
    .into_bytes()
}

/// On how many streams the event is queued, or why it is not.
fn answer(bytes: &[u8]) -> Result<u64, String> {
    let strange = || "what came back is no answer of slimcp".to_string();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(strange)?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| strange())?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5));
    let status: u16 = status
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(strange)?;
    let is_chunked = lines.any(|line| {
        let line = line.to_ascii_lowercase();
        let coding = line.strip_prefix("transfer-encoding:");
        coding.is_some_and(|coding| coding.trim() == "chunked")
    });
    let mut body = bytes[end + 4..].to_vec();
    if is_chunked {
        let chunks = std::mem::take(&mut body);
        let mut decoder = ChunkDecoder::default();
        let decoded = decoder.decode(&chunks, &mut body, 0, BODY_BYTES_MAX);
        decoded.map_err(|_| strange())?;
    }
    if !(200..300).contains(&status) {
        return Err(format!("answers {status}: {}", shown(&body)));
    }
    let text = std::str::from_utf8(&body).map_err(|_| strange())?;
    let queued = json::pick(text, ["queued"])
        .ok()
        .and_then(|[queued]| queued);
    queued
        .and_then(|queued| queued.get().parse().ok())
        .ok_or_else(strange)
}

/// The start of a refusal as one line.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let letters = text.trim().chars().take(REFUSAL_CHARS_MAX);
    letters
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests;
