//! Resources and prompts.

use crate::content::{PIXEL, embedded, image};
use serde::Deserialize;
use slimcp::{
    Body, Builder, Completion, Context, Field, Form, Given, Messages, Prompt, PromptMessage,
    Resource, ResourceSpec, RpcError, Source,
};

/// All of them.
pub fn add(server: Builder) -> Builder {
    add_prompts(add_resources(server))
}

fn add_resources(server: Builder) -> Builder {
    let text = Source::text("This is the content of the static text resource.");
    let binary = Source::Fixed(Body::Blob(PIXEL.to_string()));
    let watched = Source::text("This is the content of the watched resource.");
    let by_id = ResourceSpec {
        description: Some("The data that an id stands for.".to_string()),
        mime_type: Some("application/json".to_string()),
        ..ResourceSpec::new("test://template/{id}/data", "Data by id")
    };
    server
        .resource(Resource::new("test://static-text", "Text", text).mime_type("text/plain"))
        .resource(Resource::new("test://static-binary", "Image", binary).mime_type("image/png"))
        .resource(
            Resource::new("test://watched-resource", "Watched text", watched)
                .mime_type("text/plain"),
        )
        .template(by_id, Source::function(data))
}

async fn data(given: Given, _: Context) -> String {
    let id = given.get("id");
    let data = format!("Data for ID: {id}");
    serde_json::json!({"id": id, "templateTest": true, "data": data}).to_string()
}

fn add_prompts(server: Builder) -> Builder {
    let simple = vec![PromptMessage::user("This is a simple prompt for testing.")];
    let repeating = "Prompt with arguments: arg1='{arg1}', arg2='{arg2}'";
    let repeating = vec![PromptMessage::user(repeating)];
    let text = "Embedded resource content for testing.";
    let with_resource = vec![
        PromptMessage::user_content(embedded("{resourceUri}", "text/plain", text)),
        PromptMessage::user("Please process the embedded resource above."),
    ];
    let with_image = vec![
        PromptMessage::user_content(image()),
        PromptMessage::user("Please analyze the image above."),
    ];
    let tests = Completion::Values(vec!["test".to_string(), "trial".to_string()]);
    server
        .prompt(
            Prompt::new("test_simple_prompt", Messages::Fixed(simple))
                .description("Says one thing."),
        )
        .prompt(
            Prompt::new("test_prompt_with_arguments", Messages::Fixed(repeating))
                .description("Says two things that it is told.")
                .takes("arg1", "The first thing.")
                .completed_by(tests)
                .takes("arg2", "The second thing."),
        )
        .prompt(
            Prompt::new(
                "test_prompt_with_embedded_resource",
                Messages::Fixed(with_resource),
            )
            .description("Shows a resource.")
            .takes("resourceUri", "The address that it shall have."),
        )
        .prompt(
            Prompt::new("test_prompt_with_image", Messages::Fixed(with_image))
                .description("Shows an image."),
        )
        .prompt(
            Prompt::new(
                "test_input_required_result_prompt",
                Messages::function(with_context),
            )
            .description("Asks what it shall say."),
        )
}

#[derive(Deserialize)]
struct UserContext {
    context: String,
}

async fn with_context(_: Given, context: Context) -> Result<String, RpcError> {
    let form = Form::new("What context should the prompt use?").required("context", Field::text());
    let asked = context.elicit(form).key("user_context").await?;
    Ok(match asked.accepted()? {
        Some(UserContext { context }) => format!("Prompt with context: {context}"),
        None => "Prompt without context".to_string(),
    })
}
