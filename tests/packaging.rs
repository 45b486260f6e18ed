//! What is shipped beside the program is read by others (cross, systemd), and they pass over what
//! they do not know: a slip there would show on somebody's machine only. So it is read here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// The targets for which a container image or a recipe of ours exists.
const TARGETS: [&str; 6] = [
    "aarch64-unknown-linux-musl",
    "arm-unknown-linux-musleabi",
    "arm-unknown-linux-musleabihf",
    "armv7-unknown-linux-musleabihf",
    "mipsel-unknown-linux-musl",
    "x86_64-unknown-linux-musl",
];

/// Keys of `[build]` that cross knows, as of version 0.2.5.
const CROSS_BUILD_KEYS: [&str; 5] = [
    "build-std",
    "default-target",
    "dockerfile",
    "env",
    "pre-build",
];

/// Keys of `[target.TARGET]` that cross knows, as of version 0.2.5.
const CROSS_TARGET_KEYS: [&str; 6] = [
    "build-std",
    "dockerfile",
    "env",
    "image",
    "pre-build",
    "runner",
];

/// Keys of `env` in both.
const CROSS_ENVIRONMENT_KEYS: [&str; 2] = ["passthrough", "volumes"];

/// The directives in use, by section, with the spelling of systemd.directives(7).
const DIRECTIVES: [(&str, &[&str]); 4] = [
    ("Unit", &["Description", "After", "Wants"]),
    (
        "Service",
        &[
            "BindReadOnlyPaths",
            "CapabilityBoundingSet",
            "DeviceAllow",
            "DevicePolicy",
            "DynamicUser",
            "Environment",
            "ExecReload",
            "ExecStart",
            "KillMode",
            "LimitNOFILE",
            "LockPersonality",
            "MemoryHigh",
            "MemoryMax",
            "NoNewPrivileges",
            "NotifyAccess",
            "OOMPolicy",
            "PrivateDevices",
            "PrivateTmp",
            "ProtectClock",
            "ProtectControlGroups",
            "ProtectHome",
            "ProtectHostname",
            "ProtectKernelLogs",
            "ProtectKernelModules",
            "ProtectKernelTunables",
            "ProtectProc",
            "ProtectSystem",
            "Restart",
            "RestartPreventExitStatus",
            "RestartSec",
            "RestrictAddressFamilies",
            "RestrictNamespaces",
            "RestrictRealtime",
            "RestrictSUIDSGID",
            "RuntimeDirectory",
            "StateDirectory",
            "StateDirectoryMode",
            "SupplementaryGroups",
            "SystemCallArchitectures",
            "SystemCallErrorNumber",
            "SystemCallFilter",
            "TasksMax",
            "TimeoutStopSec",
            "Type",
            "UMask",
        ],
    ),
    ("Socket", &["ListenStream"]),
    ("Install", &["WantedBy"]),
];

/// The files for systemd, each with the sections it may have.
const UNITS: [(&str, &[&str]); 5] = [
    ("gpio.conf", &["Service"]),
    ("insight.conf", &["Service"]),
    ("servers.conf", &["Service"]),
    ("slimcp.service", &["Unit", "Service", "Install"]),
    ("slimcp.socket", &["Unit", "Socket", "Install"]),
];

#[test]
fn cross_knows_every_key() {
    let text = read("cross.toml");
    let document = DeTable::parse(&text).expect("cross.toml is no TOML");
    assert_eq!(
        keys(document.get_ref()),
        BTreeSet::from(["build", "target"])
    );
    check_cross_table(table(document.get_ref(), "build"), &CROSS_BUILD_KEYS);
    let targets = table(document.get_ref(), "target");
    for name in keys(targets) {
        check_cross_table(table(targets, name), &CROSS_TARGET_KEYS);
    }
}

#[test]
fn cross_has_every_target_and_no_other() {
    let text = read("cross.toml");
    let document = DeTable::parse(&text).expect("cross.toml is no TOML");
    let named = keys(table(document.get_ref(), "target"));
    assert_eq!(named, BTreeSet::from(TARGETS));
    let build = table(document.get_ref(), "build");
    let default = build["default-target"].get_ref().as_str();
    assert!(default.is_some_and(|target| named.contains(target)));
}

