//! Packs the web console for `src/admin/console.rs`: scripts joined, comments and indentation left
//! out, compressed once and as well as gzip can be. The program hands the bytes out as they are.

use std::fs;
use std::path::{Path, PathBuf};

const SOURCES: &str = "src/admin/console";

/// The scripts become one module, in this order. Each only declares; `page.js` starts it all when
/// the document is there.
const SCRIPTS: [&str; 11] = [
    "dom.js",
    "wire.js",
    "session.js",
    "doors.js",
    "form.js",
    "result.js",
    "tools.js",
    "events.js",
    "server.js",
    "setup.js",
    "page.js",
];

fn main() {
    println!("cargo::rerun-if-changed={SOURCES}");
    println!("cargo::rerun-if-changed=build.rs");
    pack("index.html", "INDEX", &trimmed(&read("index.html")));
    pack(
        "console.css",
        "STYLE",
        &trimmed(&uncommented(&read("console.css"))),
    );
    let script: String = SCRIPTS.iter().map(|name| read(name)).collect();
    pack("console.js", "SCRIPT", &trimmed(&uncommented(&script)));
}

fn read(name: &str) -> String {
    let path = Path::new(SOURCES).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Without the lines that are comments as a whole. A comment behind code stays, and no text that
/// spans lines may have a line that looks like one: no script here has such a text.
fn uncommented(text: &str) -> String {
    let mut is_inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        let code = line.trim_start();
        if is_inside || code.starts_with("/*") {
            is_inside = !code.contains("*/");
        } else if !code.starts_with("//") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Without indentation and empty lines.
fn trimmed(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

/// Writes the compressed text, and tells the crate its entity tag.
fn pack(name: &str, variable: &str, text: &str) {
    let mut packed = Vec::new();
    let (options, format) = (zopfli::Options::default(), zopfli::Format::Gzip);
    zopfli::compress(options, format, text.as_bytes(), &mut packed).expect("a Vec takes all");
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(folder.join(format!("{name}.gz")), &packed).expect("the target folder is ours");
    println!(
        "cargo::rustc-env=CONSOLE_{variable}_TAG=\"{:016x}\"",
        digest(&packed)
    );
}

/// FNV-1a with 64 bits: tells versions of one file apart, which is all that an entity tag does.
fn digest(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
