//! What a principal may do.

use std::fmt;
use std::time::Duration;

/// Roles of one configuration.
pub const ROLES_MAX: usize = 32;

/// What the principals of a role may do. Resources and prompts are there for every role.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// Its name in the configuration, in refusals and in broadcast filters.
    pub name: String,
    /// Names of the tools it may use, with `*` for any letters.
    pub tools: Vec<String>,
    /// Of those only the ones that say of themselves that they change nothing.
    pub read_only: bool,
    /// Where it may come in.
    pub doors: Doors,
    /// May send events to others.
    pub broadcast: bool,
    /// May see how the server is: metrics, stats, sessions.
    pub stats: bool,
    /// What all principals of the role may have together.
    pub whole: Quota,
    /// What each of them may have.
    pub each: Quota,
}

/// The place of a role in [`Access::roles`](super::Access::roles).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoleIndex(u8);

/// How much of everything; what is absent is bounded by the server's limits only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Open event streams.
    pub connections: Option<u32>,
    /// Sessions.
    pub sessions: Option<u32>,
    /// Tool calls in flight.
    pub calls: Option<u32>,
    /// Requests over time.
    pub rate: Option<Rate>,
}

/// So many requests in a period; as many may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests, at least 1.
    pub count: u32,
    /// Within this time.
    pub period: Duration,
}

impl Rate {
    /// The periods that a rate may be given for, with their names in the configuration.
    const PERIODS: [(&'static str, Duration); 3] = [
        ("s", Duration::from_secs(1)),
        ("min", Duration::from_secs(60)),
        ("h", Duration::from_secs(3600)),
    ];

    /// Reads `5/s`, `120/min` or `1000/h`.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub fn parse(text: &str) -> Result<Rate, String> {
        let expected = || "expected a rate such as 5/s, 120/min or 1000/h".to_string();
        let (digits, unit) = text.split_once('/').ok_or_else(expected)?;
        let named = Rate::PERIODS.iter().find(|(name, _)| *name == unit);
        let (_, period) = named.ok_or_else(expected)?;
        // `parse` would take `+5`.
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(expected());
        }
        match digits.parse() {
            Ok(count @ 1..) => Ok(Rate {
                count,
                period: *period,
            }),
            Ok(0) => Err("expected a rate of at least 1".to_string()),
            Err(_) => Err(expected()),
        }
    }
}

impl fmt::Display for Rate {
    /// As [`Rate::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut periods = Rate::PERIODS.iter();
        match periods.find(|(_, period)| *period == self.period) {
            Some((unit, _)) => write!(f, "{}/{unit}", self.count),
            None => write!(f, "{}/{:?}", self.count, self.period),
        }
    }
}

/// A set of kinds of doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doors(u8);

impl Doors {
    /// Streamable HTTP.
    pub const MCP: Doors = Doors(1);
    /// HTTP+SSE.
    pub const SSE: Doors = Doors(2);
    /// The older event framings: `/mcp/sse/send`, `/mcp/sse/message`, `/events`.
    pub const DIALECTS: Doors = Doors(4);
    /// `/mcp/tools`, `/openapi.json` and `/api`.
    pub const REST: Doors = Doors(8);
    /// All of them.
    pub const ALL: Doors = Doors(15);

    /// Each kind with its name in the configuration.
    pub const NAMES: [(&'static str, Doors); 4] = [
        ("mcp", Doors::MCP),
        ("sse", Doors::SSE),
        ("dialects", Doors::DIALECTS),
        ("rest", Doors::REST),
    ];

    /// None of them.
    pub const fn none() -> Doors {
        Doors(0)
    }

    /// These and those.
    pub const fn and(self, others: Doors) -> Doors {
        Doors(self.0 | others.0)
    }

    /// Whether one of `others` is among these.
    pub const fn has_any_of(self, others: Doors) -> bool {
        self.0 & others.0 != 0
    }

    /// The name of the first kind among these; empty if there is none.
    pub fn name(self) -> &'static str {
        let mut names = Doors::NAMES.iter();
        let first = names.find(|(_, doors)| self.contains(*doors));
        first.map_or("", |(name, _)| name)
    }

    /// Whether all of `others` are among these.
    pub const fn contains(self, others: Doors) -> bool {
        self.0 & others.0 == others.0
    }
}

impl RoleIndex {
    /// Everything.
    pub const MASTER: RoleIndex = RoleIndex(0);
    /// Every tool, but no look at others.
    pub const TEAM: RoleIndex = RoleIndex(1);
    /// Tools that change nothing.
    pub const READONLY: RoleIndex = RoleIndex(2);

