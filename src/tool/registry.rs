//! The tools of one server: found by name, listed in a fixed order.
//!
//! What `tools/list` says is encoded once, when the registry is made: a listing then costs a copy.
//! The invariant is that a registry never changes. A reload makes a new one, and its fingerprint
//! tells whether clients have to be told (`notifications/tools/list_changed`).

use super::{Annotations, Tool, ToolSpec};
use crate::limits::{PAGE_ENTRIES_MAX, TOOLS_MAX};
use crate::mcp::header::{self, HeaderParam};
use crate::wire::json;
use std::fmt;
use std::rc::Rc;

// Indices are kept in 16 bits.
const _: () = assert!(TOOLS_MAX <= u16::MAX as usize);
const _: () = assert!(PAGE_ENTRIES_MAX > 0);

/// The tools of one server.
pub struct Registry {
    /// In the order they are listed in.
    tools: Box<[Rc<dyn Tool>]>,
    /// Places in `tools`, sorted by name.
    by_name: Box<[ToolIndex]>,
    /// The arguments of each tool that headers repeat (2026-07-28); empty if no tool has any.
    header_params: Box<[Box<[HeaderParam]>]>,
    /// What `tools/list` answers; never empty.
    pages: Box<[Page]>,
    /// Hash of everything that `tools/list` says.
    fingerprint: u64,
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

/// One page of `tools/list`.
struct Page {
    /// What the client sends to get it; nothing for the first.
    cursor: Option<String>,
    /// The result object.
    json: String,
    /// Where each entry ends in `json`. The first begins behind [`PAGE_BEGIN`], and a comma stands
    /// between two.
    ends: Box<[u32]>,
}

/// What every page begins with.
const PAGE_BEGIN: &str = "{\"tools\":[";

/// Bytes that no page has more of behind its entries, cursor included.
const PAGE_END_BYTES: usize = 48;

impl Page {
    /// The entry at this place of the page.
    fn entry(&self, place: usize) -> &str {
        let begin = match place.checked_sub(1) {
            None => PAGE_BEGIN.len(),
            Some(before) => self.ends[before] as usize + 1,
        };
        &self.json[begin..self.ends[place] as usize]
    }
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
    /// Takes the tools in the order in which they will be listed.
    pub fn new(tools: Vec<Rc<dyn Tool>>) -> Result<Registry, Unfit> {
        if tools.len() > TOOLS_MAX {
            return Err(Unfit::TooMany(tools.len()));
        }
        let by_name = sorted_by_name(&tools)?;
        let entries: Vec<String> = tools.iter().map(|tool| entry(tool.spec())).collect();
        let fingerprint = fingerprint(&entries);
        Ok(Registry {
            header_params: header_params(&tools)?,
            pages: pages(&entries, fingerprint),
            tools: tools.into_boxed_slice(),
            by_name,
            fingerprint,
        })
    }

    /// The tool of this name.
    pub fn find(&self, name: &str) -> Option<ToolIndex> {
        self.by_name
            .binary_search_by(|&index| self.get(index).spec().name.as_str().cmp(name))
            .ok()
            .map(|place| self.by_name[place])
    }

