//! The tools of one server: found by name, listed in a fixed order.
//!
//! One registry serves all scopes: a tool of an upstream has one place and one set of limits, and
//! may have two names. The invariant is that a registry never changes. A reload, or news of an
//! upstream, makes a new one, and its fingerprints tell which clients have to be told
//! (`notifications/tools/list_changed`).

use super::forward::{Scope, UpstreamIndex};
use super::{Annotations, Tool};
use crate::limits::{OFFERED_TOOLS_MAX, PAGE_ENTRIES_MAX, TOOLS_MAX};
use crate::mcp::header::{self, HeaderParam};
use crate::wire::json::Object;
use std::fmt;
use std::rc::Rc;

// Indices are kept in 16 bits.
const _: () = assert!(TOOLS_MAX + OFFERED_TOOLS_MAX <= u16::MAX as usize);
const _: () = assert!(PAGE_ENTRIES_MAX > 0);

/// The tools of one server, and of those behind it.
pub struct Registry {
    /// Those of the server itself, then those of each upstream, each in the order of its listing.
    tools: Box<[Rc<dyn Tool>]>,
    /// The name of each where everything is offered; empty if it is left out there.
    names: Box<[Box<str>]>,
    /// The arguments of each tool that headers repeat (2026-07-28); empty if no tool has any.
    header_params: Box<[Box<[HeaderParam]>]>,
    /// Everything, then each upstream.
    views: Box<[View]>,
}

/// The place of a tool in the registry that found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ToolIndex(u16);

impl ToolIndex {
    /// The place as a number from 0, in the order of the listing.
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }
}

/// The tools that are offered in one scope.
#[derive(Default)]
struct View {
    /// In the order they are listed in.
    listed: Box<[ToolIndex]>,
    /// The same, sorted by name.
    by_name: Box<[ToolIndex]>,
    /// Hash of everything that `tools/list` says.
    fingerprint: u64,
}

/// Why some tools do not make a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Two tools have this name.
    Duplicate(String),
    /// There are this many tools, more than [`TOOLS_MAX`].
    TooMany(usize),
    /// The schema of this tool marks arguments for headers as no client takes it; and why.
    Header(String, String),
}