    /// The role at this place.
    pub fn new(place: usize) -> RoleIndex {
        assert!(place < ROLES_MAX, "the configuration has fewer roles");
        RoleIndex(place as u8)
    }

    /// The place of the role of this name.
    pub fn named(roles: &[Role], name: &str) -> Option<RoleIndex> {
        let place = roles.iter().position(|role| role.name == name)?;
        Some(RoleIndex::new(place))
    }

    /// The place.
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }
}

impl Role {
    /// `master`, `team` and `readonly`, in the order of their indices.
    pub fn built_in() -> [Role; 3] {
        let role = |name: &str, read_only, broadcast, stats| Role {
            name: name.to_string(),
            tools: vec!["*".to_string()],
            read_only,
            doors: Doors::ALL,
            broadcast,
            stats,
            whole: Quota::default(),
            each: Quota::default(),
        };
        [
            role("master", false, true, true),
            role("team", false, false, false),
            role("readonly", true, false, false),
        ]
    }

    /// Whether there is no tool that it may not use, whatever tools there are.
    pub fn may_use_all(&self) -> bool {
        !self.read_only && self.tools.iter().any(|glob| glob == "*")
    }

    /// Whether it may use the tool of this name, which says of itself whether it changes nothing.
    pub fn may_use(&self, tool: &str, is_read_only: bool) -> bool {
        (is_read_only || !self.read_only) && self.tools.iter().any(|glob| matches(glob, tool))
    }
}

/// Whether `name` is what `glob` describes: `*` stands for any letters, also for none.
pub(crate) fn matches(glob: &str, name: &str) -> bool {
    match glob.split_once('*') {
        None => glob == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            let mut starts = (0..=rest.len()).filter(|at| rest.is_char_boundary(*at));
            starts.any(|at| matches(tail, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_they_are_read() {
        for (text, count, seconds) in [
            ("5/s", 5, 1),
            ("120/min", 120, 60),
            ("1/h", 1, 3600),
            ("4294967295/h", u32::MAX, 3600),
        ] {
            let period = Duration::from_secs(seconds);
            assert_eq!(Rate::parse(text), Ok(Rate { count, period }));
            assert_eq!(Rate { count, period }.to_string(), text);
        }
        let odd = Rate {
            count: 3,
            period: Duration::from_secs(90),
        };
        assert_eq!(odd.to_string(), "3/90s");
    }

    #[test]
    fn what_is_no_rate_is_refused_with_what_was_expected() {
        let rate = "expected a rate such as 5/s, 120/min or 1000/h";
        for (text, expected) in [
            ("", rate),
            ("120", rate),
            ("/min", rate),
            ("120/", rate),
            ("120/m", rate),
            ("120/MIN", rate),
            ("120 / min", rate),
            ("120/min/s", rate),
            ("+120/min", rate),
            ("-1/min", rate),
            ("1.5/s", rate),
            ("4294967296/s", rate),
            ("0/min", "expected a rate of at least 1"),
            ("000/s", "expected a rate of at least 1"),
        ] {
            assert_eq!(Rate::parse(text), Err(expected.to_string()), "{text}");
        }
    }

    #[test]
    fn a_role_is_found_by_its_whole_name() {
        let roles = Role::built_in();
        assert_eq!(
            RoleIndex::named(&roles, "readonly"),
            Some(RoleIndex::READONLY)
        );
        assert_eq!(RoleIndex::named(&roles, "Master"), None);
        assert_eq!(RoleIndex::named(&roles, ""), None);
    }

    #[test]
    fn a_role_may_use_the_tools_that_its_globs_describe() {
        for (glob, tool, expected) in [
            ("*", "", true),
            ("*", "files-read", true),
            ("files-*", "files-read", true),
            ("files-*", "files-", true),
            ("files-*", "file", false),
            ("*-read", "files-read", true),
            ("*-read", "files-read-all", false),
            ("f*s*d", "files-read", true),
            ("f*s*d", "files-reads", false),
            ("files", "files", true),
            ("files", "files-read", false),
            ("Files", "files", false),
            ("*é*", "caf\u{e9}s", true),
        ] {
            let mut role = Role::built_in()[1].clone();
            role.tools = vec!["none".to_string(), glob.to_string()];
            assert_eq!(role.may_use(tool, false), expected, "{glob} {tool}");
            role.read_only = true;
            assert!(!role.may_use(tool, false), "{glob} {tool}");
            assert_eq!(role.may_use(tool, true), expected, "{glob} {tool}");
        }
    }
}
