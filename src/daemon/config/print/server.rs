//! `[[server]]` as text.

use super::super::server::{ERA, NEVER, PER, START, is_inherited};
use super::{push_line, push_pair, show_list, show_span, show_table};
use crate::daemon::config::units::{Bytes, Quoted};
use crate::tool::CallLimits;
use crate::upstream::spec::{Prefix, ToolOverride, UpstreamSpec};

/// What stands in place of the values of `environment`.
pub(in super::super) const ENVIRONMENT_HIDDEN: &str = "# environment, values are not shown: ";

/// One server as TOML.
pub(super) fn push_server(text: &mut String, server: &UpstreamSpec) {
    let line = &server.line;
    push_line(text, "\n[[server]]");
    push_pair(text, "name", Some(Quoted(&server.name)));
    push_pair(text, "command", Some(show_list(&line.argv)));
    push_pair(text, "directory", line.directory.as_deref().map(Quoted));
    push_hidden(text, &line.environment);
    let inherit = line.environment_inherit.iter();
    let inherit: Vec<&String> = inherit.filter(|name| !is_inherited(name)).collect();
    push_list(text, "environment_inherit", &inherit);
    push_pair(text, "per", Some(Quoted(word(&PER, &server.per))));
    push_pair(text, "start", Some(Quoted(word(&START, &server.start))));
    push_pair(text, "era", Some(Quoted(word(&ERA, &server.era))));
    let idle = server.idle.map(show_span);
    let never = || Quoted(NEVER).to_string();
    push_pair(text, "idle", Some(idle.unwrap_or_else(never)));
    let start_timeout = show_span(server.start_timeout);
    push_pair(text, "start_timeout", Some(start_timeout));
    push_limits(text, &server.limits);
    push_pair(text, "interactive", server.interactive.then_some(true));
    push_pair(text, "tools", Some(show_list(&server.tools)));
    push_list(text, "deny", &server.deny);
    if let Prefix::Always(prefix) = &server.prefix {
        push_pair(text, "prefix", Some(Quoted(prefix)));
    }
    push_table(text, "headers", &server.headers);
    push_list(text, "roots", &server.roots);
    for tool in &server.overrides {
        push_override(text, tool);
    }
}

fn push_override(text: &mut String, tool: &ToolOverride) {
    push_line(text, "[[server.tool]]");
    push_pair(text, "name", Some(Quoted(&tool.tool)));
    push_pair(text, "rename", tool.name.as_deref().map(Quoted));
    push_pair(text, "title", tool.title.as_deref().map(Quoted));
    let description = tool.description.as_deref();
    push_pair(text, "description", description.map(Quoted));
    push_pair(text, "read_only", tool.read_only);
    push_limits(text, &tool.limits);
}

pub(super) fn push_limits(text: &mut String, limits: &CallLimits) {
    push_pair(text, "timeout", limits.timeout.map(show_span));
    push_pair(text, "concurrency", limits.concurrency);
    push_pair(text, "queue", limits.queue);
    let bytes = limits.output_bytes_max;
    let output = bytes.map(|bytes| format!("\"{}\"", Bytes(bytes as u64)));
    push_pair(text, "output_limit", output);
}

/// The names of variables without their values, which often are secrets; the others of the file
/// are printed as they are.
fn push_hidden(text: &mut String, variables: &[(String, String)]) {
    let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    if !names.is_empty() {
        push_line(text, &format!("{ENVIRONMENT_HIDDEN}{}", names.join(", ")));
    }
}

/// Names with texts, where there are some.
pub(super) fn push_table(text: &mut String, key: &str, pairs: &[(String, String)]) {
    let shown = pairs.iter();
    let shown = shown.map(|(name, value)| format!("{} = {}", Quoted(name), Quoted(value)));
    let table = show_table(shown.collect());
    push_pair(text, key, (!pairs.is_empty()).then_some(table));
}

/// Texts, where there are some.
pub(super) fn push_list<T: AsRef<str>>(text: &mut String, key: &str, list: &[T]) {
    let shown = show_list(list);
    push_pair(text, key, (!list.is_empty()).then_some(shown));
}

/// The word for what is meant.
pub(super) fn word<T: PartialEq>(words: &[(&'static str, T)], meant: &T) -> &'static str {
    let found = words.iter().find(|(_, one)| one == meant);
    found.expect("there is a word for each").0
}