#[test]
fn recipes_without_containers_are_for_targets_of_cross() {
    let script = read("packaging/build-static");
    let recipes = script
        .lines()
        .filter_map(|line| line.split_once(") architecture="));
    let targets: BTreeSet<&str> = recipes.map(|(target, _)| target).collect();
    assert_eq!(targets.len(), 4, "{targets:?}");
    assert!(targets.is_subset(&BTreeSet::from(TARGETS)), "{targets:?}");
}

#[test]
fn every_unit_is_checked() {
    let entries = std::fs::read_dir(top("systemd")).expect("systemd/ is missing");
    let names = entries.map(|entry| entry.expect("systemd/ is unreadable").file_name());
    let names: BTreeSet<String> = names.map(|name| name.into_string().unwrap()).collect();
    let expected: BTreeSet<String> = UNITS.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, expected);
}

#[test]
fn units_have_known_sections_and_directives_once_and_with_a_reason() {
    for (name, sections) in UNITS {
        let complaints = unit_complaints(&read(&format!("systemd/{name}")), sections);
        assert!(complaints.is_empty(), "systemd/{name}: {complaints:#?}");
    }
}

#[test]
fn a_slip_in_a_unit_is_seen() {
    let cases = [
        ("[Servce]", "section"),
        ("[Socket]", "section"),
        ("[Unit]\n[Unit]", "section"),
        ("[Unit]\nAfter=a", "reason"),
        ("# Why.\nAfter=a", "directive"),
        ("[Unit]\n# Why.\nAfer=a", "directive"),
        ("[Unit]\n# Why.\nType=notify", "directive"),
        ("[Unit]\n# Why.\nAfter=a\n# Why.\nAfter=b", "twice"),
        ("[Unit]\n# Why.\nAfter", "directive"),
        ("[Unit]\n# Why.\nAfter=a \\", "continued"),
    ];
    for (text, word) in cases {
        let complaints = unit_complaints(text, &["Unit", "Service"]);
        assert_eq!(complaints.len(), 1, "{text:?}: {complaints:?}");
        assert!(complaints[0].contains(word), "{text:?}: {complaints:?}");
    }
    let good = "[Unit]\n# Why.\nAfter=a\n\n[Service]\n# Why.\nType=notify";
    assert_eq!(unit_complaints(good, &["Unit", "Service"]), [""; 0]);
}

/// What is wrong with a unit file, with line numbers.
fn unit_complaints(text: &str, sections: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    let mut section = "";
    let mut reason = false;
    for (index, line) in text.lines().enumerate() {
        let mut complain = |what: &str| complaints.push(format!("{}: {what}: {line}", index + 1));
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
        {
            section = name;
            if !sections.contains(&name) || !seen.insert(name.to_string()) {
                complain("unknown or repeated section");
            }
        } else if !line.is_empty() && !line.starts_with('#') {
            let key = line.split_once('=').map_or("", |(key, _)| key);
            if line.ends_with('\\') {
                complain("continued lines hide from this test");
            } else if !knows(section, key) {
                complain("unknown directive of this section");
            } else if !seen.insert(format!("{section}.{key}")) {
                complain("given twice");
            } else if !reason {
                complain("no reason in the line above");
            }
        }
        reason = line.starts_with("# ");
    }
    complaints
}

fn knows(section: &str, key: &str) -> bool {
    let mut sections = DIRECTIVES.iter();
    sections.any(|(name, directives)| *name == section && directives.contains(&key))
}

fn check_cross_table(table: &DeTable, known: &[&str]) {
    for (key, value) in table.iter() {
        let key: &str = key.get_ref();
        assert!(known.contains(&key), "cross does not know {key}");
        match value.get_ref() {
            DeValue::Table(environment) => check_cross_table(environment, &CROSS_ENVIRONMENT_KEYS),
            // Released versions take nothing else here and would refuse the whole file.
            value if key == "build-std" => assert!(value.is_bool(), "build-std is no boolean"),
            value => assert!(value.is_str() || value.is_array(), "{key}: unexpected type"),
        }
    }
}

fn table<'a, 'i>(parent: &'a DeTable<'i>, key: &str) -> &'a DeTable<'i> {
    let value = parent
        .get(key)
        .unwrap_or_else(|| panic!("{key} is missing"));
    value
        .get_ref()
        .as_table()
        .unwrap_or_else(|| panic!("{key} is no table"))
}

fn keys<'a>(table: &'a DeTable) -> BTreeSet<&'a str> {
    table.keys().map(|key| key.get_ref().as_ref()).collect()
}

fn top(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(top(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
