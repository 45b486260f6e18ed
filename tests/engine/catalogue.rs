//! Resources, prompts and completion: what each revision is answered, fixed and live.

use crate::stateless::{body, fields};
use crate::support::reader::Piece;
use crate::support::{Server, at, get, post};
use crate::{FIRST, ask, events, http_sse, pieces, pieces_within, streamable};
use serde_json::{Value, json};
use slimcp::auth::Access;
use slimcp::auth::role::RoleIndex;
use slimcp::limits::{
    COMPLETIONS_MAX, KILL_GRACE, Limits, Memory, PAGE_ENTRIES_MAX, SUBSCRIPTIONS_MAX, URI_BYTES_MAX,
};
use slimcp::time::Instant;
use slimcp::tool::ask::{Ask, AskKind};
use slimcp::tool::catalogue::{
    Asked, Begun, Body, Catalogue, Completion, Contents, Hints, Live, Messages, Prompt,
    PromptArgument, PromptMessage, Resource, ResourceSpec, ResourceTemplate, Role, Source, Values,
};
use slimcp::tool::handler::{Begin, Ended, Progress, Said};
use slimcp::tool::{CallLimits, Content, Outcome, Work};
use slimcp::wire::jsonrpc::RpcError;
use std::future::ready;
use std::rc::Rc;
use std::time::Duration;

/// One revision of each kind of transport.
const REVISIONS: [&str; 3] = ["2024-11-05", "2025-11-25", "2026-07-28"];

/// A client of one of them.
enum Client {
    /// The peer of its stream, and its door.
    HttpSse(usize, String),
    /// The fields of its session.
    Streamable(String),
    Stateless,
}

impl Client {
    fn open(server: &mut Server, revision: &str) -> Client {
        match revision {
            "2024-11-05" => {
                let (stream, door) = http_sse(server, at(0));
                Client::HttpSse(stream, door)
            }
            "2026-07-28" => Client::Stateless,
            revision => Client::Streamable(streamable(server, at(0), revision)),
        }
    }

    /// Sends a request with id 7; the peer that it is answered to. `name` is what `Mcp-Name` says.
    fn send(&self, server: &mut Server, method: &str, name: &str, params: &str) -> usize {
        self.send_with(server, method, name, params, "")
    }

    /// The same, with this in `_meta`.
    fn send_with(
        &self,
        server: &mut Server,
        method: &str,
        name: &str,
        params: &str,
        meta: &str,
    ) -> usize {
        let (path, fields, body) = match self {
            Client::HttpSse(_, door) => (door.as_str(), String::new(), old(method, params, meta)),
            Client::Streamable(fields) => ("/mcp", fields.clone(), old(method, params, meta)),
            Client::Stateless => {
                let (fields, body) = (fields(method, name), body(method, params, meta));
                ("/mcp", fields, body)
            }
        };
        let peer = server.connect(at(0));
        server.send(at(0), peer, post(path, &fields, &body));
        match self {
            Client::HttpSse(stream, _) => {
                assert!(server.receive(peer).starts_with("HTTP/1.1 202 "));
                *stream
            }
            Client::Streamable(_) | Client::Stateless => peer,
        }
    }

    /// The messages that a peer has got since it was looked at last, and the status in front of
    /// them: 200 on a stream.
    fn hear(server: &mut Server, peer: usize) -> (u16, Vec<Value>) {
        let mut status = 200;
        let mut heard = Vec::new();
        let parse = |text: &str| serde_json::from_str::<Value>(text).expect("messages are JSON");
        for piece in pieces_within(server, peer) {
            match piece {
                Piece::Head(head) => status = head.status,
                Piece::Body(body) => heard.push(parse(&body)),
                Piece::Event(event) if event.data.starts_with('{') => {
                    heard.push(parse(&event.data));
                }
                _ => {}
            }
        }
        (status, heard)
    }

    /// The one message that answers a request at once.
    fn ask(&self, server: &mut Server, method: &str, name: &str, params: &str) -> (u16, Value) {
        let peer = self.send(server, method, name, params);
        let (status, mut heard) = Client::hear(server, peer);
        assert_eq!(heard.len(), 1, "{method} {params}: {heard:?}");
        let message = heard.remove(0);
        assert_eq!(
            (&message["jsonrpc"], &message["id"]),
            (&json!("2.0"), &json!(7))
        );
        (status, message)
    }

    /// Its result, without what every result of 2026-07-28 has.
    fn result(&self, server: &mut Server, method: &str, name: &str, params: &str) -> Value {
        let (status, mut message) = self.ask(server, method, name, params);
        assert_eq!(status, 200, "{message}");
        self.plain(method, message["result"].take())
    }

    /// A result without the stamp, which is checked.
    fn plain(&self, method: &str, mut result: Value) -> Value {
        let members = result.as_object_mut().expect("results are objects");
        let Client::Stateless = self else {
            for member in ["resultType", "ttlMs", "cacheScope", "_meta"] {
                assert!(!members.contains_key(member), "{member} is of 2026-07-28");
            }
            return result;
        };
        assert_eq!(members.remove("resultType"), Some(json!("complete")));
        let meta = members.remove("_meta").expect("it says who the server is");
        assert_eq!(meta["io.modelcontextprotocol/serverInfo"]["name"], "test");
        let fresh = match method {
            "resources/read" => Some(json!(0)),
            "prompts/get" | "completion/complete" => None,
            _ => Some(json!(60_000)),
        };
        let scope = fresh.is_some().then(|| json!("public"));
        assert_eq!(members.remove("ttlMs"), fresh, "{method}");
        assert_eq!(members.remove("cacheScope"), scope, "{method}");
        result
    }

