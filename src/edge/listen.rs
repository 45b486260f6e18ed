//! Where to listen, as people write it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Bytes of a Unix socket's path: `sun_path` of Linux less its closing NUL (unix(7)).
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// One place where clients come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0 lets the system choose one.
    Tcp(SocketAddr),
    /// A Unix socket at an absolute path. Who may connect is decided by the directory's and the
    /// file's permissions, so it needs no token to be closed to strangers.
    Unix(PathBuf),
    /// The sockets that systemd hands over (`LISTEN_FDS`). Their addresses are known at run time
    /// only.
    Systemd,
}

impl Listen {
    /// Reads one item of `listen`: `127.0.0.1:8000`, `[::]:8000`, `localhost:8000`, `8000`,
    /// `unix:/path` or `systemd`.
    ///
    /// `8000` alone is 127.0.0.1, the narrowest meaning, and what the variable `PORT` means too.
    /// `localhost` is both loopback addresses, since clients try either first; no name is ever
    /// looked up, or the meaning of a file would hang on a name server. The error says what was
    /// expected.
    pub fn parse(text: &str) -> Result<Vec<Listen>, String> {
        if text == "systemd" {
            return Ok(vec![Listen::Systemd]);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return parse_socket_path(path).map(|path| vec![Listen::Unix(path)]);
        }
        if let Some(port) = parse_port(text) {
            return Ok(vec![loopback(Ipv4Addr::LOCALHOST, port)]);
        }
        if let Some(port) = text.strip_prefix("localhost:").and_then(parse_port) {
            let both = [
                loopback(Ipv4Addr::LOCALHOST, port),
                loopback(Ipv6Addr::LOCALHOST, port),
            ];
            return Ok(both.to_vec());
        }
        match text.parse() {
            Ok(address) => Ok(vec![Listen::Tcp(address)]),
            Err(_) => Err(explain_address(text)),
        }
    }

    /// Whether the edge may go on when this address does not exist on the machine: `::1` beside
    /// 127.0.0.1 on the same port, since `localhost` names both and many routers have no IPv6.
    pub fn may_be_missing(&self, all: &[Listen]) -> bool {
        match self {
            Listen::Tcp(address) if address.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST) => {
                all.contains(&loopback(Ipv4Addr::LOCALHOST, address.port()))
            }
            Listen::Tcp(_) | Listen::Unix(_) | Listen::Systemd => false,
        }
    }
}

impl fmt::Display for Listen {
    /// As [`Listen::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => write!(f, "{address}"),
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
            Listen::Systemd => f.write_str("systemd"),
        }
    }
}

fn loopback(address: impl Into<IpAddr>, port: u16) -> Listen {
    Listen::Tcp(SocketAddr::new(address.into(), port))
}

/// Digits only: `u16::from_str` would take `+80`.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn parse_socket_path(path: &str) -> Result<PathBuf, String> {
    if !Path::new(path).is_absolute() {
        return Err("an absolute path after unix:".to_string());
    }
    if path.len() > SOCKET_PATH_BYTES_MAX || path.contains(char::is_control) {
        return Err(format!(
            "a path of at most {SOCKET_PATH_BYTES_MAX} bytes without control characters after unix:"
        ));
    }
    Ok(PathBuf::from(path))
}

/// What to write instead of an address that is none.
fn explain_address(text: &str) -> String {
    match text.rsplit_once(':') {
        Some(("" | "*", port)) if parse_port(port).is_some() => format!(
            "an address before the port: \"127.0.0.1:{port}\" for this machine or \"[::]:{port}\" \
             for the network"
        ),
        Some((host, port)) if parse_port(port).is_some() && !host.contains([':', '/', '[']) => {
            format!(
                "an address instead of a name, such as \"127.0.0.1:{port}\" (names are not \
                     looked up)"
            )
        }
        Some(_) | None => "an address with a port such as \"127.0.0.1:8000\" or \"[::]:8000\", a \
                           port such as \"8000\", \"unix:/path\" or \"systemd\""
            .to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let listeners = Listen::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown: Vec<String> = listeners.iter().map(Listen::to_string).collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn listeners_are_read_and_shown() {
        check("127.0.0.1:8000", &["127.0.0.1:8000"]);
        check("0.0.0.0:80", &["0.0.0.0:80"]);
        check("[::]:8000", &["[::]:8000"]);
        check("[fe80::1%2]:8000", &["[fe80::1%2]:8000"]);
        check("8000", &["127.0.0.1:8000"]);
        check("0", &["127.0.0.1:0"]);
        check("65535", &["127.0.0.1:65535"]);
        check("localhost:8000", &["127.0.0.1:8000", "[::1]:8000"]);
        check("unix:/run/slimcp.sock", &["unix:/run/slimcp.sock"]);
        check("systemd", &["systemd"]);
        let longest = format!("unix:/{}", "a".repeat(SOCKET_PATH_BYTES_MAX - 1));
        check(&longest, &[&longest]);
    }

    #[test]
    fn what_is_no_listener_is_explained() {
        let too_long = format!("unix:/{}", "a".repeat(SOCKET_PATH_BYTES_MAX));
        let table = [
            (
                "garage-pi:8000",
                "instead of a name, such as \"127.0.0.1:8000\"",
            ),
            ("localhost", "an address with a port"),
            ("127.0.0.1", "an address with a port"),
            (":8000", "\"127.0.0.1:8000\" for this machine"),
            ("*:8000", "\"[::]:8000\" for the network"),
            ("::1:8000", "an address with a port"),
            ("65536", "an address with a port"),
            ("+80", "an address with a port"),
            ("localhost:+80", "an address with a port"),
            ("", "an address with a port"),
            ("http://127.0.0.1:8000", "an address with a port"),
            ("Systemd", "an address with a port"),
            ("unix:slimcp.sock", "an absolute path"),
            ("unix:", "an absolute path"),
            ("unix:/a\nb", "without control characters"),
            (&too_long, "at most 107 bytes"),
        ];
        for (text, part) in table {
            let error = Listen::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn only_the_second_loopback_address_may_be_missing() {
        let both = Listen::parse("localhost:8000").unwrap();
        assert!(both[1].may_be_missing(&both));
        assert!(!both[0].may_be_missing(&both));
        assert!(!both[1].may_be_missing(&both[1..]));
        let other_port = Listen::parse("8001").unwrap();
        assert!(!both[1].may_be_missing(&other_port));
    }
}
