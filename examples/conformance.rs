//! The server that the official conformance suite asks for: a tool, prompt or resource for each of
//! its scenarios, and so one example for each feature of this library.
//!
//! `PORT` is the port to listen on; without it the system chooses one. The address is printed.

use serde::Deserialize;
use slimcp::{
    Body, Capabilities, Completion, Content, Contents, Context, Elicited, Field, Form,
    FunctionTool, Given, Level, Messages, Prompt, PromptMessage, Resource, ResourceSpec, RpcError,
    Sampling, Server, Source,
};
use smol::future::zip;
use std::future::ready;
use std::time::Duration;

/// A red pixel, as PNG in Base64.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/// Silence, as WAV in Base64.
const SILENCE: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "0".to_string());
    let server = Server::builder("conformance");
    let handle = server.handle();
    server
        .title("Conformance fixture")
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
            "Returns a resource with its contents.",
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
            |context: Context| async move {
                context.log(Level::Info, "A message of test_logging_tool");
                "Logged."
            },
        )
        .with(
            FunctionTool::new(
                "json_schema_2020_12_tool",
                "Takes arguments that only JSON Schema 2020-12 can describe.",
                async || "The arguments fit.",
            )
            .schema(include_str!("conformance/schema_2020_12.json")),
        )
        .with(
            FunctionTool::new(
                "test_custom_header",
                "Takes an argument that a header repeats.",
                |given: Value| async move { given.value },
            )
            .schema(
                r#"{"type":"object","properties":{
                    "value":{"type":"string","x-mcp-header":"Value"}},"required":["value"]}"#,
            ),
        )
        .with(
            FunctionTool::new("test_sampling", "Asks the client's model.", sampling)
                .schema(&one_string("prompt")),
        )
        .with(
            FunctionTool::new("test_elicitation", "Asks a person.", elicitation)
                .schema(&one_string("message")),
        )
        .tool(
            "test_elicitation_sep1034_defaults",
            "Asks a person by a form that is filled in beforehand.",
            elicitation_with_defaults,
        )
        .tool(
            "test_elicitation_sep1330_enums",
            "Asks a person to choose in every way there is.",
            elicitation_with_choices,
        )
        .tool(
            "test_reconnection",
            "Lets the client go, which comes back for the answer.",
            |context: Context| async move {
                context.release();
                smol::Timer::after(Duration::from_millis(100)).await;
                "The client has come back."
            },
        )
        .tool(
            "test_missing_capability",
            "Needs a client with a model.",
            missing_capability,
        )
        .tool(
            "test_streaming_elicitation",
            "Asks a person while it works.",
            |context: Context| async move {
                let asked = context.elicit(Form::new("Go on?")).key("go_on").await?;
                Ok::<_, RpcError>(asked.action.name())
            },
        )
        .tool(
            "test_trigger_tool_change",
            "Tells that the list of tools has changed.",
            {
                let handle = handle.clone();
                move || {
                    handle.tools_changed();
                    ready("Told.")
                }
            },
        )
        .tool(
            "test_trigger_prompt_change",
            "Tells that the list of prompts has changed.",
            move || {
                handle.prompts_changed();
                ready("Told.")
            },
        )
        .tool(
            "test_input_required_result_elicitation",
            "Asks for a name.",
            ask_name,
        )
        .tool(
            "test_input_required_result_sampling",
            "Asks the client's model for a capital.",
            ask_capital,
        )
        .tool(
            "test_input_required_result_list_roots",
            "Asks for the client's folders.",
            |context: Context| async move {
                let roots = context.roots().key("client_roots").await?;
                Ok::<_, RpcError>(format!("Found {} root(s)", roots.len()))
            },
        )
        .tool(
            "test_input_required_result_request_state",
            "Asks for a confirmation.",
            confirm,
        )
        .tool(
            "test_input_required_result_tampered_state",
            "Asks for a confirmation that nobody can forge.",
            confirm,
        )
        .tool(
            "test_input_required_result_multiple_inputs",
            "Asks three things at once.",
            ask_three_things,
        )
        .tool(
            "test_input_required_result_multi_round",
            "Asks one thing after the other.",
            ask_twice,
        )
        .tool(
            "test_input_required_result_capabilities",
            "Asks for what the client can be asked.",
            ask_what_is_possible,
        )
        .prompt(
            Prompt::new(
                "test_simple_prompt",
                Messages::Fixed(vec![PromptMessage::user(
                    "This is a simple prompt for testing.",
                )]),
            )
            .description("Says one thing."),
        )
        .prompt(
            Prompt::new(
                "test_prompt_with_arguments",
                Messages::Fixed(vec![PromptMessage::user(
                    "Prompt with arguments: arg1='{arg1}', arg2='{arg2}'",
                )]),
            )
            .description("Says two things that it is told.")
            .takes("arg1", "The first thing.")
            .completed_by(Completion::Values(vec![
                "test".to_string(),
                "trial".to_string(),
            ]))
            .takes("arg2", "The second thing."),
        )
        .prompt(
            Prompt::new("test_prompt_with_embedded_resource", about_resource())
                .description("Shows a resource.")
                .takes("resourceUri", "The address that it shall have."),
        )
        .prompt(
            Prompt::new(
                "test_prompt_with_image",
                Messages::Fixed(vec![
                    PromptMessage::user_content(image()),
                    PromptMessage::user("Please analyze the image above."),
                ]),
            )
            .description("Shows an image."),
        )
        .prompt(
            Prompt::new(
                "test_input_required_result_prompt",
                Messages::function(with_context),
            )
            .description("Asks what it shall say."),
        )
        .resource(
            Resource::new(
                "test://static-text",
                "Static text",
                Source::text("This is the content of the static text resource."),
            )
            .mime_type("text/plain"),
        )
        .resource(
            Resource::new(
                "test://static-binary",
                "Static image",
                Source::Fixed(Body::Blob(PIXEL.to_string())),
            )
            .mime_type("image/png"),
        )
        .resource(
            Resource::new(
                "test://watched-resource",
                "Watched text",
                Source::text("This is the content of the watched resource."),
            )
            .mime_type("text/plain"),
        )
        .template(
            ResourceSpec {
                description: Some("The data that an id stands for.".to_string()),
                mime_type: Some("application/json".to_string()),
                ..ResourceSpec::new("test://template/{id}/data", "Data by id")
            },
            Source::function(|given: Given, _: Context| async move {
                let id = given.get("id");
                let data = format!("Data for ID: {id}");
                serde_json::json!({"id": id, "templateTest": true, "data": data}).to_string()
            }),
        )
        .listen(&port)
        .on_listening(|door| println!("{}", door.url()))
        .run()
}

