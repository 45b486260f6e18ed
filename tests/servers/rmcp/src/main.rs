//! A stdio server with the official Rust SDK: rmcp-server dual|stateless|handshake
//!
//! The same as `../ours/server.py` and `../ours/server.mjs`, less what they have for the console.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ElicitRequest,
    ElicitRequestParams, ElicitationAction, GetPromptRequestParams, GetPromptResponse,
    GetPromptResult, Implementation, InputRequest, InputRequests, InputRequiredResult, JsonObject,
    ListPromptsResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, Prompt, PromptArgument, PromptMessage, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
    ResourceContents, Role, ServerCapabilities, ServerConfig, SubscriptionFilter, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::Duration;

type Context = RequestContext<RoleServer>;
type Paged = Option<PaginatedRequestParams>;

/// The server, and the only revisions that it speaks.
struct Ours(&'static [ProtocolVersion]);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let all = ProtocolVersion::KNOWN_VERSIONS;
    let (handshake, stateless) = all.split_at(all.len() - 1);
    let revisions = match std::env::args().nth(1).as_deref() {
        Some("dual") => all,
        Some("stateless") => stateless,
        Some("handshake") => handshake,
        other => panic!("dual, stateless or handshake, not {other:?}"),
    };
    // It does not begin where a client speaks none of them, or has nothing to say at all.
    if let Ok(running) = Ours(revisions).serve(rmcp::transport::stdio()).await {
        let _ = running.waiting().await;
    }
}

/// The schema of an object with these members, all of them required.
fn takes(members: &[(&str, &str)]) -> JsonObject {
    let names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
    let properties: JsonObject = members
        .iter()
        .map(|(name, kind)| (name.to_string(), json!({ "type": kind })))
        .collect();
    let schema = json!({ "type": "object", "properties": properties, "required": names });
    schema.as_object().expect("an object").clone()
}

fn says(text: impl Into<String>) -> Result<CallToolResponse, ErrorData> {
    Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
}

/// Counts up, fifty numbers a second.
async fn count(to: u64, context: &Context) -> Result<CallToolResponse, ErrorData> {
    for number in 1..=to {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if let Some(token) = context.meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, number as f64)
                .with_total(to as f64)
                .with_message(format!("number {number}"));
            let _ = context.peer.notify_progress(progress).await;
        }
    }
    // Apart from the result: SDKs drop progress that arrives in one read with it.
    tokio::time::sleep(Duration::from_millis(50)).await;
    says(format!("counted {to}"))
}

/// Waits until it is cancelled, and writes that into a file.
async fn wait(marker: &str, context: &Context) -> Result<CallToolResponse, ErrorData> {
    std::fs::write(marker, "started").expect("a marker");
    tokio::select! {
        () = context.ct.cancelled() => {
            std::fs::write(marker, "cancelled").expect("a marker");
            says("cancelled")
        }
        () = tokio::time::sleep(Duration::from_secs(30)) => says("waited"),
    }
}

fn question() -> ElicitRequestParams {
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: "What is your name?".to_string(),
        requested_schema: serde_json::from_value(json!({
            "type": "object",
            "properties": { "name": { "type": "string" } },
            "required": ["name"],
        }))
        .expect("a schema"),
    }
}

fn greeted(action: &str, content: &Value) -> Result<CallToolResponse, ErrorData> {
    match content["name"].as_str() {
        Some(name) if action == "accept" => says(format!("Hello, {name}!")),
        _ => says(format!("Nobody: {action}")),
    }
}

/// Asks a person: of 2026-07-28 by the answer, before it by a request.
async fn ask_name(
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<CallToolResponse, ErrorData> {
    if context.protocol_version() == Some(ProtocolVersion::V_2026_07_28) {
        let Some(answer) = request
            .input_responses
            .as_ref()
            .and_then(|all| all.get("name"))
        else {
            let mut requests = InputRequests::new();
            let question = InputRequest::Elicitation(ElicitRequest::new(question()));
            requests.insert("name".to_string(), question);
            return Ok(InputRequiredResult::new(Some(requests), Some("asked".into())).into());
        };
        return greeted(
            answer["action"].as_str().unwrap_or_default(),
            &answer["content"],
        );
    }
    let asked = context.peer.create_elicitation(question()).await;
    let asked = asked.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    let action = match asked.action {
        ElicitationAction::Accept => "accept",
        ElicitationAction::Decline => "decline",
        _ => "cancel",
    };
    greeted(action, &asked.content.unwrap_or_default())
}

impl ServerHandler for Ours {
    fn get_info(&self) -> ServerConfig {
        let offered = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_prompts()
            .build();
        ServerConfig::new(offered)
            .with_server_info(Implementation::new("ours-rust", "1.0.0"))
            .with_instructions("Be kind.")
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(self.0)
    }

    fn accepted_subscription_filter(
        &self,
        wanted: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(wanted.supported_by(&self.get_info().capabilities))
    }

    async fn list_tools(&self, _: Paged, _: Context) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![
            Tool::new("echo", "Say the same.", takes(&[("text", "string")])),
            Tool::new("count", "Count up.", takes(&[("to", "integer")])),
            Tool::new(
                "wait",
                "Wait until it is cancelled.",
                takes(&[("marker", "string")]),
            ),
            Tool::new("fail", "Fail.", takes(&[])),
            Tool::new("ask_name", "Ask a person.", takes(&[])),
        ]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let given = Value::Object(request.arguments.clone().unwrap_or_default());
        match request.name.as_ref() {
            "echo" => says(given["text"].as_str().unwrap_or_default()),
            "count" => count(given["to"].as_u64().unwrap_or_default(), &context).await,
            "wait" => wait(given["marker"].as_str().unwrap_or_default(), &context).await,
            "fail" => {
                let why = ContentBlock::text("the cellar is flooded");
                Ok(CallToolResult::error(vec![why]).into())
            }
            "ask_name" => ask_name(&request, &context).await,
            other => Err(ErrorData::invalid_params(format!("no tool {other}"), None)),
        }
    }

    async fn list_resources(&self, _: Paged, _: Context) -> Result<ListResourcesResult, ErrorData> {
        let note = Resource::new("memo://note", "note");
        Ok(ListResourcesResult::with_all_items(vec![note]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if request.uri != "memo://note" {
            let data = json!({ "uri": request.uri });
            return Err(ErrorData::resource_not_found(
                "no such resource",
                Some(data),
            ));
        }
        let note = ResourceContents::text("remember the milk", request.uri);
        Ok(ReadResourceResult::new(vec![note]).into())
    }

    async fn list_prompts(&self, _: Paged, _: Context) -> Result<ListPromptsResult, ErrorData> {
        let name = PromptArgument::new("name").with_required(true);
        let greet = Prompt::new("greet", Some("Have somebody greeted."), Some(vec![name]));
        Ok(ListPromptsResult::with_all_items(vec![greet]))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let given = request.arguments.unwrap_or_default();
        let name = given
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or("nobody");
        let message = PromptMessage::new_text(Role::User, format!("Greet {name}."));
        Ok(GetPromptResult::new(vec![message]).into())
    }
}
