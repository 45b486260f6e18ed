//! Signals: TERM and INT stop, HUP reloads.

use async_signal::{Signal, Signals};
use smol::stream::StreamExt;
use std::io;

/// What the operator asks for by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// TERM or INT.
    Stop,
    /// HUP.
    Reload,
}

/// Orders as they come.
pub struct Orders {
    signals: Signals,
}

impl Orders {
    /// Takes over the signals; from here on they do not kill the process.
    pub fn new() -> io::Result<Orders> {
        Ok(Orders {
            signals: Signals::new([Signal::Term, Signal::Int, Signal::Hup])?,
        })
    }

    /// The next order.
    pub async fn next(&mut self) -> io::Result<Order> {
        match self.signals.next().await {
            Some(Ok(Signal::Hup)) => Ok(Order::Reload),
            Some(Ok(_)) => Ok(Order::Stop),
            Some(Err(error)) => Err(error),
            None => Err(io::Error::other("the stream of signals has ended")),
        }
    }
}