    /// The tool at a place that this very registry gave out; another one's may not exist here.
    pub fn get(&self, index: ToolIndex) -> &Rc<dyn Tool> {
        &self.tools[usize::from(index.0)]
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

    /// The tools in the order in which they are listed.
    pub fn iter(&self) -> impl Iterator<Item = &Rc<dyn Tool>> {
        self.tools.iter()
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
    /// line. `None` for a cursor that this registry did not give out: one of an earlier set of
    /// tools is refused as well, since its pages no longer fit together (-32602, MCP 2025-03-26
    /// server/utilities/pagination).
    pub fn page(&self, cursor: Option<&str>) -> Option<&str> {
        self.pages
            .iter()
            .find(|page| page.cursor.as_deref() == cursor)
            .map(|page| page.json.as_str())
    }

    /// As [`Registry::page`] for a client that may use only the tools that `may_use` holds for. Its
    /// pages have the borders of everybody's, so that cursors are the same; those on which nothing
    /// would be left are passed over.
    pub fn page_of(
        &self,
        cursor: Option<&str>,
        may_use: impl Fn(&ToolSpec) -> bool,
    ) -> Option<String> {
        let is_seen = |(number, place): (usize, usize)| {
            may_use(self.tools[number * PAGE_ENTRIES_MAX + place].spec())
        };
        let has_some = |number: &usize| {
            let places = 0..self.pages[*number].ends.len();
            places.into_iter().any(|place| is_seen((*number, place)))
        };
        let mut pages = self.pages.iter();
        let asked = pages.position(|page| page.cursor.as_deref() == cursor)?;
        let mut numbers = (asked..self.pages.len()).filter(has_some);
        let number = numbers.next().unwrap_or(asked);
        let page = &self.pages[number];
        let places = (0..page.ends.len()).filter(|place| is_seen((number, *place)));
        let entries: Vec<&str> = places.map(|place| page.entry(place)).collect();
        let next = numbers
            .next()
            .and_then(|next| self.pages[next].cursor.as_deref());
        Some(page_json(&entries, next))
    }

    /// The same for two registries exactly if they list the same tools, wording and order included
    /// (up to a collision of 64 bits, and nobody gains from one).
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|tool| &tool.spec().name))
            .finish()
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

/// What each tool's schema marks for headers; nothing at all if none does.
fn header_params(tools: &[Rc<dyn Tool>]) -> Result<Box<[Box<[HeaderParam]>]>, Unfit> {
    let of_tool = |tool: &Rc<dyn Tool>| {
        let spec = tool.spec();
        let found = header::header_params(spec.input_schema.get());
        found.map_err(|why| Unfit::Header(spec.name.clone(), why))
    };
    let all = tools.iter().map(of_tool);
    let all: Box<[Box<[HeaderParam]>]> = all.collect::<Result<_, Unfit>>()?;
    Ok(match all.iter().all(|params| params.is_empty()) {
        true => Box::default(),
        false => all,
    })
}

fn sorted_by_name(tools: &[Rc<dyn Tool>]) -> Result<Box<[ToolIndex]>, Unfit> {
    let name = |index: ToolIndex| tools[usize::from(index.0)].spec().name.as_str();
    let mut by_name: Box<[ToolIndex]> = (0..tools.len() as u16).map(ToolIndex).collect();
    by_name.sort_unstable_by_key(|&index| name(index));
    match by_name
        .windows(2)
        .find(|pair| name(pair[0]) == name(pair[1]))
    {
        Some(pair) => Err(Unfit::Duplicate(name(pair[0]).to_owned())),
        None => Ok(by_name),
    }
}

/// Entries are JSON objects, so their borders need no mark.
fn fingerprint(entries: &[String]) -> u64 {
    hash(entries.iter().flat_map(|entry| entry.bytes()))
}

/// FNV-1a with 64 bits.
pub(crate) fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn pages(entries: &[String], fingerprint: u64) -> Box<[Page]> {
    // No tool at all is one page as well.
    let count = entries.len().div_ceil(PAGE_ENTRIES_MAX).max(1);
    let cursor = |number: usize| {
        (0 < number && number < count).then(|| format!("{fingerprint:016x}.{number}"))
    };
    let mut chunks = entries.chunks(PAGE_ENTRIES_MAX);
    (0..count)
        .map(|number| {
            let entries = chunks.next().unwrap_or_default();
            Page {
                cursor: cursor(number),
                json: page_json(entries, cursor(number + 1).as_deref()),
                ends: ends(entries),
            }
        })
        .collect()
}

/// Where each entry ends on its page.
fn ends(entries: &[String]) -> Box<[u32]> {
    let mut end = PAGE_BEGIN.len() - 1;
    let lengths = entries.iter().map(|entry| entry.len() + 1);
    let ends = lengths.map(|length| {
        end += length;
        u32::try_from(end).expect("a page is far shorter than 4 GiB")
    });
    ends.collect()
}

fn page_json(entries: &[impl AsRef<str>], cursor_next: Option<&str>) -> String {
    let bytes: usize = entries.iter().map(|entry| entry.as_ref().len() + 1).sum();
    let mut json = String::with_capacity(PAGE_BEGIN.len() + bytes + PAGE_END_BYTES);
    json.push_str(PAGE_BEGIN);
    for (place, entry) in entries.iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        json.push_str(entry.as_ref());
    }
    json.push(']');
    if let Some(cursor) = cursor_next {
        json.push_str(",\"nextCursor\":\"");
        json.push_str(cursor);
        json.push('"');
    }
    json.push('}');
    json
}

/// One entry of `tools/list`.
pub(crate) fn entry(spec: &ToolSpec) -> String {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"name\":");
    json::push_string(&mut out, &spec.name);
    if let Some(title) = &spec.title {
        out.extend_from_slice(b",\"title\":");
        json::push_string(&mut out, title);
    }
    out.extend_from_slice(b",\"description\":");
    json::push_string(&mut out, &spec.description);
    out.extend_from_slice(b",\"inputSchema\":");
    json::push_compact(&mut out, spec.input_schema.get());
    if let Some(schema) = &spec.output_schema {
        out.extend_from_slice(b",\"outputSchema\":");
        json::push_compact(&mut out, schema.get());
    }
    push_annotations(&mut out, &spec.annotations);
    if let Some(icons) = &spec.icons {
        out.extend_from_slice(b",\"icons\":");
        json::push_compact(&mut out, icons.get());
    }
    out.push(b'}');
    String::from_utf8(out).expect("it was put together from strings")
}

