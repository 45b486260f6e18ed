//! What is written for people, held against the program.

use slimcp::daemon::config::{self, Environment, Overrides, Source};
use slimcp::daemon::settings::Settings;
use std::fs;
use std::path::Path;

const README_LINES_MAX: usize = 150;

/// The file that documents every setting.
const REFERENCE: &str = "packaging/examples/slimcp.toml";

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What `slimcp check` would make of `text`.
fn load(name: &str, text: String) -> Settings {
    let source = Source {
        name: name.to_string(),
        text: match cfg!(feature = "insight") {
            true => text,
            false => without_insight(&text),
        },
    };
    // The index has to be kept somewhere.
    let environment = Environment::read(|name| (name == "HOME").then(|| "/home/u".into()));
    config::parse(&[source], &environment, &Overrides::default()).unwrap_or_else(|complaints| {
        let shown: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        panic!("\n{}\n", shown.join("\n"))
    })
}

/// What a build without `[insight]` takes of a configuration.
fn without_insight(text: &str) -> String {
    let mut is_in = false;
    let lines = text.lines().filter(|line| {
        if line.starts_with('[') {
            is_in = line.starts_with("[insight]");
        }
        !is_in
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The cells of each row of the tables that the program prints of its settings: for a setting its
/// key, default, values and meaning; for a key of a tool the same without default.
fn settings() -> Vec<Vec<String>> {
    let reference = config::reference();
    let rows = reference.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<String>> = rows
        .filter(|line| !line.contains("| Takes |"))
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().to_string()).collect()
        })
        .collect();
    assert!(rows.len() > 40, "{reference}");
    rows
}

/// The lines behind the `#` that has no space after it: settings that are commented out.
fn uncommented(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') => setting,
        Some(_) | None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The comments of a file as one text, however they are wrapped.
fn prose(text: &str) -> String {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# "));
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_setting_is_explained_with_its_default() {
    let text = read(REFERENCE);
    let prose = prose(&text);
    let mut missing = Vec::new();
    let mut section = String::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            section = format!("{}.", line.trim_matches(['[', ']']));
        }
        if let Some(setting) = line.strip_prefix('#') {
            lines.push(format!("{section}{setting}"));
        }
    }
    for row in settings() {
        let key = row[0].trim_matches('`');
        let (default, explained) = match row.as_slice() {
            [_, default, takes, meaning] => (default.as_str(), format!("{meaning} Takes {takes}.")),
            [_, takes, meaning] => ("", format!("{meaning} Takes {takes}.")),
            other => panic!("a row of a table: {other:?}"),
        };
        let is_shown = match default {
            // A key of a tool: it stands behind the sections.
            "" => [
                format!("\n#{key} = "),
                format!(".{key}."),
                format!(".{key}]]"),
            ]
            .iter()
            .any(|shown| text.contains(shown)),
            "none" => lines
                .iter()
                .any(|line| line.starts_with(&format!("{key} = "))),
            default => lines.contains(&format!("{key} = {}", default.trim_matches('`'))),
        };
        if !is_shown || !prose.contains(&explained) {
            missing.push(format!("{key} = {default}\n# {explained}"));
        }
    }
    assert!(missing.is_empty(), "{REFERENCE}:\n{}\n", missing.join("\n"));
}

#[test]
fn the_reference_changes_nothing_as_it_is_and_loads_without_its_marks() {
    let text = read(REFERENCE);
    assert_eq!(load(REFERENCE, text.clone()), Settings::default());
    let all = load(REFERENCE, uncommented(&text));
    let defaults = Settings::default();
    assert_eq!(
        (all.limits, all.timeouts),
        (defaults.limits, defaults.timeouts)
    );
    assert_eq!(all.tools.len(), 1);
    assert_eq!((all.resources.len(), all.prompts.len()), (3, 2));
    assert_eq!(all.upstreams.len(), 1);
}

#[test]
fn the_examples_load_and_say_which_tools_only_read() {
    for path in [
        "packaging/examples/pi.toml",
        "packaging/examples/openwrt.toml",
    ] {
        let tools = load(path, read(path)).tools;
        assert!((8..=12).contains(&tools.len()), "{path}: {}", tools.len());
        for tool in &tools {
            let read_only = tool.annotations.read_only;
            assert!(read_only.is_some(), "{path}: {}: read_only", tool.name);
            let is_shell = ["sh", "bash", "ash"].contains(&tool.command[0].as_str());
            assert!(!is_shell, "{path}: {}: a shell", tool.name);
        }
    }
}

/// The fenced blocks of `text` in `language`.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap_or_default().to_string())
        .collect()
}

#[test]
fn the_readme_is_short_and_its_configuration_loads() {
    let text = read("README.md");
    let lines = text.lines().count();
    assert!(lines <= README_LINES_MAX, "{lines} lines");
    let long = text.lines().find(|line| line.chars().count() > 100);
    assert_eq!(long, None);
    let blocks = blocks(&text, "toml");
    assert_eq!(blocks.len(), 1);
    let settings = load("README.md", blocks[0].clone());
    assert_eq!((settings.tools.len(), settings.upstreams.len()), (1, 3));
}

#[test]
fn the_readme_tells_the_limits_as_they_are() {
    let text = read("README.md");
    let shown = |row: &[String]| format!("| {} | {} |", row[0], row[1]);
    let settings = settings();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| `limits.") || line.starts_with("| `timeouts."));
    let rows: Vec<&str> = rows.collect();
    for row in &rows {
        let is_true = settings
            .iter()
            .any(|setting| row.starts_with(&shown(setting)));
        assert!(is_true, "{row}");
    }
    for setting in settings.iter().filter(|row| row[0].starts_with("`limits.")) {
        let is_told = rows.iter().any(|row| row.starts_with(&shown(setting)));
        assert!(is_told, "{}", setting[0]);
    }
}

#[test]
fn what_is_pointed_at_exists() {
    for (file, text) in ["README.md", "CHANGELOG.md"].map(|file| (file, read(file))) {
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            let is_there = target.starts_with("https://") || Path::new(target).exists();
            assert!(is_there, "{file}: {target}");
        }
    }
    let root = read("src/lib.rs");
    let quoted = root.split('`').skip(1).step_by(2);
    let mut files = quoted.filter(|text| text.ends_with(".rs")).peekable();
    assert!(
        files.peek().is_some(),
        "the crate's documentation names files"
    );
    for file in files {
        let is_there = Path::new("src").join(file).exists() || Path::new(file).exists();
        assert!(is_there, "src/lib.rs: {file}");
    }
}
