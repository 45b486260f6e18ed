//! What an upstream offers, as listings are made of it.
//!
//! An entry is kept once, whatever scopes it is listed in: its name or URI apart, which may differ
//! between them, and all else as the upstream has said it.

use super::listing::{Entries, Introduction, Kind, Listing};
use super::spec::UpstreamSpec;
use super::tool::UpstreamTool;
use super::{Scope, UpstreamIndex};
use crate::limits;
use crate::mcp::stateless;
use crate::tool::Tool;
use crate::tool::catalogue::Pattern;
use crate::tool::registry;
use crate::wire::json::{self, Object};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Faults of one listing that the log is told.
const FAULTS_MAX: usize = 8;

/// What one upstream offers.
#[derive(Debug, Default)]
pub struct Offered {
    /// As it has said it.
    pub listing: Listing,
    /// What results in its own scope say of who made them ([`stateless::stamp_of`]).
    pub stamp: String,
    /// Its tools, names differing.
    pub tools: Vec<Rc<UpstreamTool>>,
    /// Its resources.
    pub resources: Vec<Entry>,
    /// Its resource templates.
    pub templates: Vec<Entry>,
    /// Its prompts.
    pub prompts: Vec<Entry>,
    /// Resources and templates that are left out where everything is offered: others have the same.
    pub twins: u32,
    /// What was wrong with entries that are left out, for the log: the first of them.
    pub faults: Vec<String>,
}

/// One entry of a listing.
#[derive(Debug)]
pub struct Entry {
    /// Its URI, the pattern of its URIs, or its name.
    pub key: Box<str>,
    /// Its name where everything is offered, if that is another one; empty where it is left out.
    pub shared_key: Option<Box<str>>,
    /// Its place in the listing.
    place: u16,
}

// Places are kept in 16 bits.
const _: () = assert!(limits::RESOURCES_MAX <= u16::MAX as usize);

impl Offered {
    /// What a listing offers by the rules of the configuration.
    pub fn read(index: UpstreamIndex, spec: &UpstreamSpec, listing: Listing) -> Offered {
        let mut faults = Vec::new();
        let tools = read_tools(index, spec, &listing.tools, &mut faults);
        faults.truncate(FAULTS_MAX);
        Offered {
            stamp: stamp(spec, &listing.introduction),
            tools,
            resources: read_entries(&listing.resources, "uri"),
            templates: read_entries(&listing.templates, "uriTemplate"),
            prompts: read_entries(&listing.prompts, "name"),
            twins: 0,
            faults,
            listing,
        }
    }

    /// What it says of itself.
    pub fn introduction(&self) -> &Introduction {
        &self.listing.introduction
    }

    /// Bytes of memory that it takes.
    pub fn held_bytes(&self) -> usize {
        let all = [&self.resources, &self.templates, &self.prompts];
        let bytes = |entry: &Entry| size_of::<Entry>() + entry.key.len();
        let entries = all.into_iter().flatten().map(bytes).sum::<usize>();
        let tools = self.tools.iter().map(|tool| tool.held_bytes());
        self.listing.held_bytes() + entries + tools.sum::<usize>() + self.stamp.len()
    }

    /// Entries of this kind; tools are another matter.
    pub fn entries(&self, kind: Kind) -> &[Entry] {
        match kind {
            Kind::Tools => &[],
            Kind::Resources => &self.resources,
            Kind::Templates => &self.templates,
            Kind::Prompts => &self.prompts,
        }
    }

    /// An entry as it is listed in a scope; `None` if it is left out there.
    pub(crate) fn listed(&self, kind: Kind, entry: &Entry, scope: Scope) -> Option<Object> {
        let name = entry.name_in(scope)?;
        let said = &self.listing.entries(kind)[usize::from(entry.place)];
        if *name == *entry.key {
            return Some(Object::begun(said.get()));
        }
        let rest = others(said, &["name"])?.text_end();
        Some(Object::default().text("name", name).members_of(&rest))
    }