fn push_annotations(out: &mut Vec<u8>, annotations: &Annotations) {
    let hints = [
        ("readOnlyHint", annotations.read_only),
        ("destructiveHint", annotations.destructive),
        ("idempotentHint", annotations.idempotent),
        ("openWorldHint", annotations.open_world),
    ];
    let hints: Vec<String> = hints
        .iter()
        .filter_map(|(name, hint)| hint.map(|hint| format!("\"{name}\":{hint}")))
        .collect();
    if !hints.is_empty() {
        out.extend_from_slice(b",\"annotations\":{");
        out.extend_from_slice(hints.join(",").as_bytes());
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::{Background, Outcome, Start};
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

    /// Reads all pages like a client does: the names on each.
    fn read(registry: &Registry) -> Vec<Vec<String>> {
        let mut cursor = None;
        let mut pages = Vec::new();
        loop {
            let text = registry
                .page(cursor.as_deref())
                .expect("our own cursor must be known");
            let page: Value = serde_json::from_str(text).unwrap();
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
            let text = registry.page_of(cursor.as_deref(), |spec| sees(&spec.name));
            let text = text.expect("our own cursor must be known");
            let page: Value = serde_json::from_str(&text).unwrap();
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
    fn whoever_may_use_all_tools_gets_everybodys_pages() {
        for count in [0, 1, PAGE_ENTRIES_MAX, PAGE_ENTRIES_MAX + 1, TOOLS_MAX] {
            let registry = numbered(count);
            for page in &registry.pages {
                let cursor = page.cursor.as_deref();
                assert_eq!(
                    registry.page_of(cursor, |_| true).as_ref(),
                    Some(&page.json)
                );
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
        assert_eq!(registry.page_of(Some("1"), |_| true), None);
        // A cursor from before the role lost what stood there.
        let cursor = registry.pages[2].cursor.as_deref();
        let rest = registry.page_of(cursor, |spec| spec.name == "tool-0");
        assert_eq!(rest.as_deref(), Some("{\"tools\":[]}"));
    }

    #[test]
    fn a_cursor_of_nobody_or_of_other_tools_matches_nothing() {
        let registry = numbered(PAGE_ENTRIES_MAX + 1);
        let other = numbered(PAGE_ENTRIES_MAX + 2);
        let cursor = other.pages[1].cursor.clone().unwrap();
        assert!(other.page(Some(&cursor)).is_some());
        for wrong in ["", "1", "0", &cursor] {
            assert_eq!(registry.page(Some(wrong)), None, "{wrong}");
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
            assert_eq!(entry(&spec), expected);
        }
    }

    #[test]
    fn the_fingerprint_follows_what_is_listed() {
        let with = |names: &[&str]| {
            let names = names.iter().map(|name| name.to_string());
            Registry::new(tools(names)).unwrap().fingerprint()
        };
        assert_eq!(with(&["a", "b"]), with(&["a", "b"]));
        for changed in [&["b", "a"][..], &["a"], &["a", "b", "c"], &["a", "bb"], &[]] {
            assert_ne!(with(&["a", "b"]), with(changed), "{changed:?}");
        }
    }
}
