//! Connections under a time that the test says: sockets and processes are real, the deadlines of
//! minutes are not waited for.

use super::reaper::Orphans;
use super::world::World;
use super::{child, connection, sockets};
use crate::auth::Access;
use crate::auth::origin::Origins;
use crate::engine::session::{SESSION_ID_BYTES, SessionId};
use crate::engine::{Config, Engine};
use crate::limits::{KEEP_ALIVE, Limits, Memory, Timeouts};
use crate::tool::ask::{Ask, AskKind};
use crate::tool::command::{CommandSpec, CommandTool, Output};
use crate::tool::handler::{Begin, Context, Ended};
use crate::tool::registry::Registry;
use crate::tool::{Annotations, CallLimits, Outcome, Start, Tool, ToolSpec, Work, builtin};
use crate::wire::compat::Compat;
use async_io::{Async, Timer};
use serde_json::value::RawValue;
use smol::LocalExecutor;
use smol::future;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn registry() -> Registry {
    let quiet = CommandTool::new(CommandSpec {
        name: "quiet".to_owned(),
        title: None,
        description: "Says nothing.".to_owned(),
        command: vec!["true".to_owned()],
        directory: None,
        environment: Vec::new(),
        environment_inherit: Vec::new(),
        stdin: None,
        arguments: Vec::new(),
        output: Output::Text,
        limits: CallLimits::default(),
        annotations: Annotations::default(),
        background: false,
    });
    let spec = builtin::Echo::new().spec().clone();
    let name = "ask".to_owned();
    let tools: [Rc<dyn Tool>; 3] = [
        Rc::new(builtin::Echo::new()),
        Rc::new(Asking(ToolSpec { name, ..spec })),
        Rc::new(quiet.expect("the command is sound")),
    ];
    Registry::new(tools.to_vec()).expect("the names differ")
}

/// A tool that asks two people at once, then a third one.
struct Asking(ToolSpec);

impl Tool for Asking {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn start(&self, _: &RawValue) -> Start {
        Start::Work(Work::Function(Begin::new(async |context| {
            let together = future::zip(ask(&context, "a"), ask(&context, "b")).await;
            let said = match (together, ask(&context, "c").await) {
                ((Ok(a), Ok(b)), Ok(c)) => [a, b, c].join(" "),
                ((Err(ended), _) | (_, Err(ended)), _) | (_, Err(ended)) => return ended,
            };
            Ended::Outcome(Outcome::text(said))
        })))
    }
}

async fn ask(context: &Context, key: &str) -> Result<String, Ended> {
    let ask = Ask {
        key: key.to_owned(),
        kind: AskKind::Form,
        params: "{}".to_owned(),
    };
    let answer = context.ask(ask).await.map_err(Ended::Failed)?;
    Ok(answer.get().replace('"', "'"))
}

pub(super) fn engine() -> Engine {
    let limits = Limits {
        output_bytes_max: 1024 * 1024,
        ..Limits::default()
    };
    let memory = Memory::of(&limits).expect("the limits fit");
    let config = Config {
        name: "test".to_owned(),
        title: None,
        instructions: None,
        origins: Origins::default(),
        access: Access::open(),
        console: true,
        compat: Compat::default(),
        limits,
        timeouts: Timeouts::default(),
    };
    let one_id = || SessionId::new([b'a'; SESSION_ID_BYTES]);
    Engine::new(config, memory, registry(), Box::new(one_id))
}

/// Runs `talk` with one client of a fresh world.
fn with_client<T>(talk: impl AsyncFnOnce(Rc<World>, Async<UnixStream>) -> T) -> T {
    let executor = Rc::new(LocalExecutor::new());
    let world = World::new(engine(), executor.clone(), Orphans::Left).expect("an epoll set");
    executor.spawn(child::reap(world.clone())).detach();
    executor.spawn(sockets::run(world.clone())).detach();
    let (client, server) = UnixStream::pair().expect("a pair");
    connection::open(&world, server.into(), None);
    let client = Async::new(client).expect("a socket");
    let late = async {
        Timer::after(PATIENCE).await;
        panic!("the client waits in vain");
    };
    async_io::block_on(executor.run(future::or(talk(world, client), late)))
}

fn call(tool: &str, arguments: &str) -> String {
    let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one response with a `Content-Length`.
async fn response(client: &mut Async<UnixStream>) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split_once("Content-Length: ").expect("a length").1;
            let length = length.lines().next().expect("a line").parse().expect("one");
            if body.len() >= length {
                return text.into_owned();
            }
        }
        let mut buffer = [0; 4096];
        let bytes = client.read(&mut buffer).await.expect("a response");
        assert!(bytes > 0, "the connection ended early");
        read.extend_from_slice(&buffer[..bytes]);
    }
}

