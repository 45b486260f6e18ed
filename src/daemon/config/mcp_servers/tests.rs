use super::super::{Around, Environment, Overrides, Source, parse_with, print};
use crate::daemon::settings::{Builtin, Settings};
use crate::upstream::spec::UpstreamSpec;

/// Settings, and what the operator should know; or the complaints.
fn load(json: &str, toml: &[&str]) -> Result<(Settings, Vec<String>), Vec<String>> {
    let source = |name: &str, text: &str| Source {
        name: name.to_string(),
        text: text.to_string(),
    };
    let file = source("mcp.json", json);
    let sources: Vec<Source> = toml.iter().map(|text| source("a.toml", text)).collect();
    let around = Around {
        mcp_servers: Some(&file),
        read_secret: &|_| Ok(None),
        read_variable: &|name| (name == "TOKEN").then(|| "secret".into()),
    };
    let (environment, overrides) = (Environment::default(), Overrides::default());
    let parsed = parse_with(&sources, &environment, &overrides, &around);
    parsed.map_err(|complaints| complaints.iter().map(ToString::to_string).collect())
}

fn check(json: &str, expected: &[&str]) {
    let complaints = load(json, &[]).err().unwrap_or_default();
    assert_eq!(complaints, expected, "{json}");
}

fn argv(spec: &UpstreamSpec) -> Vec<&str> {
    spec.line.argv.iter().map(String::as_str).collect()
}

#[test]
fn servers_of_desktop_clients_are_read_in_the_order_of_the_file() {
    let json = r#"{
        "inputs": [],
        "mcpServers": {
            "time": {"command": "uvx", "args": ["mcp-server-time", ""], "autoApprove": ["a"]},
            "git hub": {
                "type": "stdio",
                "command": "npx",
                "args": ["-y", "a", "--root=${TOKEN}", "$5 {}"],
                "env": {
                    "A": "${TOKEN}", "B": "x${env:TOKEN}y", "C": "${NO:-d}", "D": "$E ${", "E": ""
                },
                "cwd": "/srv",
                "disabledTools": ["delete"]
            },
            "off": {"url": "https://a.b/mcp", "disabled": true}
        }
    }"#;
    let (settings, notes) = load(json, &[]).expect("this is sound");
    let [time, github] = &settings.upstreams[..] else {
        panic!("two servers: {:?}", settings.upstreams);
    };
    assert_eq!(time.name, "time");
    assert_eq!(argv(time), ["uvx", "mcp-server-time", ""]);
    assert_eq!(github.name, "git-hub");
    assert_eq!(argv(github), ["npx", "-y", "a", "--root=secret", "$5 {}"]);
    let pairs = github.line.environment.iter();
    let pairs: Vec<_> = pairs.map(|(name, value)| (&**name, &**value)).collect();
    let expected = [
        ("A", "secret"),
        ("B", "xsecrety"),
        ("C", "d"),
        ("D", "$E ${"),
        ("E", ""),
    ];
    assert_eq!(pairs, expected);
    assert_eq!(github.line.directory.as_deref(), Some("/srv"));
    assert_eq!(github.deny, ["delete"]);
    assert_eq!(
        notes,
        ["mcp.json:5: mcpServers.git hub is called \"git-hub\" here"]
    );
    assert_eq!(settings.builtins, []);
    let printed = print(&settings);
    let environment = printed.lines().filter(|line| line.contains("environment"));
    assert_eq!(
        environment.collect::<Vec<_>>(),
        ["# environment, values are not shown: A, B, C, D, E"]
    );
}

#[test]
fn servers_of_a_desktop_client_stand_beside_those_of_the_file() {
    let toml = "[[server]]\nname = 'time'\ncommand = ['time']";
    let json = r#"{"servers": {"files": {"command": "files"}}}"#;
    let (settings, _) = load(json, &[toml]).expect("this is sound");
    let names: Vec<&str> = settings.upstreams.iter().map(|spec| &*spec.name).collect();
    assert_eq!(names, ["time", "files"]);
    assert_eq!(settings.builtins, [Builtin::Echo, Builtin::SystemInfo]);
    let json = "\n{\"context_servers\":\n{\"time\": {\"command\": \"files\"}}}";
    let complaints = load(json, &[toml]).expect_err("the name is taken");
    let expected = "mcp.json:3: context_servers.time.name: the name is taken by the server at \
                    a.toml:1";
    assert_eq!(complaints, [expected]);
}

