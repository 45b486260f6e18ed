//! A table whose values are taken one by one; what is left over is a mistake.

use super::complaint::{Complaints, Fault, Place};
use super::document::{Entry, Value};
use super::setting::SETTINGS;
use crate::tool::command::nearest;

/// A key that a table may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes, in words.
    pub takes: &'static str,
    /// One sentence for the operator.
    pub doc: &'static str,
}

/// The names of `keys`. Made at compile time, so that the sentences are in no program that does not
/// print them.
pub(super) const fn names<const N: usize>(keys: &[Key; N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut index = 0;
    while index < N {
        names[index] = keys[index].name;
        index += 1;
    }
    names
}

/// A table of the configuration while it is read.
pub(super) struct Table<'a> {
    /// The dotted key of the table itself.
    pub label: String,
    /// The source, at the line of the table's header.
    pub place: Place,
    /// Where its faults go.
    pub complaints: &'a mut Complaints,
    entries: Vec<Entry>,
}

impl<'a> Table<'a> {
    /// A table called `label` in complaints.
    pub fn new(
        label: String,
        place: Place,
        entries: Vec<Entry>,
        complaints: &'a mut Complaints,
    ) -> Table<'a> {
        Table {
            label,
            place,
            complaints,
            entries,
        }
    }

    /// The value of `key`, which is then no longer here.
    #[inline(never)]
    pub fn take(&mut self, key: &str) -> Option<Value> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index).value)
    }

    /// The value of `key` as `read` gives it; a fault is noted and counts as absent.
    pub fn read<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Option<T> {
        let value = self.take(key)?;
        self.sound(key, read(&value))
    }

    /// As [`Table::read`], for a key that must be there.
    pub fn demand<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Option<T> {
        let Some(value) = self.take(key) else {
            self.miss(key, expected);
            return None;
        };
        self.sound(key, read(&value))
    }

    fn sound<T>(&mut self, key: &str, read: Result<T, Fault>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(key, fault);
                None
            }
        }
    }

    // Kept out of its many callers: it is what makes each of them long.
    #[inline(never)]
    fn miss(&mut self, key: &str, expected: &str) {
        self.complain(key, format!("missing, expected {expected}"));
    }

    /// Notes a fault in the value of `key`.
    #[inline(never)]
    pub fn fault(&mut self, key: &str, fault: Fault) {
        let place = self.place.at(fault.line);
        let key = self.key(key);
        self.complaints.add(place, key, fault.problem);
    }

    /// Notes a problem with `key` at the line of the table.
    pub fn complain(&mut self, key: &str, problem: impl Into<String>) {
        let key = self.key(key);
        self.complaints.add(self.place.clone(), key, problem);
    }

    /// Complains about what nobody took: `misplaced` says why a known key has no meaning here, and
    /// is `None` where that cannot be told since something else is wrong already.
    pub fn finish(&mut self, known: &[&'static str], misplaced: Option<&str>) {
        for entry in std::mem::take(&mut self.entries) {
            let place = self.place.at(entry.line);
            let key = self.key(&entry.key);
            if !known.contains(&entry.key.as_str()) {
                let near = top_setting(&entry.key);
                let near = near.or_else(|| nearest(&entry.key, known.iter().copied()));
                let problem = unknown_key(&key, near);
                self.complaints.add(place, key, problem);
            } else if let Some(misplaced) = misplaced {
                self.complaints.add(place, key, misplaced);
            }
        }
    }

    fn key(&self, key: &str) -> String {
        match key {
            "" => self.label.clone(),
            key => format!("{}.{key}", self.label),
        }
    }
}

/// The setting at the top of a file that is called `key`. Written below the header of a table, it
/// belongs to that table, whether meant so or not.
pub(super) fn top_setting(key: &str) -> Option<&'static str> {
    let mut settings = SETTINGS.iter().map(|row| row.key);
    settings.find(|setting| *setting == key)
}

/// The problem with a key that nobody knows.
pub(super) fn unknown_key(key: &str, near: Option<&str>) -> String {
    match near {
        Some(near) if key.rsplit_once('.').is_some_and(|(_, last)| last == near) => {
            format!("unknown key here, did you mean {near} at the top of the file?")
        }
        Some(near) => format!("unknown key, did you mean {near}?"),
        None => "unknown key".to_string(),
    }
}