#[derive(Deserialize)]
struct Value {
    value: String,
}

fn image() -> Content {
    Content::Image {
        data: PIXEL.to_string(),
        mime_type: "image/png".to_string(),
    }
}

fn embedded(uri: &str, mime_type: &str, text: &str) -> Content {
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

/// The suite looks at what comes when.
async fn pause() {
    smol::Timer::after(Duration::from_millis(50)).await;
}

async fn with_progress(context: Context) -> &'static str {
    context.progress(0.0, 100.0, "begun");
    pause().await;
    context.progress(50.0, 100.0, "half done");
    pause().await;
    context.progress(100.0, 100.0, "done");
    "All done."
}

async fn with_logging(context: Context) -> &'static str {
    context.log(Level::Info, "Tool execution started");
    pause().await;
    context.log(Level::Info, "Tool processing data");
    pause().await;
    context.log(Level::Info, "Tool execution completed");
    "Logged three messages."
}

/// The schema of an object with one string in it.
fn one_string(name: &str) -> String {
    format!(
        r#"{{"type":"object","properties":{{"{name}":{{"type":"string"}}}},"required":["{name}"]}}"#
    )
}

#[derive(Deserialize)]
struct Question {
    prompt: String,
}

async fn sampling(given: Question, context: Context) -> Result<String, RpcError> {
    let asked = Sampling::new(100).user(given.prompt);
    let said = context.sample(asked).await?;
    Ok(format!("LLM response: {}", said.text()))
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

async fn elicitation(given: Message, context: Context) -> Result<String, RpcError> {
    let form = Form::new(given.message)
        .required("username", Field::text().description("User's response"))
        .required("email", Field::text().description("User's email address"));
    let asked = context.elicit(form).await?;
    let shown = shown(&asked);
    Ok(format!("User response: {}, {shown}", asked.action.name()))
}

/// What a person has filled in, as it came.
fn shown(asked: &Elicited) -> &str {
    asked.content.as_ref().map_or("{}", |content| content.get())
}

async fn elicitation_with_defaults(context: Context) -> Result<String, RpcError> {
    let statuses = ["active", "inactive", "pending"];
    let form = Form::new("Please review these values.")
        .field("name", Field::text().default_text("John Doe"))
        .field("age", Field::integer().default_number(30.0))
        .field("score", Field::number().default_number(95.5))
        .field("status", Field::choice(statuses).default_text("active"))
        .field("verified", Field::boolean().default_boolean(true));
    completed(context, form).await
}

async fn elicitation_with_choices(context: Context) -> Result<String, RpcError> {
    let options = ["option1", "option2", "option3"];
    let choices = [
        ("value1", "First Choice"),
        ("value2", "Second Choice"),
        ("value3", "Third Choice"),
    ];
    let titled = [
        ("value1", "First Option"),
        ("value2", "Second Option"),
        ("value3", "Third Option"),
    ];
    let named = [
        ("opt1", "Option One"),
        ("opt2", "Option Two"),
        ("opt3", "Option Three"),
    ];
    let form = Form::new("Please choose.")
        .field("untitledSingle", Field::choice(options))
        .field("titledSingle", Field::titled_choice(titled))
        .field("legacyEnum", Field::named_choice(named))
        .field("untitledMulti", Field::choices(options).count(1..=3))
        .field("titledMulti", Field::titled_choices(choices).count(1..=3));
    completed(context, form).await
}

async fn completed(context: Context, form: Form) -> Result<String, RpcError> {
    let asked = context.elicit(form).await?;
    let (action, content) = (asked.action.name(), shown(&asked));
    Ok(format!(
        "Elicitation completed: action={action}, content={content}"
    ))
}

async fn missing_capability(context: Context) -> Result<&'static str, RpcError> {
    context.require(Capabilities::SAMPLING)?;
    Ok("The client has a model.")
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

fn name_form() -> Form {
    Form::new("What is your name?").required("name", Field::text())
}

async fn ask_name(context: Context) -> Result<String, RpcError> {
    let asked = context.elicit(name_form()).key("user_name").await?;
    Ok(match asked.accepted()? {
        Some(Name { name }) => format!("Hello, {name}!"),
        None => "Hello, whoever you are!".to_string(),
    })
}

async fn ask_capital(context: Context) -> Result<String, RpcError> {
    let asked = Sampling::new(100).user("What is the capital of France?");
    let said = context.sample(asked).key("capital_question").await?;
    Ok(said.text())
}

#[derive(Deserialize)]
struct Confirmation {
    ok: bool,
}

async fn confirm(context: Context) -> Result<&'static str, RpcError> {
    let form = Form::new("Please confirm.").required("ok", Field::boolean());
    let asked = context.elicit(form).key("confirm").await?;
    Ok(match asked.accepted()? {
        Some(Confirmation { ok: true }) => "state-ok: confirmed",
        Some(Confirmation { ok: false }) | None => "state-ok: not confirmed",
    })
}