impl Registry {
    /// Takes the tools of the server itself, in the order in which they will be listed.
    pub fn new(tools: Vec<Rc<dyn Tool>>) -> Result<Registry, Unfit> {
        if tools.len() > TOOLS_MAX {
            return Err(Unfit::TooMany(tools.len()));
        }
        for tool in &tools {
            let spec = tool.spec();
            let found = header::header_params(spec.input_schema.get());
            found.map_err(|why| Unfit::Header(spec.name.clone(), why))?;
        }
        let registry = Registry::with_offered(tools, Vec::new(), 0);
        let by_name = registry.views[0].by_name.iter();
        let names: Vec<&str> = by_name.map(|index| registry.name(*index)).collect();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Unfit::Duplicate(pair[0].to_owned())),
            None => Ok(registry),
        }
    }

    /// The tools of a server itself, which make a registry of their own, and those of so many
    /// upstreams, one upstream after the other, with their names where everything is offered. Names
    /// differ in each scope, but for the empty ones of what is left out.
    pub fn with_offered(
        own: Vec<Rc<dyn Tool>>,
        offered: Vec<(Rc<dyn Tool>, Box<str>)>,
        upstreams: usize,
    ) -> Registry {
        let own = own.into_iter().map(|tool| {
            let name = Box::from(tool.spec().name.as_str());
            (tool, name)
        });
        let (tools, names): (Vec<_>, Vec<_>) = own.chain(offered).unzip();
        assert!(tools.len() <= usize::from(u16::MAX), "places have 16 bits");
        let mut registry = Registry {
            header_params: header_params(&tools),
            tools: tools.into(),
            names: names.into(),
            views: Box::default(),
        };
        let scopes = (0..upstreams).map(|place| Scope::One(UpstreamIndex::new(place)));
        let scopes = std::iter::once(Scope::Everything).chain(scopes);
        registry.views = scopes.map(|scope| registry.view(scope)).collect();
        registry
    }

    /// What is offered in a scope.
    fn view(&self, scope: Scope) -> View {
        let all = (0..self.tools.len() as u16).map(ToolIndex);
        let listed: Box<[ToolIndex]> = all.filter(|index| self.is_in(scope, *index)).collect();
        let mut by_name = listed.clone();
        by_name.sort_unstable_by_key(|index| self.name_in(scope, *index));
        let entries = listed.iter().map(|index| self.entry(scope, *index));
        // Entries are JSON objects, so their borders need no mark.
        let fingerprint = hash(entries.flat_map(Object::end));
        View {
            listed,
            by_name,
            fingerprint,
        }
    }

    fn is_in(&self, scope: Scope, index: ToolIndex) -> bool {
        match scope {
            Scope::Everything => !self.name(index).is_empty(),
            Scope::One(upstream) => self.get(index).upstream() == Some(upstream),
        }
    }

    fn view_of(&self, scope: Scope) -> Option<&View> {
        let place = match scope {
            Scope::Everything => 0,
            Scope::One(upstream) => upstream.as_usize() + 1,
        };
        self.views.get(place)
    }

    /// The tool of this name where everything is offered.
    pub fn find(&self, name: &str) -> Option<ToolIndex> {
        self.find_in(Scope::Everything, name)
    }

    /// The tool of this name in a scope.
    pub fn find_in(&self, scope: Scope, name: &str) -> Option<ToolIndex> {
        let by_name = &self.view_of(scope)?.by_name;
        let place = by_name.binary_search_by(|index| self.name_in(scope, *index).cmp(name));
        place.ok().map(|place| by_name[place])
    }

    /// The tool at a place that this very registry gave out; another one's may not exist here.
    pub fn get(&self, index: ToolIndex) -> &Rc<dyn Tool> {
        &self.tools[usize::from(index.0)]
    }

    /// Its name where everything is offered, which is what roles go by; empty if it is left out
    /// there.
    pub fn name(&self, index: ToolIndex) -> &str {
        &self.names[usize::from(index.0)]
    }

    fn name_in(&self, scope: Scope, index: ToolIndex) -> &str {
        match scope {
            Scope::Everything => self.name(index),
            Scope::One(_) => &self.get(index).spec().name,
        }
    }

    /// Whether headers repeat arguments of any tool.
    pub fn has_header_params(&self) -> bool {
        !self.header_params.is_empty()
    }

    /// The arguments of a tool that headers repeat, since 2026-07-28.
    pub fn header_params(&self, index: ToolIndex) -> &[HeaderParam] {
        let found = self.header_params.get(index.as_usize());
        found.map_or(&[], |params| params)
    }

    /// All tools.
    pub fn iter(&self) -> impl Iterator<Item = &Rc<dyn Tool>> {
        self.tools.iter()
    }

    /// The tools of a scope in the order in which they are listed.
    pub fn listed(&self, scope: Scope) -> impl Iterator<Item = ToolIndex> {
        let listed = self.view_of(scope).map_or(&[][..], |view| &view.listed);
        listed.iter().copied()
    }

    /// How many tools there are.
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether there is no tool.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// The result of `tools/list` for this cursor, `{"tools":[...],"nextCursor":"..."}` on one
    /// line, for a client that may use the tools that `may_use` holds for.
    ///
    /// A cursor is the name of the last tool on the page before, so that it outlives a change of
    /// the list: servers behind this one become known while clients read on. `None` if the client
    /// has no tool of that name (-32602, MCP 2025-03-26 server/utilities/pagination).
    pub fn page(
        &self,
        scope: Scope,
        cursor: Option<&str>,
        may_use: &dyn Fn(ToolIndex) -> bool,
    ) -> Option<Vec<u8>> {
        let none = View::default();
        let listed = &self.view_of(scope).unwrap_or(&none).listed;
        let mut listed = listed.iter().copied().filter(|tool| may_use(*tool));
        if let Some(cursor) = cursor {
            listed.find(|tool| self.name_in(scope, *tool) == cursor)?;
        }
        let page: Vec<ToolIndex> = listed.by_ref().take(PAGE_ENTRIES_MAX).collect();
        let last = page.last().filter(|_| listed.next().is_some());
        let next = last.map(|tool| self.name_in(scope, *tool));
        let entries = page.iter().map(|tool| self.entry(scope, *tool));
        let page = Object::default().list("tools", entries);
        Some(page.optional_text("nextCursor", next).end())
    }

    fn entry(&self, scope: Scope, index: ToolIndex) -> Object {
        entry(self.name_in(scope, index), &**self.get(index))
    }

    /// The same for two registries exactly if they list the same tools in a scope, wording and
    /// order included (up to a collision of 64 bits, and nobody gains from one).
    pub fn fingerprint(&self, scope: Scope) -> u64 {
        self.view_of(scope).map_or(0, |view| view.fingerprint)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Header(name, why) => write!(f, "tool {name}: input schema: {why}"),
            Unfit::Duplicate(name) => write!(f, "two tools are named {name:?}; rename one"),
            Unfit::TooMany(count) => {
                write!(
                    f,
                    "there are {count} tools, but one server hosts at most {TOOLS_MAX}"
                )
            }
        }
    }
}

