use super::*;
use crate::auth::role::{Doors, RoleIndex};
use crate::daemon::settings::{Builtin, Listen};
use crate::limits::{Memory, TOOLS_MAX};
use crate::tool::command::Scalar;
use crate::upstream::spec::UpstreamSpec;
use kind::Kind;
use print::{DIGEST_HIDDEN, ENVIRONMENT_HIDDEN};
use setting::{DOCS, Setting};
use std::time::Duration;

fn parse_text(text: &str) -> Result<Settings, Vec<Complaint>> {
    parse(
        &[source("slimcp.toml", text)],
        &Environment::default(),
        &Overrides::default(),
    )
}

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.to_string(),
        text: text.to_string(),
    }
}

fn set(key: &str, value: &str) -> Overrides {
    Overrides {
        set: vec![(key.to_string(), value.to_string())],
        ..Overrides::default()
    }
}

fn environment(port: &str, origins: &str) -> Environment {
    Environment::read(|name| match name {
        "PORT" => Some(port.into()),
        "ALLOWED_ORIGINS" => Some(origins.into()),
        _ => None,
    })
}

/// The complaints about `text`, one line each.
fn check(text: &str, expected: &[&str]) {
    let complaints = parse_text(text).err().unwrap_or_default();
    let shown: Vec<String> = complaints.iter().map(Complaint::to_string).collect();
    assert_eq!(shown, expected, "{text}");
}

/// A file with one sound tool and `lines` added to it.
fn tool(lines: &str) -> String {
    format!("[[tool]]\nname = \"t\"\ndescription = \"d\"\ncommand = [\"c\", \"{{a}}\"]\n{lines}")
}

/// The settings of a file that uses every key.
const EVERYTHING: &str = r#"
listen = ["127.0.0.1:8001", "0.0.0.0:8002", "unix:/run/slimcp.sock", "systemd"]
auth = "none"
anonymous = "garage"
proxies = ["127.0.0.1", "10.0.0.0/8"]
name = "garage-pi"
title = "Garage \"Pi\""
instructions = "Sensors\nand relays."
hosts = ["garage-pi.local"]
origins = ["http://garage-pi.local:8000"]
builtins = ["system-info"]
console = false
state = "/var/lib/slimcp"
[limits]
memory = "16MiB"
connections = 10
sessions = 20
calls = 3
tasks = 5
children = 6
body = "64KiB"
replay = 2048
output = "1MB"
rate = "600/min"
[timeouts]
heartbeat = "15s"
idle = "2h"
dead = "45s"
head = "5s"
body = "20s"
call = "1m30s"
task = "2h"
drain = "0s"
[jwt]
secret_file = "/run/secrets/jwt \"key\""
issuer = "https://idp.lan"
audience = "slimcp"
skew = "5s"
role_claim = "groups"
role = "readonly"
[compat]
messages_no_content = true
sse_plain = true
get_mcp_health = true
[log]
format = "json"
level = "debug"
[role.team]
connections = 16
rate = "120/min"
each = { calls = 2, rate = "5/s" }
[role.garage]
tools = ["relay.*", "*"]
read_only = true
doors = ["rest", "mcp"]
broadcast = true
stats = true
sessions = 4
[role."a.b"]
tools = []
doors = []
[[token]]
name = "laptop"
sha256 = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
[[token]]
name = "phone"
role = "a.b"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[[address]]
network = "192.168.1.0/24"
role = "garage"
[[address]]
network = "fd00::7"
role = "readonly"
[[tool]]
name = "relay.set"
title = "Relay"
description = "Switch a relay."
command = ["gpioset", "", "{pin}={on}", "{{x}}", "{label}", "{ratio}", "{quiet}"]
directory = "/srv/{label}"
environment = { LC_ALL = "C", "A.B" = "{pin}" }
environment_inherit = ["HOME", "TZ"]
stdin = "go {on}\n\u0000"
output = "image/svg+xml"
timeout = "250ms"
background = true
concurrency = 1
queue = 0
output_limit = "16KiB"
read_only = false
destructive = true
idempotent = true
open_world = false
[tool.arguments]
pin = { type = "integer", minimum = 2, maximum = 27, description = "BCM \"number\"." }
on = { type = "integer", enum = [0, 1], default = 0 }
label = { type = "string", min_length = 0, max_length = 9, pattern = '\w+', required = false }
ratio = { type = "number", minimum = 1, maximum = 1e21, enum = [1, 2.5, 1e16], default = 2.5 }
quiet = { type = "boolean", default = true }
[[tool]]
name = "uptime"
description = "u"
command = ["uptime"]
output = "json"
[[resource]]
file = "/etc/hosts"
uri = "etc:hosts"
name = "hosts \"here\""
description = "Names\nof machines."
mime_type = "text/plain"
watch = "never"
[[resource]]
folder = "/srv/notes/"
glob = "**/*.md"
uri = "notes://"
watch = "1m"
[[resource]]
folder = "/"
[[resource]]
command = ["vcgencmd", "measure_temp"]
uri = "sensor://temperature"
name = "temperature"
timeout = "5s"
[[prompt]]
name = "review"
title = "Review a change"
description = "d"
text = "Review {file} with regard to {aspect} {}."
[prompt.arguments]
file = { description = "A path.", required = true }
aspect = { values = ["security", "speed"] }
[[prompt]]
name = "b"
[[prompt.message]]
text = "q"
[[prompt.message]]
role = "assistant"
text = "\u0001"
[[server]]
name = "files"
command = ["mcp-server-filesystem", "{not}", ""]
directory = "/srv"
environment = { A = "{b}" }
environment_inherit = ["HOME", "HTTPS_PROXY"]
per = "principal"
start = "eager"
era = "stateless"
idle = "never"
start_timeout = "2m"
timeout = "3m"
concurrency = 4
queue = 0
output_limit = "8KiB"
interactive = true
tools = ["read_*", "write"]
deny = ["read_media"]
prefix = "f."
headers = { "X-Github-Token" = "GITHUB_TOKEN" }
roots = ["/srv/a b", "file:///srv/c"]
[[server.tool]]
name = "read file"
rename = "read"
title = "Read"
description = "Reads\na file."
read_only = true
timeout = "1s"
concurrency = 2
queue = 1
output_limit = "1KiB"
[[server.tool]]
name = "write"
[[server]]
name = "time"
command = ["uvx", "mcp-server-time"]
"#;

