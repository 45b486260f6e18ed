//! Whose a process is that came to us when its parent died.
//!
//! What we start carries a [`Mark`], and what that starts inherits it: the soft limit on the time
//! that a process planned for real time may run without waiting (`RLIMIT_RTTIME`), which nobody
//! else sets and which at half an hour and more stops nobody. An environment variable would do the
//! same only as long as nobody cleans the environment, as MCP clients do for the servers they
//! start, and would be seen by every command; groups and sessions are what such a process has left.
//!
//! All this is read from `/proc`. Without it there are no strays to be found.

use rustix::process::{Pid, Resource, Rlimit, getpid, setrlimit};
use std::fs::{self, File};
use std::io::Read;

/// Bytes of the list of children that are looked at. A sweep that leaves some is followed by
/// another when the first of them have died.
const CHILDREN_BYTES_MAX: u64 = 4096;

/// The least mark, in microseconds: 36 minutes. Less is a limit that somebody means.
const MARK_MIN: u32 = 1 << 31;

/// A number that a process and its descendants have, and none else that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u32);

impl Mark {
    /// Where to begin. Two daemons of which one runs the other begin at different marks.
    pub fn first(seed: u32) -> Mark {
        Mark(MARK_MIN | seed << 9)
    }

    /// The one after this. After two thousand million of them they begin anew.
    pub fn next(self) -> Mark {
        // All ones are what 32-bit kernels take for no limit.
        match self.0 {
            0xFFFF_FFFE.. => Mark(MARK_MIN),
            mark => Mark(mark + 1),
        }
    }

    /// Marks the calling process, whose hard limit this is. It stays without a mark if that is
    /// lower.
    pub(super) fn set(self, maximum: Option<u64>) {
        let current = Some(self.0.into());
        let _ = setrlimit(Resource::Rttime, Rlimit { current, maximum });
    }
}

/// The mark of a process, if it has one and `/proc` says so.
pub fn mark_of(pid: Pid) -> Option<Mark> {
    mark_in(&fs::read_to_string(format!("/proc/{pid}/limits")).ok()?)
}

/// The mark in a text like `Max realtime timeout      2147483650           unlimited            us`
/// (proc_pid_limits(5)).
fn mark_in(limits: &str) -> Option<Mark> {
    let mut lines = limits.lines();
    let rest = lines.find_map(|line| line.strip_prefix("Max realtime timeout"))?;
    let mark = rest.split_ascii_whitespace().next()?.parse().ok()?;
    (mark >= MARK_MIN).then_some(Mark(mark))
}

/// Calls `act` with each child of this process, or with the first some hundred of them.
pub fn each_child(mut act: impl FnMut(Pid)) {
    // Orphans go to the first thread, which is the one that runs everything.
    let own = getpid();
    match File::open(format!("/proc/self/task/{own}/children")) {
        Ok(file) => {
            let mut text = String::new();
            let _ = file.take(CHILDREN_BYTES_MAX).read_to_string(&mut text);
            // Each number is followed by a space; the last one may have been cut.
            let whole = text.rsplit_once(' ').map_or("", |(whole, _)| whole);
            whole.split(' ').filter_map(pid).for_each(act);
        }
        // Not every kernel is built with that list.
        Err(_) => each_in_proc(own, &mut act),
    }
}

fn each_in_proc(own: Pid, act: &mut dyn FnMut(Pid)) {
    let Ok(entries) = fs::read_dir("/proc") else {
        return;
    };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(pid) else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        if stat.is_ok_and(|stat| parent_in(&stat) == Some(own)) {
            act(pid);
        }
    }
}

/// The parent in a text like `42 (any name) S 1 42 42 0` (proc_pid_stat(5)).
fn parent_in(stat: &str) -> Option<Pid> {
    let (_, rest) = stat.rsplit_once(") ")?;
    pid(rest.split(' ').nth(1)?)
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn marks_differ_and_stay_in_their_range() {
        let mut mark = Mark(0xFFFF_FFFC);
        let mut seen = vec![mark];
        for _ in 0..3 {
            mark = mark.next();
            seen.push(mark);
        }
        let expected = [0xFFFF_FFFC, 0xFFFF_FFFD, 0xFFFF_FFFE, MARK_MIN];
        assert_eq!(seen, expected.map(Mark));
        assert_eq!(Mark::first(u32::MAX).0, 0xFFFF_FE00);
    }

    #[test]
    fn a_mark_is_read_from_the_limits() {
        let limits = |value: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max realtime priority     0                    0                    \n\
                 Max realtime timeout      {value}           unlimited            us        \n"
            )
        };
        assert_eq!(mark_in(&limits("2147483650")), Some(Mark(2_147_483_650)));
        for other in ["unlimited", "200000", "2147483647", "4294967296", ""] {
            assert_eq!(mark_in(&limits(other)), None, "{other}");
        }
        assert_eq!(mark_in(""), None);
    }

    #[test]
    fn a_parent_is_read_from_the_state() {
        let own = Pid::from_raw(17);
        assert_eq!(parent_in("42 (sh) S 17 42 42 0 -1"), own);
        assert_eq!(parent_in("42 (a) R 1 (b) S 17 42 42 0 -1"), own);
        assert_eq!(parent_in("42 (sh) S 0 42"), None);
        assert_eq!(parent_in(""), None);
    }

    #[test]
    fn children_are_found_without_a_list_of_them() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let mut found = Vec::new();
        each_in_proc(getpid(), &mut |pid| found.push(pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&Pid::from_child(&child)));
    }
}
