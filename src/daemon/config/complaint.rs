//! What is wrong with a configuration, and where.
//!
//! A complaint names the place, the key, what was expected and what was found, in one line that an
//! editor can jump to: `slimcp.toml:12: limits.sessions: expected a whole number from 1 to
//! 1000000, found "many"`. All of them are collected, so that one start shows everything there is
//! to mend.

use std::fmt;
use std::rc::Rc;

/// Complaints shown at most. A file that is not a configuration at all would fill the screen.
pub const COMPLAINTS_MAX: usize = 50;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File {
        /// The file as the operator named it.
        name: Rc<str>,
        /// Counted from 1; 0 means the file as a whole.
        line: u32,
    },
    /// In `--set KEY=VALUE`.
    Set,
    /// In `--listen ADDR`.
    Listen,
    /// Behind `--`.
    Command,
    /// In this variable of the environment.
    Environment(&'static str),
    /// Nowhere: the default stands.
    Default,
}

impl Place {
    /// The same file at another line; the other places have no lines.
    pub(super) fn at(&self, line: u32) -> Place {
        match self {
            Place::File { name, .. } => Place::File {
                name: name.clone(),
                line,
            },
            Place::Set
            | Place::Listen
            | Place::Command
            | Place::Environment(_)
            | Place::Default => self.clone(),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where it was written.
    pub place: Place,
    /// The dotted key; empty when the file as a whole is meant.
    pub key: String,
    /// What was expected and what was found.
    pub problem: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { name, line: 0 } => f.write_str(name),
            Place::File { name, line } => write!(f, "{name}:{line}"),
            Place::Set => f.write_str("--set"),
            Place::Listen => f.write_str("--listen"),
            Place::Command => f.write_str("--"),
            Place::Environment(variable) => f.write_str(variable),
            Place::Default => f.write_str("default"),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Complaint {
            place,
            key,
            problem,
        } = self;
        match place {
            Place::File { .. } if key.is_empty() => write!(f, "{place}: {problem}"),
            Place::File { .. } => write!(f, "{place}: {key}: {problem}"),
            Place::Set => write!(f, "{place} {key}: {problem}"),
            // These stand for one key each, and the operator knows them by their own names.
            Place::Listen | Place::Command | Place::Environment(_) => {
                write!(f, "{place}: {problem}")
            }
            Place::Default if key.is_empty() => f.write_str(problem),
            Place::Default => write!(f, "{key}: {problem}"),
        }
    }
}

/// A problem at a line of the source that is being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line of the value, counted from 1.
    pub line: u32,
    /// What was expected and what was found.
    pub problem: String,
}

/// Collects complaints; capped, with a last line that counts the rest.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    list: Vec<Complaint>,
    unlisted: usize,
}

impl Complaints {
    /// Notes one more.
    pub fn add(&mut self, place: Place, key: impl Into<String>, problem: impl Into<String>) {
        if self.list.len() == COMPLAINTS_MAX {
            self.unlisted += 1;
            return;
        }
        self.list.push(Complaint {
            place,
            key: key.into(),
            problem: problem.into(),
        });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len() + self.unlisted
    }

    /// Whether nothing is known against `key` or, if it names a section, any key in it. What
    /// relates several keys is only checked when each is sound, or one slip would be told twice.
    pub fn is_sound(&self, key: &str) -> bool {
        self.unlisted == 0
            && !self.list.iter().any(|complaint| {
                let rest = complaint.key.strip_prefix(key);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    }

    /// All of them, or `Ok` if there were none.
    pub fn finish(mut self) -> Result<(), Vec<Complaint>> {
        if self.unlisted > 0 {
            self.list.push(Complaint {
                place: Place::Default,
                key: String::new(),
                problem: format!("and {} more complaints", self.unlisted),
            });
        }
        if self.list.is_empty() {
            Ok(())
        } else {
            Err(self.list)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_reads_as_the_operator_wrote_it() {
        let file = |line| Place::File {
            name: "slimcp.toml".into(),
            line,
        };
        let table = [
            (
                file(12),
                "limits.calls",
                "slimcp.toml:12: limits.calls: bad",
            ),
            (file(3), "", "slimcp.toml:3: bad"),
            (file(0), "", "slimcp.toml: bad"),
            (Place::Set, "limits.calls", "--set limits.calls: bad"),
            (Place::Listen, "listen", "--listen: bad"),
            (Place::Environment("PORT"), "listen", "PORT: bad"),
            (Place::Default, "limits.memory", "limits.memory: bad"),
        ];
        for (place, key, text) in table {
            let complaint = Complaint {
                place,
                key: key.into(),
                problem: "bad".into(),
            };
            assert_eq!(complaint.to_string(), text);
        }
    }

    #[test]
    fn the_list_is_capped_and_the_rest_is_counted() {
        let mut complaints = Complaints::default();
        for _ in 0..COMPLAINTS_MAX {
            complaints.add(Place::Set, "a", "bad");
        }
        assert!(complaints.is_sound("b"));
        complaints.add(Place::Set, "a", "bad");
        complaints.add(Place::Set, "a", "bad");
        assert!(!complaints.is_sound("b"), "an unlisted one may be about b");
        let list = complaints.finish().unwrap_err();
        assert_eq!(list.len(), COMPLAINTS_MAX + 1);
        assert_eq!(list[COMPLAINTS_MAX].to_string(), "and 2 more complaints");
    }

    #[test]
    fn a_section_is_unsound_with_its_keys_but_not_with_its_namesakes() {
        let mut complaints = Complaints::default();
        complaints.add(Place::Set, "limits.calls", "bad");
        assert!(!complaints.is_sound("limits"));
        assert!(!complaints.is_sound("limits.calls"));
        assert!(complaints.is_sound("limits.body"));
        assert!(complaints.is_sound("limit"));
        assert!(Complaints::default().finish().is_ok());
    }
}
