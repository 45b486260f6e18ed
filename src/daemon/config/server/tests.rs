use super::*;
use crate::daemon::config::{Environment, Overrides, Source, parse};
use crate::daemon::settings::{Builtin, Settings};

fn load(text: &str, command: &[&str]) -> Result<Settings, Vec<String>> {
    let source = Source {
        name: "a.toml".to_string(),
        text: text.to_string(),
    };
    let sources = match text {
        "" => Vec::new(),
        _ => vec![source],
    };
    let overrides = Overrides {
        command: command.iter().map(|word| word.to_string()).collect(),
        ..Overrides::default()
    };
    let parsed = parse(&sources, &Environment::default(), &overrides);
    parsed.map_err(|complaints| complaints.iter().map(ToString::to_string).collect())
}

/// The complaints about a server with these lines, without their place.
fn check(lines: &str, expected: &[&str]) {
    let text = format!("[[server]]\nname = \"s\"\ncommand = [\"c\"]\n{lines}");
    let complaints = load(&text, &[]).err().unwrap_or_default();
    let problems: Vec<&str> = complaints
        .iter()
        .map(|line| line.split_once(": ").expect("a place stands first").1)
        .collect();
    assert_eq!(problems, expected, "{lines}");
}

/// A server that uses every key.
const FILES: &str = r#"
[[server]]
name = "files"
command = ["files", "{not}"]
environment = { A = "{b}" }
environment_inherit = ["HOME", "HTTPS_PROXY"]
directory = "/srv"
per = "session"
start = "eager"
era = "handshake"
idle = "never"
start_timeout = "2m"
timeout = "3m"
concurrency = 4
queue = 0
output_limit = "8KiB"
interactive = true
tools = ["read_*"]
deny = ["read_media"]
prefix = "f."
headers = { "X-Github-Token" = "GITHUB_TOKEN" }
roots = ["/srv/a b", "file:///srv/c"]
[[server.tool]]
name = "read file"
rename = "read"
title = "Read"
description = "Reads."
read_only = true
timeout = "1s"
concurrency = 2
queue = 1
output_limit = "1KiB"
"#;

#[test]
fn every_key_of_a_server_arrives() {
    let text = |words: &[&str]| {
        words
            .iter()
            .map(|word| word.to_string())
            .collect::<Vec<_>>()
    };
    let limits = |seconds, concurrency, queue, output| CallLimits {
        timeout: Some(Duration::from_secs(seconds)),
        concurrency: Some(concurrency),
        queue: Some(queue),
        output_bytes_max: Some(output),
    };
    let pair = |name: &str, value: &str| vec![(name.to_string(), value.to_string())];
    let inherit = [&INHERITED[..], &["HTTPS_PROXY"]].concat();
    let line = CommandLine {
        argv: text(&["files", "{not}"]),
        directory: Some("/srv".to_string()),
        environment: pair("A", "{b}"),
        environment_inherit: text(&inherit),
        stdin: None,
        output: Output::Text,
    };
    let expected = UpstreamSpec {
        per: Per::Session,
        start: Start::Eager,
        era: Some(Era::Handshake),
        idle: None,
        start_timeout: Duration::from_secs(120),
        limits: limits(180, 4, 0, 8192),
        interactive: true,
        tools: text(&["read_*"]),
        deny: text(&["read_media"]),
        prefix: Prefix::Always("f.".to_string()),
        overrides: vec![ToolOverride {
            tool: "read file".to_string(),
            name: Some("read".to_string()),
            title: Some("Read".to_string()),
            description: Some("Reads.".to_string()),
            read_only: Some(true),
            limits: limits(1, 2, 1, 1024),
        }],
        headers: pair("x-github-token", "GITHUB_TOKEN"),
        roots: text(&["file:///srv/a%20b", "file:///srv/c"]),
        ..UpstreamSpec::new("files", line)
    };
    let settings = load(FILES, &[]).expect("this is sound");
    assert_eq!(settings.upstreams, [expected]);
}

