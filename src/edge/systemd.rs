//! systemd: tells it how the daemon is (`sd_notify(3)`), takes over the sockets it opened
//! (`sd_listen_fds(3)`).

use super::listener::Listener;
use super::own_process;
use rustix::io::FdFlags;
use rustix::net::{AddressFamily, SocketType, sockopt};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The first inherited descriptor (`SD_LISTEN_FDS_START`).
const LISTEN_FDS_START: RawFd = 3;

/// Most sockets taken over.
const LISTEN_FDS_MAX: RawFd = 16;

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Listening.
    Ready,
    /// Reading the configuration again. With the monotonic clock in microseconds, as
    /// `Type=notify-reload` wants it.
    Reloading,
    /// On the way out.
    Stopping,
}

/// Tells systemd, if it asked to be told. Failing is no reason to stop serving.
pub fn notify(state: State) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let message = match state {
        State::Ready => "READY=1".to_string(),
        State::Stopping => "STOPPING=1".to_string(),
        State::Reloading => {
            let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
            let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
            format!("RELOADING=1\nMONOTONIC_USEC={micros}")
        }
    };
    if let Err(error) = send(&path, message.as_bytes()) {
        log::warn!("systemd was not told {state:?}: {error}");
    }
}

fn send(path: &std::ffi::OsStr, message: &[u8]) -> io::Result<()> {
    let address = match path.as_encoded_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message, &address)?;
    Ok(())
}

/// The sockets that systemd opened for this very process, each checked for its type: a unit that
/// passes something else is a mistake to be told, not a socket to be read.
pub fn listeners() -> Result<Vec<Listener>, String> {
    let mine = std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    let count = std::env::var("LISTEN_FDS")
        .ok()
        .and_then(|count| count.parse::<RawFd>().ok());
    let Some(count) = count.filter(|count| mine && *count > 0) else {
        return Err(
            "listen = \"systemd\" but systemd passed no socket: start slimcp.socket".into(),
        );
    };
    if count > LISTEN_FDS_MAX {
        return Err(format!(
            "systemd passed {count} sockets, more than {LISTEN_FDS_MAX}"
        ));
    }
    let descriptors = LISTEN_FDS_START..LISTEN_FDS_START + count;
    // All of them first: what makes a listener of one opens descriptors of its own.
    let sockets: Vec<_> = descriptors
        .map(|descriptor| (descriptor, own_process::adopt(descriptor)))
        .collect();
    sockets.into_iter().map(inherit).collect()
}

/// Takes over one socket, if it is one that accepts connections.
fn inherit((descriptor, socket): (RawFd, OwnedFd)) -> Result<Listener, String> {
    let wrong = |what: &str| format!("socket {descriptor} from systemd: {what}");
    let kind = sockopt::socket_type(&socket).map_err(|_| wrong("not a socket"))?;
    let listens = sockopt::socket_acceptconn(&socket).unwrap_or(false);
    if kind != SocketType::STREAM || !listens {
        return Err(wrong(
            "not a listening stream socket: use ListenStream= and Accept=no",
        ));
    }
    // Children must not inherit it in their turn.
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)
        .map_err(|error| wrong(&error.to_string()))?;
    let listener = match sockopt::socket_domain(&socket) {
        Ok(AddressFamily::INET | AddressFamily::INET6) => Listener::tcp(socket.into()),
        Ok(AddressFamily::UNIX) => Listener::unix(socket.into()),
        Ok(_) | Err(_) => return Err(wrong("neither TCP nor Unix")),
    };
    listener.map_err(|error| wrong(&error.to_string()))
}
