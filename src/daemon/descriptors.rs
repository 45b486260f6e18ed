//! File descriptors: the tables are cut to what the process may open, before a client finds out.

use crate::limits::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are no connection and no process: standard streams, epoll sets, wake-up pipes,
/// listeners, the log, the spare one, a file read now and then.
const FIXED: u64 = 24;

/// Descriptors of one running command: three pipes, one to watch it, and the other ends while it
/// starts.
const PER_CALL: u64 = 5;

/// Descriptors of one process of a server: its pipes, and one to watch it.
const PER_CHILD: u64 = 4;

/// Asks for as many descriptors as the system allows this process, and says how many that is.
pub fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if setrlimit(Resource::Nofile, wanted).is_err() {
        return limit.current.unwrap_or(u64::MAX);
    }
    limit.maximum.unwrap_or(u64::MAX)
}

/// Cuts `limits` to `descriptors`; says what was cut, for the log.
pub fn fit(limits: &mut Limits, descriptors: u64) -> Vec<String> {
    let free = descriptors.saturating_sub(FIXED);
    let wanted_calls = u64::from(limits.calls_max) * PER_CALL;
    let wanted_children = u64::from(limits.children_max) * PER_CHILD;
    if u64::from(limits.connections_max) + wanted_calls + wanted_children <= free {
        return Vec::new();
    }
    let calls_share = wanted_calls.min(free / 4);
    let children_share = wanted_children.min(free / 4);
    let mut cuts = Vec::new();
    let mut cut = |name: &str, value: &mut u32, most: u64| {
        let most = u32::try_from(most).unwrap_or(u32::MAX).max(1);
        if *value > most {
            cuts.push(format!(
                "limits.{name} is {most} instead of {value}: this process may open {descriptors} \
                 files; raise LimitNOFILE (systemd) or ulimit -n"
            ));
            *value = most;
        }
    };
    cut("calls", &mut limits.calls_max, calls_share / PER_CALL);
    let most = children_share / PER_CHILD;
    cut("children", &mut limits.children_max, most);
    let most = free - calls_share - children_share;
    cut("connections", &mut limits.connections_max, most);
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_descriptors_change_nothing() {
        let mut limits = Limits::default();
        let work = 32 * PER_CALL + 16 * PER_CHILD;
        let needed = FIXED + u64::from(limits.connections_max) + work;
        assert!(fit(&mut limits, needed).is_empty());
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn too_few_cut_the_tables_and_say_so() {
        let mut limits = Limits::default();
        let cuts = fit(&mut limits, 64);
        let left = (
            limits.calls_max,
            limits.children_max,
            limits.connections_max,
        );
        assert_eq!(left, (2, 2, 20));
        assert_eq!(cuts.len(), 3);
        assert!(
            cuts[2].contains("limits.connections is 20 instead of 1024"),
            "{}",
            cuts[2]
        );
    }

    #[test]
    fn something_is_always_left() {
        let mut limits = Limits::default();
        fit(&mut limits, 0);
        assert_eq!((limits.calls_max, limits.connections_max), (1, 1));
    }
}