    /// Whether a template of its stands for this URI.
    pub fn has_template_for(&self, uri: &str) -> bool {
        self.templates.iter().any(|template| template.fits(uri))
    }

    /// Whether it lists a resource with this URI.
    pub fn lists_resource(&self, uri: &str) -> bool {
        self.resources.iter().any(|entry| *entry.key == *uri)
    }
}

impl Entry {
    /// Its name or URI in a scope, unless it is left out there.
    pub fn name_in(&self, scope: Scope) -> Option<&str> {
        let shared = self
            .shared_key
            .as_deref()
            .filter(|_| scope == Scope::Everything);
        Some(shared.unwrap_or(&self.key)).filter(|name| !name.is_empty())
    }

    /// Whether a URI fits the pattern. One that we cannot read stands for all URIs with its
    /// beginning: its upstream knows better.
    pub fn fits(&self, uri: &str) -> bool {
        match Pattern::parse(&self.key) {
            Ok(pattern) => pattern.read(uri).is_some(),
            Err(_) => {
                let begin = self.key.split('{').next().unwrap_or_default();
                !begin.is_empty() && begin.len() < uri.len() && uri.starts_with(begin)
            }
        }
    }
}

/// The entries of a listing by their member `key`: of two that have the same, the first.
fn read_entries(said: &Entries, key: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut known = BTreeSet::new();
    for (place, entry) in said.iter().enumerate().take(limits::RESOURCES_MAX) {
        let found = json::pick(entry.get(), [key]).ok();
        let found = found.and_then(|[key]| key.and_then(json::text));
        let Some(key) = found.filter(|key| !key.is_empty()) else {
            continue;
        };
        if known.insert(registry::hash(key.bytes())) {
            entries.push(Entry {
                key: key.into(),
                shared_key: None,
                place: place as u16,
            });
        }
    }
    entries.shrink_to_fit();
    entries
}

/// The members of an object that have none of these names, as they are.
pub(crate) fn others(object: &RawValue, names: &[&str]) -> Option<Object> {
    let mut others = Some(Object::default());
    json::each_member(object.get(), &mut |name, value| {
        if !names.contains(&&*name) {
            others = others
                .take()
                .map(|object| object.foreign(&name, value.get()));
        }
        Ok(())
    })
    .ok()?;
    others
}

/// The tools that are offered, each once.
fn read_tools(
    index: UpstreamIndex,
    spec: &UpstreamSpec,
    entries: &Entries,
    faults: &mut Vec<String>,
) -> Vec<Rc<UpstreamTool>> {
    let mut tools: Vec<Rc<UpstreamTool>> = Vec::new();
    for entry in entries.iter() {
        match UpstreamTool::read(index, spec, entry) {
            Ok(None) => {}
            Ok(Some(tool)) => {
                let name = &tool.spec().name;
                match tools.iter().any(|twin| twin.spec().name == *name) {
                    true => faults.push(format!("a second tool \"{name:.64}\" is left out")),
                    false => tools.push(Rc::new(tool)),
                }
            }
            Err(fault) => faults.push(format!("a tool is left out: {fault}")),
        }
    }
    if tools.len() > limits::OFFERED_TOOLS_MAX {
        let most = limits::OFFERED_TOOLS_MAX;
        faults.push(format!("it has {} tools, more than {most}", tools.len()));
        tools.truncate(most);
    }
    tools
}

/// Who an upstream is, as results of 2026-07-28 say it.
fn stamp(spec: &UpstreamSpec, introduction: &Introduction) -> String {
    let info = introduction.server_info.as_ref();
    match info {
        Some(info) => stateless::stamp_of(info.get()),
        None => stateless::stamp_of(&String::from_utf8_lossy(&unknown_server(&spec.name))),
    }
}

/// Who a server is that has not said so: an object as `serverInfo`.
pub(crate) fn unknown_server(name: &str) -> Vec<u8> {
    let info = Object::default().text("name", name);
    info.text("version", "unknown").end()
}
