use super::*;
use crate::limits::{Limits, Memory};
use crate::mcp::refusal::Refusal;
use crate::tool::command::{CommandLine, Output};
use crate::upstream::spec::UpstreamSpec;
use crate::upstream::view::Counts;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One line of the text that is no comment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: String,
}

/// Samples that belong together.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: Vec<Sample>,
}

/// Takes a name off the front.
fn name(rest: &mut &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = rest.find(|c| !is_letter(c)).unwrap_or(rest.len());
    let (name, left) = rest.split_at(end);
    assert!(!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()));
    *rest = left;
    name.to_string()
}

/// Takes one exact text off the front.
fn expect(rest: &mut &str, text: &str) {
    *rest = rest
        .strip_prefix(text)
        .unwrap_or_else(|| panic!("{text:?} before {rest:?}"));
}

/// Takes a quoted label value off the front: `\\`, `\"` and `\n` are its only escapes.
fn quoted(rest: &mut &str) -> String {
    expect(rest, "\"");
    let mut value = String::new();
    let mut letters = rest.char_indices();
    loop {
        match letters.next().expect("a closing quote") {
            (at, '"') => {
                *rest = &rest[at + 1..];
                return value;
            }
            (_, '\\') => match letters.next().map(|(_, letter)| letter) {
                Some('n') => value.push('\n'),
                Some(letter @ ('\\' | '"')) => value.push(letter),
                other => panic!("escape {other:?}"),
            },
            (_, letter) => value.push(letter),
        }
    }
}

fn sample(line: &str) -> Sample {
    let mut rest = line;
    let mut sample = Sample {
        name: name(&mut rest),
        labels: BTreeMap::new(),
        value: String::new(),
    };
    if rest.starts_with('{') {
        let mut separator = "{";
        while rest != "}" && !rest.starts_with("} ") {
            expect(&mut rest, separator);
            let key = name(&mut rest);
            expect(&mut rest, "=");
            let twin = sample.labels.insert(key, quoted(&mut rest));
            assert_eq!(twin, None, "{line}");
            separator = ",";
        }
        expect(&mut rest, "}");
    }
    expect(&mut rest, " ");
    assert!(
        rest.parse::<f64>().is_ok_and(|value| value >= 0.0),
        "{line}"
    );
    sample.value = rest.to_string();
    sample
}

/// Reads the whole text as strictly as its format is written down.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let body = text.strip_suffix('\n').expect("the last line ends as well");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut lines = body.split('\n').peekable();
    while let Some(line) = lines.next() {
        let help = line
            .strip_prefix("# HELP ")
            .expect("a family begins with its help");
        let (family_name, help) = help.split_once(' ').expect("help says something");
        assert!(!help.is_empty() && !help.contains('\\'), "{help}");
        let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
        let (typed_name, kind) = kind.and_then(|rest| rest.split_once(' ')).expect("a type");
        assert_eq!(typed_name, family_name);
        let mut family = Family {
            kind: kind.to_string(),
            samples: Vec::new(),
        };
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            family.samples.push(sample(line));
        }
        check(family_name, &family);
        let twin = families.insert(family_name.to_string(), family);
        assert!(twin.is_none(), "{family_name} is torn apart");
    }
    families
}

/// What holds within a family.
fn check(name: &str, family: &Family) {
    assert!(!family.samples.is_empty(), "{name} is empty");
    let keys = family
        .samples
        .iter()
        .map(|sample| (&sample.name, &sample.labels));
    let unique: BTreeSet<_> = keys.collect();
    assert_eq!(
        unique.len(),
        family.samples.len(),
        "{name} says one thing twice"
    );
    match family.kind.as_str() {
        "gauge" => assert!(family.samples.iter().all(|sample| sample.name == name)),
        "counter" => {
            assert!(name.ends_with("_total"), "{name}");
            assert!(family.samples.iter().all(|sample| sample.name == name));
        }
        "histogram" => check_histograms(name, family),
        other => panic!("type {other}"),
    }
}

/// Each histogram of a family: rising bounds, growing counts, and all of them at `+Inf`.
fn check_histograms(name: &str, family: &Family) {
    let mut samples = family.samples.iter().peekable();
    while let Some(first) = samples.peek() {
        let mut labels = first.labels.clone();
        labels.remove("le");
        let mut last = (f64::NEG_INFINITY, 0);
        while let Some(bucket) = samples.next_if(|sample| sample.name == format!("{name}_bucket")) {
            let mut own = bucket.labels.clone();
            let bound = own.remove("le").expect("a bucket has a bound");
            assert_eq!(own, labels);
            let bound = bound.parse::<f64>().expect("a bound is a number");
            let count = bucket.value.parse::<u64>().expect("a count is whole");
            assert!(
                bound > last.0 && count >= last.1,
                "{bucket:?} after {last:?}"
            );
            last = (bound, count);
        }
        assert_eq!(last.0, f64::INFINITY, "{name} {labels:?}");
        for (suffix, value) in [("_sum", None), ("_count", Some(last.1.to_string()))] {
            let sample = samples.next().expect("sum and count follow the buckets");
            assert_eq!(sample.name, format!("{name}{suffix}"));
            assert_eq!(sample.labels, labels);
            assert!(
                value.is_none_or(|value| value == sample.value),
                "{sample:?}"
            );
        }
    }
}

fn render(stats: &Stats, gauges: Gauges) -> String {
    let limits = Limits::default();
    let memory = Memory::of(&limits).unwrap();
    metrics(&Snapshot {
        stats,
        gauges,
        limits: &limits,
        memory: &memory,
        uptime: Duration::from_millis(90_999),
        upstreams: Vec::new(),
    })
}

