//! Tools whose calls go on in the background, for clients with the tasks extension.

use serde::Deserialize;
use slimcp::{Background, Builder, Context, Field, Form, FunctionTool, RpcError, Since};
use smol::Timer;
use smol::future::zip;
use std::time::Duration;

/// All of them, and one that never does.
pub fn add(server: Builder) -> Builder {
    let greet = FunctionTool::new("greet", "Greets somebody.", async |who: Name| {
        format!("Hello, {}!", who.name)
    });
    let compute = FunctionTool::new("slow_compute", "Takes its time.", slow_compute);
    let delete = FunctionTool::new("confirm_delete", "Asks first.", confirm_delete);
    let server = server
        .with(greet.schema(NAME))
        .with(optional(compute).schema(COMPUTE))
        .with(optional(delete).schema(FILE_NAME));
    add_jobs(server)
}

fn add_jobs(server: Builder) -> Builder {
    let failing = FunctionTool::new("failing_job", "Fails after a while.", async || {
        Timer::after(Duration::from_secs(1)).await;
        Err::<(), _>("The job has failed.")
    });
    let broken = FunctionTool::new("protocol_error_job", "Breaks after a while.", async || {
        Timer::after(Duration::from_millis(200)).await;
        Err::<(), _>(RpcError::new(-32603, "the job broke"))
    });
    let asking = FunctionTool::new("multi_input", "Asks two things at once.", multi_input);
    let late = FunctionTool::new(
        "test_tool_with_task",
        "Asks for a name, and goes on in the background.",
        ask_then_work,
    );
    server
        .with(failing.background(Background::Required(Since::Start)))
        .with(optional(broken))
        .with(optional(asking))
        .with(late.background(Background::Required(Since::Said)))
}

/// In the background where the client knows of tasks.
fn optional(tool: FunctionTool) -> FunctionTool {
    tool.background(Background::Optional(Since::Start))
}

const NAME: &str = r#"{"type":"object","properties":{"name":{"type":"string"}},
    "required":["name"]}"#;

const COMPUTE: &str = r#"{"type":"object","properties":{
    "seconds":{"type":"number"},"label":{"type":"string"}}}"#;

const FILE_NAME: &str = r#"{"type":"object","properties":{"filename":{"type":"string"}},
    "required":["filename"]}"#;

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Compute {
    seconds: Option<f64>,
    label: Option<String>,
}

/// A task that is cancelled is dropped where it waits.
async fn slow_compute(given: Compute, context: Context) -> String {
    let seconds = given.seconds.unwrap_or(1.0).clamp(0.0, 60.0);
    context.progress(0.0, seconds, "computing");
    Timer::after(Duration::from_secs_f64(seconds)).await;
    format!("Computed {}.", given.label.as_deref().unwrap_or("it"))
}

#[derive(Deserialize)]
struct File {
    filename: String,
}

#[derive(Deserialize)]
struct Confirmation {
    confirm: bool,
}

async fn confirm_delete(file: File, context: Context) -> Result<String, RpcError> {
    let form = Form::new(format!("Delete {}?", file.filename));
    let form = form.required("confirm", Field::boolean());
    let confirmed = context.elicit(form).await?.accepted()?;
    Ok(match confirmed {
        Some(Confirmation { confirm: true }) => format!("Deleted {}.", file.filename),
        Some(Confirmation { confirm: false }) | None => format!("Kept {}.", file.filename),
    })
}

async fn multi_input(context: Context) -> Result<String, RpcError> {
    let form = |message: &str| Form::new(message).required("name", Field::text());
    let first = context.elicit(form("What is your first name?"));
    let last = context.elicit(form("What is your last name?"));
    let (first, last) = zip(first, last).await;
    let name = |name: Option<Name>| name.map_or("?".to_string(), |Name { name }| name);
    let (first, last) = (name(first?.accepted()?), name(last?.accepted()?));
    Ok(format!("Hello, {first} {last}!"))
}

async fn ask_then_work(context: Context) -> Result<String, RpcError> {
    let form = Form::new("What is your name?").required("name", Field::text());
    let asked = context.elicit(form).key("user_name").await?;
    let Some(Name { name }) = asked.accepted()? else {
        return Ok("Nothing to do.".to_string());
    };
    context.go_to_background();
    Timer::after(Duration::from_millis(500)).await;
    Ok(format!("Done, {name}."))
}
