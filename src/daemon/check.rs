//! `slimcp check`: the configuration is sound, and this is what it comes to.
//!
//! Servers are only started by `--probe`: a check that is part of the start of a service must not
//! take minutes, or fetch packages. It ends by itself, since each server has its `start_timeout`.

use super::cli::Exit;
use super::config::{self, Loaded};
use super::settings::Settings;
use super::{insight, run, serve};
use crate::admin::servers::eras;
use crate::edge::process::look_up;
use crate::edge::reaper::Orphans;
use crate::edge::serving::{self, Executor, Serving};
use crate::engine::Engine;
use crate::limits;
use crate::tool::registry::Registry;
use crate::upstream::UpstreamIndex;
use crate::upstream::listing::Eras;
use crate::upstream::spec::{Per, Start, UpstreamSpec};
use async_io::Timer;
use std::fmt::Write;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// How often it is looked whether all servers have answered.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How long servers have to end once they are told to.
const END_GRACE: Duration = Duration::from_secs(2);

/// What a server has answered.
struct Answer {
    /// What it speaks.
    eras: Option<Eras>,
    /// Its tools; or why it has not told them, if it was asked.
    tools: Result<Vec<Named>, Option<String>>,
}

/// A tool by its names.
struct Named {
    /// At `/mcp`; empty if it is left out there.
    shared: String,
    /// At the door of its server alone.
    own: String,
}

/// Prints what holds, or says what is wrong.
pub fn check(loaded: &Loaded, probe: bool) -> Exit {
    let settings = &loaded.settings;
    for warning in loaded.notes.iter().chain(&config::warnings(settings)) {
        run::complain(warning);
    }
    let beside = insight::described(settings);
    let registry = match serve::registry(settings, &beside) {
        Ok(registry) => registry,
        Err(problem) => return refuse(&problem),
    };
    let answers = match probe {
        true => ask_all(settings, registry),
        // What they have said before is known without asking.
        false => Ok(answers(&serve::engine(
            settings,
            registry,
            &beside,
            settings.state.as_deref(),
        ))),
    };
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => {
            run::complain(&error);
            return Exit::Failed;
        }
    };
    let mut text = config::report(settings, &settings.memory(), &loaded.sources);
    push_servers(&mut text, settings, &answers);
    for (key, value) in insight::report(settings) {
        push(&mut text, &key, &value);
    }
    let printed = run::print(&text);
    let collisions = collisions(settings, &answers);
    for collision in &collisions {
        run::complain(collision);
    }
    if !collisions.is_empty() {
        return Exit::Usage;
    }
    match probe && answers.iter().any(|answer| answer.tools.is_err()) {
        true => Exit::Failed,
        false => printed,
    }
}

fn refuse(problem: &str) -> Exit {
    run::complain(&problem);
    Exit::Usage
}

/// Starts the servers, and ends them when each has answered or failed.
fn ask_all(settings: &Settings, registry: Registry) -> io::Result<Vec<Answer>> {
    let engine = serve::engine(settings, registry, &Default::default(), None);
    let executor = Rc::new(Executor::new());
    let asking = async {
        let mut serving = Serving::start(engine, Vec::new(), executor.clone(), Orphans::Adopted)?;
        let world = serving.world.clone();
        let answered = async {
            while !have_answered(&world.engine.borrow()) {
                Timer::after(LOOK_INTERVAL).await;
            }
            Ok(())
        };
        serving.until(answered).await?;
        let answers = answers(&world.engine.borrow());
        serving.stop(END_GRACE, std::future::pending()).await;
        Ok(answers)
    };
    serving::block_on(&executor, asking)
}

/// Whether there is nothing more to wait for.
fn have_answered(engine: &Engine) -> bool {
    let mut views = engine.upstreams();
    views.all(|view| view.tools.is_some() || view.last_failure.is_some())
}

fn answers(engine: &Engine) -> Vec<Answer> {
    let views = engine.upstreams();
    let answers = views.enumerate().map(|(place, view)| Answer {
        eras: view.eras,
        tools: match (view.tools, view.last_failure) {
            (None, failure) => Err(failure.map(str::to_string)),
            (Some(_), _) => Ok(tools(engine, UpstreamIndex::new(place))),
        },
    });
    answers.collect()
}

