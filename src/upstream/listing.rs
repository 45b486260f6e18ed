//! What an upstream offers, as it said it last: kept so that listings are answered while no child
//! runs.

use crate::limits::{INTRODUCTION_BYTES_MAX, PROMPTS_MAX, RESOURCES_MAX, TOOLS_MAX};
use crate::mcp::method::Method;
use crate::mcp::subscription::List;
use crate::tool::registry::hash;
use crate::wire::json::{self, Object};
use serde_json::value::RawValue;
use std::rc::Rc;

/// What a server says of itself in its handshake.
#[derive(Clone, Debug, Default)]
pub struct Introduction {
    /// `serverInfo`: a JSON object on one line.
    pub server_info: Option<Box<RawValue>>,
    /// What a model should know of it.
    pub instructions: Option<String>,
    /// What it offers.
    pub offers: Offers,
}

impl Introduction {
    /// Reads the members of a handshake's result. What it says of itself is left out if clients
    /// would refuse it, or if it is a book.
    pub(super) fn read(
        server_info: Option<&RawValue>,
        instructions: Option<&RawValue>,
        capabilities: Option<&RawValue>,
    ) -> Introduction {
        let mut instructions = instructions.and_then(json::text).map(String::from);
        if let Some(text) = &mut instructions {
            let borders = (0..=INTRODUCTION_BYTES_MAX.min(text.len())).rev();
            let border = borders.into_iter().find(|at| text.is_char_boundary(*at));
            text.truncate(border.expect("zero is one"));
        }
        Introduction {
            server_info: json::said(server_info).and_then(keep_server_info),
            instructions,
            offers: capabilities.map_or_else(Offers::default, |all| Offers::read(all.get())),
        }
    }

    /// Bytes that it holds beside its record.
    pub fn held_bytes(&self) -> usize {
        let server_info = self.server_info.as_ref();
        let server_info_bytes = server_info.map_or(0, |object| object.get().len());
        server_info_bytes + self.instructions.as_ref().map_or(0, String::len)
    }
}

/// `serverInfo` as clients take it: it has a name and a version.
fn keep_server_info(info: &RawValue) -> Option<Box<RawValue>> {
    let [name, version] = json::pick(info.get(), ["name", "version"]).ok()?;
    name.and_then(json::text)?;
    version.and_then(json::text)?;
    (info.get().len() <= INTRODUCTION_BYTES_MAX).then(|| compact(info.get()))
}

/// The capabilities of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// Tools.
    pub tools: bool,
    /// It says when they change.
    pub tools_changed: bool,
    /// Resources.
    pub resources: bool,
    /// It says when they change.
    pub resources_changed: bool,
    /// It says when one of them changes that it is asked to look after.
    pub subscribe: bool,
    /// Prompts.
    pub prompts: bool,
    /// It says when they change.
    pub prompts_changed: bool,
    /// Completion of arguments.
    pub completions: bool,
    /// Log messages, whose level can be set.
    pub logging: bool,
}

impl Offers {
    /// Reads a `ServerCapabilities` object. What is not known here, such as extensions, is not
    /// offered on.
    pub(super) fn read(capabilities: &str) -> Offers {
        let names = ["tools", "resources", "prompts", "completions", "logging"];
        let picked = json::pick(capabilities, names).unwrap_or_default();
        let [tools, resources, prompts, completions, logging] = picked.map(json::said);
        Offers {
            tools: tools.is_some(),
            tools_changed: flag(tools, "listChanged"),
            resources: resources.is_some(),
            resources_changed: flag(resources, "listChanged"),
            subscribe: flag(resources, "subscribe"),
            prompts: prompts.is_some(),
            prompts_changed: flag(prompts, "listChanged"),
            completions: completions.is_some(),
            logging: logging.is_some(),
        }
    }

    /// The object that [`Offers::read`] takes.
    pub(super) fn object(self) -> Object {
        let changing = |is_offered: bool, changes: bool| {
            is_offered.then_some(if changes { CHANGING } else { "{}" })
        };
        let resources = match (self.subscribe, self.resources_changed) {
            (true, true) => r#"{"subscribe":true,"listChanged":true}"#,
            (true, false) => r#"{"subscribe":true}"#,
            (false, true) => CHANGING,
            (false, false) => "{}",
        };
        Object::default()
            .optional("tools", changing(self.tools, self.tools_changed))
            .optional("resources", self.resources.then_some(resources))
            .optional("prompts", changing(self.prompts, self.prompts_changed))
            .optional("completions", self.completions.then_some("{}"))
            .optional("logging", self.logging.then_some("{}"))
    }
}

/// What is listed and may change.
const CHANGING: &str = r#"{"listChanged":true}"#;

/// Whether an object has this member and it is true.
fn flag(object: Option<&RawValue>, name: &str) -> bool {
    let picked = object.and_then(|object| json::pick(object.get(), [name]).ok());
    picked.is_some_and(|[flag]| flag.is_some_and(|flag| flag.get() == "true"))
}

/// Which eras a command speaks: each is tried once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Eras {
    /// Revisions with a handshake.
    pub handshake: bool,
    /// 2026-07-28.
    pub stateless: bool,
}

impl Eras {
    /// Whether there is none: then it is no MCP server.
    pub fn is_empty(self) -> bool {
        self == Eras::default()
    }
}

/// A listing of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `tools/list`
    Tools,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    Templates,
    /// `prompts/list`
    Prompts,
}