    /// Status, code, and the error.
    fn wrong(
        &self,
        server: &mut Server,
        method: &str,
        name: &str,
        params: &str,
    ) -> (u16, i64, Value) {
        let (status, mut message) = self.ask(server, method, name, params);
        let error = message["error"].take();
        (status, error["code"].as_i64().expect("an error"), error)
    }

    /// The status of an error with this code.
    fn status(&self, code: i64) -> u16 {
        match (self, code) {
            (Client::HttpSse(..) | Client::Streamable(_), _) => 200,
            (Client::Stateless, -32601) => 404,
            (Client::Stateless, -32603) => 500,
            (Client::Stateless, _) => 400,
        }
    }
}

/// A request of a revision with a handshake.
fn old(method: &str, params: &str, meta: &str) -> String {
    let meta = match (params, meta) {
        (_, "") => String::new(),
        ("", meta) => format!(r#""_meta":{{{meta}}}"#),
        (_, meta) => format!(r#","_meta":{{{meta}}}"#),
    };
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{{params}{meta}}}}}"#)
}

/// Answers what is asked by this.
struct Script(fn(&Asked<'_>) -> Begun, CallLimits);

impl Live for Script {
    fn limits(&self) -> CallLimits {
        self.1
    }

    fn start(&self, asked: &Asked<'_>) -> Begun {
        (self.0)(asked)
    }
}

fn live(start: fn(&Asked<'_>) -> Begun) -> Rc<dyn Live> {
    Rc::new(Script(start, CallLimits::default()))
}

/// Work that the test finishes.
fn work(_: &Asked<'_>) -> Begun {
    let function = |_| ready(Ended::ResourceUnknown);
    Begun::Work(Work::Function(Begin::new(function)))
}

/// What was asked for, as a text.
fn shown(asked: &Asked<'_>) -> String {
    let values = asked.arguments.iter();
    let values: Vec<String> = values
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let typed = asked
        .typed
        .map(|typed| format!(" {}~{}", typed.name, typed.value));
    let (values, typed) = (values.join(","), typed.unwrap_or_default());
    format!("{} [{values}]{typed}", asked.name)
}

fn catalogue() -> Catalogue {
    let text = Source::text("This is text.");
    let mut full = Resource::new("test://text", "text", text);
    full.spec = ResourceSpec {
        title: Some("Text".into()),
        description: Some("Some text.".into()),
        mime_type: Some("text/plain".into()),
        size: Some(13),
        hints: Hints {
            audience: vec![Role::Assistant],
            priority: Some(70),
            last_modified: None,
        },
        ..full.spec
    };
    let blob = Source::Fixed(Body::Blob("/wA=".into()));
    let mut made = Resource::new("test://made", "made", Source::Live(live(work)));
    made.spec.mime_type = Some("text/css".into());
    let at_once = Source::Live(live(|asked| {
        let contents = Contents::of(Body::Text(shown(asked)));
        Begun::Over(Ended::Contents(vec![contents]))
    }));
    let by_id = ResourceTemplate::new(
        ResourceSpec {
            mime_type: Some("application/json".into()),
            ..ResourceSpec::new("test://template/{id}/data", "by id")
        },
        Source::text(r#"{"id":"{id}"}"#),
    );
    let mut by_path = ResourceTemplate::new(ResourceSpec::new("note://{+path}", "notes"), at_once)
        .expect("the pattern is sound");
    by_path.completions = vec![("path".into(), Completion::Live(live(complete)))];
    Catalogue {
        resources: vec![full, Resource::new("test://blob", "blob", blob), made],
        templates: vec![by_id.expect("the pattern is sound"), by_path],
        prompts: vec![greeting(), all_kinds(), made_prompt()],
        ..Catalogue::default()
    }
}

fn made_prompt() -> Prompt {
    Prompt {
        description: Some("Made.".into()),
        ..Prompt::new("made", Messages::Live(live(work)))
    }
}

fn greeting() -> Prompt {
    let who = PromptArgument {
        name: "who".into(),
        title: Some("Who".into()),
        description: Some("Whom to greet.".into()),
        required: true,
        completion: Completion::Values(["Ada", "Alan", "Bob"].map(String::from).into()),
    };
    let how = PromptArgument {
        name: "how".into(),
        completion: Completion::Live(live(work)),
        ..PromptArgument::default()
    };
    Prompt {
        title: Some("Greeting".into()),
        description: Some("Greets somebody.".into()),
        arguments: vec![who, how],
        ..Prompt::new(
            "greet",
            Messages::Fixed(vec![PromptMessage::user("Greet {who} {how}.")]),
        )
    }
}

fn all_kinds() -> Prompt {
    let image = Content::Image {
        data: "aW1n".into(),
        mime_type: "image/png".into(),
    };
    let audio = Content::Audio {
        data: "d2F2".into(),
        mime_type: "audio/wav".into(),
    };
    let contents = Contents {
        uri: "test://embedded".into(),
        mime_type: Some("text/plain".into()),
        body: Body::Text("Embedded.".into()),
    };
    let link = ResourceSpec::new("test://text", "text");
    let contents = [
        image,
        audio,
        Content::Resource(contents),
        Content::Link(Box::new(link)),
    ];
    let message = |content| PromptMessage::new(Role::User, content);
    let mut messages: Vec<PromptMessage> = contents.map(message).into();
    messages.push(PromptMessage::assistant("All."));
    Prompt::new("all", Messages::Fixed(messages))
}

fn complete(asked: &Asked<'_>) -> Begun {
    Begun::Over(Ended::Values(Values::all(vec![shown(asked)])))
}

fn server() -> Server {
    let mut server = Server::new();
    server.engine.replace_catalogue(at(0), catalogue());
    server
}

/// A server and a client of each revision.
fn each(test: impl Fn(&str, &mut Server, &Client)) {
    for revision in REVISIONS {
        let mut server = server();
        let client = Client::open(&mut server, revision);
        test(revision, &mut server, &client);
        server.engine.check(0);
    }
}

/// The oldest started work ends so.
fn end(server: &mut Server, now: Instant, ended: &Ended) {
    let (call, _) = server.started.remove(0);
    server.engine.handle_ended(now, call, ended);
    server.settle(now);
}

const READ_MADE: &str = r#""uri":"test://made""#;

fn read_made(server: &mut Server, client: &Client) -> usize {
    client.send(server, "resources/read", "test://made", READ_MADE)
}

fn made_of(text: &str) -> Ended {
    Ended::Contents(vec![Contents::of(Body::Text(text.into()))])
}

#[test]
fn what_there_is_is_listed_in_its_order() {
    each(|_, server, client| {
        let resources = client.result(server, "resources/list", "", "");
        assert_eq!(
            resources,
            json!({"resources": [
                {
                    "uri": "test://text", "name": "text", "title": "Text",
                    "description": "Some text.", "mimeType": "text/plain", "size": 13,
                    "annotations": {"audience": ["assistant"], "priority": 0.7}
                },
                {"uri": "test://blob", "name": "blob"},
                {"uri": "test://made", "name": "made", "mimeType": "text/css"},
            ]})
        );
        let templates = client.result(server, "resources/templates/list", "", "");
        assert_eq!(
            templates,
            json!({"resourceTemplates": [
                {
                    "uriTemplate": "test://template/{id}/data", "name": "by id",
                    "mimeType": "application/json"
                },
                {"uriTemplate": "note://{+path}", "name": "notes"},
            ]})
        );
        let prompts = client.result(server, "prompts/list", "", "");
        assert_eq!(
            prompts,
            json!({"prompts": [
                {
                    "name": "greet", "title": "Greeting", "description": "Greets somebody.",
                    "arguments": [
                        {
                            "name": "who", "title": "Who", "description": "Whom to greet.",
                            "required": true
                        },
                        {"name": "how", "required": false},
                    ]
                },
                {"name": "all"},
                {"name": "made", "description": "Made."},
            ]})
        );
    });
}

#[test]
fn a_server_without_a_catalogue_knows_none_of_its_methods() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, revision);
        for (method, name, params) in [
            ("resources/list", "", ""),
            ("resources/templates/list", "", ""),
            ("resources/read", "test://text", r#""uri":"test://text""#),
            ("prompts/list", "", ""),
            ("prompts/get", "greet", r#""name":"greet""#),
            ("completion/complete", "", ""),
        ] {
            let (status, code, _) = client.wrong(&mut server, method, name, params);
            assert_eq!((status, code), (client.status(-32601), -32601), "{method}");
        }
    }
}

/// What `server/discover` says there is.
fn capabilities(server: &mut Server) -> Value {
    let client = Client::Stateless;
    client.result(server, "server/discover", "", "")["capabilities"].take()
}

#[test]
fn capabilities_are_those_of_what_is_there_or_to_come() {
    let mut server = server();
    let all = capabilities(&mut server);
    let list_changed = json!({"listChanged": true});
    let resources = json!({"subscribe": true, "listChanged": true});
    assert_eq!(all["resources"], resources);
    assert_eq!(all["prompts"], list_changed);
    assert_eq!(all["completions"], json!({}));
    let initialized = ask(
        &mut server,
        at(0),
        post("/mcp", "", &crate::initialize("2025-11-25")),
    );
    let initialized: Value = serde_json::from_str(&initialized.body).unwrap();
    assert_eq!(initialized["result"]["capabilities"], all);

    server.engine.replace_catalogue(at(0), Catalogue::default());
    let none = capabilities(&mut server);
    for absent in ["resources", "prompts", "completions"] {
        assert!(none.get(absent).is_none(), "{absent}");
    }
    let to_come = Catalogue {
        more_resources: true,
        more_prompts: true,
        ..Catalogue::default()
    };
    server.engine.replace_catalogue(at(0), to_come);
    let to_come = capabilities(&mut server);
    assert_eq!(to_come["resources"], resources);
    assert_eq!(to_come["prompts"], list_changed);
    assert!(to_come.get("completions").is_none());
    let empty = Client::Stateless.result(&mut server, "resources/list", "", "");
    assert_eq!(empty, json!({"resources": []}));
}

#[test]
fn long_lists_come_in_pages_and_other_cursors_are_wrong() {
    each(|_, server, client| {
        let count = PAGE_ENTRIES_MAX + 1;
        let resource = |n| Resource::new(format!("test://{n}"), "n", Source::text(""));
        let long = Catalogue {
            resources: (0..count).map(resource).collect(),
            prompts: vec![greeting()],
            ..Catalogue::default()
        };
        server.engine.replace_catalogue(at(0), long);
        server.settle(at(0));
        if let Client::HttpSse(stream, _) = client {
            server.receive(*stream);
        }
        let first = client.result(server, "resources/list", "", r#""cursor":null"#);
        assert_eq!(
            first["resources"].as_array().unwrap().len(),
            PAGE_ENTRIES_MAX
        );
        let cursor = format!(r#""cursor":{}"#, first["nextCursor"]);
        let second = client.result(server, "resources/list", "", &cursor);
        assert_eq!(second["resources"].as_array().unwrap().len(), 1);
        assert!(second.get("nextCursor").is_none());
        for (method, cursor) in [
            ("resources/list", r#""cursor":"x""#),
            ("resources/list", r#""cursor":"0""#),
            ("resources/list", r#""cursor":"1""#),
            ("resources/list", r#""cursor":7"#),
            ("resources/templates/list", r#""cursor":"100""#),
            ("prompts/list", r#""cursor":"100""#),
            ("prompts/list", r#""cursor":{}"#),
        ] {
            let (status, code, _) = client.wrong(server, method, "", cursor);
            assert_eq!((status, code), (client.status(-32602), -32602), "{cursor}");
        }
    });
}

#[test]
fn fixed_contents_and_those_of_templates_are_read_at_once() {
    each(|_, server, client| {
        for (uri, contents) in [
            (
                "test://text",
                json!({"mimeType": "text/plain", "text": "This is text."}),
            ),
            ("test://blob", json!({"blob": "/wA="})),
            (
                "test://template/1%2F2/data",
                json!({"mimeType": "application/json", "text": r#"{"id":"1/2"}"#}),
            ),
            ("note://a/b", json!({"text": "note://a/b [path=a/b]"})),
        ] {
            let params = format!(r#""uri":"{uri}""#);
            let mut expected = contents;
            expected["uri"] = json!(uri);
            let result = client.result(server, "resources/read", uri, &params);
            assert_eq!(result, json!({"contents": [expected]}));
        }
        assert!(server.started.is_empty());
    });
}

#[test]
fn live_contents_are_a_call_that_is_answered_when_they_are_made() {
    each(|_, server, client| {
        let peer = read_made(server, client);
        assert_eq!(Client::hear(server, peer).1, Vec::<Value>::new());
        let other = Contents {
            uri: "test://other".into(),
            mime_type: None,
            body: Body::Blob("/wA=".into()),
        };
        let contents = vec![Contents::of(Body::Text("a {}".into())), other];
        end(server, at(5), &Ended::Contents(contents));
        let (status, heard) = Client::hear(server, peer);
        assert_eq!((status, heard.len()), (200, 1));
        let result = client.plain("resources/read", heard[0]["result"].clone());
        assert_eq!(
            result,
            json!({"contents": [
                {"uri": "test://made", "mimeType": "text/css", "text": "a {}"},
                {"uri": "test://other", "blob": "/wA="},
            ]})
        );
        let stats = server.engine.stats();
        assert_eq!((stats.calls, stats.calls_failed), (1, 0));
    });
}

/// What a client is answered once the work for `test://made` has come to this.
fn answered(server: &mut Server, client: &Client, ended: &Ended) -> (u16, Value) {
    let peer = read_made(server, client);
    end(server, at(5), ended);
    let (status, mut heard) = Client::hear(server, peer);
    assert_eq!(heard.len(), 1, "{heard:?}");
    (status, heard.remove(0))
}

#[test]
fn what_a_process_has_written_is_what_the_resource_says() {
    each(|_, server, client| {
        let image = Content::Image {
            data: "aW1n".into(),
            mime_type: "image/png".into(),
        };
        let raw = Content::Resource(Contents::of(Body::Blob("/wA=".into())));
        for (content, expected) in [
            (
                Content::Text("21".into()),
                json!({"mimeType": "text/css", "text": "21"}),
            ),
            (image, json!({"mimeType": "image/png", "blob": "aW1n"})),
            (raw, json!({"mimeType": "text/css", "blob": "/wA="})),
        ] {
            let outcome = Outcome {
                content: vec![content],
                ..Outcome::default()
            };
            let (_, message) = answered(server, client, &Ended::Outcome(outcome));
            let mut expected = expected;
            expected["uri"] = json!("test://made");
            assert_eq!(message["result"]["contents"], json!([expected]));
        }
        let failed = Outcome::error("exit status 1");
        let (status, message) = answered(server, client, &Ended::Outcome(failed));
        assert_eq!(status, client.status(-32603));
        let error = json!({"code": -32603, "message": "exit status 1"});
        assert_eq!(message["error"], error);
    });
}

#[test]
fn a_resource_that_is_not_there_has_the_error_of_its_revision() {
    each(|revision, server, client| {
        let code = match revision {
            "2026-07-28" => -32602,
            _ => -32002,
        };
        let check = |status: u16, error: &Value, uri: &str| {
            assert_eq!(
                (status, &error["code"]),
                (client.status(code), &json!(code))
            );
            match revision {
                "2026-07-28" => assert_eq!(error["data"], json!({ "uri": uri })),
                _ => assert!(error.get("data").is_none()),
            }
        };
        for uri in [
            "test://none",
            "test://template//data",
            "note://",
            "TEST://text",
        ] {
            let params = format!(r#""uri":"{uri}""#);
            let (status, _, error) = client.wrong(server, "resources/read", uri, &params);
            check(status, &error, uri);
        }
        let (status, message) = answered(server, client, &Ended::ResourceUnknown);
        check(status, &message["error"], "test://made");
    });
}

#[test]
fn wrong_parameters_are_named() {
    each(|_, server, client| {
        for (method, name, params, text) in [
            ("resources/read", "", "", "params.uri: expected a string"),
            (
                "resources/read",
                "",
                r#""uri":7"#,
                "params.uri: expected a string",
            ),
            ("prompts/get", "", "", "params.name: expected a string"),
            ("prompts/get", "x", r#""name":"x""#, "unknown prompt \"x\""),
            (
                "prompts/get",
                "greet",
                r#""name":"greet","arguments":{"how":"x"}"#,
                "prompt \"greet\" needs argument \"who\"",
            ),
            (
                "prompts/get",
                "greet",
                r#""name":"greet","arguments":{"who":7}"#,
                "params.arguments: expected strings",
            ),
            (
                "prompts/get",
                "greet",
                r#""name":"greet","arguments":[]"#,
                "params.arguments: invalid type",
            ),
            (
                "completion/complete",
                "",
                "",
                "params.ref: expected an object",
            ),
            (
                "completion/complete",
                "",
                r#""ref":{"type":"ref/tool"},"argument":{"name":"a","value":""}"#,
                "params.ref.type: ref/prompt or ref/resource",
            ),
            (
                "completion/complete",
                "",
                r#""ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who"}"#,
                "params.argument.value: expected a string",
            ),
            (
                "completion/complete",
                "",
                r#""ref":{"type":"ref/prompt","name":"x"},"argument":{"name":"a","value":""}"#,
                "unknown prompt \"x\"",
            ),
            (
                "completion/complete",
                "",
                r#""ref":{"type":"ref/resource","uri":"x"},"argument":{"name":"a","value":""}"#,
                "no resource template \"x\"",
            ),
            (
                "completion/complete",
                "",
                r#""ref":{"type":"ref/prompt","name":"greet"},
                   "argument":{"name":"who","value":""},"context":{"arguments":{"how":1}}"#,
                "params.context.arguments: expected strings",
            ),
        ] {
            let (status, code, error) = client.wrong(server, method, name, params);
            assert_eq!((status, code), (client.status(-32602), -32602), "{params}");
            let said = error["message"].as_str().expect("a text");
            assert!(said.starts_with(text), "{said}");
        }
    });
}

#[test]
fn prompts_say_what_they_say_with_the_arguments_in_place() {
    each(|_, server, client| {
        let params = r#""name":"greet","arguments":{"who":"{how}","other":"x"}"#;
        let result = client.result(server, "prompts/get", "greet", params);
        assert_eq!(
            result,
            json!({
                "description": "Greets somebody.",
                "messages": [
                    {"role": "user", "content": {"type": "text", "text": "Greet {how} ."}},
                ]
            })
        );
        let result = client.result(server, "prompts/get", "all", r#""name":"all""#);
        let user = |content: Value| json!({"role": "user", "content": content});
        let embedded = json!({
            "uri": "test://embedded", "mimeType": "text/plain", "text": "Embedded."
        });
        let link = json!({"type": "resource_link", "uri": "test://text", "name": "text"});
        assert_eq!(
            result,
            json!({"messages": [
                user(json!({"type": "image", "data": "aW1n", "mimeType": "image/png"})),
                user(json!({"type": "audio", "data": "d2F2", "mimeType": "audio/wav"})),
                user(json!({"type": "resource", "resource": embedded})),
                user(link),
                {"role": "assistant", "content": {"type": "text", "text": "All."}},
            ]})
        );
    });
}

#[test]
fn live_messages_are_made_for_who_asks() {
    each(|_, server, client| {
        for (description, expected) in [
            (None, json!({"description": "Made.", "messages": []})),
            (Some("Now."), json!({"description": "Now.", "messages": []})),
        ] {
            let peer = client.send(server, "prompts/get", "made", r#""name":"made""#);
            let ended = Ended::Messages {
                description: description.map(String::from),
                messages: Vec::new(),
            };
            end(server, at(5), &ended);
            let (status, heard) = Client::hear(server, peer);
            assert_eq!((status, heard.len()), (200, 1));
            assert_eq!(
                client.plain("prompts/get", heard[0]["result"].clone()),
                expected
            );
        }
    });
}

fn completion(of: &str, name: &str, typed: &str) -> String {
    format!(
        r#""ref":{of},"argument":{{"name":"{name}","value":"{typed}"}},
           "context":{{"arguments":{{"how":"well"}}}}"#
    )
}

const GREET: &str = r#"{"type":"ref/prompt","name":"greet"}"#;
const NOTES: &str = r#"{"type":"ref/resource","uri":"note://{+path}"}"#;
const BY_ID: &str = r#"{"type":"ref/resource","uri":"test://template/{id}/data"}"#;

#[test]
fn completion_offers_what_fits_and_hears_of_the_other_arguments() {
    each(|_, server, client| {
        for (params, values) in [
            (completion(GREET, "who", "A"), json!(["Ada", "Alan"])),
            (completion(GREET, "who", "x"), json!([])),
            (completion(BY_ID, "id", "1"), json!([])),
            (
                completion(NOTES, "path", "a"),
                json!(["note://{+path} [how=well] path~a"]),
            ),
        ] {
            let result = client.result(server, "completion/complete", "", &params);
            let total = values.as_array().unwrap().len();
            let expected = json!({"values": values, "total": total, "hasMore": false});
            assert_eq!(result, json!({ "completion": expected }), "{params}");
        }
        let params = completion(GREET, "how", "");
        let peer = client.send(server, "completion/complete", "", &params);
        let many = (0..=COMPLETIONS_MAX).map(|n| n.to_string()).collect();
        end(server, at(5), &Ended::Values(Values::all(many)));
        let (_, heard) = Client::hear(server, peer);
        let completion = &heard[0]["result"]["completion"];
        assert_eq!(
            completion["values"].as_array().unwrap().len(),
            COMPLETIONS_MAX
        );
        assert_eq!(completion["total"], COMPLETIONS_MAX + 1);
        assert_eq!(completion["hasMore"], true);
    });
}

#[test]
fn what_fails_to_be_made_is_an_error() {
    each(|_, server, client| {
        let most = server.engine.config().limits.output_bytes_max;
        let long = format!(
            "the answer has {} bytes, more than {most}: the operator can raise limits.output",
            most + 1
        );
        let wrong = |code, text: &'static str| Ended::Failed(RpcError::new(code, text));
        for (ended, code, text) in [
            (wrong(-32603, "broken"), -32603, "broken"),
            (wrong(-32602, "no"), -32602, "no"),
            (
                Ended::Contents(Vec::new()),
                -32603,
                "what was made is no answer to resources/read",
            ),
            (
                Ended::Values(Values::default()),
                -32603,
                "what was made is no answer to resources/read",
            ),
            (made_of(&"x".repeat(most + 1)), -32603, &long),
        ] {
            let (status, message) = answered(server, client, &ended);
            assert_eq!(message["error"], json!({"code": code, "message": text}));
            assert_eq!(status, client.status(code), "{text}");
        }
        let (_, message) = answered(server, client, &made_of(&"x".repeat(most)));
        assert!(message["result"]["contents"].is_array());
        assert_eq!(server.engine.stats().calls_failed, 5);
    });
}

/// A request of a client that shows forms to people.
fn asked_by_person(server: &mut Server, params: &str) -> usize {
    let meta = body("prompts/get", params, "");
    let body = meta.replace("Capabilities\":{}", "Capabilities\":{\"elicitation\":{}}");
    let peer = server.connect(at(0));
    server.send(
        at(0),
        peer,
        post("/mcp", &fields("prompts/get", "made"), &body),
    );
    peer
}

#[test]
fn what_makes_a_prompt_may_ask_the_client() {
    let mut server = server();
    let get_made = r#""name":"made""#;
    let peer = asked_by_person(&mut server, get_made);
    let call = server.started[0].0;
    let ask = Ask {
        key: "context".into(),
        kind: AskKind::Form,
        params: r#"{"mode":"form","message":"?","requestedSchema":{}}"#.into(),
    };
    server.engine.handle_said(at(1), call, Said::Ask(ask));
    server.engine.handle_waiting_call(at(1), call);
    server.settle(at(1));
    let (status, heard) = Client::hear(&mut server, peer);
    let result = &heard[0]["result"];
    assert_eq!(
        (status, &result["resultType"]),
        (200, &json!("input_required"))
    );
    assert_eq!(
        result["inputRequests"]["context"]["method"],
        "elicitation/create"
    );

    let answers = r#"{"context":{"action":"accept","content":{"context":"x"}}}"#;
    let state = &result["requestState"];
    let retry = format!(r#"{get_made},"requestState":{state},"inputResponses":{answers}"#);
    let peer = asked_by_person(&mut server, &retry);
    assert_eq!(server.answered.len(), 1);
    let messages = vec![PromptMessage::user("With context: x")];
    let (description, messages) = (None, messages);
    let ended = Ended::Messages {
        description,
        messages,
    };
    end(&mut server, at(2), &ended);
    let (_, heard) = Client::hear(&mut server, peer);
    let result = Client::Stateless.plain("prompts/get", heard[0]["result"].clone());
    assert_eq!(result["messages"][0]["content"]["text"], "With context: x");
    server.engine.check(0);
}

/// A catalogue whose one resource is made within these limits.
fn limited(start: fn(&Asked<'_>) -> Begun, limits: CallLimits) -> Catalogue {
    let source = Source::Live(Rc::new(Script(start, limits)));
    Catalogue {
        resources: vec![Resource::new("test://made", "made", source)],
        ..Catalogue::default()
    }
}

#[test]
fn a_resource_may_have_limits_of_its_own() {
    let limits = CallLimits {
        output_bytes_max: Some(3),
        ..CallLimits::default()
    };
    let client = Client::Stateless;
    let mut server = Server::new();
    server
        .engine
        .replace_catalogue(at(0), limited(work, limits));
    let (status, _) = answered(&mut server, &client, &made_of("1234"));
    assert_eq!(status, 500);
    let (status, _) = answered(&mut server, &client, &made_of("123"));
    assert_eq!(status, 200);
    let at_once = |_: &Asked<'_>| Begun::Over(made_of("1234"));
    server
        .engine
        .replace_catalogue(at(0), limited(at_once, limits));
    let (status, code, _) = client.wrong(&mut server, "resources/read", "test://made", READ_MADE);
    assert_eq!((status, code), (500, -32603));
}

#[test]
fn what_takes_too_long_is_stopped_and_said_to_be() {
    each(|_, server, client| {
        let limits = CallLimits {
            timeout: Some(Duration::from_secs(5)),
            ..CallLimits::default()
        };
        server
            .engine
            .replace_catalogue(at(0), limited(work, limits));
        server.settle(at(0));
        if let Client::HttpSse(stream, _) = client {
            server.receive(*stream);
        }
        let peer = read_made(server, client);
        server.wait_until(at(4_999));
        assert!(server.terminated.is_empty());
        server.wait_until(at(5_000));
        assert_eq!(server.terminated, [server.started[0].0]);
        let stopped = Outcome::error("stopped after 5 s, the tool's timeout");
        end(server, at(5_001), &Ended::Outcome(stopped));
        let (status, heard) = Client::hear(server, peer);
        let text = "stopped after 5 s: the operator can raise its timeout or timeouts.call";
        assert_eq!(heard[0]["error"], json!({"code": -32603, "message": text}));
        assert_eq!(status, client.status(-32603));
        assert_eq!(server.engine.stats().calls_timed_out, 1);
    });
}

#[test]
fn one_that_is_cancelled_is_stopped_and_not_answered_as_if_it_were_made() {
    for revision in ["2024-11-05", "2025-11-25"] {
        let mut server = server();
        let client = Client::open(&mut server, revision);
        let peer = read_made(&mut server, &client);
        let (path, fields) = match &client {
            Client::HttpSse(_, door) => (door.as_str(), ""),
            Client::Streamable(fields) => ("/mcp", fields.as_str()),
            Client::Stateless => unreachable!("it is no revision with a handshake"),
        };
        let cancelled = ask(&mut server, at(1), post(path, fields, &crate::cancel(7)));
        assert_eq!(cancelled.head.status, 202);
        assert_eq!(server.terminated, [server.started[0].0]);
        end(
            &mut server,
            at(2),
            &Ended::Outcome(Outcome::error("cancelled")),
        );
        let (_, heard) = Client::hear(&mut server, peer);
        match client {
            Client::HttpSse(..) => assert!(heard.is_empty(), "{heard:?}"),
            _ => assert_eq!(heard[0]["error"]["message"], "cancelled by the client"),
        }
        server.engine.check(0);
    }
}

#[test]
fn a_client_of_2026_cancels_by_closing_the_connection() {
    let mut server = server();
    let peer = read_made(&mut server, &Client::Stateless);
    server.cut(at(1), peer);
    assert_eq!(server.terminated, [server.started[0].0]);
    server.wait_until(at(1) + KILL_GRACE);
    assert_eq!(server.killed, [server.started[0].0]);
    end(
        &mut server,
        at(60_000),
        &Ended::Outcome(Outcome::error("cancelled")),
    );
    server.engine.check(0);
    assert_eq!(server.engine.stats().calls_failed, 1);
}

#[test]
fn progress_is_told_under_the_token_of_the_request() {
    each(|_, server, client| {
        let token = r#""progressToken":"p""#;
        let uri = "test://made";
        let peer = client.send_with(server, "resources/read", uri, READ_MADE, token);
        let progress = Progress {
            progress: "1".into(),
            total: Some("2".into()),
            message: None,
        };
        let call = server.started[0].0;
        server
            .engine
            .handle_said(at(1), call, Said::Progress(progress));
        server.settle(at(1));
        end(server, at(2), &made_of("x"));
        let (_, heard) = Client::hear(server, peer);
        let params = json!({"progressToken": "p", "progress": 1, "total": 2});
        assert_eq!(heard[0]["method"], "notifications/progress");
        assert_eq!(heard[0]["params"], params);
        assert!(heard[1]["result"].is_object());
    });
}

#[test]
fn a_token_that_is_none_is_refused_before_anything_is_done() {
    each(|_, server, client| {
        let (uri, token) = ("test://made", r#""progressToken":{}"#);
        let peer = client.send_with(server, "resources/read", uri, READ_MADE, token);
        let (status, heard) = Client::hear(server, peer);
        assert_eq!(status, client.status(-32602));
        assert_eq!(heard[0]["error"]["code"], -32602);
        assert!(server.started.is_empty());
    });
}

#[test]
fn reading_needs_a_place_among_the_calls() {
    let mut server = Server::with(Limits {
        calls_max: 1,
        ..Limits::default()
    });
    server.engine.replace_catalogue(at(0), catalogue());
    let first = read_made(&mut server, &Client::Stateless);
    let second = read_made(&mut server, &Client::Stateless);
    let (status, heard) = Client::hear(&mut server, second);
    assert_eq!((status, &heard[0]["error"]["code"]), (503, &json!(-32603)));
    end(&mut server, at(1), &made_of("x"));
    assert_eq!(Client::hear(&mut server, first).0, 200);
}

#[test]
fn only_what_is_known_can_be_subscribed_to() {
    for revision in ["2024-11-05", "2025-11-25"] {
        let mut server = server();
        let client = Client::open(&mut server, revision);
        let subscribe = |server: &mut Server, uri: &str| {
            let params = format!(r#""uri":"{uri}""#);
            client.ask(server, "resources/subscribe", uri, &params).1
        };
        for known in ["test://text", "test://made", "note://a/b", "note://a/b"] {
            assert_eq!(subscribe(&mut server, known)["result"], json!({}));
        }
        let unknown = subscribe(&mut server, "test://none");
        assert_eq!(unknown["error"]["code"], -32002);
        for more in 3..SUBSCRIPTIONS_MAX {
            let answer = subscribe(&mut server, &format!("note://{more}"));
            assert_eq!(answer["result"], json!({}), "{more}");
        }
        let over = subscribe(&mut server, "note://over");
        assert_eq!(over["error"]["code"], -32602);
    }
}

#[test]
fn subscriptions_are_paid_from_the_budget_and_given_back() {
    let mut server = server();
    let client = Client::open(&mut server, "2025-11-25");
    let memory = Memory::of(&Limits::default()).expect("it fits");
    let subscribe = |server: &mut Server, method: &str, uri: &str| {
        client.ask(server, method, "", &format!(r#""uri":"{uri}""#))
    };
    let long = format!("note://{}", "x".repeat(URI_BYTES_MAX - 7));
    let (_, message) = subscribe(&mut server, "resources/subscribe", &long);
    assert_eq!(message["result"], json!({}));
    server.engine.check(0);
    let (_, message) = subscribe(&mut server, "resources/subscribe", &format!("{long}x"));
    assert_eq!(message["error"]["code"], -32002);
    let (_, message) = subscribe(&mut server, "resources/unsubscribe", &long);
    assert_eq!(message["result"], json!({}));

    assert!(server.engine.take_bytes(memory.budget));
    let (status, message) = subscribe(&mut server, "resources/subscribe", "test://text");
    assert_eq!((status, &message["error"]["code"]), (503, &json!(-32603)));
    server.engine.give_bytes(memory.budget);
    for uri in ["test://text", "test://blob"] {
        let (_, message) = subscribe(&mut server, "resources/subscribe", uri);
        assert_eq!(message["result"], json!({}));
    }
    server.engine.check(0);
    server.wait_until(at(4_000_000));
    assert_eq!(server.engine.gauges().sessions, 0);
    server.engine.check(0);
}

#[test]
fn an_older_front_end_is_told_what_it_asked_for() {
    let mut server = server();
    let page = server.connect(at(0));
    server.send(at(0), page, get("/mcp/sse", ""));
    pieces(&mut server, page);
    let message = format!(r#"{{"method":"resources/read","params":{{{READ_MADE}}}}}"#);
    let body = format!(r#"{{"connectionId":"{FIRST}","message":{message}}}"#);
    let accepted = ask(&mut server, at(0), post("/mcp/sse/send", "", &body));
    assert_eq!(accepted.head.status, 202);
    end(&mut server, at(1), &made_of("x"));
    let events = events(&mut server, page);
    assert_eq!(events[0].name.as_deref(), Some("mcp-response"));
    let data: Value = serde_json::from_str(&events[0].data).expect("it is JSON");
    assert_eq!(data["method"], "resources/read");
    assert_eq!(data["result"]["contents"][0]["text"], "x");
}

#[test]
fn subscribers_are_told_of_what_they_subscribed_to() {
    let mut server = server();
    let (stream, door) = http_sse(&mut server, at(0));
    let client = Client::HttpSse(stream, door);
    let uri = r#""uri":"note://a/b""#;
    assert_eq!(
        client.result(&mut server, "resources/subscribe", "", uri),
        json!({})
    );
    for uri in ["note://a", "note://a/b"] {
        server.engine.handle_resource_updated(at(1), uri);
        server.settle(at(1));
    }
    let (_, heard) = Client::hear(&mut server, stream);
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["method"], "notifications/resources/updated");
    assert_eq!(heard[0]["params"], json!({"uri": "note://a/b"}));
    assert_eq!(
        client.result(&mut server, "resources/unsubscribe", "", uri),
        json!({})
    );
    server.engine.handle_resource_updated(at(2), "note://a/b");
    server.settle(at(2));
    assert!(Client::hear(&mut server, stream).1.is_empty());
}

#[test]
fn roles_are_about_tools_and_not_about_resources_and_prompts() {
    let mut server = server();
    server.reconfigure(at(0), |config| {
        config.access = Access {
            anonymous: Some(RoleIndex::READONLY),
            ..Access::open()
        };
    });
    let client = Client::open(&mut server, "2025-11-25");
    let text = r#""uri":"test://text""#;
    let read = client.result(&mut server, "resources/read", "", text);
    assert_eq!(read["contents"][0]["text"], "This is text.");
    let got = client.result(&mut server, "prompts/get", "", r#""name":"all""#);
    assert_eq!(got["messages"].as_array().unwrap().len(), 5);
    let peer = read_made(&mut server, &client);
    end(&mut server, at(1), &made_of("x"));
    assert!(Client::hear(&mut server, peer).1[0]["result"].is_object());
}

#[test]
fn list_changes_are_told_where_another_list_takes_the_place() {
    let mut server = server();
    let (old, _) = http_sse(&mut server, at(0));
    let fields = streamable(&mut server, at(0), "2025-11-25");
    let listening = server.connect(at(0));
    server.send(at(0), listening, get("/mcp", &fields));
    pieces(&mut server, listening);
    let mut told = |change: fn(&mut Catalogue)| {
        let mut catalogue = catalogue();
        change(&mut catalogue);
        server.engine.replace_catalogue(at(1), catalogue);
        server.settle(at(1));
        [old, listening].map(|peer| {
            let events = events(&mut server, peer).into_iter();
            let method = |data: &str| {
                let message: Value = serde_json::from_str(data).unwrap();
                message["method"].as_str().unwrap().to_string()
            };
            events.map(|event| method(&event.data)).collect::<Vec<_>>()
        })
    };
    let both = |methods: &[&'static str]| [methods, methods].map(<[&str]>::to_vec);
    let resources = "notifications/resources/list_changed";
    let prompts = "notifications/prompts/list_changed";
    assert_eq!(told(|_| ()), both(&[]));
    assert_eq!(
        told(|other| other.resources[0].source = Source::text("other")),
        both(&[])
    );
    assert_eq!(
        told(|other| drop(other.resources.pop())),
        both(&[resources])
    );
    // It is there again.
    assert_eq!(told(|_| ()), both(&[resources]));
    assert_eq!(
        told(|other| drop(other.templates.pop())),
        both(&[resources])
    );
    let renamed = |other: &mut Catalogue| {
        other.resources[0].spec.name = "renamed".into();
        other.prompts[0].title = None;
    };
    told(|_| ());
    assert_eq!(told(renamed), both(&[prompts, resources]));
    told(|_| ());
    assert_eq!(told(|other| drop(other.prompts.pop())), both(&[prompts]));
}
