//! What an upstream offers, as listings are made of it.
//!
//! An entry is kept once, whatever scopes it is listed in: its name or URI apart, which may differ
//! between them, and all else as the upstream has said it.

use super::listing::{Introduction, Listing};
use super::spec::UpstreamSpec;
use super::tool::UpstreamTool;
use super::{Scope, UpstreamIndex};
use crate::limits;
use crate::mcp::stateless;
use crate::tool::Tool;
use crate::tool::catalogue::Pattern;
use crate::tool::registry;
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc;
use serde_json::value::RawValue;
use std::rc::Rc;

/// Faults of one listing that the log is told.
const FAULTS_MAX: usize = 8;

/// What one upstream offers.
#[derive(Debug, Default)]
pub struct Offered {
    /// What it says of itself.
    pub introduction: Introduction,
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
    /// Hash of what it says of its prompts; zero without any.
    pub prompts_fingerprint: u64,
    /// The same of resources and templates.
    pub resources_fingerprint: u64,
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
    /// All other members: a JSON object on one line.
    rest: Box<str>,
}

impl Offered {
    /// What a listing offers by the rules of the configuration.
    pub fn read(index: UpstreamIndex, spec: &UpstreamSpec, listing: Listing) -> Offered {
        let mut faults = Vec::new();
        let tools = read_tools(index, spec, &listing.tools, &mut faults);
        let mut read = |what: &[Box<RawValue>], key: &'static str| {
            let read = what.iter().filter_map(|entry| Entry::read(entry, key));
            let mut entries: Vec<Entry> = read.take(limits::RESOURCES_MAX).collect();
            if entries.len() < what.len() {
                let count = what.len() - entries.len();
                faults.push(format!(
                    "{count} entries without a right {key} are left out"
                ));
            }
            entries.shrink_to_fit();
            entries
        };
        let resources = read(&listing.resources, "uri");
        let templates = read(&listing.templates, "uriTemplate");
        let prompts = read(&listing.prompts, "name");
        Offered {
            prompts_fingerprint: fingerprint(&prompts),
            resources_fingerprint: fingerprint(&resources) ^ fingerprint(&templates).rotate_left(1),
            stamp: stamp(spec, &listing.introduction),
            introduction: listing.introduction,
            twins: 0,
            faults: faults.into_iter().take(FAULTS_MAX).collect(),
            tools,
            resources,
            templates,
            prompts,
        }
    }

    /// Bytes of memory that it takes.
    pub fn held_bytes(&self) -> usize {
        let all = [&self.resources, &self.templates, &self.prompts];
        let entries = all.into_iter().flatten().map(Entry::held_bytes);
        let tools = self.tools.iter().map(|tool| tool.held_bytes());
        let introduction = &self.introduction;
        let info = introduction.server_info.as_ref();
        let instructions = introduction.instructions.as_ref();
        entries.sum::<usize>()
            + tools.sum::<usize>()
            + info.map_or(0, |info| info.get().len())
            + instructions.map_or(0, String::len)
            + self.stamp.len()
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
    /// Reads an entry whose name is the member `key`.
    fn read(entry: &RawValue, key: &str) -> Option<Entry> {
        let [found] = json::pick(entry.get(), [key]).ok()?;
        let found: Box<str> = found.and_then(json::text)?.into();
        if found.is_empty() || jsonrpc::is_too_deep(entry.get().as_bytes()) {
            return None;
        }
        Some(Entry {
            shared_key: None,
            key: found,
            rest: others(entry, &[key])?.text_end(),
        })
    }

    /// Its name or URI in a scope, unless it is left out there.
    pub fn name_in(&self, scope: Scope) -> Option<&str> {
        let shared = self
            .shared_key
            .as_deref()
            .filter(|_| scope == Scope::Everything);
        Some(shared.unwrap_or(&self.key)).filter(|name| !name.is_empty())
    }

    /// The entry under this name, or with this URI, which is its member `key`.
    pub(crate) fn object(&self, key: &str, name: &str) -> Object {
        Object::default().text(key, name).members_of(&self.rest)
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

    fn bytes(&self) -> impl Iterator<Item = u8> {
        self.key.bytes().chain(self.rest.bytes())
    }

    fn held_bytes(&self) -> usize {
        size_of::<Entry>() + self.key.len() + self.rest.len()
    }
}

/// Zero where there is nothing.
fn fingerprint(entries: &[Entry]) -> u64 {
    let bytes = entries.iter().flat_map(Entry::bytes);
    registry::hash(bytes) ^ registry::hash([].into_iter())
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
    entries: &[Box<RawValue>],
    faults: &mut Vec<String>,
) -> Vec<Rc<UpstreamTool>> {
    let mut tools: Vec<Rc<UpstreamTool>> = Vec::new();
    for entry in entries {
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