#[test]
fn each_server_has_its_samples() {
    let line = CommandLine {
        argv: vec!["files".to_string()],
        directory: None,
        environment: Vec::new(),
        environment_inherit: Vec::new(),
        stdin: None,
        output: Output::Text,
    };
    let spec = UpstreamSpec::new("files", line.clone());
    let other = UpstreamSpec::new("time", line);
    let view = UpstreamView {
        spec: &spec,
        state: "up",
        eras: None,
        tools: None,
        children: 2,
        calls: 3,
        counts: Counts {
            calls: 4,
            starts: 5,
            restarts: 6,
            failures: 7,
            refused: 8,
        },
        last_failure: None,
    };
    let failed = UpstreamView {
        spec: &other,
        state: "failed",
        ..view
    };
    let mut text = Text(String::new());
    upstreams(&mut text, &[view, failed]);
    let families = parse(&text.0);
    assert_eq!(families.len(), OF_UPSTREAMS.len());
    let value = |name: &str, server: &str| {
        let samples = families[name].samples.iter();
        let mut of_server = samples.filter(|sample| sample.labels["server"] == server);
        of_server.next().expect("a sample").value.clone()
    };
    assert_eq!(value("slimcp_upstream_up", "files"), "1");
    assert_eq!(value("slimcp_upstream_up", "time"), "0");
    let names = [
        "children_active",
        "calls_active",
        "calls_total",
        "starts_total",
        "restarts_total",
        "failures_total",
        "calls_refused_total",
    ];
    for (name, count) in names.into_iter().zip(2..) {
        let name = format!("slimcp_upstream_{name}");
        assert_eq!(value(&name, "time"), count.to_string(), "{name}");
    }
}

/// A server that has seen something of everything.
fn busy() -> (Stats, Gauges) {
    let mut stats = Stats {
        messages: 7,
        calls_failed: 2,
        received_bytes: u64::MAX,
        ..Stats::default()
    };
    stats.request(DoorKind::Mcp);
    stats.request(DoorKind::Mcp);
    stats.answered_at_once(DoorKind::Mcp);
    stats.call_over(DoorKind::Mcp, Duration::from_millis(30));
    stats.call_over(DoorKind::Messages, Duration::from_secs(61));
    stats.session_over(Duration::from_secs(60));
    stats.refusals.count(Refusal::MethodWrong("GET"));
    let gauges = Gauges {
        connections: 5,
        listening: 3,
        budget_bytes: 4096,
        ..Gauges::default()
    };
    (stats, gauges)
}

#[test]
fn the_text_keeps_to_its_format_idle_and_busy() {
    let idle = render(&Stats::default(), Gauges::default());
    let (stats, gauges) = busy();
    let busy = render(&stats, gauges);
    assert_eq!(parse(&idle).len(), parse(&busy).len());
    // What is told does not depend on what has happened.
    assert_eq!(idle.lines().count(), busy.lines().count());
    assert!(busy.len() <= BYTES_USUAL, "{}", busy.len());
}

#[test]
fn s1_14_the_five_names_of_the_contract_are_there() {
    let (stats, gauges) = busy();
    let families = parse(&render(&stats, gauges));
    for (name, kind, value) in [
        ("sse_connections_active", "gauge", "3"),
        ("messages_received_total", "counter", "7"),
        ("request_duration_seconds", "histogram", "3"),
        ("errors_total", "counter", "3"),
        ("session_duration_seconds", "histogram", "1"),
    ] {
        let family = &families[name];
        assert_eq!(family.kind, kind);
        assert_eq!(family.samples.last().unwrap().value, value, "{name}");
    }
    let own = families.keys().filter(|name| name.starts_with("slimcp_"));
    assert_eq!(own.count(), families.len() - 5);
}

#[test]
fn counters_are_found_under_their_labels() {
    let (stats, gauges) = busy();
    let text = render(&stats, gauges);
    for line in [
        "slimcp_requests_total{door=\"mcp\"} 2",
        "slimcp_requests_total{door=\"none\"} 0",
        "slimcp_request_duration_seconds_bucket{door=\"mcp\",le=\"0.025\"} 1",
        "slimcp_request_duration_seconds_bucket{door=\"mcp\",le=\"0.1\"} 2",
        "slimcp_request_duration_seconds_sum{door=\"mcp\"} 0.03",
        "slimcp_request_duration_seconds_bucket{door=\"messages\",le=\"60\"} 0",
        "slimcp_request_duration_seconds_bucket{door=\"messages\",le=\"+Inf\"} 1",
        "request_duration_seconds_sum 61.03",
        "session_duration_seconds_bucket{le=\"60\"} 1",
        "slimcp_refusals_total{reason=\"method_wrong\"} 1",
        "slimcp_connections_active 5",
        "slimcp_connections_max 1024",
        "slimcp_memory_ceiling_bytes 8388608",
        "slimcp_memory_budget_used_bytes 4096",
        "slimcp_received_bytes_total 18446744073709551615",
        "slimcp_uptime_seconds 90",
        concat!(
            "slimcp_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        ),
    ] {
        assert!(text.lines().any(|each| each == line), "{line}\n{text}");
    }
}

#[test]
fn every_refusal_and_every_door_is_told() {
    let families = parse(&render(&Stats::default(), Gauges::default()));
    let count = |name: &str| families[name].samples.len();
    assert_eq!(count("slimcp_refusals_total"), Refusal::REASONS.len());
    assert_eq!(count("slimcp_requests_total"), DoorKind::ALL.len());
}

#[test]
#[should_panic(expected = "after")]
fn the_parser_sees_a_histogram_that_shrinks() {
    parse("# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n");
}
