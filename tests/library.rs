//! Servers of programs that embed this crate, over sockets: what `Server::builder` promises.

mod library {
    pub mod client;
}

use library::client::{Client, Session, call, modern_call, modern_meta};
use serde::Deserialize;
use serde_json::{Value, json};
use slimcp::auth::role::RoleIndex;
use slimcp::server::{Builder, Executor};
use slimcp::{
    Completion, Context, Field, Form, FunctionTool, Given, Json, Level, Messages, Prompt, Resource,
    ResourceSpec, RpcError, Sampling, Server, Source, unblock,
};
use smol::future::zip;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Serves on a thread of its own; its address, and the thread.
fn start(
    make: impl FnOnce(Builder) -> Builder + Send + 'static,
) -> (Client, JoinHandle<io::Result<()>>) {
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let server = make(Server::builder("test")).listen("127.0.0.1:0");
        let server = server.on_listening(move |door| tell.send(door.address).unwrap());
        let executor = Rc::new(Executor::new());
        let serving = server.build()?.serve(executor.clone());
        smol::block_on(executor.run(serving))
    });
    let address = told.recv().expect("it listens").expect("on TCP");
    (Client { address }, thread)
}

#[derive(Deserialize)]
struct Greet {
    name: String,
}

#[test]
fn the_ten_lines_are_a_server() {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--profile",
            "test",
            "--example",
            "greeter",
        ])
        .status();
    assert!(built.expect("cargo runs").success());
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(|deps| deps.parent()).unwrap();
    let mut greeter = Command::new(folder.join("examples/greeter"))
        .env("PORT", "0")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was just built");
    let mut url = String::new();
    let mut told = BufReader::new(greeter.stdout.take().unwrap());
    told.read_line(&mut url).unwrap();
    let address = url.trim().strip_prefix("http://").unwrap();
    let address = address.strip_suffix("/mcp").unwrap().parse().unwrap();
    let client = Client { address };
    assert_eq!(
        client.text(call("greet", json!({"name": "Ada"}))),
        "Hello, Ada!"
    );
    let pid = rustix::process::Pid::from_child(&greeter);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(greeter.wait().unwrap().success());
}

#[test]
fn a_function_that_panics_takes_nobody_with_it() {
    let (client, _) = start(|server| {
        server
            .tool("at-once", "", async || -> String { panic!("at once") })
            .tool("later", "", async || -> String {
                smol::future::yield_now().await;
                panic!("later")
            })
            .tool("well", "", async || "well")
    });
    for tool in ["at-once", "later"] {
        let told = client.modern(modern_call(tool, json!({}), json!({})));
        let error = json!({"code": -32603, "message": "the function has panicked"});
        assert_eq!(told[0]["error"], error, "{tool}");
        assert_eq!(client.text(call("well", json!({}))), "well");
    }
}

