//! Connections under a time that the test says: sockets and processes are real, the deadlines of
//! minutes are not waited for.

use super::world::World;
use super::{connection, process, sockets};
use crate::auth::Access;
use crate::auth::origin::Origins;
use crate::engine::session::{SESSION_ID_BYTES, SessionId};
use crate::engine::{Config, Engine};
use crate::limits::{KEEP_ALIVE, Limits, Memory, Timeouts};
use crate::tool::command::{CommandSpec, CommandTool, Output};
use crate::tool::registry::Registry;
use crate::tool::{Annotations, CallLimits, Tool, builtin};
use crate::wire::compat::Compat;
use async_io::{Async, Timer};
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
    let tools: [Rc<dyn Tool>; 2] = [
        Rc::new(builtin::Echo::new()),
        Rc::new(quiet.expect("the command is sound")),
    ];
    Registry::new(tools.to_vec()).expect("the names differ")
}

fn engine() -> Engine {
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
    let world = World::new(engine(), executor.clone()).expect("an epoll set");
    executor.spawn(process::reap()).detach();
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
