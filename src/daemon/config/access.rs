//! Who may do what, as it is written: `[[token]]`, `[[address]]` and `[role.NAME]`.
//!
//! The tables are only noted here, each checked for itself. They are joined when all files are
//! read, in `resolve.rs`, since a token of one file may have a role of another.

use super::complaint::{Complaints, Fault, Place};
use super::document::{Data, Entry, Value};
use super::kind::{name, network, rate};
use super::setting::CALLS;
use super::table::{Key, Table, names};
use super::template::{NAME, is_name};
use super::tool::{key, label};
use super::values;
use crate::auth::address::Network;
use crate::auth::role::{Doors, Quota, ROLES_MAX, Role, RoleIndex};
use crate::auth::token::{PREFIX, parse_digest};
use crate::limits::TOOLS_MAX;
use std::ops::RangeInclusive;

/// Connections and sessions of a role; no server has more.
const COUNTS: RangeInclusive<u32> = 1..=1_000_000;

/// Bytes of a pattern in `tools`: the longest name of a tool, and some `*`.
const PATTERN_BYTES_MAX: usize = 80;

/// `*` in one pattern. Each multiplies the ways in which a name is compared.
const PATTERN_STARS_MAX: usize = 4;

const TOOLS: &str = "a list of names of tools with * for any letters such as [\"cpu-*\"]";
const DIGEST: &str = "64 hexadecimal digits, as slimcp token new prints them";

/// What a role has that is in no file: what `team` has.
pub(super) const ROLE_DEFAULT: RoleIndex = RoleIndex::TEAM;

/// The keys of `[[token]]`.
pub(super) const TOKEN_KEYS: [Key; 3] = [
    key(
        "name",
        "letters, digits, `_`, `.`, `-`",
        "Whom the token was given to, for the log; required.",
    ),
    key(
        "role",
        "the name of a role",
        "What its holder may do; `\"team\"` by default.",
    ),
    key(
        "sha256",
        "64 hexadecimal digits",
        "The SHA-256 of the secret, as slimcp token new prints it; required.",
    ),
];

/// The keys of `[[address]]`.
pub(super) const ADDRESS_KEYS: [Key; 2] = [
    key(
        "network",
        "an address or a network",
        "Whoever asks from here and shows nothing; required.",
    ),
    key("role", "the name of a role", "What they may do; required."),
];

/// The keys of `[role.NAME]`.
pub(super) const ROLE_KEYS: [Key; 10] = [
    key(
        "tools",
        "a list of names",
        "Tools that may be used, with `*` for any letters.",
    ),
    key(
        "read_only",
        "true or false",
        "Of those only the ones with read_only = true.",
    ),
    key(
        "doors",
        "a list of \"mcp\", \"sse\", \"dialects\" or \"rest\"",
        "Where they may come in.",
    ),
    key(
        "broadcast",
        "true or false",
        "May send events to the streams of others.",
    ),
    key(
        "stats",
        "true or false",
        "May see metrics, stats and sessions.",
    ),
    key(
        "connections",
        "1 to 1000000",
        "Open event streams of all who have the role.",
    ),
    key("sessions", "1 to 1000000", "Sessions of all of them."),
    key(
        "calls",
        "1 to 10000",
        "Tool calls in flight of all of them.",
    ),
    key("rate", "requests over time", "Requests of all of them."),
    key(
        EACH,
        "a table of connections, sessions, calls and rate",
        "What each single one of them may have.",
    ),
];

/// The key of the table for each single principal.
const EACH: &str = "each";

const TOKEN_NAMES: [&str; TOKEN_KEYS.len()] = names(&TOKEN_KEYS);
const ADDRESS_NAMES: [&str; ADDRESS_KEYS.len()] = names(&ADDRESS_KEYS);
const ROLE_NAMES: [&str; ROLE_KEYS.len()] = names(&ROLE_KEYS);

/// The keys that `each` has in common with its role.
const QUOTA_NAMES: [&str; 4] = ["connections", "sessions", "calls", "rate"];

/// What the tables say, before their names are known to fit together.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// In the order of the files.
    pub tokens: Vec<WrittenToken>,
    /// In the order of the files, which is the order in which they are asked.
    pub addresses: Vec<WrittenAddress>,
    /// Each name once; later tables change what earlier ones say.
    roles: Vec<WrittenRole>,
}

/// One `[[token]]`.
#[derive(Debug)]
pub(super) struct WrittenToken {
    /// Where it stands.
    pub at: Origin,
    /// Empty where it is wrong.
    pub name: String,
    /// `None` where the default stands in.
    pub role: Option<RoleName>,
    /// `None` where it is wrong.
    pub sha256: Option<[u8; 32]>,
}