#[test]
fn functions_take_arguments_a_context_both_or_nothing() {
    let (client, _) = start(|server| {
        server
            .tool("nothing", "", async || "nothing")
            .tool("context", "", async |context: Context| {
                context.client().is_empty().to_string()
            })
            .tool("arguments", "", async |who: Greet| who.name)
            .tool("both", "", async |who: Greet, context: Context| {
                format!("{} {}", who.name, context.client().is_empty())
            })
            .tool("value", "", async |any: Value| Json(any))
    });
    let ada = json!({"name": "Ada"});
    let table = [
        ("nothing", json!({}), "nothing"),
        ("nothing", ada.clone(), "nothing"),
        ("context", json!({}), "true"),
        ("arguments", ada.clone(), "Ada"),
        ("both", ada.clone(), "Ada true"),
        ("value", ada.clone(), r#"{"name":"Ada"}"#),
        ("both", json!({}), "both was not run: missing field `name`"),
        (
            "both",
            json!({"name": 1}),
            "both was not run: name: invalid type: integer `1`, expected a string",
        ),
    ];
    for (tool, arguments, expected) in table {
        assert_eq!(client.text(call(tool, arguments)), expected, "{tool}");
    }
    let result = client.result(call("value", ada.clone()));
    assert_eq!(result["structuredContent"], ada);
}

#[test]
fn what_is_said_of_a_tool_is_listed() {
    let (client, _) = start(|server| {
        let tool = FunctionTool::new("echo", "Says it again.", async |who: Greet| who.name);
        server.with(
            tool.title("Echo")
                .schema(r#"{"type": "object", "required": ["name"]}"#)
                .output_schema(r#"{"type": "object"}"#)
                .icons(r#"[{"src": "data:,"}]"#)
                .read_only()
                .idempotent()
                .destructive(false)
                .open_world(false),
        )
    });
    let listed = client.result(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    assert_eq!(
        listed["tools"],
        json!([{
            "name": "echo", "title": "Echo", "description": "Says it again.",
            "inputSchema": {"type": "object", "required": ["name"]},
            "outputSchema": {"type": "object"},
            "annotations": {"readOnlyHint": true, "destructiveHint": false,
                "idempotentHint": true, "openWorldHint": false},
            "icons": [{"src": "data:,"}],
        }])
    );
}

async fn working(context: Context) -> &'static str {
    context.progress(f64::NAN, 2.0, "never said");
    context.progress(0.5, 2.0, "first");
    context.progress(1.0, None, None);
    context.log(Level::Debug, "not heard");
    context.log(Level::Warning, json!({"a": 1}));
    "done"
}

#[test]
fn progress_and_log_lines_come_before_the_answer() {
    let (client, _) = start(|server| server.tool("work", "", working));
    let meta = json!({"progressToken": 7, "io.modelcontextprotocol/logLevel": "info"});
    let messages = client.modern(modern_call("work", json!({}), meta));
    let shown: Vec<&Value> = messages.iter().map(|message| &message["params"]).collect();
    assert_eq!(
        shown[..3],
        [
            &json!({"progressToken": 7, "progress": 0.5, "total": 2, "message": "first"}),
            &json!({"progressToken": 7, "progress": 1}),
            &json!({"level": "warning", "logger": "work", "data": {"a": 1}}),
        ]
    );
    assert_eq!(messages[3]["result"]["content"][0]["text"], "done");
}

async fn order(context: Context) -> Result<String, RpcError> {
    let form = Form::new("Who?").required("name", Field::text());
    let asked = zip(
        context.elicit(form),
        context.sample(Sampling::new(9).user("Hi")),
    );
    let (person, model) = asked.await;
    let Some(Greet { name }) = person?.accepted()? else {
        return Ok("nobody".to_string());
    };
    let roots = context.roots().key("folders").await?;
    Ok(format!("{name}, {}, {}", model?.text(), roots.len()))
}

#[test]
fn questions_are_answered_by_further_requests_of_a_client_without_sessions() {
    let (client, _) = start(|server| server.tool("order", "", order));
    let able = json!({"elicitation": {}, "sampling": {}, "roots": {}});
    let meta = json!({"io.modelcontextprotocol/clientCapabilities": able});
    let request = |responses: Value, state: &Value| {
        let mut request = modern_call("order", json!({}), meta.clone());
        if !state.is_null() {
            request["params"]["inputResponses"] = responses;
            request["params"]["requestState"] = state.clone();
        }
        client.modern(request).pop().expect("an answer")["result"].clone()
    };
    let first = request(json!({}), &Value::Null);
    assert_eq!(first["resultType"], "input_required");
    let asked = &first["inputRequests"];
    assert_eq!(
        asked["elicitation_1"]["params"],
        json!({"mode": "form", "message": "Who?", "requestedSchema": {"type": "object",
            "properties": {"name": {"type": "string"}}, "required": ["name"]}})
    );
    assert_eq!(asked["sampling_1"]["method"], "sampling/createMessage");
    let said =
        json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "Hi"}});
    let answers = json!({
        "elicitation_1": {"action": "accept", "content": {"name": "Ada"}},
        "sampling_1": said,
    });
    let second = request(answers, &first["requestState"]);
    assert_eq!(second["inputRequests"]["folders"]["method"], "roots/list");
    let answers = json!({"folders": {"roots": [{"uri": "file:///a"}]}});
    let last = request(answers, &second["requestState"]);
    assert_eq!(last["content"][0]["text"], "Ada, Hi, 1");
}

#[test]
fn questions_are_requests_to_a_client_with_a_session() {
    let (client, _) = start(|server| server.tool("order", "", order));
    let able = json!({"elicitation": {}, "sampling": {}, "roots": {}});
    let session = Session::new(client, "2025-11-25", able);
    let mut stream = session.open(call("order", json!({})));
    for _ in 0..3 {
        let asked = stream.next_message();
        let result = match asked["method"].as_str().expect("a request") {
            "elicitation/create" => json!({"action": "accept", "content": {"name": "Ada"}}),
            "sampling/createMessage" => {
                assert_eq!(
                    asked["params"]["messages"],
                    json!([{"role": "user", "content": {"type": "text", "text": "Hi"}}])
                );
                json!({"role": "assistant", "model": "m",
                    "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]})
            }
            _ => json!({"roots": []}),
        };
        session.post(json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}));
    }
    let answer = stream.next_message();
    assert_eq!(answer["result"]["content"][0]["text"], "Ada, Hi, 0");
}

#[test]
fn a_client_that_is_let_go_at_once_comes_back_to_its_call() {
    let (client, _) = start(|server| {
        let leave = FunctionTool::new("leave", "", async |context: Context| {
            context.release();
            std::future::pending::<()>().await;
        });
        server.with(leave.timeout(Duration::from_millis(200)))
    });
    let session = Session::new(client, "2025-11-25", json!({}));
    let left = session.response(call("leave", json!({})));
    let event = left.split("id: ").nth(1).and_then(|id| id.lines().next());
    let mut stream = session.come_back(event.expect("an id to come back with"));
    assert_eq!(stream.next_message()["result"]["isError"], true);
}

#[test]
fn what_a_client_cannot_be_asked_fails_the_request_with_what_it_needs() {
    let (client, _) = start(|server| server.tool("order", "", order));
    let messages = client.modern(modern_call("order", json!({}), json!({})));
    let error = &messages[0]["error"];
    assert_eq!(error["code"], -32021);
    assert_eq!(
        error["data"]["requiredCapabilities"],
        json!({"elicitation": {}})
    );
}

async fn note(given: Given, _: Context) -> Option<String> {
    (given.get("name") != "none").then(|| format!("about {}", given.get("name")))
}

fn with_catalogue(server: Builder) -> Builder {
    let offered = async |given: Given, _: Context| vec![format!("{}!", given.typed)];
    let review = async |given: Given, _: Context| format!("Review {}.", given.get("file"));
    let broken = Source::function(async |_: Given, _: Context| Err::<String, _>("no disk"));
    server
        .resource(Resource::new("a://fixed", "fixed", Source::text("always")))
        .resource(Resource::new("a://broken", "broken", broken))
        .template(
            ResourceSpec::new("a://{name}", "notes"),
            Source::function(note),
        )
        .prompt(
            Prompt::new("review", Messages::function(review))
                .takes("file", "Which one.")
                .completed_by(Completion::function(offered)),
        )
}

#[test]
fn resources_prompts_and_completions_are_fixed_or_functions() {
    let (client, _) = start(with_catalogue);
    let session = Session::new(client, "2025-06-18", json!({}));
    let ask = |method: &str, params: Value| {
        session.ask(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    };
    let read = |uri: &str| ask("resources/read", json!({"uri": uri}));
    let text = |message: &Value| message["result"]["contents"][0]["text"].clone();
    assert_eq!(text(&read("a://fixed")), "always");
    assert_eq!(text(&read("a://b%20c")), "about b c");
    assert_eq!(read("a://none")["error"]["code"], -32002);
    assert_eq!(
        read("a://broken")["error"],
        json!({"code": -32603, "message": "no disk"})
    );
    let got = ask(
        "prompts/get",
        json!({"name": "review", "arguments": {"file": "x.rs"}}),
    );
    assert_eq!(
        got["result"]["messages"][0]["content"]["text"],
        "Review x.rs."
    );
    let reference = json!({"type": "ref/prompt", "name": "review"});
    let typed = json!({"name": "file", "value": "x"});
    let offered = ask(
        "completion/complete",
        json!({"ref": reference, "argument": typed}),
    );
    assert_eq!(offered["result"]["completion"]["values"], json!(["x!"]));
}

#[test]
fn a_handle_tells_of_changes_and_stops_the_server() {
    let (client, thread) = start(|server| {
        let (changes, stops) = (server.handle(), server.handle());
        with_catalogue(server)
            .tool("change", "", move || {
                changes.tools_changed();
                changes.prompts_changed();
                changes.resources_changed();
                changes.resource_updated("a://fixed");
                std::future::ready(())
            })
            .tool("stop", "", move || {
                stops.stop();
                std::future::ready("stopping")
            })
    });
    let filter = json!({"toolsListChanged": true, "promptsListChanged": true,
        "resourcesListChanged": true, "resourceSubscriptions": ["a://fixed"]});
    let mut stream = client.open_modern(json!({"jsonrpc": "2.0", "id": 5,
        "method": "subscriptions/listen", "params": {"notifications": filter, "_meta": modern_meta()}}));
    stream.next_message();
    client.result(call("change", json!({})));
    let mut heard: Vec<String> = (0..4)
        .map(|_| {
            stream.next_message()["method"]
                .as_str()
                .unwrap()
                .to_string()
        })
        .collect();
    heard.sort();
    assert_eq!(
        heard,
        [
            "notifications/prompts/list_changed",
            "notifications/resources/list_changed",
            "notifications/resources/updated",
            "notifications/tools/list_changed",
        ]
    );
    assert_eq!(client.text(call("stop", json!({}))), "stopping");
    let end = stream.next_message();
    assert_eq!(
        (&end["id"], &end["result"]["resultType"]),
        (&json!(5), &json!("complete"))
    );
    thread.join().unwrap().unwrap();
    std::net::TcpStream::connect(client.address).expect_err("the port is free again");
}

#[test]
fn what_blocks_does_so_on_another_thread() {
    let (send, receive) = mpsc::channel::<()>();
    let (client, _) = start(move |server| {
        let receive = std::cell::RefCell::new(Some(receive));
        server
            .tool("wait", "", move || {
                let receive = receive.take().expect("it is called once");
                async move {
                    unblock(move || receive.recv().unwrap()).await;
                    "waited"
                }
            })
            .tool("go", "", move || {
                std::future::ready(send.send(()).is_ok().to_string())
            })
    });
    let waiting = std::thread::spawn(move || client.text(call("wait", json!({}))));
    assert_eq!(client.text(call("go", json!({}))), "true");
    assert_eq!(waiting.join().unwrap(), "waited");
}

#[test]
fn with_a_token_nobody_comes_in_without_one() {
    let (client, _) = start(|server| {
        let server = server.tool("a", "", async || "in");
        server.token("laptop", RoleIndex::TEAM, "a secret of some length")
    });
    let body = call("a", json!({})).to_string();
    assert!(client.send("", &body).starts_with("HTTP/1.1 401 "));
    let shown = "Authorization: Bearer a secret of some length\r\n";
    assert!(client.send(shown, &body).starts_with("HTTP/1.1 200 "));
}

#[test]
fn mistakes_are_told_before_anything_listens() {
    let tool = |name: &str| FunctionTool::new(name, "", async || ());
    let make = || Server::builder("test");
    let small = slimcp::limits::Limits {
        memory_bytes_max: 1,
        ..Default::default()
    };
    let table = [
        (make().with(tool("a b")), "tool \"a b\": a name has 1 to 64"),
        (
            make().with(tool("a").schema("{")),
            "tool a: its schema is no JSON",
        ),
        (
            make().with(tool("a").schema(r#"{"type":"array"}"#)),
            "tool a: its schema is none of objects",
        ),
        (
            make().with(tool("a").output_schema("[7]")),
            "tool a: its output schema is none of objects",
        ),
        (
            make().with(tool("a")).with(tool("a")),
            "two tools are named \"a\"",
        ),
        (
            make().listen("nowhere"),
            "listen on \"nowhere\": expected an address",
        ),
        (
            make().listen("0.0.0.0:0"),
            "0.0.0.0:0 is open to the network",
        ),
        (make().limits(small), "limits.memory is too small"),
        (
            make().template(ResourceSpec::new("a://{", "a"), Source::text("")),
            "resource template: ",
        ),
        (
            make()
                .resource(Resource::new("a:b", "a", Source::text("")))
                .resource(Resource::new("a:b", "b", Source::text(""))),
            "two resources have the URI \"a:b\"",
        ),
    ];
    for (server, expected) in table {
        let problem = server.build().map(|_| ()).expect_err(expected);
        assert_eq!(problem.kind(), io::ErrorKind::InvalidInput);
        assert!(problem.to_string().starts_with(expected), "{problem}");
    }
    assert!(make().listen("0.0.0.0:0").open_to_all().build().is_ok());
    let secret = make().token("a", RoleIndex::MASTER, "secret");
    assert!(secret.listen("[::]:0").build().is_ok());
}

#[test]
fn two_servers_cannot_have_one_address() {
    let (client, _) = start(|server| server);
    let twin = Server::builder("twin").listen(&client.address.to_string());
    let executor = Rc::new(Executor::new());
    let serving = twin.build().unwrap().serve(executor.clone());
    let problem = smol::block_on(executor.run(serving)).unwrap_err();
    assert!(
        problem.to_string().starts_with("listen on 127.0.0.1:"),
        "{problem}"
    );
}

#[cfg(feature = "schemars")]
#[test]
fn a_schema_comes_from_the_type() {
    #[derive(Deserialize, schemars::JsonSchema)]
    struct Double {
        /// What is doubled.
        n: i64,
    }
    let (client, _) = start(|server| {
        let tool = FunctionTool::new("double", "", async |given: Double| {
            (2 * given.n).to_string()
        });
        server.with(tool.schema_of::<Double>())
    });
    let listed = client.result(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let schema = &listed["tools"][0]["inputSchema"];
    assert_eq!(schema["properties"]["n"]["description"], "What is doubled.");
    assert_eq!(schema["required"], json!(["n"]));
    assert_eq!(client.text(call("double", json!({"n": 4}))), "8");
}
