//! Where sockets, processes, files and clocks live. Everything else is a pure function.
//!
//! | file | what |
//! |---|---|
//! | [`world`] | the engine and all it acts on; one input, then everything out |
//! | [`serving`] | all of a server: its doors, its tasks, its end |
//! | [`listen`], [`listener`] | where to listen; accepts connections |
//! | [`sockets`] | every connected socket, none of them with a task |
//! | [`connection`], [`carrier`] | reads requests, writes answers; carries streams |
//! | [`socket`] | one way to read and write TCP and Unix sockets |
//! | [`ticker`] | calls the engine when its next deadline has come |
//! | [`process`], [`facts`], [`function`] | what tools ask for |
//! | [`child`] | processes of upstreams |
//! | [`reaper`], [`strays`] | every process until it is reaped, and what it leaves behind |
//! | `insight` | folders that are known: the thread, the index on disk |
//! | [`files`], [`look`] | resources, and whether they have changed |
//! | `place` | files that are looked at and read, and lead nowhere else |
//! | [`chance`] | what nobody can guess |
//! | [`own_process`] | what this process inherited, what it lets go of, how it starts others; the one file with `unsafe` |
//! | [`signal`], [`systemd`] | what the operator asks for |

pub mod carrier;
pub mod chance;
pub mod child;
pub mod connection;
pub mod facts;
pub mod files;
pub mod function;
#[cfg(feature = "insight")]
pub mod insight;
pub mod listen;
pub mod listener;
pub mod look;
pub mod own_process;
mod place;
mod postponed;
pub mod process;
pub mod reaper;
mod refused;
pub mod serving;
pub mod signal;
pub mod socket;
pub mod sockets;
pub mod strays;
pub mod systemd;
pub mod ticker;
pub mod world;

pub use smol::unblock;

#[cfg(test)]
mod tests;