/// One `[[address]]`.
#[derive(Debug)]
pub(super) struct WrittenAddress {
    /// Where it stands.
    pub at: Origin,
    /// Who is meant.
    pub network: Network,
    /// What they may do.
    pub role: RoleName,
}

/// A role that is named; whether there is one of this name shows at the end.
#[derive(Debug)]
pub(super) struct RoleName {
    /// The name.
    pub name: String,
    /// Where it stands in its file.
    pub line: u32,
}

/// A role with what its tables name.
#[derive(Debug)]
struct WrittenRole {
    at: Origin,
    name: String,
    tools: Option<Vec<String>>,
    read_only: Option<bool>,
    doors: Option<Doors>,
    broadcast: Option<bool>,
    stats: Option<bool>,
    whole: Quota,
    each: Quota,
}

/// Where a table stands, and its dotted key in complaints.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The line of its header.
    pub place: Place,
    /// As in `token.laptop`.
    pub label: String,
}

impl Written {
    /// Notes the `position`th `[[token]]` of a source.
    pub fn read_token(
        &mut self,
        value: Value,
        position: usize,
        source: &Place,
        complaints: &mut Complaints,
    ) {
        let Some((at, entries)) = header("token", value, position, source, complaints) else {
            return;
        };
        let mut table = Table::new(at.label.clone(), at.place.clone(), entries, complaints);
        let token = WrittenToken {
            at,
            name: table.demand("name", NAME, name).unwrap_or_default(),
            role: table.read("role", named),
            sha256: table.demand("sha256", DIGEST, digest),
        };
        table.finish(&TOKEN_NAMES, None);
        self.tokens.push(token);
    }

    /// Notes the `position`th `[[address]]` of a source.
    pub fn read_address(
        &mut self,
        value: Value,
        position: usize,
        source: &Place,
        complaints: &mut Complaints,
    ) {
        let Some((at, entries)) = header("address", value, position, source, complaints) else {
            return;
        };
        let mut table = Table::new(at.label.clone(), at.place.clone(), entries, complaints);
        let network = table.demand("network", "an address or a network", network);
        let role = table.demand("role", "the name of a role", named);
        table.finish(&ADDRESS_NAMES, None);
        if let (Some(network), Some(role)) = (network, role) {
            self.addresses.push(WrittenAddress { at, network, role });
        }
    }

    /// Notes what one table of `[role]` says.
    pub fn read_role(&mut self, entry: Entry, source: &Place, complaints: &mut Complaints) {
        let at = Origin {
            place: source.at(entry.line),
            label: format!("role.{}", entry.key),
        };
        if !is_name(&entry.key) {
            complaints.add(at.place, at.label, format!("expected {NAME}"));
            return;
        }
        let Data::Table(entries) = entry.value.data else {
            let problem = entry.value.refuse("a table").problem;
            complaints.add(at.place, at.label, problem);
            return;
        };
        let mut table = Table::new(at.label.clone(), at.place.clone(), entries, complaints);
        let role = WrittenRole::read(at, entry.key, &mut table);
        table.finish(&ROLE_NAMES, None);
        match self.roles.iter_mut().find(|known| known.name == role.name) {
            Some(known) => known.change(role),
            None => self.roles.push(role),
        }
    }

    /// The roles there are: the built-in ones as changed, then the others, which begin as `team`.
    pub fn roles(&self, complaints: &mut Complaints) -> Vec<Role> {
        let mut roles = Role::built_in().to_vec();
        let built_in = roles.len();
        for written in &self.roles {
            if let Some(role) = roles.iter_mut().find(|role| role.name == written.name) {
                written.apply(role);
            }
        }
        for written in &self.roles {
            if roles[..built_in]
                .iter()
                .any(|role| role.name == written.name)
            {
                continue;
            }
            if roles.len() == ROLES_MAX {
                let own_max = ROLES_MAX - built_in;
                let problem = format!("expected at most {own_max} roles beside the built-in ones");
                complaints.add(written.at.place.clone(), "role", problem);
                break;
            }
            let mut role = roles[ROLE_DEFAULT.as_usize()].clone();
            role.name.clone_from(&written.name);
            written.apply(&mut role);
            roles.push(role);
        }
        roles
    }
}

impl WrittenRole {
    fn read(at: Origin, name: String, table: &mut Table<'_>) -> WrittenRole {
        WrittenRole {
            at,
            name,
            tools: table.read("tools", tools),
            read_only: table.read("read_only", values::flag),
            doors: table.read("doors", doors),
            broadcast: table.read("broadcast", values::flag),
            stats: table.read("stats", values::flag),
            whole: quota(table),
            each: each(table),
        }
    }

