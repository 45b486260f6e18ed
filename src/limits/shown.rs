//! The ceiling as people read it: where the memory goes, or why it is too little.

use super::{KIB, MIB, Memory, TooLittleMemory};
use std::fmt;

impl fmt::Display for Memory {
    /// `8.0 MiB = base 1.2 MiB + connections 2.0 MiB + ... + budget 4.1 MiB`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = ", Size(self.ceiling))?;
        for (name, bytes) in self.tables {
            write!(f, "{name} {} + ", Size(bytes))?;
        }
        write!(f, "budget {}", Size(self.budget))
    }
}

impl fmt::Display for TooLittleMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "limits.memory is too small: these capacities need {}: ",
            Size(self.needed)
        )?;
        for (name, bytes) in self.tables {
            write!(f, "{name} {} + ", Size(bytes))?;
        }
        write!(
            f,
            "budget of at least {} (body + output + replay); raise limits.memory or lower \
             limits.connections, limits.sessions, limits.calls, limits.tasks, limits.children, \
             limits.body, limits.output or limits.replay",
            Size(self.budget_min)
        )
    }
}

/// Bytes as people read them: `512 B`, `64.0 KiB`, `8.0 MiB`.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes < KIB => write!(f, "{bytes} B"),
            bytes if bytes < MIB => write!(f, "{:.1} KiB", bytes as f64 / KIB as f64),
            bytes => write!(f, "{:.1} MiB", bytes as f64 / MIB as f64),
        }
    }
}