#[test]
fn complaints_about_servers() {
    check("", &[]);
    let table: [(&str, &[&str]); 27] = [
        (
            "idel = \"1s\"",
            &["server.s.idel: unknown key, did you mean idle?"],
        ),
        (
            "per = \"client\"",
            &["server.s.per: expected \"server\", \"session\" or \"principal\", found \"client\""],
        ),
        (
            "start = 1",
            &["server.s.start: expected \"lazy\" or \"eager\", found 1"],
        ),
        (
            "era = \"2025\"",
            &["server.s.era: expected \"auto\", \"handshake\" or \"stateless\", found \"2025\""],
        ),
        ("idle = \"1s\"", &[]),
        ("idle = \"7d\"", &[]),
        (
            "idle = \"999ms\"",
            &[
                "server.s.idle: expected a duration from 1s to 7d such as \"10m\", or \"never\", \
               found \"999ms\"",
            ],
        ),
        (
            "start_timeout = \"2h\"",
            &[
                "server.s.start_timeout: expected a duration from 100ms to 1h such as \"1m30s\", \
               found \"2h\"",
            ],
        ),
        ("output_limit = \"256KiB\"", &[]),
        (
            "output_limit = \"257KiB\"",
            &["server.s.output_limit: expected at most limits.output, 256KiB, found 257KiB"],
        ),
        (
            "[[server.tool]]\nname = \"t\"\noutput_limit = \"257KiB\"",
            &["server.s.tool.t.output_limit: expected at most limits.output, 256KiB, found 257KiB"],
        ),
        (
            "headers = { X-A = \"A\" }",
            &[
                "server.s.headers: one process serves all clients, so it can have the header of \
               none: add per = \"session\" or per = \"principal\"",
            ],
        ),
        ("per = \"session\"\nheaders = { X-A = \"A\" }", &[]),
        (
            "per = \"session\"\nheaders = { X-A = \"A\", x-a = \"B\" }",
            &["server.s.headers.x-a: the header is named twice"],
        ),
        (
            "per = \"session\"\nheaders = { Authorization = \"A\" }",
            &[
                "server.s.headers.Authorization: expected the name of a header that slimcp does \
               not read itself",
            ],
        ),
        (
            "per = \"session\"\nheaders = { X-A = \"LD_PRELOAD\" }",
            &[
                "server.s.headers.X-A: expected the name of a variable such as \"GITHUB_TOKEN\", \
               neither PATH nor one of the loader's (LD_...), found \"LD_PRELOAD\"",
            ],
        ),
        (
            "prefix = \"a b\"",
            &[
                "server.s.prefix: expected a text of 1 to 32 letters, digits, \"_\", \".\" or \
               \"-\" such as \"files_\", found \"a b\"",
            ],
        ),
        (
            "roots = [\"srv\"]",
            &[
                "server.s.roots: expected a list of absolute paths or file:// URIs such as \
               [\"/srv\"], found \"srv\"",
            ],
        ),
        ("roots = \"/srv\"", &[]),
        ("tools = []", &[]),
        ("tools = \"read_*\"", &[]),
        (
            "tools = [\"a\", \"a\"]",
            &["server.s.tools: \"a\" is listed twice"],
        ),
        (
            "tool = 1",
            &["server.s.tool: expected tables that begin with [[server.tool]], found 1"],
        ),
        (
            "[[server.tool]]\nrename = \"a b\"",
            &[
                "server.s.tool.1.name: missing, expected the name of the tool as the server has it",
                "server.s.tool.1.rename: expected a name of 1 to 64 letters, digits, \"_\", \
                 \".\" or \"-\", found \"a b\"",
            ],
        ),
        (
            "[[server.tool]]\nname = \"t\"\n[[server.tool]]\nname = \"t\"",
            &["server.s.tool.t.name: the tool is named twice"],
        ),
        (
            "[[server]]\nname = \"s\"\ncommand = [\"d\"]",
            &["server.s.name: the name is taken by the server at a.toml:1"],
        ),
        (
            "[[server]]\nname = \"a.b\"\ncommand = \"d\"",
            &[
                "server.a.b.name: expected a name of 1 to 32 letters, digits, \"_\" or \"-\", \
                 found \"a.b\"",
                "server.a.b.command: expected a list of the program and its arguments such as \
                 [\"df\", \"-h\"], found \"d\"",
            ],
        ),
    ];
    for (lines, expected) in table {
        check(lines, expected);
    }
}

#[test]
fn servers_stop_at_their_number() {
    let server = |index| format!("[[server]]\nname = \"s{index}\"\ncommand = [\"c\"]\n");
    let servers = |count: usize| (0..count).map(server).collect::<String>();
    assert!(load(&servers(32), &[]).is_ok());
    let complaints = load(&servers(33), &[]).expect_err("one too many");
    assert_eq!(
        complaints,
        ["a.toml:97: server: expected at most 32 of [[server]]"]
    );
}

#[test]
fn a_server_behind_two_dashes_is_alone_unless_there_is_a_file() {
    let command = ["npx", "-y", "@a/files", "/srv"];
    let alone = load("", &command).expect("it needs nothing else");
    let [files] = &alone.upstreams[..] else {
        panic!("one server");
    };
    assert_eq!(files.name, "files");
    assert_eq!(files.line.argv, command);
    let inherited = &files.line.environment_inherit;
    assert!(inherited.iter().any(|name| name == INHERIT_ALL));
    assert_eq!(alone.builtins, []);
    let beside = load("name = \"pi\"", &command).expect("it needs nothing else");
    assert_eq!(beside.builtins, [Builtin::Echo, Builtin::SystemInfo]);
    assert_eq!(beside.upstreams, alone.upstreams);
    let taken = "[[server]]\nname = \"files\"\ncommand = [\"c\"]";
    let complaints = load(taken, &command).expect_err("the name is taken");
    assert_eq!(
        complaints,
        ["--: the name is taken by the server at a.toml:1"]
    );
}
