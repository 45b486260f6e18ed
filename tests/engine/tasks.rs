//! Calls in the background: the tasks extension of 2026-07-28, and `task-status` for all others.

use crate::access::{bearer, tokens};
use crate::stateless::{META, answer, fields};
use crate::support::{Server, at, command, counting_ids, post, registry};
use crate::{FIRST, ask, call, echo, http_sse, pieces, streamable};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use slimcp::auth::Access;
use slimcp::engine::{Config, Engine};
use slimcp::limits::{Limits, Memory};
use slimcp::mcp::refusal::Refusal;
use slimcp::tool::ask::{Ask, AskKind};
use slimcp::tool::handler::{Begin, Ended, Progress, Said};
use slimcp::tool::registry::Registry;
use slimcp::tool::{
    Annotations, Background, Outcome, ServerTask, Since, Start, Tool, ToolSpec, Work, builtin,
    command::CommandTool,
};
use slimcp::wire::jsonrpc::RpcError;
use std::rc::Rc;

/// A function that the test plays.
struct Function(ToolSpec);

impl Tool for Function {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn start(&self, _: &RawValue) -> Start {
        Start::Work(Work::Function(Begin::new(|_| async {
            Ended::Outcome(Outcome::default())
        })))
    }
}

fn function(name: &str, background: Background) -> Rc<dyn Tool> {
    Rc::new(Function(ToolSpec {
        name: name.to_string(),
        title: None,
        description: "Works.".to_string(),
        input_schema: RawValue::from_string(r#"{"type":"object"}"#.to_string()).unwrap(),
        output_schema: None,
        annotations: Annotations::default(),
        background,
        icons: None,
    }))
}

/// The usual tools, and some in the background: `backup` is a command.
fn tools() -> Registry {
    let mut backup = command("backup");
    backup.background = true;
    let mut tools: Vec<Rc<dyn Tool>> = registry().iter().cloned().collect();
    tools.extend([
        Rc::new(CommandTool::new(backup).unwrap()) as Rc<dyn Tool>,
        Rc::new(builtin::TaskStatus::new()),
        function("may", Background::Optional(Since::Start)),
        function("must", Background::Required(Since::Start)),
        function("may-later", Background::Optional(Since::Said)),
        function("must-later", Background::Required(Since::Said)),
    ]);
    Registry::new(tools).unwrap()
}

/// What the server does of itself.
fn tide() -> ServerTask {
    ServerTask {
        id: "tide",
        line: "Task tide, 3 of 4.".to_string(),
        described: r#"{"taskId":"tide","status":"working"}"#.to_string(),
    }
}

fn server_with(limits: Limits) -> Server {
    let mut server = Server::with(limits.clone());
    let config = server.engine.config().clone();
    let memory = Memory::of(&limits).unwrap();
    server.engine = Engine::new(config, memory, tools(), counting_ids());
    server
}

fn server() -> Server {
    server_with(Limits::default())
}

fn configure(server: &mut Server, millis: u64, change: impl FnOnce(&mut Config)) {
    let mut config = server.engine.config().clone();
    change(&mut config);
    server.engine.reload(at(millis), config, tools());
    server.settle(at(millis));
}

const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// A request of a client that has the extension.
fn able(method: &str, name: &str, params: &str) -> String {
    able_as("", method, name, params)
}

/// The same with more fields.
fn able_as(field: &str, method: &str, name: &str, params: &str) -> String {
    let capable = format!(r#""elicitation":{{}},"extensions":{{"{EXTENSION}":{{}}}}"#);
    let meta = META.replace(
        r#"clientCapabilities":{}"#,
        &format!(r#"clientCapabilities":{{{capable}}}"#),
    );
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{{params},"_meta":{{{meta}}}}}}}"#
    );
    post("/mcp", &format!("{field}{}", fields(method, name)), &body)
}