fn tools(engine: &Engine, upstream: UpstreamIndex) -> Vec<Named> {
    let tools = engine.tools_of(upstream);
    let named = tools.map(|(shared, own)| Named {
        shared: shared.to_string(),
        own: own.to_string(),
    });
    named.collect()
}

/// What has a name that is taken: nobody could call it where everything is offered.
fn collisions(settings: &Settings, answers: &[Answer]) -> Vec<String> {
    let mut collisions = Vec::new();
    for (spec, answer) in settings.upstreams.iter().zip(answers) {
        let tools = answer.tools.iter().flatten();
        for tool in tools.filter(|tool| tool.shared.is_empty()) {
            collisions.push(format!(
                "server.{}: the name of its tool {:?} is taken at /mcp: set another prefix, or \
                 rename it in [[server.tool]]",
                spec.name, tool.own
            ));
        }
    }
    collisions
}

/// What there is to be told of each server, as comments.
fn push_servers(text: &mut String, settings: &Settings, answers: &[Answer]) {
    let specs = &settings.upstreams;
    push(text, "servers", &specs.len().to_string());
    for (index, spec) in specs.iter().enumerate() {
        let program = match look_up(&spec.line) {
            Ok(file) => file.display().to_string(),
            Err(problem) => problem,
        };
        let name = &spec.name;
        push(
            text,
            &format!("  {name}"),
            &config::show_list(&spec.line.argv),
        );
        push(text, "    program", &program);
        let doors = format!("/servers/{name}/mcp, /servers/{name}/sse; with all others /mcp, /sse");
        push(text, "    doors", &doors);
        let answer = &answers[index];
        push(text, "    processes", &processes(spec, settings, answer));
        push_answer(text, name, answer);
    }
    if !specs.is_empty() {
        push(text, "cost", &cost(settings));
    }
}

fn push(text: &mut String, key: &str, value: &str) {
    push_line(text, &format!("{key}: "), value);
}

fn push_line(text: &mut String, before: &str, value: &str) {
    // A comment ends with its line, whatever a server has called its tools.
    let value = value.replace(char::is_control, " ");
    // Writing into a String cannot fail.
    let _ = writeln!(text, "# {before}{value}");
}

fn push_answer(text: &mut String, server: &str, answer: &Answer) {
    if let Some(spoken) = answer.eras {
        push(text, "    eras", eras(spoken));
    }
    match &answer.tools {
        Ok(names) => {
            push(text, "    tools", &names.len().to_string());
            for Named { shared, own } in names {
                let line = match shared == own {
                    true => own.clone(),
                    false if shared.is_empty() => format!("none (at /servers/{server}: {own})"),
                    false => format!("{shared} (at /servers/{server}: {own})"),
                };
                push_line(text, "      ", &line);
            }
        }
        Err(Some(failure)) => push(text, "    tools", failure),
        Err(None) => push(
            text,
            "    tools",
            "slimcp check --probe starts it and tells them",
        ),
    }
}

/// How many processes there are of a server, and when.
fn processes(spec: &UpstreamSpec, settings: &Settings, answer: &Answer) -> String {
    let spoken = answer.eras;
    // Who speaks with a handshake and who does not need one each, if the command speaks both.
    let may_be_two =
        spec.era.is_none() && spoken.is_none_or(|eras| eras.handshake && eras.stateless);
    let (whose, most) = match spec.per {
        Per::Server => ("for everybody", if may_be_two { 2 } else { 1 }),
        Per::Session => ("for each session", settings.limits.children_max),
        Per::Principal => ("for each token or address", settings.limits.children_max),
    };
    let start = match spec.start {
        Start::Lazy => "from the first call on",
        Start::Eager => "from the start on",
    };
    let end = match (spec.per, spec.start, spec.idle) {
        (Per::Session, ..) => ", until it ends".to_string(),
        (_, Start::Lazy, Some(idle)) => format!(", until unused for {}", config::Span(idle)),
        (_, Start::Eager, _) | (_, _, None) => String::new(),
    };
    format!("one {whose}, {start}{end}; at most {most}")
}