impl std::error::Error for Unfit {}

/// What each tool's schema marks for headers; nothing at all if none does. Whoever offers a tool
/// has seen to it that the marks are right.
fn header_params(tools: &[Rc<dyn Tool>]) -> Box<[Box<[HeaderParam]>]> {
    let of_tool = |tool: &Rc<dyn Tool>| {
        let found = header::header_params(tool.spec().input_schema.get());
        found.unwrap_or_default()
    };
    let all: Box<[Box<[HeaderParam]>]> = tools.iter().map(of_tool).collect();
    match all.iter().all(|params| params.is_empty()) {
        true => Box::default(),
        false => all,
    }
}

/// FNV-1a with 64 bits.
pub(crate) fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One entry of `tools/list`.
pub(crate) fn entry(name: &str, tool: &dyn Tool) -> Object {
    let (spec, said) = (tool.spec(), tool.said());
    let description = Some(spec.description.as_str());
    // What an upstream has not said is not said here.
    let description = description.filter(|text| said.is_none() || !text.is_empty());
    let entry = Object::default()
        .text("name", name)
        .optional_text("title", spec.title.as_deref())
        .optional_text("description", description)
        .compact("inputSchema", spec.input_schema.get());
    let entry = match &spec.output_schema {
        Some(schema) => entry.compact("outputSchema", schema.get()),
        None => entry,
    };
    if let Some(said) = said {
        return entry.members_of(said);
    }
    let entry = match spec.annotations == Annotations::default() {
        true => entry,
        false => entry.object("annotations", annotations(&spec.annotations)),
    };
    match &spec.icons {
        Some(icons) => entry.compact("icons", icons.get()),
        None => entry,
    }
}