fn able_call(tool: &str) -> String {
    able("tools/call", tool, &format!(r#""name":"{tool}""#))
}

fn about(method: &str, task: &str) -> String {
    able(method, task, &format!(r#""taskId":"{task}""#))
}

/// What a request that is answered at once comes to, at this time.
fn result_at(server: &mut Server, millis: u64, request: &str) -> Value {
    let response = ask(server, at(millis), request);
    assert_eq!(response.head.status, 200, "{}", response.body);
    let mut message: Value = serde_json::from_str(&response.body).unwrap();
    server.engine.check(0);
    message["result"].take()
}

/// Begins a task; its id.
fn begin(server: &mut Server, millis: u64, tool: &str) -> String {
    let created = result_at(server, millis, &able_call(tool));
    assert_eq!(created["resultType"], "task", "{created}");
    created["taskId"].as_str().unwrap().to_string()
}

fn state(server: &mut Server, millis: u64, task: &str) -> Value {
    result_at(server, millis, &about("tasks/get", task))
}

/// The task waits for the answers to questions with these keys.
fn assert_asks(task: &Value, keys: &[&str]) {
    assert_eq!(task["status"], "input_required");
    let asked = task["inputRequests"].as_object().unwrap();
    assert!(asked.keys().eq(keys), "{task}");
}

/// The status and the error of a request that is refused at once.
fn wrong(server: &mut Server, request: &str) -> (u16, Value) {
    let (status, mut message) = answer(server, request);
    server.engine.check(0);
    (status, message["error"].take())
}

fn status_call(id: &str) -> String {
    let arguments = match id {
        "" => "{}".to_string(),
        id => format!(r#"{{"id":"{id}"}}"#),
    };
    format!(
        r#"{{"jsonrpc":"2.0","id":9,"method":"tools/call",
            "params":{{"name":"task-status","arguments":{arguments}}}}}"#
    )
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().expect("a text")
}

#[test]
fn a_task_is_created_read_and_finished() {
    let mut server = server();
    let mut created = result_at(&mut server, 0, &able_call("may"));
    let meta = created["_meta"].take();
    assert_eq!(meta["io.modelcontextprotocol/serverInfo"]["name"], "test");
    assert_eq!(
        created,
        json!({
            "resultType": "task", "taskId": FIRST, "status": "working",
            "createdAt": "1970-01-01T00:00:00.000Z",
            "lastUpdatedAt": "1970-01-01T00:00:00.000Z",
            "ttlMs": 7_200_000, "pollIntervalMs": 1000, "_meta": null,
        })
    );
    let task = FIRST;
    let working = state(&mut server, 1_000, task);
    assert_eq!(working["resultType"], "complete");
    assert_eq!(working["status"], "working");
    server.finish(at(2_000), &Outcome::text("done"));
    let mut completed = state(&mut server, 3_000, task);
    completed["_meta"].take();
    assert_eq!(
        completed,
        json!({
            "resultType": "complete", "taskId": task, "status": "completed",
            "createdAt": "1970-01-01T00:00:00.000Z",
            "lastUpdatedAt": "1970-01-01T00:00:02.000Z",
            "ttlMs": 3_602_000, "pollIntervalMs": 1000, "_meta": null,
            "result": {"content": [{"type": "text", "text": "done"}], "resultType": "complete"},
        })
    );
    let stats = server.engine.stats();
    assert_eq!(
        (stats.tasks, stats.calls, server.engine.gauges().tasks),
        (1, 1, 1)
    );
}

#[test]
fn a_tool_that_fails_has_a_result_and_a_request_that_fails_has_an_error() {
    let mut server = server();
    let failing = begin(&mut server, 0, "may");
    server.finish(at(1), &Outcome::error("no paper"));
    let completed = state(&mut server, 2, &failing);
    assert_eq!(completed["status"], "completed");
    assert_eq!(completed["result"]["isError"], true);
    let failing = begin(&mut server, 3, "may");
    let (call, _) = server.started.remove(0);
    let error = RpcError::new(-32603, "the printer burns");
    server
        .engine
        .handle_ended(at(4), call, &Ended::Failed(error));
    let failed = state(&mut server, 5, &failing);
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["statusMessage"], "the printer burns");
    assert_eq!(
        failed["error"],
        json!({"code": -32603, "message": "the printer burns"})
    );
    assert!(failed.get("result").is_none());
}

#[test]
fn a_cancelled_task_stays_cancelled_whatever_its_call_still_says() {
    let mut server = server();
    let task = begin(&mut server, 0, "backup");
    for _ in 0..2 {
        // The second one comes too late, which makes no difference.
        let mut done = result_at(&mut server, 1, &about("tasks/cancel", &task));
        done.as_object_mut().unwrap().remove("_meta");
        assert_eq!(done, json!({"resultType": "complete"}));
    }
    assert_eq!(server.terminated.len(), 1);
    let cancelled = state(&mut server, 2, &task);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["statusMessage"], "cancelled by the client");
    server.line(at(2), "still here");
    server.finish(at(3), &Outcome::text("done after all"));
    let late = state(&mut server, 4, &task);
    assert_eq!(
        (&late["status"], late.get("result")),
        (&json!("cancelled"), None)
    );
    assert_eq!(late["statusMessage"], "cancelled by the client");
    assert_eq!(server.engine.gauges().calls, 0);
}

#[test]
fn a_task_that_waits_for_its_turn_is_cancelled_without_having_run() {
    let mut server = server();
    let tasks: Vec<String> = (0..3).map(|_| begin(&mut server, 0, "backup")).collect();
    assert_eq!(server.started.len(), 2);
    result_at(&mut server, 1, &about("tasks/cancel", &tasks[2]));
    assert_eq!(server.engine.gauges().calls, 2);
    assert_eq!(state(&mut server, 2, &tasks[2])["status"], "cancelled");
}

#[test]
fn progress_is_what_a_task_says_of_itself() {
    let mut server = server();
    let task = begin(&mut server, 0, "backup");
    server.line(at(5), "12 of 40 files");
    let working = state(&mut server, 6, &task);
    assert_eq!(working["statusMessage"], "12 of 40 files");
    assert_eq!(working["lastUpdatedAt"], "1970-01-01T00:00:00.005Z");
    server.line(at(7), &"ü".repeat(300));
    let long = state(&mut server, 8, &task);
    assert_eq!(long["statusMessage"], "ü".repeat(128));
    let call = server.started[0].0;
    let progress = Progress {
        progress: "3".to_string(),
        total: Some("4".to_string()),
        message: None,
    };
    server
        .engine
        .handle_said(at(9), call, Said::Progress(progress));
    assert_eq!(state(&mut server, 9, &task)["statusMessage"], "3 of 4");
    server.finish(at(10), &Outcome::text("done"));
    assert_eq!(state(&mut server, 11, &task).get("statusMessage"), None);
}

#[test]
fn clients_without_the_extension_are_told_what_is_missing() {
    let mut server = server();
    let params = format!(r#""taskId":"{}""#, begin(&mut server, 0, "may"));
    let missing = json!({"requiredCapabilities": {"extensions": {EXTENSION: {}}}});
    let task = FIRST;
    for (method, name, params) in [
        ("tools/call", "must", r#""name":"must""#),
        ("tools/call", "must-later", r#""name":"must-later""#),
        ("tasks/get", task, &params),
        ("tasks/update", task, &params),
        ("tasks/cancel", task, &params),
    ] {
        let request = crate::stateless::modern(method, name, params);
        let (status, error) = wrong(&mut server, &request);
        assert_eq!(
            (status, &error["code"]),
            (400, &json!(-32021)),
            "{method} {name}"
        );
        assert_eq!(error["data"], missing);
    }
    assert_eq!(server.started.len(), 1);
    let response = ask(&mut server, at(1), post("/mcp", "", &call(1, "must")));
    assert!(
        response.body.contains(r#""isError":true"#),
        "{}",
        response.body
    );
    assert!(response.body.contains("works in the background only"));
}

#[test]
fn an_optional_task_is_a_call_for_those_who_do_not_know_tasks() {
    let mut server = server();
    let peer = server.connect(at(0));
    let request = crate::stateless::modern("tools/call", "may", r#""name":"may""#);
    server.send(at(0), peer, request);
    server.finish(at(1), &Outcome::text("done"));
    let received = server.receive(peer);
    assert!(
        received.contains(r#""text":"done"}],"resultType":"complete""#),
        "{received}"
    );
    assert_eq!(server.engine.gauges().tasks, 0);
}

#[test]
fn there_are_tasks_only_where_some_tool_makes_them() {
    let mut server = Server::new();
    let request = able("tasks/get", "a", r#""taskId":"a""#);
    let (status, error) = wrong(&mut server, &request);
    assert_eq!((status, &error["code"]), (404, &json!(-32601)));
    let discover = crate::stateless::modern("server/discover", "", "");
    let extensions = |server: &mut Server| {
        let (_, message) = answer(server, &discover);
        message["result"]["capabilities"].get("extensions").cloned()
    };
    assert_eq!(extensions(&mut server), None);
    let mut server = self::server();
    assert_eq!(extensions(&mut server), Some(json!({EXTENSION: {}})));
    let initialized = ask(
        &mut server,
        at(0),
        post("/mcp", "", &crate::initialize("2025-11-25")),
    );
    assert!(
        !initialized.body.contains("extensions"),
        "{}",
        initialized.body
    );
    for method in ["tasks/result", "tasks/list"] {
        let (status, error) = wrong(&mut server, &able(method, "", r#""taskId":"a""#));
        assert_eq!((status, &error["code"]), (404, &json!(-32601)), "{method}");
    }
}

#[test]
fn what_is_wrong_with_a_request_about_a_task_is_said() {
    let mut server = server();
    let task = begin(&mut server, 0, "may");
    for (method, name, params) in [
        ("tasks/get", "nobody", r#""taskId":"nobody""#.to_string()),
        ("tasks/cancel", "nobody", r#""taskId":"nobody""#.to_string()),
        (
            "tasks/update",
            "nobody",
            r#""taskId":"nobody","inputResponses":{}"#.to_string(),
        ),
        ("tasks/get", "", r#""taskId":7"#.to_string()),
        ("tasks/get", "", r#""task":"a""#.to_string()),
        ("tasks/update", &task, format!(r#""taskId":"{task}""#)),
        (
            "tasks/update",
            &task,
            format!(r#""taskId":"{task}","inputResponses":[]"#),
        ),
    ] {
        let (status, error) = wrong(&mut server, &able(method, name, &params));
        assert_eq!(
            (status, &error["code"]),
            (400, &json!(-32602)),
            "{method} {params}"
        );
    }
    let (status, error) = wrong(
        &mut server,
        &able("tasks/get", "x", &format!(r#""taskId":"{task}""#)),
    );
    assert_eq!((status, &error["code"]), (400, &json!(-32020)));
    // Answers that nobody has asked for are of no consequence.
    let params = format!(r#""taskId":"{task}","inputResponses":{{"a":{{"action":"accept"}}}}"#);
    let done = result_at(&mut server, 1, &able("tasks/update", &task, &params));
    assert_eq!(done["resultType"], "complete");
}

#[test]
fn a_task_is_its_principals_alone() {
    let mut server = server();
    configure(&mut server, 0, |config| config.access = tokens());
    let params = r#""name":"backup""#;
    let begun = able_as(&bearer(0), "tools/call", "backup", params);
    let begun = result_at(&mut server, 0, &begun);
    let task = begun["taskId"].as_str().unwrap();
    let params = format!(r#""taskId":"{task}","inputResponses":{{}}"#);
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let own = able_as(&bearer(0), method, task, &params);
        let foreign = able_as(&bearer(1), method, task, &params);
        assert_eq!(wrong(&mut server, &foreign).1["code"], -32602, "{method}");
        result_at(&mut server, 1, &own);
    }
    let listed = |server: &mut Server, number, id: &str| {
        result_at(server, 2, &post("/mcp", &bearer(number), &status_call(id)))
    };
    assert!(text(&listed(&mut server, 0, "")).starts_with("You have one task:\nTask session-"));
    assert_eq!(text(&listed(&mut server, 1, "")), "You have no tasks.");
    assert_eq!(listed(&mut server, 1, task)["isError"], true);
    assert_eq!(
        listed(&mut server, 0, task)["structuredContent"]["taskId"],
        task
    );
}

#[test]
fn a_principal_that_is_gone_loses_its_tasks() {
    let mut server = server();
    configure(&mut server, 0, |config| config.access = tokens());
    for number in [0, 1] {
        for _ in 0..2 {
            let begun = able_as(&bearer(number), "tools/call", "may", r#""name":"may""#);
            result_at(&mut server, 0, &begun);
        }
    }
    server.finish(at(1), &Outcome::text("done"));
    configure(&mut server, 2, |config| {
        config.access.tokens.remove(0);
    });
    server.engine.check(0);
    assert_eq!(
        (server.engine.gauges().tasks, server.terminated.len()),
        (2, 1)
    );
    server.finish(at(3), &Outcome::error("stopped"));
    server.engine.check(0);
    assert_eq!(server.engine.gauges().calls, 2);
    configure(&mut server, 4, |config| config.access = Access::open());
    assert_eq!(server.engine.gauges().tasks, 0);
}

#[test]
fn every_client_is_given_the_task_of_a_tool_in_the_background() {
    let mut server = server();
    let fields = streamable(&mut server, at(0), "2025-11-25");
    let begun = result_at(&mut server, 0, &post("/mcp", &fields, &call(1, "backup")));
    let id = begun["structuredContent"]["taskId"].as_str().unwrap();
    assert_eq!(begun["structuredContent"]["status"], "working");
    assert_eq!(
        text(&begun),
        format!(
            "The tool backup now works in the background, as the task {id}. Call task-status with \
             {{\"id\":\"{id}\"}} to see how far it is and to get its result."
        )
    );
    server.line(at(1), "half");
    // It outlives the session that it was begun in.
    let over = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    ask(&mut server, at(2), over);
    assert!(server.terminated.is_empty());
    let status = |server: &mut Server| result_at(server, 3, &post("/mcp", "", &status_call(id)));
    let working = status(&mut server);
    assert_eq!(
        text(&working),
        format!(
            "Task {id} of the tool backup, begun at 1970-01-01T00:00:00.000Z, is working: half"
        )
    );
    assert_eq!(working["structuredContent"]["tool"], "backup");
    server.finish(at(4), &Outcome::text("all is saved"));
    let completed = status(&mut server);
    assert!(text(&completed).ends_with("has completed"), "{completed}");
    assert_eq!(
        completed["content"][1],
        json!({"type": "text", "text": "all is saved"})
    );
    let result = &completed["structuredContent"]["result"];
    assert_eq!(result["content"][0]["text"], "all is saved");
    // A client of 2026-07-28 that knows no tasks goes the same way.
    let request = crate::stateless::modern("tools/call", "backup", r#""name":"backup""#);
    let begun = result_at(&mut server, 5, &request);
    assert_eq!(begun["resultType"], "complete");
    assert!(begun["structuredContent"]["taskId"].is_string());
}

#[test]
fn a_task_of_the_server_is_listed_behind_ones_own() {
    let mut server = server();
    let mut tools: Vec<Rc<dyn Tool>> = tools().iter().cloned().collect();
    tools.retain(|tool| tool.spec().name != "task-status");
    tools.push(Rc::new(builtin::TaskStatus::with_server(Rc::new(tide))));
    let config = server.engine.config().clone();
    server
        .engine
        .reload(at(0), config, Registry::new(tools).unwrap());
    server.settle(at(0));
    let own = streamable(&mut server, at(0), "2025-06-18");
    let list = post("/mcp", &own, &status_call(""));
    let listed = result_at(&mut server, 1, &list);
    assert_eq!(
        text(&listed),
        "You have no tasks.\nOf the server itself: Task tide, 3 of 4."
    );
    let tide = json!({"taskId": "tide", "status": "working"});
    assert_eq!(listed["structuredContent"], json!({"tasks": [tide]}));
    result_at(&mut server, 2, &post("/mcp", &own, &call(1, "backup")));
    let listed = result_at(&mut server, 3, &list);
    assert_eq!(listed["structuredContent"]["tasks"][0]["tool"], "backup");
    assert_eq!(listed["structuredContent"]["tasks"][1], tide);
    let one = result_at(&mut server, 4, &post("/mcp", &own, &status_call("tide")));
    assert_eq!(text(&one), "Task tide, 3 of 4.");
    assert_eq!(one["structuredContent"], tide);
}

#[test]
fn whoever_shows_nothing_has_the_tasks_of_its_session_listed() {
    let mut server = server();
    let (own, other) = (
        streamable(&mut server, at(0), "2025-06-18"),
        streamable(&mut server, at(0), "2025-06-18"),
    );
    let list = status_call("");
    for (millis, id) in [(1, 1), (2, 2)] {
        result_at(
            &mut server,
            millis,
            &post("/mcp", &own, &call(id, "backup")),
        );
    }
    let listed = result_at(&mut server, 3, &post("/mcp", &own, &list));
    let tasks = listed["structuredContent"]["tasks"].as_array().unwrap();
    let begun: Vec<&str> = tasks
        .iter()
        .map(|task| task["createdAt"].as_str().unwrap())
        .collect();
    assert_eq!(
        begun,
        ["1970-01-01T00:00:00.002Z", "1970-01-01T00:00:00.001Z"]
    );
    assert!(text(&listed).starts_with("You have 2 tasks, the newest first:\n"));
    for fields in [other.as_str(), ""] {
        let listed = result_at(&mut server, 4, &post("/mcp", fields, &list));
        assert_eq!(text(&listed), "You have no tasks.");
    }
}

#[test]
fn no_more_tasks_are_listed_than_a_model_reads() {
    let mut server = server();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    for number in 0..22 {
        result_at(
            &mut server,
            number,
            &post("/mcp", &fields, &call(number as u32, "backup")),
        );
        server.finish(at(number), &Outcome::text("done"));
    }
    let listed = result_at(&mut server, 30, &post("/mcp", &fields, &status_call("")));
    assert_eq!(text(&listed).lines().count(), 22);
    assert!(text(&listed).ends_with("\nand 2 more"));
}

#[test]
fn a_task_of_an_http_sse_session_is_begun_on_its_stream() {
    let mut server = server();
    let (stream, door) = http_sse(&mut server, at(0));
    ask(&mut server, at(1), post(&door, "", &call(1, "backup")));
    let events = crate::events(&mut server, stream);
    assert!(
        events[0].data.contains("now works in the background"),
        "{events:?}"
    );
    server.cut(at(2), stream);
    server.wait_until(at(100_000));
    assert_eq!(
        (server.engine.gauges().sessions, server.terminated.len()),
        (0, 0)
    );
}

#[test]
fn a_function_says_itself_when_it_goes_to_the_background() {
    for tool in ["may-later", "must-later"] {
        let mut server = server();
        let peer = server.connect(at(0));
        server.send(at(0), peer, able_call(tool));
        assert_eq!(server.engine.gauges().tasks, 0);
        let call = server.started[0].0;
        for _ in 0..2 {
            // Once there, it stays there.
            server.engine.handle_said(at(1), call, Said::Background);
            server.settle(at(1));
            server.engine.check(0);
        }
        let received = server.receive(peer);
        assert!(received.contains(r#""status":"working""#), "{received}");
        assert!(received.contains(r#""resultType":"task""#), "{received}");
        let task = FIRST;
        server.cut(at(2), peer);
        server.finish(at(70_000), &Outcome::text("done"));
        let completed = state(&mut server, 70_001, task);
        assert_eq!(completed["result"]["content"][0]["text"], "done");
    }
}

/// A form that is asked for under this key.
fn form(key: &str) -> Said {
    Said::Ask(Ask {
        key: key.to_string(),
        kind: AskKind::Form,
        params: format!(r#"{{"mode":"form","message":"{key}?","requestedSchema":{{}}}}"#),
    })
}

/// The oldest function at work says this and can go no further.
fn says(server: &mut Server, millis: u64, said: Vec<Said>) {
    let call = server.started[0].0;
    for said in said {
        server.engine.handle_said(at(millis), call, said);
    }
    server.engine.handle_waiting_call(at(millis), call);
    server.settle(at(millis));
    server.engine.check(0);
}

fn update(task: &str, responses: &str) -> String {
    let params = format!(r#""taskId":"{task}","inputResponses":{responses}"#);
    able("tasks/update", task, &params)
}

#[test]
fn a_task_asks_and_goes_on_with_the_last_answer() {
    let mut server = server();
    let task = begin(&mut server, 0, "may");
    says(&mut server, 1, vec![form("file"), form("sure")]);
    let asking = state(&mut server, 2, &task);
    assert_eq!(asking["status"], "input_required");
    assert_eq!(asking["lastUpdatedAt"], "1970-01-01T00:00:00.001Z");
    assert_eq!(
        asking["inputRequests"],
        json!({
            "file": {
                "method": "elicitation/create",
                "params": {"mode": "form", "message": "file?", "requestedSchema": {}},
            },
            "sure": {
                "method": "elicitation/create",
                "params": {"mode": "form", "message": "sure?", "requestedSchema": {}},
            },
        })
    );
    assert!(asking.get("requestState").is_none());
    // Others are passed over, and so is what answers nothing.
    let partly = r#"{"nobody":{"action":"accept"},"file":{"action":"accept"},"sure":7}"#;
    let mut done = result_at(&mut server, 3, &update(&task, partly));
    done.as_object_mut().unwrap().remove("_meta");
    assert_eq!(done, json!({"resultType": "complete"}));
    let asking = state(&mut server, 4, &task);
    assert_asks(&asking, &["sure"]);
    result_at(
        &mut server,
        5,
        &update(&task, r#"{"file":{"action":"decline"}}"#),
    );
    result_at(
        &mut server,
        6,
        &update(&task, r#"{"sure":{"action":"decline"}}"#),
    );
    let working = state(&mut server, 7, &task);
    assert_eq!(working["status"], "working");
    assert_eq!(working["lastUpdatedAt"], "1970-01-01T00:00:00.006Z");
    assert!(working.get("inputRequests").is_none());
    let answered = server.answered.iter();
    let answered: Vec<(&str, &str)> = answered
        .map(|(_, key, answer)| (key.as_str(), answer.as_ref().unwrap().get()))
        .collect();
    assert_eq!(
        answered,
        [
            ("file", r#"{"action":"accept"}"#),
            ("sure", r#"{"action":"decline"}"#)
        ]
    );
    server.finish(at(8), &Outcome::text("deleted"));
    assert_eq!(state(&mut server, 9, &task)["status"], "completed");
    result_at(
        &mut server,
        10,
        &update(&task, r#"{"sure":{"action":"accept"}}"#),
    );
}

#[test]
fn a_task_that_nobody_answers_comes_to_an_end() {
    let mut server = server();
    let (late, cancelled) = (begin(&mut server, 0, "may"), begin(&mut server, 0, "may"));
    says(&mut server, 1, vec![form("sure")]);
    server.started.swap(0, 1);
    says(&mut server, 1, vec![form("sure")]);
    result_at(&mut server, 2, &about("tasks/cancel", &cancelled));
    assert_eq!(state(&mut server, 3, &cancelled)["status"], "cancelled");
    server.finish(at(3), &Outcome::error("stopped"));
    let wait = slimcp::limits::ANSWER_WAIT.as_millis() as u64;
    server.wait_until(at(wait));
    assert_eq!(server.terminated.len(), 1);
    server.wait_until(at(wait + 1));
    assert_eq!(server.terminated.len(), 2);
    server.finish(at(wait + 2), &Outcome::error("nobody answered"));
    let completed = state(&mut server, wait + 3, &late);
    assert_eq!(completed["result"]["isError"], true);
}

#[test]
fn a_waiting_task_is_no_call_that_makes_room_for_others() {
    let mut server = server_with(Limits {
        calls_max: 1,
        ..Limits::default()
    });
    let task = begin(&mut server, 0, "may");
    says(&mut server, 1, vec![form("sure")]);
    let (status, error) = wrong(&mut server, &able_call("may"));
    assert_eq!(
        (status, &error["message"]),
        (503, &json!(Refusal::CallsFull.text()))
    );
    assert_eq!(state(&mut server, 2, &task)["status"], "input_required");
}

#[test]
fn questions_come_before_the_task_where_a_function_wants_them_there() {
    let mut server = server();
    let peer = server.connect(at(0));
    server.send(at(0), peer, able_call("must-later"));
    says(&mut server, 1, vec![form("user_name")]);
    let received = server.receive(peer);
    assert!(
        received.contains(r#""resultType":"input_required""#),
        "{received}"
    );
    let sealed = received.split(r#""requestState":""#).nth(1).unwrap();
    let sealed = sealed.split('"').next().unwrap();
    let params = format!(
        r#""name":"must-later","requestState":"{sealed}",
           "inputResponses":{{"user_name":{{"action":"accept","content":{{"name":"Eva"}}}}}}"#
    );
    server.send(at(2), peer, able("tools/call", "must-later", &params));
    assert_eq!(server.answered.len(), 1);
    // It asks for more, and goes there without waiting for it.
    says(&mut server, 3, vec![form("sure"), Said::Background]);
    let received = server.receive(peer);
    assert!(received.contains(r#""resultType":"task""#), "{received}");
    let task = received.split(r#""taskId":""#).nth(1).unwrap();
    let task = task.split('"').next().unwrap();
    let asking = state(&mut server, 4, task);
    assert_asks(&asking, &["sure"]);
    result_at(
        &mut server,
        5,
        &update(task, r#"{"sure":{"action":"accept"}}"#),
    );
    server.finish(at(6), &Outcome::text("Hello, Eva!"));
    let completed = state(&mut server, 7, task);
    assert_eq!(completed["result"]["content"][0]["text"], "Hello, Eva!");
}

#[test]
fn a_task_of_a_client_with_a_handshake_has_nobody_to_ask() {
    let mut server = server();
    let fields = streamable(&mut server, at(0), "2025-11-25");
    result_at(&mut server, 0, &post("/mcp", &fields, &call(1, "backup")));
    says(&mut server, 1, vec![form("sure")]);
    let (_, _, answer) = &server.answered[0];
    assert_eq!(answer.as_ref().unwrap_err().code, -32021);
}

/// Opens a subscription to these tasks; its connection and the tasks that are acknowledged.
fn listen(server: &mut Server, millis: u64, field: &str, tasks: &[&str]) -> (usize, Value) {
    let params = format!(r#""notifications":{{"taskIds":{}}}"#, json!(tasks));
    let peer = server.connect(at(millis));
    server.send(
        at(millis),
        peer,
        able_as(field, "subscriptions/listen", "", &params),
    );
    let acknowledged = told(server, peer).remove(0);
    server.engine.check(0);
    (
        peer,
        acknowledged["params"]["notifications"]["taskIds"].clone(),
    )
}

/// What a subscription was told meanwhile.
fn told(server: &mut Server, peer: usize) -> Vec<Value> {
    let events = crate::events(server, peer);
    let message = |data: &str| serde_json::from_str(data).unwrap();
    events.iter().map(|event| message(&event.data)).collect()
}

#[test]
fn whoever_listens_is_told_every_state_of_a_task() {
    let mut server = server();
    let (task, other) = (begin(&mut server, 0, "may"), begin(&mut server, 0, "may"));
    let (peer, honoured) = listen(&mut server, 1, "", &[&task, "nobody"]);
    assert_eq!(honoured, json!([task]));
    server.line(at(2), "how far it has come is no state");
    says(&mut server, 3, vec![form("sure")]);
    result_at(
        &mut server,
        4,
        &update(&task, r#"{"sure":{"action":"accept"}}"#),
    );
    server.finish(at(5), &Outcome::text("done"));
    result_at(&mut server, 6, &about("tasks/cancel", &other));
    let told = told(&mut server, peer);
    let states: Vec<&Value> = told.iter().map(|each| &each["params"]["status"]).collect();
    assert_eq!(states, ["input_required", "working", "completed"]);
    assert_eq!(told[0]["method"], "notifications/tasks");
    assert!(told[0]["params"]["inputRequests"]["sure"].is_object());
    let mut last = told[2]["params"].clone();
    let meta = last.as_object_mut().unwrap().remove("_meta").unwrap();
    assert_eq!(meta, json!({"io.modelcontextprotocol/subscriptionId": 7}));
    let mut asked = state(&mut server, 7, &task);
    for member in ["_meta", "resultType"] {
        asked.as_object_mut().unwrap().remove(member);
    }
    assert_eq!(last, asked, "it is what tasks/get tells");
}

#[test]
fn nobody_listens_to_the_tasks_of_others() {
    let mut server = server();
    configure(&mut server, 0, |config| config.access = tokens());
    let begun = able_as(&bearer(0), "tools/call", "may", r#""name":"may""#);
    let begun = result_at(&mut server, 0, &begun);
    let task = begun["taskId"].as_str().unwrap();
    let (own, honoured) = listen(&mut server, 1, &bearer(0), &[task]);
    assert_eq!(honoured, json!([task]));
    let (foreign, honoured) = listen(&mut server, 1, &bearer(1), &[task]);
    assert_eq!(honoured, json!([]));
    server.finish(at(2), &Outcome::text("done"));
    assert_eq!(
        (
            told(&mut server, own).len(),
            told(&mut server, foreign).len()
        ),
        (1, 0)
    );
}

#[test]
fn a_function_that_may_not_go_to_the_background_stays_where_it_is() {
    let mut server = server();
    let peer = server.connect(at(0));
    let request = crate::stateless::modern("tools/call", "may-later", r#""name":"may-later""#);
    server.send(at(0), peer, request);
    let call = server.started[0].0;
    server.engine.handle_said(at(1), call, Said::Background);
    server.settle(at(1));
    server.finish(at(2), &Outcome::text("done"));
    assert!(server.receive(peer).contains(r#""text":"done""#));
    // Nor does one whose client has given it up.
    let peer = server.connect(at(3));
    server.send(at(3), peer, able_call("may-later"));
    let call = server.started[0].0;
    server.cut(at(4), peer);
    server.engine.handle_said(at(4), call, Said::Background);
    server.engine.check(0);
    server.finish(at(5), &Outcome::error("stopped"));
    assert_eq!(server.engine.gauges().tasks, 0);
}

#[test]
fn arguments_that_are_wrong_are_told_at_once() {
    let mut server = server();
    let params = r#""name":"backup","arguments":{"seconds":-1}"#;
    let result = result_at(&mut server, 0, &able("tools/call", "backup", params));
    assert_eq!(
        (&result["resultType"], &result["isError"]),
        (&json!("complete"), &json!(true))
    );
    let params = r#""name":"echo","arguments":{"text":"a"}"#;
    let result = result_at(&mut server, 0, &able("tools/call", "echo", params));
    assert_eq!(result["resultType"], "complete");
}

#[test]
fn a_full_table_forgets_what_is_over_the_callers_own_first() {
    let mut server = server_with(Limits {
        tasks_max: 3,
        ..Limits::default()
    });
    configure(&mut server, 0, |config| config.access = tokens());
    let begin = |server: &mut Server, millis, number| {
        let begun = able_as(&bearer(number), "tools/call", "may", r#""name":"may""#);
        let begun = result_at(server, millis, &begun);
        begun["taskId"].as_str().unwrap().to_string()
    };
    let get = |task: &str, number| {
        able_as(
            &bearer(number),
            "tasks/get",
            task,
            &format!(r#""taskId":"{task}""#),
        )
    };
    let foreign = begin(&mut server, 0, 0);
    server.finish(at(1), &Outcome::text("done"));
    let own = begin(&mut server, 2, 1);
    server.finish(at(3), &Outcome::text("done"));
    for millis in [4, 5] {
        begin(&mut server, millis, 1);
    }
    assert_eq!(wrong(&mut server, &get(&own, 1)).1["code"], -32602);
    result_at(&mut server, 6, &get(&foreign, 0));
    begin(&mut server, 7, 1);
    assert_eq!(wrong(&mut server, &get(&foreign, 0)).1["code"], -32602);
    let stats = server.engine.stats();
    assert_eq!((stats.tasks_evicted, stats.tasks_refused), (2, 0));
    // All of them run now.
    let more = able_as(&bearer(1), "tools/call", "may", r#""name":"may""#);
    let (status, error) = wrong(&mut server, &more);
    assert_eq!((status, &error["code"]), (503, &json!(-32603)));
    assert_eq!(error["message"], Refusal::TasksFull.text());
    assert!(Refusal::TasksFull.text().contains("limits.tasks"));
    assert_eq!(server.engine.stats().tasks_refused, 1);
}

#[test]
fn a_function_goes_on_in_the_foreground_where_there_is_no_room_for_a_task() {
    let mut server = server_with(Limits {
        tasks_max: 1,
        ..Limits::default()
    });
    begin(&mut server, 0, "may");
    let peer = server.connect(at(0));
    server.send(at(0), peer, able_call("must-later"));
    let (call, _) = server.started.remove(1);
    server.engine.handle_said(at(1), call, Said::Background);
    server
        .engine
        .handle_outcome(at(2), call, &Outcome::text("done"));
    server.settle(at(2));
    assert!(server.receive(peer).contains(r#""text":"done""#));
    assert_eq!(server.engine.stats().tasks_refused, 1);
    server.engine.check(0);
}

#[test]
fn a_result_is_kept_for_its_time_and_no_longer() {
    let mut server = server();
    let task = begin(&mut server, 0, "may");
    server.finish(at(1_000), &Outcome::text("done"));
    let hour = 3_600_000;
    server.wait_until(at(hour + 999));
    assert_eq!(state(&mut server, hour + 999, &task)["status"], "completed");
    server.wait_until(at(hour + 1_000));
    assert_eq!(
        wrong(&mut server, &about("tasks/get", &task)).1["code"],
        -32602
    );
    assert_eq!(server.engine.gauges(), Default::default());
}

#[test]
fn a_task_has_the_time_of_its_tool_or_that_of_tasks() {
    let mut server = server();
    let task = begin(&mut server, 0, "backup");
    let hour = 3_600_000;
    server.wait_until(at(hour - 1));
    assert!(server.terminated.is_empty(), "timeouts.call does not count");
    server.wait_until(at(hour));
    assert_eq!(server.terminated.len(), 1);
    assert_eq!(state(&mut server, hour, &task)["status"], "working");
    server.finish(at(hour + 1), &Outcome::error("timed out"));
    let completed = state(&mut server, hour + 2, &task);
    assert_eq!(completed["status"], "completed");
    assert_eq!(completed["result"]["isError"], true);
    // One that goes there later has its time from then on.
    let peer = server.connect(at(0));
    server.send(at(hour + 10_000), peer, able_call("must-later"));
    let call = server.started[0].0;
    server
        .engine
        .handle_said(at(hour + 20_000), call, Said::Background);
    server.settle(at(hour + 20_000));
    server.wait_until(at(2 * hour + 19_999));
    assert_eq!(server.terminated.len(), 1);
    server.wait_until(at(2 * hour + 20_000));
    assert_eq!(server.terminated.len(), 2);
}

#[test]
fn a_result_that_finds_no_room_makes_its_task_fail() {
    let limits = Limits {
        memory_bytes_max: 0,
        output_bytes_max: 8_000,
        body_bytes_max: 2_000,
        replay_bytes_max: 1_000,
        ..Limits::default()
    };
    let needed = Memory::of(&limits).unwrap_err().needed;
    let mut server = server_with(Limits {
        memory_bytes_max: needed,
        ..limits
    });
    let (kept, lost) = (begin(&mut server, 0, "may"), begin(&mut server, 0, "may"));
    for _ in 0..2 {
        server.finish(at(1), &Outcome::text("x".repeat(7_000)));
    }
    assert_eq!(state(&mut server, 2, &kept)["status"], "completed");
    let failed = state(&mut server, 2, &lost);
    assert_eq!(
        (&failed["status"], &failed["error"]["code"]),
        (&json!("failed"), &json!(-32603))
    );
    let message = failed["statusMessage"].as_str().unwrap();
    assert!(message.contains("limits.memory"), "{message}");
    assert_eq!(server.engine.stats().memory_refusals, 1);
}

#[test]
fn a_drain_gives_tasks_up_as_it_does_calls() {
    let mut server = server();
    begin(&mut server, 0, "backup");
    server.engine.drain(at(1));
    server.settle(at(1));
    assert!(!server.engine.is_drained());
    server.wait_until(at(10_001));
    assert_eq!(server.terminated.len(), 1);
    server.finish(at(10_002), &Outcome::error("stopped"));
    assert!(server.engine.is_drained());
    server.engine.check(0);
}

#[test]
fn a_reload_without_such_tools_leaves_the_tasks_there_are() {
    let mut server = server();
    let task = begin(&mut server, 0, "backup");
    server.reconfigure(at(1), |_| {});
    assert_eq!(state(&mut server, 2, &task)["status"], "working");
    server.finish(at(3), &Outcome::text("done"));
    assert_eq!(state(&mut server, 4, &task)["status"], "completed");
    server.wait_until(at(3_700_000));
    let (status, _) = wrong(&mut server, &about("tasks/get", &task));
    assert_eq!(status, 404);
}

#[test]
fn a_request_that_begins_a_task_is_answered_at_once_for_the_statistics() {
    use slimcp::admin::stats::DoorKind;
    let mut server = server();
    begin(&mut server, 0, "backup");
    server.finish(at(9_000), &Outcome::text("done"));
    let door = &server.engine.stats().doors[DoorKind::Mcp as usize];
    assert_eq!(
        (door.duration.count(), door.duration.sum().to_string()),
        (1, "0".to_string())
    );
    let peer = server.connect(at(10_000));
    server.send(at(10_000), peer, able_call("must-later"));
    let call = server.started[0].0;
    server
        .engine
        .handle_said(at(12_000), call, Said::Background);
    server.settle(at(12_000));
    server.finish(at(20_000), &Outcome::text("done"));
    let door = &server.engine.stats().doors[DoorKind::Mcp as usize];
    assert_eq!(
        (door.duration.count(), door.duration.sum().to_string()),
        (2, "2".to_string())
    );
    ask(&mut server, at(21_000), post("/mcp", "", &echo(1, "a")));
    assert!(pieces(&mut server, peer).len() > 1);
}