/// What processes cost here; the rest is theirs.
fn cost(settings: &Settings) -> String {
    let kib = limits::CHILD_BYTES / 1024;
    let most = settings.limits.children_max;
    format!(
        "{kib} KiB of the memory ceiling for each process, at most {most} (limits.children); and \
         what it takes itself, which is not in the ceiling"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::config::{Environment, Overrides, Source, parse};

    fn settings(lines: &str) -> Settings {
        let source = Source {
            name: "a.toml".to_string(),
            text: format!("[[server]]\nname = 's'\ncommand = ['/bin/sh', '\\n']\n{lines}"),
        };
        let parsed = parse(&[source], &Environment::default(), &Overrides::default());
        parsed.expect("this is sound")
    }

    fn answer(eras: Option<(bool, bool)>, tools: Result<Vec<Named>, Option<String>>) -> Answer {
        let eras = eras.map(|(handshake, stateless)| Eras {
            handshake,
            stateless,
        });
        Answer { eras, tools }
    }

    #[test]
    fn a_server_has_as_many_processes_as_there_are_eras_or_sessions() {
        let table = [
            (
                "",
                None,
                "one for everybody, from the first call on, until unused for 10m; at most 2",
            ),
            (
                "",
                Some((true, false)),
                "one for everybody, from the first call on, until unused for 10m; at most 1",
            ),
            (
                "",
                Some((true, true)),
                "one for everybody, from the first call on, until unused for 10m; at most 2",
            ),
            (
                "era = 'handshake'\nstart = 'eager'",
                None,
                "one for everybody, from the start on; at most 1",
            ),
            (
                "per = 'session'\nlimits.children = 3",
                None,
                "one for each session, from the first call on, until it ends; at most 3",
            ),
            (
                "per = 'principal'\nidle = 'never'",
                None,
                "one for each token or address, from the first call on; at most 16",
            ),
        ];
        for (lines, eras, expected) in table {
            let (lines, limits) = lines
                .split_once("\nlimits.")
                .unwrap_or((lines, "calls = 32"));
            let settings = settings(&format!("{lines}\n[limits]\n{limits}"));
            let told = processes(&settings.upstreams[0], &settings, &answer(eras, Err(None)));
            assert_eq!(told, expected, "{lines}");
        }
    }

    #[test]
    fn everything_about_servers_is_a_comment() {
        let named = |shared: &str, own: &str| Named {
            shared: shared.to_string(),
            own: own.to_string(),
        };
        let tools = vec![
            named("a", "a"),
            named("s_b", "b\nlisten = 1"),
            named("", "c"),
        ];
        let answers = [answer(Some((true, true)), Ok(tools))];
        let settings = settings("");
        let mut text = String::new();
        push_servers(&mut text, &settings, &answers);
        let expected = "# servers: 1\n\
            #   s: [\"/bin/sh\", \"\\\\n\"]\n\
            #     program: /bin/sh\n\
            #     doors: /servers/s/mcp, /servers/s/sse; with all others /mcp, /sse\n\
            #     processes: one for everybody, from the first call on, until unused for 10m; \
            at most 2\n\
            #     eras: handshake, stateless\n\
            #     tools: 3\n\
            #       a\n\
            #       s_b (at /servers/s: b listen = 1)\n\
            #       none (at /servers/s: c)\n\
            # cost: 16 KiB of the memory ceiling for each process, at most 16 (limits.children); \
            and what it takes itself, which is not in the ceiling\n";
        assert_eq!(text, expected);
        let collisions = collisions(&settings, &answers);
        let collision = "server.s: the name of its tool \"c\" is taken at /mcp: set another \
                         prefix, or rename it in [[server.tool]]";
        assert_eq!(collisions, [collision]);
    }

    #[test]
    fn a_server_that_has_not_answered_says_why_or_how_to_ask() {
        let settings = settings("");
        for (failure, expected) in [
            (
                None,
                "#     tools: slimcp check --probe starts it and tells them\n",
            ),
            (
                Some("it has ended".to_string()),
                "#     tools: it has ended\n",
            ),
        ] {
            let mut text = String::new();
            push_servers(&mut text, &settings, &[answer(None, Err(failure))]);
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("eras"), "{text}");
        }
    }
}
