//! Tools of upstreams.

use super::offered::others;
use super::spec::{ToolOverride, UpstreamSpec};
use super::{Forward, UpstreamIndex};
use crate::auth::role::matches;
use crate::mcp::header;
use crate::mcp::method::Method;
use crate::tool::{Annotations, Background, CallLimits, Start, Tool, ToolSpec, Work};
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc;
use serde_json::value::RawValue;

/// A tool of an upstream. Its name is that in the upstream's own scope.
#[derive(Debug)]
pub struct UpstreamTool {
    /// Whose it is.
    pub upstream: UpstreamIndex,
    /// Its name as the upstream has it, where it was renamed.
    own_name: Option<Box<str>>,
    limits: CallLimits,
    spec: ToolSpec,
    /// What its entry says beside the spec, as the upstream has said it.
    said: Box<str>,
}

/// Members of an entry that are read, or left out.
const KNOWN: [&str; 7] = [
    "name",
    "title",
    "description",
    "inputSchema",
    "outputSchema",
    "annotations",
    // Tasks of 2025-11-25 are not offered.
    "execution",
];

impl UpstreamTool {
    /// The tool that an entry of `tools/list` describes; `None` if it is not to be offered.
    ///
    /// # Errors
    ///
    /// A text for the operator, if nobody could call it.
    pub fn read(
        upstream: UpstreamIndex,
        spec: &UpstreamSpec,
        entry: &RawValue,
    ) -> Result<Option<UpstreamTool>, String> {
        let [name, title, description, input, output, annotations, _] =
            json::pick(entry.get(), KNOWN).map_err(|error| error.to_string())?;
        let text = |member: Option<&RawValue>| member.and_then(json::text).map(String::from);
        let own_name = text(name)
            .filter(|name| !name.is_empty())
            .ok_or("it has no name")?;
        if !is_offered(spec, &own_name) {
            return Ok(None);
        }
        let shown: String = own_name.chars().take(64).collect();
        let input = input.filter(|input| input.get().starts_with('{'));
        let input = input.ok_or_else(|| format!("{shown:?} has no input schema"))?;
        if jsonrpc::is_too_deep(entry.get().as_bytes()) {
            return Err(format!("{shown:?} is nested too deeply"));
        }
        header::header_params(input.get()).map_err(|why| format!("{shown:?}: {why}"))?;
        let none = ToolOverride::default();
        let mut overrides = spec.overrides.iter();
        let other = overrides.find(|one| one.tool == own_name).unwrap_or(&none);
        let annotations = annotations.filter(|object| object.get().starts_with('{'));
        let (hints, annotations) = read_annotations(annotations, other.read_only);
        let said = others(entry, &KNOWN).ok_or("it is no object")?;
        let said = match &annotations {
            Some(annotations) => said.json("annotations", annotations),
            None => said,
        };
        let name = other.name.clone();
        Ok(Some(UpstreamTool {
            upstream,
            limits: limits(other.limits, spec.limits),
            spec: ToolSpec {
                name: name.clone().unwrap_or_else(|| own_name.clone()),
                title: other.title.clone().or_else(|| text(title)),
                description: other
                    .description
                    .clone()
                    .or_else(|| text(description))
                    .unwrap_or_default(),
                input_schema: compact(input),
                output_schema: json::said(output).map(compact),
                annotations: hints,
                background: Background::Never,
                icons: None,
            },
            own_name: name.map(|_| own_name.into()),
            said: said.text_end(),
        }))
    }

    /// Its name as the upstream has it.
    pub fn own_name(&self) -> &str {
        self.own_name.as_deref().unwrap_or(&self.spec.name)
    }

    /// Bytes of memory that it takes.
    pub(super) fn held_bytes(&self) -> usize {
        let spec = &self.spec;
        let output = spec.output_schema.as_ref();
        size_of::<UpstreamTool>()
            + spec.name.len()
            + spec.title.as_ref().map_or(0, String::len)
            + spec.description.len()
            + spec.input_schema.get().len()
            + output.map_or(0, |output| output.get().len())
            + self.said.len()
    }
}

impl Tool for UpstreamTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn limits(&self) -> CallLimits {
        self.limits
    }

    fn upstream(&self) -> Option<UpstreamIndex> {
        Some(self.upstream)
    }

    fn said(&self) -> Option<&str> {
        Some(&self.said)
    }

    fn start(&self, arguments: &RawValue) -> Start {
        let params = Object::default()
            .text("name", self.own_name())
            .json("arguments", arguments.get().as_bytes());
        Start::Work(Work::Upstream(Box::new(Forward {
            upstream: self.upstream,
            method: Method::ToolsCall,
            params: params.text_end(),
            meta: "".into(),
        })))
    }
}

/// Whether the configuration lets a tool of this name be offered.
fn is_offered(spec: &UpstreamSpec, name: &str) -> bool {
    let is_among = |globs: &[String]| globs.iter().any(|glob| matches(glob, name));
    is_among(&spec.tools) && !is_among(&spec.deny)
}

/// The limits of a tool, and those of its upstream where it has none. Concurrency is a tool's own.
fn limits(own: CallLimits, others: CallLimits) -> CallLimits {
    CallLimits {
        timeout: own.timeout.or(others.timeout),
        concurrency: own.concurrency.or(others.concurrency),
        queue: own.queue.or(others.queue),
        output_bytes_max: own.output_bytes_max.or(others.output_bytes_max),
    }
}

fn compact(schema: &RawValue) -> Box<RawValue> {
    let mut out = Vec::new();
    json::push_compact(&mut out, schema.get());
    let text = String::from_utf8(out).expect("it was a text");
    RawValue::from_string(text).expect("it was JSON")
}

/// What roles go by, and the object as clients are told it.
fn read_annotations(
    object: Option<&RawValue>,
    read_only: Option<bool>,
) -> (Annotations, Option<Vec<u8>>) {
    const READ_ONLY: &str = "readOnlyHint";
    let names = [
        READ_ONLY,
        "destructiveHint",
        "idempotentHint",
        "openWorldHint",
    ];
    let text = object.map_or("{}", RawValue::get);
    let hints = json::pick(text, names).unwrap_or_default();
    let [is_read_only, destructive, idempotent, open_world] =
        hints.map(|hint| match hint.map(RawValue::get) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) | None => None,
        });
    let told = match (object, read_only) {
        (None, None) => None,
        (Some(object), None) => others(object, &[]).map(Object::end),
        (object, Some(flag)) => {
            let rest = object.and_then(|object| others(object, &[READ_ONLY]));
            Some(rest.unwrap_or_default().plain(READ_ONLY, flag).end())
        }
    };
    let hints = Annotations {
        read_only: read_only.or(is_read_only),
        destructive,
        idempotent,
        open_world,
    };
    (hints, told)
}