#[test]
fn complaints_about_servers_of_desktop_clients() {
    let missing = "mcp.json: expected an object called \"mcpServers\", as in {\"mcpServers\": \
                   {\"files\": {\"command\": \"npx\", \"args\": []}}}";
    let elsewhere = "mcp.json:1: mcpServers.a: a server elsewhere, which is not hosted: give its \
                     URL to the client itself, and leave it out here, or add \"disabled\": true";
    let one = |entry: &str| format!(r#"{{"mcpServers":{{"a":{entry}}}}}"#);
    check(
        "",
        &["mcp.json:1: not JSON: EOF while parsing a value at line 1 column 0"],
    );
    check(
        "{\n\"mcpServers\": {\n},\n}",
        &["mcp.json:4: not JSON: key must be a string at line 4 column 1"],
    );
    check("[]", &["mcp.json: expected an object"]);
    check("{}", &[missing]);
    check(
        r#"{"mcpServers": []}"#,
        &["mcp.json:1: mcpServers: expected an object"],
    );
    check(r#"{"mcpServers": {}}"#, &[]);
    check(&one("1"), &["mcp.json:1: mcpServers.a: expected an object"]);
    check(
        &one("{}"),
        &["mcp.json:1: mcpServers.a.command: missing, expected the program that is started"],
    );
    for entry in [
        r#"{"url":"https://a"}"#,
        r#"{"type":"http"}"#,
        r#"{"type":"stdio","serverUrl":"a"}"#,
        r#"{"type":"sse","command":"a"}"#,
    ] {
        check(&one(entry), &[elsewhere]);
    }
    check(&one(r#"{"url":1,"disabled":true}"#), &[]);
    let table = [
        (
            r#""args":"a b""#,
            "args: expected a list of texts without NUL, found \"a b\"",
        ),
        (
            r#""args":[1]"#,
            "args: expected a text without NUL, found 1",
        ),
        (
            r#""args":["${NO}"]"#,
            "args: ${NO} is no variable of the environment",
        ),
        (
            r#""args":["\u0000"]"#,
            "args: expected a text without NUL, found \"\\u0000\"",
        ),
        (r#""env":[]"#, "env: expected a table, found an empty list"),
        (r#""env":{"A":1}"#, "env.A: expected a text without NUL"),
        (
            r#""env":{"A=B":"1"}"#,
            "env.A=B: expected the name of a variable, without \"=\" and NUL",
        ),
        (
            r#""env":{"A":"${env:NO}"}"#,
            "env.A: ${NO} is no variable of the environment",
        ),
        (
            r#""envFile":".env""#,
            "envFile: is not read: name the variables in env",
        ),
        (
            r#""cwd":null"#,
            "cwd: expected a text of 1 to 16384 bytes without NUL, found null",
        ),
        (
            r#""disabled":1"#,
            "disabled: expected true or false, found 1",
        ),
    ];
    for (member, problem) in table {
        let line = format!("mcp.json:1: mcpServers.a.{problem}");
        check(&one(&format!(r#"{{"command":"c",{member}}}"#)), &[&line]);
    }
    let twice = r#"{"mcpServers":{"a b":{"command":"c"},"a-b":{"command":"c"}}}"#;
    let taken = "mcp.json:1: mcpServers.a-b.name: the name is taken by the server at mcp.json:1";
    check(twice, &[taken]);
    let nameless = "mcp.json:1: mcpServers.@: expected a name with letters or digits";
    check(r#"{"mcpServers":{"@":{"command":"c"}}}"#, &[nameless]);
}

#[test]
fn nesting_without_end_is_read_no_deeper_than_servers_are() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = format!(r#"{{"inputs":{deep},"mcpServers":{{"a":{{"command":{deep}}}}}}}"#);
    let complaints = load(&json, &[]).expect_err("no command");
    assert!(complaints[0].starts_with("mcp.json:1: mcpServers.a.command: expected a text"));
    assert!(complaints[0].len() < 200);
}
