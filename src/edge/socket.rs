//! One way to read and write connected sockets, TCP or Unix: never waiting, never raising SIGPIPE.

use rustix::net::{RecvFlags, SendFlags, sockopt};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// Reads what is there: the number of bytes, 0 at the end, `None` if there is nothing yet.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match rustix::net::recv(socket, buffer, RecvFlags::DONTWAIT) {
        Ok((_, bytes)) => Ok(Some(bytes)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes as much as the socket takes and returns how much that was.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match rustix::net::send(
            socket,
            &bytes[sent..],
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        ) {
            Ok(more) => sent += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}

/// Sets what every TCP connection needs: small answers leave at once, and a peer that acknowledges
/// nothing of what was sent for `unacknowledged` counts as gone.
///
/// Failure is no reason to refuse a client: the options make things better, not possible.
pub fn tune(socket: &OwnedFd, unacknowledged: Duration) {
    let _ = sockopt::set_tcp_nodelay(socket, true);
    let millis = u32::try_from(unacknowledged.as_millis()).unwrap_or(u32::MAX);
    let _ = sockopt::set_tcp_user_timeout(socket, millis);
}

/// Tells the peer that nothing more comes. It may go on sending.
pub fn finish(socket: BorrowedFd<'_>) {
    // The peer may have been quicker.
    let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Write);
}
