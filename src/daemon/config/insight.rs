//! `[insight]`: what relates its settings, and where the index is kept.

use super::{Environment, Reader};
use crate::daemon::settings::Builtin;
use crate::insight::tool::NAMES;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The name of the folder of the index, in whatever folder the daemon keeps things.
const FOLDER: &str = "insight";

/// The key of the section.
const SECTION: &str = "insight";

/// What is said of a section that does nothing.
const FOLDER_MISSING: &str =
    "expected at least one folder in insight.sources, insight.notes or insight.decisions";

/// Keys that say nothing where no folder is named.
const OTHERS: [&str; 6] = [
    "insight.include",
    "insight.exclude",
    "insight.state",
    "insight.file_max",
    "insight.files_max",
    "insight.rescan",
];

/// Keys that name folders.
const FOLDERS: [&str; 3] = ["insight.sources", "insight.notes", "insight.decisions"];

impl Reader {
    /// Finds a place for the index where none is named.
    pub(super) fn place_index(&mut self, environment: &Environment) {
        let insight = &self.settings.insight;
        if !insight.is_wanted() || !self.is_unset("insight.state") {
            return;
        }
        let state = match &self.settings.state {
            Some(state) => Some(Path::new(state).join(FOLDER)),
            None => state_folder(environment),
        };
        // Whatever is written is TOML, and that is UTF-8.
        self.settings.insight.state = state.and_then(|path| Some(path.to_str()?.to_string()));
    }

    /// Relations among the settings of the section, and to tools.
    pub(super) fn check_insight(&mut self) {
        if !self.complaints.is_sound(SECTION) {
            return;
        }
        if !self.settings.insight.is_wanted() {
            let mut set = FOLDERS.into_iter().chain(OTHERS);
            if let Some(key) = set.find(|key| !self.is_unset(key)) {
                self.complain(key, FOLDER_MISSING.to_string());
            }
            return;
        }
        if self.settings.insight.state.is_none() {
            let place = self.place(self.folder_key()).clone();
            let problem = "missing, expected an absolute path: the folder of the index";
            self.complaints.add(place, "insight.state", problem);
        }
        // Whoever waits for the index has to be able to ask how far it is.
        let builtins = &mut self.settings.builtins;
        if !builtins.contains(&Builtin::TaskStatus) {
            builtins.push(Builtin::TaskStatus);
        }
        self.check_names();
    }

    /// The first key that names folders.
    fn folder_key(&self) -> &'static str {
        let named = FOLDERS.into_iter().find(|key| !self.is_unset(key));
        named.expect("some folder is named")
    }

    /// No other tool is called as those that ask what is known.
    fn check_names(&mut self) {
        for tool in &self.tools {
            if NAMES.contains(&tool.spec.name.as_str()) {
                let problem = "the name is taken by a tool of [insight]; rename it";
                let key = format!("{}.name", tool.label);
                self.complaints.add(tool.place.clone(), key, problem);
            }
        }
    }
}

/// The folder of the index where the configuration names none for anything.
fn state_folder(environment: &Environment) -> Option<PathBuf> {
    // systemd may name several, with colons between them.
    let service = environment
        .state_directory
        .as_deref()
        .and_then(OsStr::to_str);
    if let Some(folder) = service.and_then(|folders| folders.split(':').next()) {
        return absolute(folder.into()).map(|folder| folder.join(FOLDER));
    }
    let user = environment.xdg_state_home.as_ref().map(PathBuf::from);
    let home = || Some(Path::new(environment.home.as_ref()?).join(".local/state"));
    // A relative XDG_STATE_HOME is to be ignored (XDG Base Directory Specification, Basics).
    let user = user.and_then(absolute).or_else(home).and_then(absolute);
    user.map(|folder| folder.join("slimcp").join(FOLDER))
}

