//! What relates the entries of a list: how many there may be, and that no two are called the same.

use super::complaint::{Complaints, Place};
use super::tool::Tool;
use super::{Reader, units};
use crate::daemon::settings::Builtin;
use crate::limits::{PROMPTS_MAX, RESOURCES_MAX, TOOLS_MAX, UPSTREAMS_MAX};
use crate::tool::CallLimits;

impl Reader {
    /// Relations among the resources and among the prompts.
    pub(super) fn check_catalogue(&mut self) {
        let resources = self.resources.iter();
        let resources: Vec<Called<'_>> = resources
            .map(|entry| (&entry.place, &*entry.label, &*entry.settings.uri))
            .collect();
        let called = ("resource", "uri");
        check_entries(&mut self.complaints, called, RESOURCES_MAX, &resources);
        let prompts = self.prompts.iter();
        let prompts: Vec<Called<'_>> = prompts
            .map(|entry| (&entry.place, &*entry.label, &*entry.settings.name))
            .collect();
        let called = ("prompt", "name");
        check_entries(&mut self.complaints, called, PROMPTS_MAX, &prompts);
    }

    /// Relations among the servers, and of them to other settings.
    pub(super) fn check_servers(&mut self) {
        let servers = self.servers.iter();
        let servers: Vec<Called<'_>> = servers
            .map(|entry| (&entry.place, &*entry.label, &*entry.spec.name))
            .collect();
        let called = ("server", "name");
        check_entries(&mut self.complaints, called, UPSTREAMS_MAX, &servers);
        let servers = std::mem::take(&mut self.servers);
        for server in &servers {
            self.check_output(&server.place, &server.label, &server.spec.limits);
            for tool in &server.spec.overrides {
                let label = format!("{}.tool.{}", server.label, tool.tool);
                self.check_output(&server.place, &label, &tool.limits);
            }
        }
        self.servers = servers;
    }

    /// No output is more than there is room for any.
    fn check_output(&mut self, place: &Place, label: &str, limits: &CallLimits) {
        let most = self.settings.limits.output_bytes_max;
        let output = limits.output_bytes_max.filter(|output| *output > most);
        if let Some(output) = output.filter(|_| self.complaints.is_sound("limits")) {
            let problem = format!(
                "expected at most limits.output, {}, found {}",
                units::Bytes(most as u64),
                units::Bytes(output as u64)
            );
            let key = format!("{label}.output_limit");
            self.complaints.add(place.clone(), key, problem);
        }
    }

    /// Relations among the tools, and of them to other settings.
    pub(super) fn check_tools(&mut self) {
        let tools_max = TOOLS_MAX - self.settings.builtins.len();
        if let Some(tool) = self.tools.get(tools_max) {
            let problem = format!("expected at most {tools_max} tools beside the built-in ones");
            self.complaints.add(tool.place.clone(), "tool", problem);
        }
        for (index, tool) in self.tools.iter().enumerate() {
            let (place, key) = (&tool.place, &tool.label);
            let name = &tool.spec.name;
            let same = |other: &&Tool| other.spec.name == *name;
            let is_builtin = |builtin: &Builtin| builtin.name() == name;
            if let Some(other) = self.tools[..index].iter().find(same) {
                let problem = format!("the name is taken by the tool at {}", other.place);
                self.complaints
                    .add(place.clone(), format!("{key}.name"), problem);
            } else if self.settings.builtins.iter().any(is_builtin) {
                let problem = "the name is taken by a built-in tool; rename it, or leave the \
                               other out of builtins";
                self.complaints
                    .add(place.clone(), format!("{key}.name"), problem);
            }
        }
        let tools = std::mem::take(&mut self.tools);
        for tool in &tools {
            self.check_output(&tool.place, &tool.label, &tool.spec.limits);
        }
        self.tools = tools;
    }
}

/// Where an entry stands, its label, and what it is called.
type Called<'a> = (&'a Place, &'a str, &'a str);

/// Complains about what is beyond the first `most`, and about each that is called as one before it.
fn check_entries(
    complaints: &mut Complaints,
    (list, key): (&str, &str),
    most: usize,
    entries: &[Called<'_>],
) {
    if let Some((place, ..)) = entries.get(most) {
        let problem = format!("expected at most {most} of [[{list}]]");
        return complaints.add(Place::clone(place), list, problem);
    }
    for (index, (place, label, called)) in entries.iter().enumerate() {
        let mut before = entries[..index].iter();
        if let Some((other, ..)) = before.find(|(_, _, name)| name == called) {
            let problem = format!("the {key} is taken by the {list} at {other}");
            complaints.add(Place::clone(place), format!("{label}.{key}"), problem);
        }
    }
}
