//! Structures of fixed capacity. Full is a value, time is an argument, nothing here knows of bytes
//! on a wire or of MCP.
//!
//! | Structure | Holds | Bounded by | When full |
//! |---|---|---|---|
//! | [`Slab`] | values, each found by its [`Key`] | slots | [`Full`] with the value |
//! | [`Index`] | slots of a slab, by name | slots | [`Full`] |
//! | [`Wheel`] | deadlines, each with a key | timers | [`Full`] |
//! | [`Ring`] | events of a stream, by sequence | events, bytes | evicts, then [`Lagging`] |
//! | [`Capture`] | head and tail of an output | bytes | cuts between them, and counts |
//! | [`Bucket`] | a rate | tokens | the time until one is free |
//! | [`Pool`] | nothing: it counts the shared bytes | bytes | [`Full`] |
//!
//! Capacity that was never touched costs no resident memory: tables are allocated once, filled up
//! to their high-water mark, and vacated slots are used again before new ones. What comes and goes
//! with its content is counted in bytes, so that its owner can draw them from the [`Pool`].

use std::error::Error;
use std::fmt;

mod bucket;
mod capture;
pub mod index;
mod pool;
mod ring;
mod slab;
mod wheel;

pub use bucket::Bucket;
pub use capture::{Capture, Cut};
pub use index::Index;
pub use pool::Pool;
pub use ring::{Event, Lagging, Position, Pushed, Ring, Room};
pub use slab::{Key, Slab};
pub use wheel::{Timer, Wheel};

/// There is no room left; what did not fit comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T = ()>(
    /// The value that did not fit.
    pub T,
);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full")
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room left")
    }
}

impl<T> Error for Full<T> {}

#[cfg(test)]
pub(crate) mod random;