fn annotations(annotations: &Annotations) -> Object {
    Object::default()
        .optional("readOnlyHint", annotations.read_only)
        .optional("destructiveHint", annotations.destructive)
        .optional("idempotentHint", annotations.idempotent)
        .optional("openWorldHint", annotations.open_world)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::{Background, Outcome, Start, ToolSpec};
    use serde_json::Value;
    use serde_json::value::RawValue;

    struct Plain(ToolSpec);

    impl Tool for Plain {
        fn spec(&self) -> &ToolSpec {
            &self.0
        }

        fn start(&self, _: &RawValue) -> Start {
            Start::Done(Outcome::text(self.0.name.clone()))
        }
    }

    fn spec(name: &str) -> ToolSpec {
        ToolSpec {
            name: name.to_owned(),
            title: None,
            description: format!("Does {name}."),
            input_schema: RawValue::from_string("{\n \"type\": \"object\"\n}".into()).unwrap(),
            output_schema: None,
            annotations: Annotations::default(),
            background: Background::Never,
            icons: None,
        }
    }

    fn tools(names: impl IntoIterator<Item = String>) -> Vec<Rc<dyn Tool>> {
        names
            .into_iter()
            .map(|name| Rc::new(Plain(spec(&name))) as Rc<dyn Tool>)
            .collect()
    }

    fn numbered(count: usize) -> Registry {
        Registry::new(tools((0..count).map(|n| format!("tool-{n}")))).unwrap()
    }

    fn everybodys(registry: &Registry, cursor: Option<&str>) -> Option<Vec<u8>> {
        registry.page(Scope::Everything, cursor, &|_| true)
    }

    /// Reads all pages like a client does: the names on each.
    fn read(registry: &Registry) -> Vec<Vec<String>> {
        let mut cursor = None;
        let mut pages = Vec::new();
        loop {
            let text = everybodys(registry, cursor.as_deref());
            let text = text.expect("our own cursor must be known");
            let page: Value = serde_json::from_slice(&text).unwrap();
            let entries = page["tools"].as_array().unwrap();
            pages.push(
                entries
                    .iter()
                    .map(|e| e["name"].as_str().unwrap().to_owned())
                    .collect(),
            );
            match page.get("nextCursor") {
                Some(next) => cursor = Some(next.as_str().unwrap().to_owned()),
                None => return pages,
            }
        }
    }

    #[test]
    fn every_tool_is_found_and_nothing_else() {
        for count in [0, 1, 2, 7, TOOLS_MAX] {
            let registry = numbered(count);
            assert_eq!(registry.len(), count);
            for n in 0..count {
                let name = format!("tool-{n}");
                let index = registry.find(&name).unwrap();
                assert_eq!(registry.get(index).spec().name, name);
            }
            for absent in ["", "tool", "tool-", "tool-01", "Tool-0", "tool-256", "zzz"] {
                assert_eq!(registry.find(absent), None, "{absent} of {count}");
            }
        }
    }

    #[test]
    fn one_name_twice_or_one_tool_too_many_is_refused() {
        let twice = tools(["a", "b", "a"].map(String::from));
        assert_eq!(
            Registry::new(twice).unwrap_err(),
            Unfit::Duplicate("a".into())
        );
        let many = tools((0..=TOOLS_MAX).map(|n| format!("t{n}")));
        assert_eq!(
            Registry::new(many).unwrap_err(),
            Unfit::TooMany(TOOLS_MAX + 1)
        );
    }

    #[test]
    fn pages_hold_every_tool_once_in_order() {
        let full = PAGE_ENTRIES_MAX;
        for (count, sizes) in [
            (0, vec![0]),
            (1, vec![1]),
            (full, vec![full]),
            (full + 1, vec![full, 1]),
            (2 * full + 5, vec![full, full, 5]),
        ] {
            let pages = read(&numbered(count));
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
            let names: Vec<String> = (0..count).map(|n| format!("tool-{n}")).collect();
            assert_eq!(pages.concat(), names);
        }
    }

    /// Reads all pages of one who sees the tools that `sees` holds for.
    fn read_of(registry: &Registry, sees: impl Fn(&str) -> bool) -> Vec<Vec<String>> {
        let mut cursor: Option<String> = None;
        let mut pages = Vec::new();
        loop {
            let sees = |tool| sees(registry.name(tool));
            let text = registry.page(Scope::Everything, cursor.as_deref(), &sees);
            let text = text.expect("our own cursor must be known");
            let page: Value = serde_json::from_slice(&text).unwrap();
            let entries = page["tools"].as_array().unwrap();
            let name = |entry: &Value| entry["name"].as_str().unwrap().to_owned();
            pages.push(entries.iter().map(name).collect());
            match page.get("nextCursor") {
                Some(next) => cursor = Some(next.as_str().unwrap().to_owned()),
                None => return pages,
            }
        }
    }

    #[test]
    fn a_page_of_few_has_their_tools_and_no_others() {
        let registry = numbered(TOOLS_MAX);
        let last = TOOLS_MAX - 1;
        let numbers: [&[usize]; 7] = [
            &[],
            &[0],
            &[last],
            &[1, 3, 99],
            &[99, 100],
            &[100, 101, 199],
            &[0, 99, 100, 200, last],
        ];
        for numbers in numbers {
            let names: Vec<String> = numbers.iter().map(|n| format!("tool-{n}")).collect();
            let pages = read_of(&registry, |name| names.iter().any(|own| own == name));
            assert_eq!(pages.concat(), names);
            let has_empty = pages.iter().any(Vec::is_empty);
            assert_eq!(has_empty, names.is_empty(), "{pages:?}");
        }
    }

    #[test]
    fn a_cursor_outlives_a_change_of_the_list() {
        let before = numbered(PAGE_ENTRIES_MAX + 1);
        let first = everybodys(&before, None).unwrap();
        let first: Value = serde_json::from_slice(&first).unwrap();
        let cursor = first["nextCursor"].as_str().unwrap();
        let names = [
            "new".to_owned(),
            cursor.to_owned(),
            "a".to_owned(),
            "b".to_owned(),
        ];
        let rest = |names: &[String], may_use: &dyn Fn(ToolIndex) -> bool| {
            let after = Registry::new(tools(names.iter().cloned())).unwrap();
            let page = after.page(Scope::Everything, Some(cursor), may_use)?;
            let page: Value = serde_json::from_slice(&page).unwrap();
            let entries = page["tools"].as_array().unwrap().iter();
            let name = |entry: &Value| entry["name"].as_str().unwrap().to_owned();
            Some(entries.map(name).collect::<Vec<String>>())
        };
        assert_eq!(rest(&names, &|_| true).unwrap(), ["a", "b"]);
        assert_eq!(rest(&names[..2], &|_| true).unwrap(), [""; 0]);
        assert_eq!(rest(&names[..1], &|_| true), None, "it is gone");
        let others = |tool: ToolIndex| tool.as_usize() != 1;
        assert_eq!(rest(&names, &others), None, "it is not for this client");
    }

    #[test]
    fn a_cursor_that_is_no_name_matches_nothing() {
        let registry = numbered(3);
        for wrong in ["", "1", "tool-", "tool-3", "tool-01"] {
            assert_eq!(everybodys(&registry, Some(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn an_entry_says_all_that_is_known_on_one_line() {
        let mut full = spec("full");
        full.title = Some("A \"title\"".into());
        full.output_schema =
            Some(RawValue::from_string("{ \"type\" : \"object\" }".into()).unwrap());
        full.annotations = Annotations {
            read_only: Some(true),
            destructive: Some(false),
            idempotent: None,
            open_world: Some(true),
        };
        let cases = [
            (
                spec("bare"),
                r#"{"name":"bare","description":"Does bare.","inputSchema":{"type":"object"}}"#,
            ),
            (
                full,
                concat!(
                    r#"{"name":"full","title":"A \"title\"","description":"Does full.","#,
                    r#""inputSchema":{"type":"object"},"outputSchema":{"type":"object"},"#,
                    r#""annotations":{"readOnlyHint":true,"destructiveHint":false,"#,
                    r#""openWorldHint":true}}"#
                ),
            ),
        ];
        for (spec, expected) in cases {
            let entry = entry(&spec.name.clone(), &Plain(spec)).end();
            assert_eq!(String::from_utf8(entry).unwrap(), expected);
        }
    }

    #[test]
    fn the_fingerprint_follows_what_is_listed() {
        let with = |names: &[&str]| {
            let names = names.iter().map(|name| name.to_string());
            let registry = Registry::new(tools(names)).unwrap();
            registry.fingerprint(Scope::Everything)
        };
        assert_eq!(with(&["a", "b"]), with(&["a", "b"]));
        for changed in [&["b", "a"][..], &["a"], &["a", "b", "c"], &["a", "bb"], &[]] {
            assert_ne!(with(&["a", "b"]), with(changed), "{changed:?}");
        }
    }
}