async fn ask_three_things(context: Context) -> Result<String, RpcError> {
    let name = context.elicit(name_form()).key("user_name");
    let asked = Sampling::new(50).user("Generate a greeting");
    let greeting = context.sample(asked).key("greeting");
    let roots = context.roots().key("client_roots");
    let ((name, greeting), roots) = zip(zip(name, greeting), roots).await;
    let (name, greeting, roots) = (name?, greeting?, roots?);
    let (name, greeting) = (shown(&name), greeting.text());
    Ok(format!("{name}: {greeting} ({} root(s))", roots.len()))
}

#[derive(Deserialize)]
struct Color {
    color: String,
}

async fn ask_twice(context: Context) -> Result<String, RpcError> {
    let form = Form::new("Step 1: What is your name?").required("name", Field::text());
    let name = context.elicit(form).key("step1").await?.accepted()?;
    let form = Form::new("Step 2: What is your favorite color?").required("color", Field::text());
    let color = context.elicit(form).key("step2").await?.accepted()?;
    let name = name.map_or("Somebody".to_string(), |Name { name }| name);
    let color = color.map_or("none".to_string(), |Color { color }| color);
    Ok(format!("{name} likes {color}."))
}

async fn ask_what_is_possible(context: Context) -> Result<String, RpcError> {
    if context.client().has(Capabilities::SAMPLING) {
        return ask_capital(context).await;
    }
    ask_name(context).await
}

fn about_resource() -> Messages {
    let text = "Embedded resource content for testing.";
    Messages::Fixed(vec![
        PromptMessage::user_content(embedded("{resourceUri}", "text/plain", text)),
        PromptMessage::user("Please process the embedded resource above."),
    ])
}

#[derive(Deserialize)]
struct UserContext {
    context: String,
}

async fn with_context(_: Given, context: Context) -> Result<String, RpcError> {
    let form = Form::new("What context should the prompt use?").required("context", Field::text());
    let asked = context.elicit(form).key("user_context").await?;
    let context = asked.accepted()?.map(|UserContext { context }| context);
    let context = context.as_deref().unwrap_or("none");
    Ok(format!("Prompt with context: {context}"))
}