fn absolute(path: PathBuf) -> Option<PathBuf> {
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::config::{Complaint, Overrides, Source, parse, print};
    use crate::daemon::settings::Settings;

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Vec<Complaint>> {
        let source = Source {
            name: "a.toml".to_string(),
            text: text.to_string(),
        };
        let environment = Environment::read(|name| {
            let pair = variables.iter().find(|(key, _)| *key == name);
            pair.map(|(_, value)| value.into())
        });
        parse(&[source], &environment, &Overrides::default())
    }

    fn check(text: &str, expected: &[&str]) {
        let complaints = load(text, &[("HOME", "/home/u")]).unwrap_err();
        let shown: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn folders_are_known_by_their_paths_and_asked_of_by_task_status() {
        let text = "[insight]\nsources = ['/srv/code/', '/']\nnotes = '/srv/notes'\n\
                    decisions = []\nstate = '/index'\ninclude = ['**/*.md']\nfile_max = '2MiB'\n\
                    files_max = 7\nrescan = '1h'";
        let settings = load(text, &[]).unwrap();
        let insight = &settings.insight;
        assert_eq!(insight.sources.as_deref().unwrap(), ["/srv/code", "/"]);
        assert_eq!(insight.notes.as_deref().unwrap(), ["/srv/notes"]);
        assert_eq!(insight.decisions.as_deref(), Some(&[][..]));
        assert_eq!(insight.exclude.len(), 3);
        assert!(settings.builtins.contains(&Builtin::TaskStatus));
        let printed = print(&settings);
        assert_eq!(load(&printed, &[]).unwrap(), settings, "{printed}");
        // Nothing is said of it where nothing is known.
        let nothing = load("", &[]).unwrap();
        assert!(!nothing.builtins.contains(&Builtin::TaskStatus));
        assert!(!print(&nothing).contains("insight"));
    }

    #[test]
    fn the_index_is_kept_where_other_things_are() {
        let service = ("STATE_DIRECTORY", "/var/lib/slimcp:/var/lib/b");
        let user = ("XDG_STATE_HOME", "/x");
        let home = ("HOME", "/home/u");
        let at = |text: &str, variables: &[(&str, &str)]| {
            let text = format!("{text}\n[insight]\nnotes = ['/srv']");
            load(&text, variables).map(|settings| settings.insight.state)
        };
        let state = "state = '/kept'";
        let table: [(&str, &[_], &str); 5] = [
            (state, &[service, user, home], "/kept/insight"),
            ("", &[service, user, home], "/var/lib/slimcp/insight"),
            ("", &[user, home], "/x/slimcp/insight"),
            (
                "",
                &[("XDG_STATE_HOME", "x"), home],
                "/home/u/.local/state/slimcp/insight",
            ),
            ("", &[home], "/home/u/.local/state/slimcp/insight"),
        ];
        for (text, variables, expected) in table {
            assert_eq!(
                at(text, variables).unwrap().as_deref(),
                Some(expected),
                "{variables:?}"
            );
        }
        let complaints = at("", &[]).unwrap_err();
        let missing = "a.toml:3: insight.state: missing, expected an absolute path: the folder of \
                       the index";
        assert_eq!(complaints[0].to_string(), missing);
    }

    #[test]
    fn complaints_about_insight() {
        let missing = FOLDER_MISSING;
        check(
            "[insight]\nsources = []",
            &[&format!("a.toml:2: insight.sources: {missing}")],
        );
        check(
            "[insight]\nrescan = '1h'",
            &[&format!("a.toml:2: insight.rescan: {missing}")],
        );
        check(
            "[insight]\nnotes = ['notes']",
            &["a.toml:2: insight.notes: expected an absolute path, found \"notes\""],
        );
        check(
            "[insight]\nnotes = ['/a']\nexclude = ['/a']",
            &[
                "a.toml:3: insight.exclude: expected names with * and ?, between slashes, found \
               \"/a\"",
            ],
        );
        check(
            "[insight]\nnote = ['/a']",
            &["a.toml:2: insight.note: unknown key, did you mean insight.notes?"],
        );
        let tool = "[[tool]]\nname = 'adr-list'\ndescription = 'd'\ncommand = ['a']\n";
        check(
            &format!("{tool}[insight]\nnotes = ['/a']"),
            &["a.toml:1: tool.adr-list.name: the name is taken by a tool of [insight]; rename it"],
        );
        check(
            &format!(
                "{}[insight]\nnotes = ['/a']",
                tool.replace("adr-list", "task-status")
            ),
            &[
                "a.toml:1: tool.task-status.name: the name is taken by a built-in tool; rename it, \
               or leave the other out of builtins",
            ],
        );
    }
}