fn pass_keep_alive(world: &Rc<World>) {
    world.input(|engine, now| engine.handle_timeout(now + KEEP_ALIVE + Duration::from_secs(2)));
}

#[test]
fn a_silent_connection_is_closed_after_a_stream_as_after_any_answer() {
    for tool in ["quiet", "echo"] {
        with_client(async |world, mut client| {
            let request = call(tool, "{}");
            client
                .write_all(request.as_bytes())
                .await
                .expect("a socket");
            assert!(response(&mut client).await.starts_with("HTTP/1.1 200 "));
            pass_keep_alive(&world);
            assert_eq!(client.read(&mut [0]).await.expect("an end"), 0, "{tool}");
        });
    }
}

#[test]
fn the_time_for_a_next_request_begins_when_the_answer_is_away() {
    with_client(async |world, mut client| {
        let text = "x".repeat(900_000);
        let request = call("echo", &format!(r#"{{"text":"{text}"}}"#));
        client
            .write_all(request.as_bytes())
            .await
            .expect("a socket");
        let mut first = [0; 1];
        client.read_exact(&mut first).await.expect("a beginning");
        pass_keep_alive(&world);
        let rest = response(&mut client).await;
        assert!(rest.contains(&text));
        pass_keep_alive(&world);
        assert_eq!(client.read(&mut [0]).await.expect("an end"), 0);
    });
}

#[test]
fn every_byte_of_a_socket_is_counted_and_so_is_what_is_no_request() {
    with_client(async |world, mut client| {
        // More than the socket takes at once, so that part of it goes out later.
        let text = "x".repeat(900_000);
        let request = call("echo", &format!(r#"{{"text":"{text}"}}"#));
        client
            .write_all(request.as_bytes())
            .await
            .expect("a socket");
        let mut sent = response(&mut client).await.len();
        let nonsense = "no request\r\n\r\n";
        client
            .write_all(nonsense.as_bytes())
            .await
            .expect("a socket");
        sent += response(&mut client).await.len();
        let engine = world.engine.borrow();
        let stats = engine.stats();
        let received = request.len() + nonsense.len();
        assert_eq!(stats.received_bytes, received as u64);
        assert_eq!(stats.sent_bytes, sent as u64);
        assert_eq!(stats.malformed, 1);
    });
}

/// A call of `ask` in 2026-07-28, with this in its `params` and these capabilities.
fn stateless(params: &str, capabilities: &str) -> String {
    let meta = format!(
        r#""io.modelcontextprotocol/protocolVersion":"2026-07-28",
           "io.modelcontextprotocol/clientCapabilities":{capabilities}"#
    );
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call",
           "params":{{"name":"ask",{params}"_meta":{{{meta}}}}}}}"#
    );
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: tools/call\r\nMcp-Name: ask\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_function_asks_all_at_once_and_goes_on_where_it_was() {
    let said = with_client(async |world, mut client| {
        let able = r#"{"elicitation":{}}"#;
        let mut params = String::new();
        for (keys, answers) in [
            (
                r#"{"a":{"method""#,
                r#""a":{"action":"accept"},"b":{"action":"decline"}"#,
            ),
            (r#"{"c":{"method""#, r#""c":{"action":"cancel"}"#),
        ] {
            let request = stateless(&params, able);
            client
                .write_all(request.as_bytes())
                .await
                .expect("it is read");
            let response = response(&mut client).await;
            assert!(response.contains(keys), "{response}");
            let state = response
                .split(r#""requestState":""#)
                .nth(1)
                .expect("a state");
            let state = state.split('"').next().expect("an end");
            params = format!(r#""inputResponses":{{{answers}}},"requestState":"{state}","#);
        }
        let request = stateless(&params, able);
        client
            .write_all(request.as_bytes())
            .await
            .expect("it is read");
        let said = response(&mut client).await;
        assert_eq!(world.engine.borrow().gauges().calls, 0);
        said
    });
    let text = "{'action':'accept'} {'action':'decline'} {'action':'cancel'}";
    assert!(
        said.starts_with("HTTP/1.1 200") && said.contains(text),
        "{said}"
    );
}

#[test]
fn a_function_that_cannot_do_without_an_answer_fails_with_what_is_missing() {
    let said = with_client(async |_, mut client| {
        let request = stateless("", "{}");
        client
            .write_all(request.as_bytes())
            .await
            .expect("it is read");
        response(&mut client).await
    });
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    assert!(said.contains(r#""code":-32021"#), "{said}");
}
