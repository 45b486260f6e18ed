//! Whether all that there is was put in.

use super::{Fault, Store};
use rusqlite::OptionalExtension;

impl Store {
    /// Whether all files were put in that `wanted` stands for, but for what has changed since. From
    /// here on it is whole for nothing else.
    pub fn is_whole(&mut self, wanted: u64) -> Result<bool, Fault> {
        let query = "SELECT value FROM meta WHERE name = 'whole'";
        let found: Option<String> = self
            .connection
            .query_row(query, [], |row| row.get(0))
            .optional()?;
        let is_whole = found == Some(wanted.to_string());
        if found.is_some() && !is_whole {
            let query = "DELETE FROM meta WHERE name = 'whole'";
            self.connection.execute(query, [])?;
        }
        Ok(is_whole)
    }

    /// Notes that they were, after what was written before.
    pub fn mark_whole(&mut self, wanted: u64) -> Result<(), Fault> {
        self.commit()?;
        let query = "INSERT OR REPLACE INTO meta VALUES ('whole', ?)";
        self.connection.execute(query, [wanted.to_string()])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_index_is_whole_for_what_was_wanted_until_it_is_made_anew() {
        let name = format!("slimcp-whole-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let mut store = Store::open(&folder, "test").unwrap();
        assert_eq!(store.is_whole(7), Ok(false));
        store.mark_whole(6).unwrap();
        store.mark_whole(7).unwrap();
        drop(store);
        let mut store = Store::open(&folder, "test").unwrap();
        assert_eq!(store.is_whole(7), Ok(true));
        assert_eq!(store.is_whole(6), Ok(false));
        assert_eq!(store.is_whole(7), Ok(false));
        store.mark_whole(7).unwrap();
        let mut store = store.rebuild("test").unwrap();
        assert_eq!(store.is_whole(7), Ok(false));
        fs::remove_dir_all(&folder).unwrap();
    }
}
