//! What tools return, and what they say while they work.

use serde::Deserialize;
use slimcp::{
    Body, Builder, Capabilities, Content, Contents, Context, FunctionTool, Level, RpcError,
};
use smol::Timer;
use std::future::ready;
use std::time::Duration;

/// A red pixel: PNG in Base64.
pub const PIXEL: &str = concat!(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAF",
    "BQIAX8jx0gAAAABJRU5ErkJggg=="
);

/// No sound at all: WAV in Base64.
const SILENCE: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

/// How long the suite wants to see things take.
const PAUSE: Duration = Duration::from_millis(50);

/// All of it. The first tool of the list can be called without arguments.
pub fn add(server: Builder) -> Builder {
    let server = add_content(server);
    let server = add_saying(server);
    let server = add_changes(server);
    add_schemas(server)
}

fn add_content(server: Builder) -> Builder {
    server
        .tool(
            "test_simple_text",
            "Returns a text.",
            async || "This is a simple text response for testing.",
        )
        .tool("test_image_content", "Returns an image.", async || image())
        .tool("test_audio_content", "Returns a sound.", async || {
            Content::Audio {
                data: SILENCE.to_string(),
                mime_type: "audio/wav".to_string(),
            }
        })
        .tool(
            "test_embedded_resource",
            "Returns a resource.",
            async || {
                let text = "This is an embedded resource content.";
                embedded("test://embedded-resource", "text/plain", text)
            },
        )
        .tool(
            "test_multiple_content_types",
            "Returns a text, an image and a resource.",
            multiple_content_types,
        )
        .tool("test_error_handling", "Fails.", async || {
            Err::<(), _>("This tool intentionally returns an error for testing")
        })
}

fn add_saying(server: Builder) -> Builder {
    server
        .tool(
            "test_tool_with_progress",
            "Tells how far it has come.",
            with_progress,
        )
        .tool(
            "test_tool_with_logging",
            "Writes log messages.",
            with_logging,
        )
        .tool(
            "test_logging_tool",
            "Writes a log message for clients that want some.",
            async |context: Context| {
                context.log(Level::Info, "A message of test_logging_tool");
                "Logged."
            },
        )
        .tool(
            "test_reconnection",
            "Lets the client go, which comes back for the answer.",
            async |context: Context| {
                context.release();
                Timer::after(2 * PAUSE).await;
                "The client has come back."
            },
        )
}

fn add_changes(server: Builder) -> Builder {
    let (tools, prompts, resources) = (server.handle(), server.handle(), server.handle());
    server
        .tool(
            "test_trigger_tool_change",
            "Tells that the list of tools has changed.",
            move || {
                tools.tools_changed();
                ready("Told.")
            },
        )
        .tool(
            "test_trigger_prompt_change",
            "Tells that the list of prompts has changed.",
            move || {
                prompts.prompts_changed();
                ready("Told.")
            },
        )
        // Not one of the suite's: it never has a resource change.
        .tool(
            "test_trigger_resource_change",
            "Tells that the watched resource has changed.",
            move || {
                resources.resource_updated("test://watched-resource");
                ready("Told.")
            },
        )
}

fn add_schemas(server: Builder) -> Builder {
    let needs_2020_12 = FunctionTool::new(
        "json_schema_2020_12_tool",
        "Takes arguments that only JSON Schema 2020-12 can describe.",
        async || "The arguments fit.",
    );
    let has_header = FunctionTool::new(
        "test_custom_header",
        "Takes an argument that a header repeats.",
        async |given: Value| given.value,
    );
    server
        .with(needs_2020_12.schema(include_str!("schema_2020_12.json")))
        .with(has_header.schema(
            r#"{"type":"object","properties":{
                "value":{"type":"string","x-mcp-header":"Value"}},"required":["value"]}"#,
        ))
        .tool(
            "test_missing_capability",
            "Needs a client with a model.",
            async |context: Context| {
                context.require(Capabilities::SAMPLING)?;
                Ok::<_, RpcError>("The client has a model.")
            },
        )
}

#[derive(Deserialize)]
struct Value {
    value: String,
}

pub fn image() -> Content {
    Content::Image {
        data: PIXEL.to_string(),
        mime_type: "image/png".to_string(),
    }
}

pub fn embedded(uri: &str, mime_type: &str, text: &str) -> Content {
    Content::Resource(Contents {
        uri: uri.to_string(),
        mime_type: Some(mime_type.to_string()),
        body: Body::Text(text.to_string()),
    })
}

async fn multiple_content_types() -> Vec<Content> {
    let json = r#"{"test":"data","value":123}"#;
    vec![
        Content::Text("Multiple content types test:".to_string()),
        image(),
        embedded("test://mixed-content-resource", "application/json", json),
    ]
}

async fn with_progress(context: Context) -> &'static str {
    context.progress(0.0, 100.0, "begun");
    Timer::after(PAUSE).await;
    context.progress(50.0, 100.0, "half done");
    Timer::after(PAUSE).await;
    context.progress(100.0, 100.0, "done");
    "All done."
}

async fn with_logging(context: Context) -> &'static str {
    context.log(Level::Info, "Tool execution started");
    Timer::after(PAUSE).await;
    context.log(Level::Info, "Tool processing data");
    Timer::after(PAUSE).await;
    context.log(Level::Info, "Tool execution completed");
    "Logged three messages."
}