#[test]
fn nothing_at_all_gives_the_defaults_of_the_limits() {
    let settings = parse(&[], &Environment::default(), &Overrides::default()).unwrap();
    assert_eq!(settings, Settings::default());
    assert_eq!(settings.limits, Limits::default());
    assert_eq!(settings.timeouts, Timeouts::default());
    assert_eq!(settings.listen, Listen::parse("127.0.0.1:8000").unwrap());
    assert_eq!(settings.builtins, [Builtin::Echo, Builtin::SystemInfo]);
    assert_eq!(
        (settings.name.as_str(), settings.auth_none),
        ("slimcp", false)
    );
    assert_eq!(settings.log.level, log::Level::Info);
}

#[test]
fn every_key_arrives() {
    let settings = parse_text(EVERYTHING).unwrap();
    assert_eq!(settings.listen.len(), 4);
    assert_eq!(settings.title.as_deref(), Some("Garage \"Pi\""));
    // The second one is added, since a tool runs in the background.
    let builtins = [Builtin::SystemInfo, Builtin::TaskStatus];
    assert_eq!(settings.builtins, builtins);
    assert_eq!(
        settings.limits,
        Limits {
            memory_bytes_max: 16 << 20,
            connections_max: 10,
            sessions_max: 20,
            calls_max: 3,
            tasks_max: 5,
            children_max: 6,
            body_bytes_max: 64 << 10,
            replay_bytes_max: 2048,
            output_bytes_max: 1_000_000,
        }
    );
    assert_eq!(
        settings.timeouts,
        Timeouts {
            heartbeat: Duration::from_secs(15),
            idle: Duration::from_secs(7200),
            dead: Duration::from_secs(45),
            head: Duration::from_secs(5),
            body: Duration::from_secs(20),
            call: Duration::from_secs(90),
            task: Duration::from_secs(7200),
            drain: Duration::ZERO,
        }
    );
    assert_eq!(settings.log.level, log::Level::Debug);
    assert_eq!(settings.log.format, Format::Json);
    let all = Compat {
        messages_no_content: true,
        sse_plain: true,
        get_mcp_health: true,
    };
    assert_eq!((settings.compat, settings.console), (all, false));
    let access = &settings.access;
    assert_eq!(
        access.rate.map(|rate| rate.to_string()).as_deref(),
        Some("600/min")
    );
    assert_eq!(access.proxies.len(), 2);
    let roles: Vec<&str> = access.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(roles, ["master", "team", "readonly", "garage", "a.b"]);
    assert_eq!(access.anonymous, access.role_named("garage"));
    let garage = &access.roles[3];
    assert_eq!(garage.tools, ["relay.*", "*"]);
    assert_eq!(garage.doors, Doors::REST.and(Doors::MCP));
    assert_eq!(
        (garage.read_only, garage.broadcast, garage.stats),
        (true, true, true)
    );
    assert_eq!(
        (garage.whole.sessions, garage.whole.connections),
        (Some(4), Some(16))
    );
    assert_eq!(
        garage.each.rate.map(|rate| rate.to_string()).as_deref(),
        Some("5/s")
    );
    assert_eq!(
        (access.roles[4].tools.len(), access.roles[4].doors),
        (0, Doors::none())
    );
    let [laptop, phone] = &access.tokens[..] else {
        panic!("two tokens");
    };
    assert_eq!(
        (laptop.name.as_str(), laptop.role),
        ("laptop", RoleIndex::TEAM)
    );
    assert_eq!((laptop.sha256[1], laptop.sha256[31]), (0x11, 0xff));
    assert_eq!((phone.role, phone.sha256), (RoleIndex::new(4), [0; 32]));
    let rules: Vec<_> = access
        .addresses
        .iter()
        .map(|rule| rule.network.to_string())
        .collect();
    assert_eq!(rules, ["192.168.1.0/24", "fd00::7"]);
    let [relay, uptime] = &settings.tools[..] else {
        panic!("two tools");
    };
    assert_eq!(uptime.name, "uptime");
    assert_eq!(relay.stdin.as_deref(), Some("go {on}\n\0"));
    assert_eq!(relay.limits.timeout, Some(Duration::from_millis(250)));
    assert_eq!(relay.limits.queue, Some(0));
    assert_eq!((relay.background, uptime.background), (true, false));
    assert_eq!(relay.annotations.destructive, Some(true));
    let names: Vec<&str> = relay.arguments.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(
        names,
        ["pin", "on", "label", "ratio", "quiet"],
        "in the order of the file"
    );
    let required: Vec<bool> = relay.arguments.iter().map(|a| a.required).collect();
    assert_eq!(required, [true, false, false, false, false]);
    assert_eq!(
        relay.arguments[1].choices,
        Some(vec![Scalar::Whole(0), Scalar::Whole(1)])
    );
    assert_eq!(relay.arguments[3].default, Some(Scalar::Number(2.5)));
}

