//! What the kernel tells of changes in folders.
//!
//! One watch for each folder that the walk enters, as far as the system lets us: beyond that, and
//! where there is no inotify at all, folders are looked through from time to time. What has changed
//! is not kept: a change leads to a walk, which finds out at the price of one look at each file.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::path::Path;
use std::time::Duration;

/// Folders that are watched at most. The kernel keeps about 1 KiB for each; systems allow 8,192
/// and more to all programs of a user.
pub const WATCHES_MAX: usize = 4096;

/// Bytes of changes that are read at once.
const EVENTS_BYTES: usize = 4096;

/// How long after a change files are looked at: more are likely to come.
const SETTLE: Duration = Duration::from_secs(1);

/// What may have changed the files that a walk finds.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::DONT_FOLLOW);

/// What is watched.
#[derive(Debug)]
pub struct Watch {
    inotify: OwnedFd,
    /// Folders that were followed since the start; the kernel forgets those that are gone.
    watches: usize,
    /// Whether somebody was told in this pass that there are too many.
    has_told: bool,
}

impl Watch {
    /// Nothing is watched yet. Fails where the kernel has no inotify, or no more of it.
    pub fn new() -> io::Result<Watch> {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        Ok(Watch {
            inotify: inotify::init(flags)?,
            watches: 0,
            has_told: false,
        })
    }

    /// A pass begins, which tells anew what people should know.
    pub fn begin(&mut self) {
        self.has_told = false;
    }

    /// Watches a folder, which may be watched already. Returns what people should know: once in a
    /// pass.
    pub fn follow(&mut self, folder: &Path) -> Option<String> {
        let outcome = match self.watches < WATCHES_MAX {
            true => inotify::add_watch(&self.inotify, folder, CHANGES),
            false => Err(Errno::NOSPC),
        };
        match outcome {
            // The same number comes again for a folder that is watched; numbers only grow.
            Ok(number) => {
                self.watches = self.watches.max(usize::try_from(number).unwrap_or(0));
                None
            }
            Err(Errno::NOSPC | Errno::NOMEM) if !self.has_told => {
                self.has_told = true;
                Some(format!(
                    "only {} folders are watched: others are looked through every \
                     insight.rescan; fs.inotify.max_user_watches of the system may be too small",
                    self.watches
                ))
            }
            // It is gone, or not ours to read: the walk has told of it.
            Err(_) => None,
        }
    }

    /// Takes in all that has happened. Returns whether anything may have changed.
    pub fn take(&mut self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); EVENTS_BYTES];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut has_changed = false;
        // The kernel holds 16,384 events at most, so that this comes to an end.
        while let Ok(event) = reader.next() {
            has_changed |= is_change(event.events());
        }
        has_changed
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

/// How long to wait after a change if looking at everything took `took` the last time: a file that
/// is written all the time takes a fifth of the thread at most.
fn settle(took: Duration) -> Duration {
    SETTLE.max(took.saturating_mul(4))
}

/// How long to rest on, of `time`, after so much of it. A change that came when it had rested for
/// `changed` cuts it short; `took` is what the last look at everything took.
pub fn left(
    time: Duration,
    rested: Duration,
    changed: Option<Duration>,
    took: Duration,
) -> Duration {
    let early = changed.map(|changed| changed.saturating_add(settle(took)));
    let time = early.map_or(time, |early| early.min(time));
    time.saturating_sub(rested)
}

/// Whether an event tells of a change. That a watch is over says nothing that the event before it
/// has not said; that events were lost says that anything may have changed.
fn is_change(events: ReadFlags) -> bool {
    !events
        .difference(ReadFlags::IGNORED | ReadFlags::ISDIR)
        .is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::fs;

    #[test]
    fn all_events_are_changes_but_the_end_of_a_watch() {
        let table = [
            (ReadFlags::CLOSE_WRITE, true),
            (ReadFlags::DELETE | ReadFlags::ISDIR, true),
            (ReadFlags::QUEUE_OVERFLOW, true),
            (ReadFlags::UNMOUNT, true),
            (ReadFlags::IGNORED, false),
            (ReadFlags::empty(), false),
        ];
        for (events, expected) in table {
            assert_eq!(is_change(events), expected, "{events:?}");
        }
    }

    #[test]
    fn the_longer_a_look_takes_the_rarer_it_is() {
        let table = [(0, 1), (250, 1), (2000, 8)];
        for (took, expected) in table {
            assert_eq!(
                settle(Duration::from_millis(took)),
                Duration::from_secs(expected)
            );
        }
        assert_eq!(settle(Duration::MAX), Duration::MAX);
    }

    #[test]
    fn a_change_cuts_a_rest_short_once_it_has_settled() {
        // The time, what it has rested, when a change came, what a look takes; what is left.
        let table = [
            (600, 0, None, 0, 600),
            (600, 599, None, 0, 1),
            (600, 601, None, 0, 0),
            (600, 5, Some(5), 0, 1),
            (600, 6, Some(5), 0, 0),
            (600, 6, Some(5), 10, 39),
            (600, 599, Some(599), 10, 1),
        ];
        for (time, rested, changed, took, expected) in table {
            let [time, rested, took] = [time, rested, took].map(Duration::from_secs);
            let changed = changed.map(Duration::from_secs);
            let found = left(time, rested, changed, took);
            assert_eq!(found.as_secs(), expected, "{rested:?} {changed:?} {took:?}");
        }
    }

    #[test]
    fn a_change_in_a_folder_that_is_followed_is_told_once() {
        let folder = std::env::temp_dir().join(format!("slimcp-watch-{}", std::process::id()));
        let below = folder.join("below");
        fs::create_dir_all(&below).unwrap();
        let mut watch = Watch::new().unwrap();
        assert_eq!(watch.follow(&folder), None);
        assert_eq!(watch.follow(&folder), None);
        assert_eq!(watch.follow(&folder.join("absent")), None);
        assert!(!watch.take());
        fs::write(below.join("a"), "unseen").unwrap();
        assert!(!watch.take());
        fs::write(folder.join("a"), "seen").unwrap();
        let mut waited = [PollFd::new(&watch, PollFlags::IN)];
        assert_eq!(poll(&mut waited, Some(&Timespec::default())), Ok(1));
        assert!(watch.take());
        assert!(!watch.take());
        watch.watches = WATCHES_MAX;
        assert!(watch.follow(&below).unwrap().contains("max_user_watches"));
        assert_eq!(watch.follow(&below), None);
        watch.begin();
        assert!(watch.follow(&below).is_some());
        fs::remove_dir_all(&folder).unwrap();
    }
}
