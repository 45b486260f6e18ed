//! What is sound and yet hardly meant. It stops no start: `slimcp check` and the log tell of it.

use super::search::{exposed_key, missing_programs, missing_resources};
use crate::auth::role::Role;
use crate::daemon::insight;
use crate::daemon::settings::Settings;

/// Everything worth a warning.
pub fn warnings(settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::from_iter(exposed_key(settings));
    // What servers offer is known once they have said so.
    let is_all_known = settings.upstreams.is_empty();
    for role in settings.access.roles.iter().filter(|_| is_all_known) {
        let idle = role
            .tools
            .iter()
            .filter(|glob| is_idle(role, glob, settings));
        let warn = |glob| format!("role.{}.tools: {glob:?} lets no tool in", role.name);
        warnings.extend(idle.map(warn));
    }
    warnings.extend(missing_programs(settings));
    warnings.extend(missing_resources(settings));
    warnings.extend(insight::missing(settings));
    warnings
}

/// Whether `glob` gives the role nothing: a slip, or tools that change something for a role that
/// may only read. `*` is right wherever there are no tools.
fn is_idle(role: &Role, glob: &str, settings: &Settings) -> bool {
    let alone = Role {
        tools: vec![glob.to_string()],
        ..role.clone()
    };
    let mut builtins = settings.builtins.iter();
    let mut commands = settings.tools.iter();
    // All built-in tools only read.
    let mut asking = settings.asking_tools().iter();
    let is_used = builtins.any(|builtin| alone.may_use(builtin.name(), true))
        || asking.any(|tool| alone.may_use(tool, true))
        || commands.any(|tool| alone.may_use(&tool.name, tool.annotations.read_only == Some(true)));
    glob != "*" && !is_used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::config::{Environment, Overrides, Source, parse};

    fn check(roles: &str, expected: &[&str]) {
        let tool = |name: &str, read_only: bool| {
            format!(
                "[[tool]]\nname = '{name}'\ndescription = 'd'\ncommand = ['a']\n\
                 read_only = {read_only}\n"
            )
        };
        let tools = [tool("cpu-load", true), tool("relay", false)].concat();
        let source = Source {
            name: "a.toml".to_string(),
            text: format!("{tools}{roles}"),
        };
        let settings = parse(&[source], &Environment::default(), &Overrides::default());
        assert_eq!(warnings(&settings.expect(roles)), expected, "{roles}");
    }

    #[test]
    fn names_that_let_no_tool_in_are_warned_of() {
        check("", &[]);
        check("[role.a]\ntools = ['cpu-*', 'relay', 'echo']", &[]);
        check(
            "[role.a]\ntools = ['cpu_*', 'relay', 'ecko']",
            &[
                "role.a.tools: \"cpu_*\" lets no tool in",
                "role.a.tools: \"ecko\" lets no tool in",
            ],
        );
        check(
            "[[server]]\nname = 's'\ncommand = ['/bin/sh']\n[role.a]\ntools = ['s_*']",
            &[],
        );
        check(
            "[role.readonly]\ntools = ['relay', 'system-info', '*']",
            &["role.readonly.tools: \"relay\" lets no tool in"],
        );
    }
}
