//! What tools ask: a person, the client's model, its folders.
//!
//! Asking looks the same whatever the client's revision is: with a handshake it is a request to the
//! client, in 2026-07-28 the call is answered by the question and goes on with the next request.

use serde::Deserialize;
use slimcp::{
    Builder, Capabilities, Context, Elicited, Field, Form, FunctionTool, RpcError, Sampling,
};
use smol::future::zip;

/// All of them.
pub fn add(server: Builder) -> Builder {
    let server = add_forms(server);
    let server = add_rounds(server);
    add_capabilities(server)
}

fn add_forms(server: Builder) -> Builder {
    let sampling = FunctionTool::new("test_sampling", "Asks the client's model.", sampling);
    let elicitation = FunctionTool::new("test_elicitation", "Asks a person.", elicitation);
    server
        .with(sampling.schema(&one_string("prompt")))
        .with(elicitation.schema(&one_string("message")))
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
            "test_streaming_elicitation",
            "Asks a person while it works.",
            async |context: Context| {
                let asked = context.elicit(Form::new("Go on?")).key("go_on").await?;
                Ok::<_, RpcError>(asked.action.name())
            },
        )
}

fn add_rounds(server: Builder) -> Builder {
    server
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
            async |context: Context| {
                let roots = context.roots().key("client_roots").await?;
                Ok::<_, RpcError>(format!("Found {} root(s)", roots.len()))
            },
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
}

fn add_capabilities(server: Builder) -> Builder {
    server
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
            "test_input_required_result_capabilities",
            "Asks for what the client can be asked.",
            ask_what_is_possible,
        )
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
