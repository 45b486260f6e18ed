//! Listeners: TCP, Unix, or inherited from systemd; and what happens when descriptors run out.

use super::connection;
use super::socket;
use super::world::World;
use async_io::{Async, Timer};
use async_net::unix::UnixListener;
use async_net::{TcpListener, TcpStream};
use smol::future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How long to wait before the next try when the system refuses to give connections out.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket that accepts connections.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix.
    Unix(UnixListener),
}

impl Listener {
    /// A listener on an inherited or freshly bound TCP socket.
    pub fn tcp(socket: std::net::TcpListener) -> io::Result<Listener> {
        // The standard library asks for a short queue; asking again lengthens it.
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Listener::Tcp(Async::new(socket)?.into()))
    }

    /// A listener on an inherited or freshly bound Unix socket.
    pub fn unix(socket: std::os::unix::net::UnixListener) -> io::Result<Listener> {
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Listener::Unix(Async::new(socket)?.into()))
    }

    /// The address of a TCP listener.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(_) => None,
        }
    }

    async fn accept(&self) -> io::Result<(OwnedFd, Option<IpAddr>)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let stream: std::sync::Arc<Async<std::net::TcpStream>> = TcpStream::into(stream);
                Ok((into_socket(stream)?, Some(peer.ip())))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let stream: std::sync::Arc<Async<std::os::unix::net::UnixStream>> = stream.into();
                Ok((into_socket(stream)?, None))
            }
        }
    }
}

/// The bare socket of a stream that nobody else has.
fn into_socket<T: Into<OwnedFd>>(stream: std::sync::Arc<Async<T>>) -> io::Result<OwnedFd> {
    let stream = std::sync::Arc::into_inner(stream).expect("it was just accepted");
    Ok(stream.into_inner()?.into())
}

/// A listener's task: accepts until the daemon stops.
///
/// When the process has no descriptor left, a spare one is given up, so that the client in the
/// queue can be accepted and dropped: it sees a closed connection instead of waiting for ever, and
/// this loop does not spin on a queue it cannot empty.
pub async fn run(world: Rc<World>, listener: Listener, unacknowledged: Duration) {
    let mut spare = spare_descriptor();
    let mut shed = 0_u64;
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                if shed > 0 {
                    log::warn!("accepting again connections_dropped={shed}");
                    shed = 0;
                }
                if peer.is_some() {
                    socket::tune(&socket, unacknowledged);
                }
                connection::open(&world, socket, peer);
                // Clients that connect faster than they are accepted must not keep those out who
                // are in already.
                future::yield_now().await;
            }
            Err(error) if is_exhausted(&error) => {
                if shed == 0 {
                    log::error!("connections are dropped: {error}; raise LimitNOFILE");
                }
                shed += 1;
                drop(spare.take());
                let dropped = listener.accept().await;
                drop(dropped);
                spare = spare_descriptor();
                if spare.is_none() {
                    Timer::after(PAUSE).await;
                }
            }
            Err(error) => {
                log::debug!("accept: {error}");
                Timer::after(PAUSE).await;
            }
        }
    }
}

fn spare_descriptor() -> Option<OwnedFd> {
    std::fs::File::open("/dev/null").ok().map(OwnedFd::from)
}

/// Whether the process or the system has no descriptors left.
fn is_exhausted(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(
        errno,
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
    )
}