/// What was printed, with the digests and variables that are not.
fn with_hidden(printed: &str, settings: &Settings) -> String {
    let mut tokens = settings.access.tokens.iter();
    let has_some = |server: &&UpstreamSpec| !server.line.environment.is_empty();
    let mut servers = settings.upstreams.iter().filter(has_some);
    let lines = printed.lines().map(|line| match line {
        DIGEST_HIDDEN => {
            let token = tokens.next().expect("a table for each token");
            let digits = token.sha256.iter().map(|byte| format!("{byte:02x}"));
            format!("sha256 = '{}'\n", digits.collect::<String>())
        }
        line if line.starts_with(ENVIRONMENT_HIDDEN) => {
            let server = servers.next().expect("a table for each server");
            let pairs = server.line.environment.iter();
            let pairs = pairs.map(|(name, value)| format!("{name:?} = {value:?}"));
            format!(
                "environment = {{ {} }}\n",
                pairs.collect::<Vec<_>>().join(", ")
            )
        }
        line => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn what_check_prints_of_tokens_lets_nobody_in() {
    let settings = parse_text(EVERYTHING).unwrap();
    let printed = print(&settings);
    assert!(!printed.contains("00112233"), "{printed}");
    assert!(!printed.contains(&"0".repeat(64)), "{printed}");
    let complaints = parse_text(&printed).unwrap_err();
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    assert_eq!(complaints[0].key, "token.laptop.sha256");
}

#[test]
fn what_check_prints_gives_the_same_settings_again() {
    for text in [
        "",
        EVERYTHING,
        "listen = \"localhost:1\"\nhosts = ['[::1]']",
    ] {
        let settings = parse_text(text).unwrap();
        let report = report(&settings, &settings.memory(), &["slimcp.toml".to_string()]);
        let whole = with_hidden(&report, &settings);
        let again = parse_text(&whole).unwrap_or_else(|error| panic!("{report}\n{error:?}"));
        assert_eq!(again, settings, "{report}");
    }
}

#[test]
fn check_names_sources_doors_tools_and_the_ceiling() {
    let settings = parse_text(EVERYTHING).unwrap();
    let report = report(
        &settings,
        &settings.memory(),
        &["a.toml".into(), "b.toml".into()],
    );
    for line in [
        "# from a.toml, b.toml",
        "#   http://127.0.0.1:8001/mcp",
        "#   http://127.0.0.1:8001/sse",
        "#   http://garage-pi.local:8002/mcp",
        "#   http://localhost/mcp through the Unix socket \"/run/slimcp.sock\"",
        "#   /mcp and /sse at the sockets that systemd hands over",
        "[role.\"garage\"]",
        "#   /mcp                 Streamable HTTP",
        "# tools: 4",
        "#   system-info",
        "#   relay.set",
        "# resources: 4",
        "#   notes://",
        "# prompts: 2",
        "#   review",
    ] {
        assert!(
            report.lines().any(|found| found == line),
            "{line}\n{report}"
        );
    }
    assert!(
        report.contains("\n# memory ceiling: 16.0 MiB = base "),
        "{report}"
    );
    let open = parse_text("listen = '0.0.0.0:80'\nauth = 'none'").unwrap();
    let report = super::report(&open, &open.memory(), &[]);
    assert!(report.starts_with("# no configuration file: defaults\n"));
    assert!(
        report.contains("http://ADDRESS:80/mcp (ADDRESS: any IPv4 address"),
        "{report}"
    );
}

/// A text of the setting at a bound, and one past it.
fn bounds(row: &Setting) -> Vec<(String, bool)> {
    let text = |length: usize| format!("'{}'", "x".repeat(length));
    let number = |at: u64, taken| (at.to_string(), taken);
    let millis =
        |at: Duration, plus: i64, taken| (format!("'{}ms'", at.as_millis() as i64 + plus), taken);
    let list = |count: usize, item: fn(usize) -> String| {
        let items: Vec<String> = (0..count).map(item).collect();
        format!("[{}]", items.join(","))
    };
    match &row.kind {
        Kind::Count(range, _) => vec![
            number(u64::from(*range.start()), true),
            number(u64::from(*range.end()), true),
            (
                i64::from(*range.start()).saturating_sub(1).to_string(),
                false,
            ),
            number(u64::from(*range.end()) + 1, false),
        ],
        Kind::Size(range, _) => vec![
            number(*range.start() as u64, true),
            number(*range.end() as u64, true),
            number(*range.start() as u64 - 1, false),
            number(*range.end() as u64 + 1, false),
        ],
        Kind::Duration(range, _) => vec![
            millis(*range.start(), 0, true),
            millis(*range.end(), 0, true),
            millis(*range.start(), -1, false),
            millis(*range.end(), 1, false),
        ],
        Kind::Text(bytes_max, _) | Kind::Optional(bytes_max, _) => vec![
            (text(1), true),
            (text(*bytes_max), true),
            (text(0), false),
            (text(*bytes_max + 1), false),
        ],
        Kind::Flag(_) => vec![("true".into(), true), ("1".into(), false)],
        Kind::Role(_) => vec![
            (text(1), true),
            (text(64), true),
            (text(0), false),
            (text(65), false),
            ("'a b'".into(), false),
        ],
        Kind::File(_) => vec![
            ("'/'".into(), true),
            (format!("'/{}'", "x".repeat(4095)), true),
            (format!("'/{}'", "x".repeat(4096)), false),
            ("'key'".into(), false),
        ],
        #[cfg(feature = "insight")]
        Kind::Folders(_) => vec![
            ("[]".into(), true),
            (list(16, |folder| format!("'/srv/{folder}/'")), true),
            (list(17, |folder| format!("'/srv/{folder}'")), false),
            ("['/']".into(), true),
            ("['srv']".into(), false),
            ("['/srv', '/srv/']".into(), false),
        ],
        #[cfg(feature = "insight")]
        Kind::Globs(_) => vec![
            ("[]".into(), true),
            (list(64, |name| format!("'**/{name}'")), true),
            (list(65, |name| format!("'**/{name}'")), false),
            ("['../a']".into(), false),
        ],
        Kind::Rate(_) => vec![
            ("'1/s'".into(), true),
            ("'120/min'".into(), true),
            ("'0/s'".into(), false),
            ("'1/day'".into(), false),
            ("''".into(), false),
        ],
        Kind::Proxies => vec![
            ("[]".into(), true),
            (list(64, |host| format!("'10.0.0.{host}'")), true),
            (list(65, |host| format!("'10.0.0.{host}'")), false),
            ("['10.0.0.1/8']".into(), false),
            ("['::1', '::1']".into(), false),
        ],
        Kind::Format => vec![
            ("'text'".into(), true),
            ("'json'".into(), true),
            ("'xml'".into(), false),
        ],
        Kind::Listeners => vec![
            (list(1, |_| "'1'".into()), true),
            (list(16, |port| format!("'{port}'")), true),
            (list(0, |_| String::new()), false),
            (list(17, |port| format!("'{port}'")), false),
        ],
        Kind::Hosts => vec![
            (list(64, |host| format!("'h{host}'")), true),
            (list(65, |host| format!("'h{host}'")), false),
        ],
        Kind::Origins => vec![
            (list(64, |host| format!("'http://h{host}'")), true),
            (list(65, |host| format!("'http://h{host}'")), false),
        ],
        Kind::Builtins => vec![
            ("[]".into(), true),
            ("['echo', 'system-info']".into(), true),
            ("['echo', 'echo']".into(), false),
            ("['ech']".into(), false),
        ],
        Kind::Auth => vec![("'none'".into(), true), ("'token'".into(), false)],
        Kind::Level => vec![
            ("'error'".into(), true),
            ("'trace'".into(), true),
            ("'off'".into(), false),
        ],
    }
}

#[test]
fn every_setting_reaches_its_bounds_and_stops_one_past_them() {
    for row in &SETTINGS {
        for (text, taken) in bounds(row) {
            let value = document::parse_value(&text);
            let mut settings = Settings::default();
            let read = row.kind.read(&value, &mut settings);
            assert_eq!(read.is_ok(), taken, "{} = {text}: {read:?}", row.key);
            if !taken {
                assert_eq!(settings, Settings::default(), "{} is left alone", row.key);
            }
        }
    }
}

fn row_is_flag(row: &Setting) -> bool {
    matches!(row.kind, Kind::Flag(_))
}

#[test]
fn every_setting_refuses_what_is_of_another_kind() {
    for row in &SETTINGS {
        for text in [
            "-1",
            "1.5",
            if row_is_flag(row) { "'true'" } else { "true" },
            "{ a = 1 }",
            "[[1]]",
            "[1]",
            "2024-01-01",
        ] {
            let complaints = parse(&[], &Environment::default(), &set(row.key, text)).unwrap_err();
            let shown = complaints[0].to_string();
            let start = format!("--set {}: expected ", row.key);
            assert!(shown.starts_with(&start), "{shown}");
            assert!(shown.contains(", found "), "{shown}");
        }
    }
}

#[test]
fn settings_read_and_print_in_one_order() {
    let sections: Vec<&str> = SETTINGS
        .iter()
        .map(|row| row.key.split_once('.').map_or("", |(section, _)| section))
        .collect();
    let mut once = sections.clone();
    once.dedup();
    assert_eq!(
        once,
        [
            "",
            "limits",
            "timeouts",
            "jwt",
            #[cfg(feature = "insight")]
            "insight",
            "compat",
            "log"
        ],
        "each section is printed once"
    );
    let reference = reference();
    for (row, about) in SETTINGS.iter().zip(DOCS) {
        assert!(about.doc.ends_with('.'), "{}", row.key);
        assert!(
            reference.contains(&format!("| `{}` | ", row.key)),
            "{}",
            row.key
        );
        assert!(reference.contains(about.doc), "{}", row.key);
    }
    for key in tool::TOOL_KEYS.iter().chain(&argument::ARGUMENT_KEYS) {
        assert!(
            reference.contains(&format!("| `{}` | ", key.name)),
            "{}",
            key.name
        );
    }
}

#[test]
fn the_largest_limits_can_be_added_up_in_32_bits() {
    let mut settings = Settings::default();
    for row in &SETTINGS {
        match &row.kind {
            Kind::Count(range, place) => *place(&mut settings) = *range.end(),
            Kind::Size(range, place) if row.key != "limits.memory" => {
                *place(&mut settings) = *range.end();
            }
            _ => {}
        }
    }
    settings.limits.memory_bytes_max = 0;
    let needed = Memory::of(&settings.limits).unwrap_err().needed;
    assert!(needed <= u32::MAX as usize, "{needed}");
}

#[test]
fn complaints_about_settings() {
    check(
        "[limits]\nsessions = \"many\"",
        &[
            "slimcp.toml:2: limits.sessions: expected a whole number from 1 to 1000000, \
         found \"many\"",
        ],
    );
    check(
        "limits.sesions = 1",
        &["slimcp.toml:1: limits.sesions: unknown key, did you mean limits.sessions?"],
    );
    check(
        "\n[limit]\nsessions = 1",
        &["slimcp.toml:2: limit: unknown key, did you mean limits?"],
    );
    check(
        "[timeout]\nbody = '1s'",
        &["slimcp.toml:1: timeout: unknown key, did you mean timeouts?"],
    );
    check(
        "[limits]\nauth = 'none'",
        &[
            "slimcp.toml:2: limits.auth: unknown key here, did you mean auth at the top of \
         the file?",
        ],
    );
    check(
        "sessions = 1",
        &["slimcp.toml:1: sessions: unknown key, did you mean limits.sessions?"],
    );
    check(
        "[[tools]]\nname = 'x'",
        &["slimcp.toml:1: tools: unknown key, did you mean tool?"],
    );
    check(
        "limits = 3",
        &["slimcp.toml:1: limits: expected a table such as [limits]"],
    );
    check(
        "[tool]\nname = 'x'",
        &["slimcp.toml:1: tool: expected tables that begin with [[tool]]"],
    );
    check(
        "tool = [1]",
        &["slimcp.toml:1: tool: expected tables that begin with [[tool]]"],
    );
    check(
        "timeouts.idle = 30",
        &[
            "slimcp.toml:1: timeouts.idle: expected a duration from 1s to 30d such as \"1m30s\", \
         found 30",
        ],
    );
    check(
        "limits.body = '1M'",
        &[
            "slimcp.toml:1: limits.body: expected a size from 1KiB to 64MiB such as \"64KiB\", \
         found \"1M\"",
        ],
    );
    check(
        "listen = [\n'1',\n'pi:80']",
        &[
            "slimcp.toml:3: listen: expected an address instead of a name, such as \
         \"127.0.0.1:80\" (names are not looked up), found \"pi:80\"",
        ],
    );
    check(
        "listen = ['localhost:1', '[::1]:1']",
        &["slimcp.toml:1: listen: \"[::1]:1\" is listed twice"],
    );
    check(
        "origins = 'garage'",
        &[
            "slimcp.toml:1: origins: expected a list of origins such as \
         [\"http://garage-pi.local:8000\"], found \"garage\"",
        ],
    );
    check(
        "a = \nb",
        &[
            "slimcp.toml:1: not TOML: string values must be quoted, expected literal string",
            "slimcp.toml:2: not TOML: key with no value, expected `=`",
        ],
    );
}

#[test]
fn settings_of_later_releases_are_unknown_keys() {
    let complaints = parse_text("[foresight]").unwrap_err();
    let problem = &complaints[0].problem;
    assert!(problem.starts_with("unknown key"), "{complaints:?}");
}

#[test]
#[cfg(not(feature = "insight"))]
fn a_build_without_insight_says_so() {
    let section = parse_text("[insight]\nnotes = ['/srv']").unwrap_err();
    let set = set("insight.files_max", "7");
    let set = parse(&[], &Environment::default(), &set).unwrap_err();
    for complaints in [section, set] {
        let problem = &complaints[0].problem;
        assert!(
            problem.starts_with("this build has no insight"),
            "{problem}"
        );
    }
    assert!(parse_text("[insight]").is_ok());
}

#[test]
fn settings_below_the_header_of_a_table_are_told_where_they_belong() {
    let digest = "0".repeat(64);
    let token = format!("[[token]]\nname = 'a'\nsha256 = '{digest}'\nlisten = '[::]:8000'");
    let tool = "[[tool]]\nname = 'a'\ndescription = 'a'\ncommand = ['a']\n";
    let table = [
        (token, 4, "token.a.listen"),
        (
            "[role.team]\nhosts = ['a']".to_string(),
            2,
            "role.team.hosts",
        ),
        ("[limits]\nauth = 'none'".to_string(), 2, "limits.auth"),
        (format!("{tool}listen = '8000'"), 5, "tool.a.listen"),
        (
            format!("{tool}[tool.arguments]\nlisten = ['8000']"),
            6,
            "tool.a.arguments.listen",
        ),
    ];
    for (text, line, key) in table {
        let setting = key.rsplit('.').next().expect("a dotted key");
        let expected = format!(
            "slimcp.toml:{line}: {key}: unknown key here, did you mean {setting} at the top of \
             the file?"
        );
        check(&text, &[&expected]);
    }
}

#[test]
fn all_complaints_of_all_sources_come_at_once() {
    let sources = [
        source(
            "a.toml",
            "x = 1\nlimits.calls = 0\n[[tool]]\nname = 'no name'\n",
        ),
        source("b.toml", "not toml"),
        source("c.toml", "hosts = [1]"),
    ];
    let overrides = set("log.level", "loud");
    let complaints = parse(&sources, &Environment::default(), &overrides).unwrap_err();
    let starts: Vec<String> = complaints
        .iter()
        .map(|complaint| format!("{} {}", complaint.place, complaint.key))
        .collect();
    assert_eq!(
        starts,
        [
            "a.toml:1 x",
            "a.toml:2 limits.calls",
            "a.toml:4 tool.1.name",
            "a.toml:3 tool.1.description",
            "a.toml:3 tool.1.command",
            "b.toml:1 ",
            "c.toml:1 hosts",
            "--set log.level",
        ]
    );
}

#[test]
fn relations_between_settings_are_told_at_the_line_to_change() {
    check(
        "timeouts.dead = '25s'",
        &["slimcp.toml:1: timeouts.dead: expected more than timeouts.heartbeat, 25s, found 25s"],
    );
    check("timeouts.dead = '25001ms'", &[]);
    check(
        "[timeouts]\nheartbeat = '60s'",
        &["timeouts.dead: expected more than timeouts.heartbeat, 1m, found 1m"],
    );
    check(
        "\nlisten = ['1', '0.0.0.0:80']",
        &[
            "slimcp.toml:2: listen: 0.0.0.0:80 is open to the network and nobody has to show a \
         token; add the lines that slimcp token new prints to ask for one, or listen on \
         127.0.0.1:80 instead, or add this line at the top of the configuration to serve \
         everyone: auth = \"none\"",
        ],
    );
    check("auth = 'none'\nlisten = ['0.0.0.0:80']", &[]);
    check(
        "auth = 'nobody'\nlisten = ['0.0.0.0:80']",
        &["slimcp.toml:1: auth: expected \"none\", found \"nobody\""],
    );
}

#[test]
fn capacities_that_do_not_fit_are_refused_with_the_sum() {
    let needed = Memory::of(&Limits {
        memory_bytes_max: 0,
        ..Limits::default()
    })
    .unwrap_err()
    .needed;
    check(&format!("limits.memory = {needed}"), &[]);
    let complaints = parse_text(&format!("\nlimits.memory = {}", needed - 1)).unwrap_err();
    let shown = complaints[0].to_string();
    let start = "slimcp.toml:2: limits.memory: is too small: these capacities need ";
    assert!(shown.starts_with(start), "{shown}");
    assert_eq!(complaints.len(), 1);
}

#[test]
fn later_sources_win_and_tools_add_up() {
    let uptime = "[[tool]]\nname = 'u'\ndescription = 'd'\ncommand = ['uptime']\n";
    let sources = [
        source(
            "a.toml",
            &format!("name = 'a'\nhosts = ['a', 'b']\n{uptime}"),
        ),
        source(
            "b.toml",
            &format!(
                "name = 'b'\nhosts = ['c']\n{}",
                uptime.replace("'u'", "'v'")
            ),
        ),
    ];
    let settings = parse(&sources, &Environment::default(), &Overrides::default()).unwrap();
    assert_eq!((settings.name.as_str(), settings.hosts.len()), ("b", 1));
    let names: Vec<&str> = settings
        .tools
        .iter()
        .map(|tool| tool.name.as_str())
        .collect();
    assert_eq!(names, ["u", "v"]);
    let over = parse(&sources, &Environment::default(), &set("name", "c")).unwrap();
    assert_eq!(over.name, "c");
}

#[test]
fn listen_options_replace_the_list_of_the_file_and_of_set() {
    let overrides = Overrides {
        set: vec![
            ("listen".into(), "unix:/b".into()),
            ("listen".into(), "['2', '3']".into()),
        ],
        listen: vec!["8001".into(), "unix:/a".into()],
        ..Overrides::default()
    };
    let sources = [source("a.toml", "listen = ['9']")];
    let shown = |overrides: &Overrides| {
        let settings = parse(&sources, &environment("7", ""), overrides).unwrap();
        let shown: Vec<String> = settings.listen.iter().map(Listen::to_string).collect();
        shown.join(" ")
    };
    assert_eq!(shown(&overrides), "127.0.0.1:8001 unix:/a");
    let set_only = Overrides {
        listen: Vec::new(),
        ..overrides
    };
    assert_eq!(shown(&set_only), "127.0.0.1:2 127.0.0.1:3");
    assert_eq!(shown(&Overrides::default()), "127.0.0.1:9");
    let wrong = Overrides {
        listen: vec!["pi:1".into()],
        ..Overrides::default()
    };
    let complaints = parse(&[], &Environment::default(), &wrong).unwrap_err();
    assert!(
        complaints[0]
            .to_string()
            .starts_with("--listen: expected an address instead")
    );
}

#[test]
fn the_environment_stands_in_where_nothing_is_set() {
    let none = Overrides::default();
    let settings = parse(&[], &environment("8080", "http://a, http://b:81,"), &none).unwrap();
    assert_eq!(settings.listen, Listen::parse("127.0.0.1:8080").unwrap());
    assert_eq!(settings.origins, ["http://a", "http://b:81"]);
    let file = [source("a.toml", "listen = ['9']\norigins = ['http://c']")];
    let settings = parse(&file, &environment("8080", "http://a"), &none).unwrap();
    assert_eq!(settings.listen, Listen::parse("9").unwrap());
    assert_eq!(settings.origins, ["http://c"]);
    assert_eq!(
        parse(&[], &environment("", ""), &none).unwrap(),
        Settings::default()
    );
    // What stands in for nothing is not judged either.
    assert!(parse(&file, &environment("x", "x"), &none).is_ok());
    let complaints = parse(&[], &environment("+80", "x"), &none).unwrap_err();
    let shown: Vec<String> = complaints.iter().map(Complaint::to_string).collect();
    assert_eq!(
        shown,
        [
            "PORT: expected a port from 0 to 65535, found \"+80\"",
            "ALLOWED_ORIGINS: expected a list of origins such as \
             [\"http://garage-pi.local:8000\"], found \"x\"",
        ]
    );
}

#[test]
fn unknown_keys_of_set_are_told() {
    for (key, problem) in [
        (
            "limits.session",
            "--set limits.session: unknown key, did you mean limits.sessions?",
        ),
        ("tool", "--set tool: unknown key, did you mean tool?"),
        ("limits", "--set limits: unknown key, did you mean limits?"),
    ] {
        let complaints = parse(&[], &Environment::default(), &set(key, "1")).unwrap_err();
        assert_eq!(complaints[0].to_string(), problem);
    }
}

#[test]
fn complaints_about_tools() {
    let argument = "arguments.a = { type = 'string' }\n";
    check(&tool(argument), &[]);
    check(
        &tool(""),
        &["slimcp.toml:1: tool.t.command: {a} has no argument of this name"],
    );
    check(
        &tool("arguments = { a = { type = 'string' }, b = { type = 'boolean' } }"),
        &["slimcp.toml:1: tool.t.arguments.b: used nowhere; place {b} somewhere"],
    );
    let table = [
        (
            "timeuot = '1s'",
            "5: tool.t.timeuot: unknown key, did you mean timeout?",
        ),
        (
            "timeout = '99ms'",
            "5: tool.t.timeout: expected a duration from 100ms to 1d such as \
                              \"1m30s\", found \"99ms\"",
        ),
        (
            "concurrency = 0",
            "5: tool.t.concurrency: expected a whole number from 1 to 10000, \
                             found 0",
        ),
        (
            "queue = -1",
            "5: tool.t.queue: expected a whole number from 0 to 10000, found -1",
        ),
        (
            "output_limit = '1B'",
            "5: tool.t.output_limit: expected a size from 1KiB to 64MiB such \
                                 as \"64KiB\", found \"1B\"",
        ),
        (
            "output_limit = '257KiB'",
            "1: tool.t.output_limit: expected at most limits.output, \
                                     256KiB, found 257KiB",
        ),
        (
            "output = 'xml'",
            "5: tool.t.output: expected \"text\", \"json\" or an image or audio \
                            type such as \"image/png\", found \"xml\"",
        ),
        (
            "output = 'image/'",
            "5: tool.t.output: expected \"text\", \"json\" or an image or \
                               audio type such as \"image/png\", found \"image/\"",
        ),
        (
            "read_only = 1",
            "5: tool.t.read_only: expected true or false, found 1",
        ),
        (
            "environment = 1",
            "5: tool.t.environment: expected a table, found 1",
        ),
        (
            "environment.A = 1",
            "5: tool.t.environment.A: expected a text without NUL",
        ),
        (
            "environment.'A=' = ''",
            "5: tool.t.environment.A=: expected the name of a variable, \
                                   without \"=\" and NUL",
        ),
        (
            "environment.A = '{b}'",
            "1: tool.t.environment.A: {b} has no argument of this name",
        ),
        (
            "environment_inherit = ['']",
            "5: tool.t.environment_inherit: expected the name of a \
                                        variable, without \"=\" and NUL, found \"\"",
        ),
        (
            "stdin = '{'",
            "1: tool.t.stdin: expected the name of an argument between \"{\" and \
                         \"}\"; the braces themselves are written \"{{\" and \"}}\"",
        ),
        (
            "directory = ''",
            "5: tool.t.directory: expected a text of 1 to 16384 bytes without \
                            NUL, found \"\"",
        ),
    ];
    for (line, expected) in table {
        let text = tool(&format!("{line}\n{argument}"));
        check(&text, &[&format!("slimcp.toml:{expected}")]);
    }
}

#[test]
fn complaints_about_names_and_programs() {
    let tool = |name: &str, command: &str| {
        format!("[[tool]]\nname = {name}\ndescription = 'd'\ncommand = {command}\n")
    };
    let name = "expected a name of 1 to 64 letters, digits, \"_\", \".\" or \"-\"";
    check(
        &tool("'a b'", "['c']"),
        &[&format!(
            "slimcp.toml:2: tool.1.name: {name}, found \"a b\""
        )],
    );
    check(
        &tool("1", "['c']"),
        &[&format!("slimcp.toml:2: tool.1.name: {name}, found 1")],
    );
    let command = "expected a list of the program and its arguments such as [\"df\", \"-h\"]";
    for (written, found) in [
        ("[]", "an empty list"),
        ("['']", "a list"),
        ("'ls -l'", "\"ls -l\""),
    ] {
        let expected = format!("slimcp.toml:4: tool.t.command: {command}, found {found}");
        check(&tool("'t'", written), &[&expected]);
    }
    check(
        &tool("'t'", "['c', 1]"),
        &["slimcp.toml:4: tool.t.command: expected a text without NUL, found 1"],
    );
    let program = format!("{}arguments.p.type = 'string'", tool("'t'", "['{p}']"));
    check(
        &program,
        &["slimcp.toml:1: tool.t.command: expected a program without placeholders"],
    );
    let twice = [tool("'t'", "['c']"), tool("'t'", "['c']")].concat();
    check(
        &twice,
        &["slimcp.toml:5: tool.t.name: the name is taken by the tool at slimcp.toml:1"],
    );
    check(
        &tool("'echo'", "['c']"),
        &[
            "slimcp.toml:1: tool.echo.name: the name is taken by a built-in tool; rename it, or \
         leave the other out of builtins",
        ],
    );
    check(&format!("builtins = []\n{}", tool("'echo'", "['c']")), &[]);
}

#[test]
fn complaints_about_arguments() {
    let table = [
        (
            "",
            "missing, expected \"string\", \"integer\", \"number\" or \"boolean\"",
        ),
        (
            "type = 'text'",
            "expected \"string\", \"integer\", \"number\" or \"boolean\", found \
                           \"text\"",
        ),
        (
            "type = 'string', minimum = 1",
            "has no meaning for type \"string\"",
        ),
        (
            "type = 'boolean', pattern = 'x'",
            "has no meaning for type \"boolean\"",
        ),
        (
            "type = 'integer', max_length = 1",
            "has no meaning for type \"integer\"",
        ),
        ("type = 'string', colour = 1", "unknown key"),
        (
            "type = 'string', requird = true",
            "unknown key, did you mean required?",
        ),
        (
            "type = 'integer', minimum = 3, maximum = 2",
            "expected at most maximum, 2, found 3",
        ),
        (
            "type = 'number', minimum = 2.5, maximum = 2",
            "expected at most maximum, 2, found 2.5",
        ),
        (
            "type = 'string', min_length = 3, max_length = 2",
            "expected at most max_length, 2, \
                                                             found 3",
        ),
        (
            "type = 'integer', minimum = 1.0",
            "expected a whole number, found 1.0",
        ),
        (
            "type = 'number', maximum = inf",
            "expected a finite number, found inf",
        ),
        (
            "type = 'string', min_length = -1",
            "expected a whole number from 0 to 4294967295, \
                                              found -1",
        ),
        (
            "type = 'integer', enum = []",
            "expected at least one value, found an empty list",
        ),
        ("type = 'integer', enum = [1, 1]", "1 is listed twice"),
        (
            "type = 'integer', enum = ['1']",
            "expected a whole number, found \"1\"",
        ),
        (
            "type = 'integer', maximum = 2, enum = [3]",
            "expected a whole number of at most 2, \
                                                       found 3",
        ),
        (
            "type = 'integer', minimum = 1, default = 0",
            "expected a whole number of at least 1, \
                                                        found 0",
        ),
        (
            "type = 'number', minimum = 1, maximum = 2, default = 2.5",
            "expected a finite number \
                                                                      from 1 to 2, found 2.5",
        ),
        (
            "type = 'number', default = nan",
            "expected a finite number, found nan",
        ),
        (
            "type = 'string', max_length = 2, default = 'äöü'",
            "expected a text of at most 2 \
                                                              characters, found \"äöü\"",
        ),
        (
            "type = 'boolean', default = 1",
            "expected true or false, found 1",
        ),
        (
            "type = 'string', enum = ['a'], default = 'b'",
            "expected a value of enum, found \"b\"",
        ),
        (
            "type = 'string', default = 'b', required = true",
            "an argument with a default is never \
                                                             required",
        ),
        (
            "type = 'integer', default = 9223372036854775808",
            "expected a whole number, found \
                                                             9223372036854775808",
        ),
    ];
    for (fields, problem) in table {
        let text = tool(&format!("[tool.arguments]\na = {{ {fields} }}"));
        let complaints = parse_text(&text).err().unwrap_or_default();
        let [complaint] = &complaints[..] else {
            panic!("{fields}: {complaints:?}");
        };
        assert_eq!(complaint.problem, problem, "{fields}");
        assert!(
            complaint.key.starts_with("tool.t.arguments.a."),
            "{}",
            complaint.key
        );
    }
}

#[test]
fn values_at_the_bounds_of_an_argument_are_taken() {
    for fields in [
        "type = 'integer', minimum = 1, maximum = 1, enum = [1], default = 1",
        "type = 'integer', minimum = -9223372036854775808, default = -9223372036854775808",
        "type = 'number', minimum = 1, maximum = 1.5, enum = [1, 1.5], default = 1.5",
        "type = 'string', min_length = 3, max_length = 3, default = 'äöü'",
        "type = 'string', required = true",
        "type = 'boolean', enum = [true], default = true",
    ] {
        check(&tool(&format!("[tool.arguments]\na = {{ {fields} }}")), &[]);
    }
}

#[test]
fn tools_stop_at_their_number_with_the_built_in_ones_counted() {
    let tools = |count: usize| -> String {
        let each = |index| format!("[[tool]]\nname='t{index}'\ndescription='d'\ncommand=['c']\n");
        (0..count).map(each).collect()
    };
    check(&tools(TOOLS_MAX - 2), &[]);
    check(
        &tools(TOOLS_MAX - 1),
        &["slimcp.toml:1017: tool: expected at most 254 tools beside the built-in ones"],
    );
    check(&format!("builtins = []\n{}", tools(TOOLS_MAX)), &[]);
}

/// Marsaglia's xorshift: the same numbers on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

#[test]
fn mutated_texts_never_panic_and_what_they_set_prints_back() {
    let pieces = [
        "=",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "\n",
        ".",
        "0",
        "-1",
        "9999999999999999999",
        "1e400",
        "nan",
        "\"1h\"",
        "{a}",
        "}}",
        "[[tool]]",
        "listen",
        "type",
        "enum = []",
        "\u{0}",
        "ä",
        "",
    ];
    let letters: Vec<char> = EVERYTHING.chars().collect();
    let mut accepted = 0;
    for seed in 1..=1500 {
        let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let mut text = letters.clone();
        for _ in 0..=random.below(3) {
            let start = random.below(text.len());
            let end = (start + random.below(6)).min(text.len());
            text.splice(start..end, pieces[random.below(pieces.len())].chars());
        }
        let text: String = text.into_iter().collect();
        if let Ok(settings) = parse_text(&text) {
            accepted += 1;
            let printed = with_hidden(&print(&settings), &settings);
            let again = parse_text(&printed);
            assert_eq!(
                again.as_ref(),
                Ok(&settings),
                "seed {seed}\n{text}\n{printed}"
            );
        }
    }
    assert!(
        (30..1450).contains(&accepted),
        "{accepted} of 1500 say nothing"
    );
}

#[test]
fn any_value_of_set_is_judged_without_a_panic() {
    for row in &SETTINGS {
        for text in [
            "",
            "=",
            "[",
            "\"",
            "{",
            "\u{0}",
            "[[[[",
            "1e999",
            "-0",
            "'\\'",
            "\u{feff}1",
        ] {
            let _ = parse(&[], &Environment::default(), &set(row.key, text));
        }
    }
}