impl Kind {
    /// All of them, in the order in which they are asked for.
    pub const ALL: [Kind; 4] = [Kind::Tools, Kind::Resources, Kind::Templates, Kind::Prompts];

    /// The request for it.
    pub const fn method(self) -> Method {
        match self {
            Kind::Tools => Method::ToolsList,
            Kind::Resources => Method::ResourcesList,
            Kind::Templates => Method::ResourceTemplatesList,
            Kind::Prompts => Method::PromptsList,
        }
    }

    /// What the entries are called in its result.
    pub const fn member(self) -> &'static str {
        match self {
            Kind::Tools => "tools",
            Kind::Resources => "resources",
            Kind::Templates => "resourceTemplates",
            Kind::Prompts => "prompts",
        }
    }

    /// The news that tell of its changes.
    pub const fn list(self) -> List {
        match self {
            Kind::Tools => List::Tools,
            Kind::Resources | Kind::Templates => List::Resources,
            Kind::Prompts => List::Prompts,
        }
    }

    /// Entries that are kept of it.
    pub(super) const fn entries_max(self) -> usize {
        match self {
            Kind::Tools => TOOLS_MAX,
            Kind::Resources | Kind::Templates => RESOURCES_MAX,
            Kind::Prompts => PROMPTS_MAX,
        }
    }

    /// Whether a server with these capabilities has it.
    pub(super) const fn is_among(self, offers: Offers) -> bool {
        match self {
            Kind::Tools => offers.tools,
            Kind::Resources | Kind::Templates => offers.resources,
            Kind::Prompts => offers.prompts,
        }
    }

    /// The entry as it is kept: on one line, without the white space between its tokens. `None` if
    /// it is no object or lacks what every revision demands of it: clients refuse a whole listing
    /// for one such entry.
    pub(super) fn keep(self, entry: &str) -> Option<Box<RawValue>> {
        let names = ["name", "inputSchema", "uri", "uriTemplate"];
        let [name, schema, uri, template] = json::pick(entry, names).ok()?;
        let has_text = |member: Option<&RawValue>| member.and_then(json::text).is_some();
        let is_sound = match self {
            Kind::Tools => schema.is_some_and(|schema| schema.get().starts_with('{')),
            Kind::Resources => has_text(uri),
            Kind::Templates => has_text(template),
            Kind::Prompts => true,
        };
        (is_sound && has_text(name)).then(|| compact(entry))
    }
}

/// JSON without the white space between its tokens.
fn compact(json: &str) -> Box<RawValue> {
    let mut out = Vec::with_capacity(json.len());
    json::push_compact(&mut out, json);
    let text = String::from_utf8(out).expect("text less some blanks is text");
    RawValue::from_string(text).expect("JSON less some blanks is JSON")
}

/// Entries of a listing: the JSON objects as the server said them, each on one line.
pub type Entries = Rc<[Box<RawValue>]>;

/// What one entry costs beside its text: two words, and two of the allocator.
pub(super) const ENTRY_OVERHEAD_BYTES: usize = 32;

/// What a server offers.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// What it says of itself.
    pub introduction: Introduction,
    /// Entries of `tools/list`.
    pub tools: Entries,
    /// Entries of `resources/list`.
    pub resources: Entries,
    /// Entries of `resources/templates/list`.
    pub templates: Entries,
    /// Entries of `prompts/list`.
    pub prompts: Entries,
}

impl Listing {
    /// Entries of this kind.
    pub fn entries(&self, kind: Kind) -> &Entries {
        match kind {
            Kind::Tools => &self.tools,
            Kind::Resources => &self.resources,
            Kind::Templates => &self.templates,
            Kind::Prompts => &self.prompts,
        }
    }

    /// The same with other entries of one kind ([`Effect::Relisted`]). Nothing is copied.
    ///
    /// [`Effect::Relisted`]: super::conversation::Effect::Relisted
    #[must_use]
    pub fn with(mut self, kind: Kind, entries: Entries) -> Listing {
        let place = match kind {
            Kind::Tools => &mut self.tools,
            Kind::Resources => &mut self.resources,
            Kind::Templates => &mut self.templates,
            Kind::Prompts => &mut self.prompts,
        };
        *place = entries;
        self
    }

    /// What is the same for two servers exactly if this list of theirs is (up to a collision of 64
    /// bits, and nobody gains from one). Resources and templates are one.
    pub fn fingerprint(&self, list: List) -> u64 {
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.list() == list);
        // Entries are objects, so nothing but a listing's own end needs a mark.
        let entries = kinds.flat_map(|kind| {
            let texts = self.entries(kind).iter().map(|entry| entry.get());
            texts.chain(std::iter::once(","))
        });
        hash(entries.flat_map(str::bytes))
    }

    /// Bytes that it holds beside its record.
    pub fn held_bytes(&self) -> usize {
        let of_kind = |kind| self.entries(kind).iter().map(entry_bytes).sum::<usize>();
        let entries: usize = Kind::ALL.into_iter().map(of_kind).sum();
        self.introduction.held_bytes() + entries
    }
}

/// What one entry costs.
#[expect(clippy::borrowed_box, reason = "listings are iterated over")]
pub(super) fn entry_bytes(entry: &Box<RawValue>) -> usize {
    entry.get().len() + ENTRY_OVERHEAD_BYTES
}