    /// Takes over what a later table of the same role says.
    fn change(&mut self, later: WrittenRole) {
        self.tools = later.tools.or(self.tools.take());
        self.read_only = later.read_only.or(self.read_only);
        self.doors = later.doors.or(self.doors);
        self.broadcast = later.broadcast.or(self.broadcast);
        self.stats = later.stats.or(self.stats);
        self.whole = over(later.whole, self.whole);
        self.each = over(later.each, self.each);
    }

    fn apply(&self, role: &mut Role) {
        if let Some(tools) = &self.tools {
            role.tools.clone_from(tools);
        }
        role.read_only = self.read_only.unwrap_or(role.read_only);
        role.doors = self.doors.unwrap_or(role.doors);
        role.broadcast = self.broadcast.unwrap_or(role.broadcast);
        role.stats = self.stats.unwrap_or(role.stats);
        role.whole = over(self.whole, role.whole);
        role.each = over(self.each, role.each);
    }
}

/// What `first` names, and `second` where it names nothing.
fn over(first: Quota, second: Quota) -> Quota {
    Quota {
        connections: first.connections.or(second.connections),
        sessions: first.sessions.or(second.sessions),
        calls: first.calls.or(second.calls),
        rate: first.rate.or(second.rate),
    }
}

/// The entries of one table of a list, with where it stands.
fn header(
    list: &str,
    value: Value,
    position: usize,
    source: &Place,
    complaints: &mut Complaints,
) -> Option<(Origin, Vec<Entry>)> {
    let place = source.at(value.line);
    let Data::Table(entries) = value.data else {
        complaints.add(
            place,
            list,
            format!("expected tables that begin with [[{list}]]"),
        );
        return None;
    };
    let label = label(list, &entries, position);
    Some((Origin { place, label }, entries))
}

fn named(value: &Value) -> Result<RoleName, Fault> {
    Ok(RoleName {
        name: name(value)?,
        line: value.line,
    })
}

/// A digest. What stands there instead is not shown: it may be the secret itself.
fn digest(value: &Value) -> Result<[u8; 32], Fault> {
    let text = value.as_text().unwrap_or_default();
    parse_digest(text).map_err(|expected| {
        let problem = match text.starts_with(PREFIX) {
            true => format!("{expected} below the token, found the token itself"),
            false => format!("{expected}, found {} characters", text.chars().count()),
        };
        let line = value.line;
        Fault { line, problem }
    })
}

/// Patterns of names; an empty list is a role without tools.
fn tools(value: &Value) -> Result<Vec<String>, Fault> {
    let is_pattern = |text: &&str| {
        let stars = text.bytes().filter(|byte| *byte == b'*').count();
        text.len() <= PATTERN_BYTES_MAX
            && stars <= PATTERN_STARS_MAX
            && is_name(&text.replace('*', "x"))
    };
    values::list(value, TOOLS, TOOLS_MAX, |item| {
        let pattern = item.as_text().filter(is_pattern);
        let expected = "a name of a tool, with at most 4 * for any letters";
        Ok(vec![
            pattern.ok_or_else(|| item.refuse(expected))?.to_string(),
        ])
    })
}

fn doors(value: &Value) -> Result<Doors, Fault> {
    let names = Doors::NAMES.map(|(name, _)| name);
    let expected = format!("a list of {}", values::words_expected(&names));
    let found = values::list(value, &expected, names.len(), |item| {
        Ok(vec![values::word(item, &names)?])
    })?;
    let kinds = found.into_iter().map(|place| Doors::NAMES[place].1);
    Ok(kinds.fold(Doors::none(), Doors::and))
}

fn quota(table: &mut Table<'_>) -> Quota {
    Quota {
        connections: table.read("connections", |value| values::count(value, &COUNTS)),
        sessions: table.read("sessions", |value| values::count(value, &COUNTS)),
        calls: table.read("calls", |value| values::count(value, &CALLS)),
        rate: table.read("rate", rate),
    }
}

fn each(table: &mut Table<'_>) -> Quota {
    let Some(value) = table.take(EACH) else {
        return Quota::default();
    };
    let Data::Table(entries) = value.data else {
        let fault = value.refuse("a table such as { connections = 2 }");
        table.fault(EACH, fault);
        return Quota::default();
    };
    let label = format!("{}.{EACH}", table.label);
    let place = table.place.at(value.line);
    let mut inner = Table::new(label, place, entries, table.complaints);
    let quota = quota(&mut inner);
    inner.finish(&QUOTA_NAMES, None);
    quota
}

#[cfg(test)]
mod tests;
