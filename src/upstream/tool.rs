//! Tools of upstreams.

use super::{Forward, UpstreamIndex};
use crate::mcp::method::Method;
use crate::tool::{Annotations, Background, CallLimits, Start, Tool, ToolSpec, Work};
use crate::wire::json::{self, Object};
use serde_json::value::RawValue;

/// A tool of an upstream.
#[derive(Debug)]
pub struct UpstreamTool {
    /// Whose it is.
    pub upstream: UpstreamIndex,
    /// Its name as the upstream has it.
    pub own_name: String,
    /// Time, concurrency and output of its calls.
    pub limits: CallLimits,
    spec: ToolSpec,
}

impl UpstreamTool {
    /// The tool that an entry of `tools/list` describes; `None` if it has no name or no schema.
    pub fn read(upstream: UpstreamIndex, entry: &RawValue) -> Option<UpstreamTool> {
        let names = [
            "name",
            "title",
            "description",
            "inputSchema",
            "outputSchema",
        ];
        let [name, title, description, input, output] = json::pick(entry.get(), names).ok()?;
        let text = |member: Option<&RawValue>| member.and_then(json::text).map(String::from);
        let own_name = text(name)?;
        Some(UpstreamTool {
            upstream,
            limits: CallLimits::default(),
            spec: ToolSpec {
                name: own_name.clone(),
                title: text(title),
                description: text(description).unwrap_or_default(),
                input_schema: input?.to_owned(),
                output_schema: output.map(ToOwned::to_owned),
                annotations: Annotations::default(),
                background: Background::Never,
                icons: None,
            },
            own_name,
        })
    }
}

impl Tool for UpstreamTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn limits(&self) -> CallLimits {
        self.limits
    }

    fn start(&self, arguments: &RawValue) -> Start {
        let params = Object::default()
            .text("name", &self.own_name)
            .json("arguments", arguments.get().as_bytes());
        let params = String::from_utf8(params.end()).expect("it was put together from text");
        Start::Work(Work::Upstream(Box::new(Forward {
            upstream: self.upstream,
            method: Method::ToolsCall,
            params: params.into(),
            meta: "".into(),
        })))
    }
}
