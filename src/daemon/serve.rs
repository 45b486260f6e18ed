//! `slimcp serve`: start, run, reload, stop.

use super::catalogue::catalogue;
use super::cli::{Exit, Options};
use super::config::{self, Loaded};
use super::insight::{self, Knowing};
use super::settings::{Builtin, Settings};
use super::{descriptors, log as logging, run, state};
use crate::auth::origin::Origins;
use crate::edge::own_process;
use crate::edge::reaper::Orphans;
use crate::edge::serving::{self, Door, Executor, Serving};
use crate::edge::signal::{Order, Orders};
use crate::edge::systemd::{self, State};
use crate::edge::world::World;
use crate::engine::{Config, Engine};
use crate::tool::builtin::TellTask;
use crate::tool::catalogue::{Collection, ResourceTemplate};
use crate::tool::command::{CommandLine, CommandTool};
use crate::tool::registry::Registry;
use crate::tool::{Tool, builtin};
use crate::upstream::spec::UpstreamSpec;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;

/// Serves until told to stop.
pub fn serve(options: &Options, loaded: Loaded) -> Exit {
    let Loaded {
        mut settings,
        sources,
        notes,
    } = loaded;
    if logging::start(settings.log.level, settings.log.format).is_err() {
        run::complain(&"the log was started twice");
        return Exit::Failed;
    }
    for cut in descriptors::fit(&mut settings.limits, descriptors::raise()) {
        log::warn!("{cut}");
    }
    // Whatever is wrong with the tools is told before anything is opened or started.
    if let Err(problem) = registry(&settings, &insight::described(&settings)) {
        log::error!("{problem}");
        return Exit::Usage;
    }
    let doors = match serving::bind(&settings.listen, |address| settings.admit(address)) {
        Ok(doors) => doors,
        Err(problem) => {
            log::error!("{problem}");
            return Exit::Failed;
        }
    };
    // Before anybody can read that we listen: from here on a signal is an order and kills nobody.
    let orders = match Orders::new() {
        Ok(orders) => orders,
        Err(error) => {
            log::error!("signals: {error}");
            return Exit::Failed;
        }
    };
    let offered = offer(&settings);
    let (knowing, registry) = match offered {
        Ok(offered) => offered,
        Err(problem) => {
            log::error!("{problem}");
            return Exit::Failed;
        }
    };
    announce(&settings, &sources, &registry, &doors);
    warn(&notes, &settings);
    let executor = Rc::new(Executor::new());
    let start = Start {
        settings,
        knowing,
        registry,
        doors,
        orders,
    };
    let living = live(options, start, executor.clone());
    match serving::block_on(&executor, living) {
        Ok(()) => Exit::Done,
        Err(error) => {
            log::error!("{error}");
            Exit::Failed
        }
    }
}

/// What is offered beside what the settings name one by one.
#[derive(Default)]
pub(super) struct Beside {
    /// Tools.
    pub tools: Vec<Rc<dyn Tool>>,
    /// How the server's own task is.
    pub task: Option<TellTask>,
    /// Resources that are not listed.
    pub collections: Vec<Collection>,
    /// Resources, by patterns of their URIs.
    pub templates: Vec<ResourceTemplate>,
}

/// Starts what knows, and what asks it.
fn offer(settings: &Settings) -> Result<(Knowing, Registry), String> {
    let knowing = Knowing::NOTHING.next(settings)?;
    let registry = registry(settings, &knowing.beside(&settings.limits))?;
    Ok((knowing, registry))
}

/// The tools that the settings name, built-in ones first.
pub fn registry(settings: &Settings, beside: &Beside) -> Result<Registry, String> {
    let mut tools: Vec<Rc<dyn Tool>> = Vec::new();
    for builtin in &settings.builtins {
        tools.push(match builtin {
            Builtin::Echo => Rc::new(builtin::Echo::new()),
            Builtin::SystemInfo => Rc::new(builtin::SystemInfo::new()),
            Builtin::TaskStatus => Rc::new(match &beside.task {
                Some(task) => builtin::TaskStatus::with_server(task.clone()),
                None => builtin::TaskStatus::new(),
            }),
        });
    }
    tools.extend(beside.tools.iter().cloned());
    for spec in &settings.tools {
        let name = &spec.name;
        let tool = CommandTool::new(spec.clone());
        tools.push(Rc::new(
            tool.map_err(|problem| format!("tool {name}: {problem}"))?,
        ));
    }
    Registry::new(tools).map_err(|unfit| unfit.to_string())
}

/// The start lines of the log. Without a configuration file, people are told what to do next.
fn announce(settings: &Settings, sources: &[String], registry: &Registry, doors: &[Door]) {
    let version = env!("CARGO_PKG_VERSION");
    log::info!(
        "slimcp {version} servers={} tools={} tokens={} configuration={sources:?}",
        settings.upstreams.len(),
        registry.len(),
        settings.access.tokens.len()
    );
    log::info!("memory ceiling: {}", settings.memory());
    for door in doors {
        match (&door.address, &door.path) {
            (Some(address), _) => log::info!("listening on http://{address}/mcp and /sse"),
            (None, Some(path)) => log::info!("listening on unix:{}", path.display()),
            (None, None) => log::info!("listening on a socket from systemd"),
        }
    }
    let first = doors.iter().find_map(|door| door.address);
    if let Some(address) = first.filter(|_| sources.is_empty()) {
        let text = welcome(address, &settings.upstreams);
        // Nobody has to be there to read it.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// What is no reason not to serve.
fn warn(notes: &[String], settings: &Settings) {
    for warning in notes.iter().chain(&config::warnings(settings)) {
        log::warn!("{warning}");
    }
}

/// What to give to which client.
fn welcome(address: SocketAddr, upstreams: &[UpstreamSpec]) -> String {
    let served = match upstreams {
        [] => "the built-in tools",
        [spec, ..] => &spec.name,
    };
    format!(
        "\n\
         No configuration file: serving {served}.\n\
         \n\
         \x20 Streamable HTTP  http://{address}/mcp   most clients\n\
         \x20 HTTP+SSE         http://{address}/sse   clients of 2024\n\
         \x20 Console          http://{address}/      in a browser\n\
         \n\
         \x20 claude mcp add --transport http slimcp http://{address}/mcp\n\
         \x20 Cursor, LM Studio: {{\"mcpServers\":{{\"slimcp\":{{\"url\":\"http://{address}/mcp\"}}}}}}\n\
         \x20 curl http://{address}/health\n\
         \n\
         More tools and servers: write slimcp.toml (see the README) and start again.\n\n"
    )
}

/// An engine for the settings, which knows what is kept of servers in the folder `state`.
pub(super) fn engine(
    settings: &Settings,
    registry: Registry,
    beside: &Beside,
    state: Option<&str>,
) -> Engine {
    let config = engine_config(settings);
    let mut engine = serving::engine(config, settings.memory(), registry)
        .with_catalogue(catalogue(settings, &settings.limits, beside));
    if let Some(folder) = state.map(PathBuf::from) {
        engine = engine.with_kept(Box::new(move |server| state::read(&folder, server)));
    }
    engine.with_upstreams(upstreams(settings))
}

/// What the engine needs to know of the settings.
fn engine_config(settings: &Settings) -> Config {
    Config {
        name: settings.name.clone(),
        title: settings.title.clone(),
        instructions: settings.instructions.clone(),
        origins: Origins::new(&settings.hosts, &settings.origins),
        access: settings.access.clone(),
        console: settings.console,
        compat: settings.compat,
        limits: settings.limits.clone(),
        timeouts: settings.timeouts.clone(),
    }
}

/// Variables that are for this process alone: its secrets, and what systemd tells it.
const OWN_VARIABLES: [&str; 9] = [
    "SLIMCP_TOKEN",
    "SLIMCP_CONFIG",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "CREDENTIALS_DIRECTORY",
];

/// The servers that the settings name, with the names of the variables that they inherit.
fn upstreams(settings: &Settings) -> Vec<UpstreamSpec> {
    let mut upstreams = settings.upstreams.clone();
    for spec in &mut upstreams {
        let mut line = CommandLine::clone(&spec.line);
        if line
            .environment_inherit
            .iter()
            .any(|name| name == config::INHERIT_ALL)
        {
            let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
            let names = names.filter(|name| !OWN_VARIABLES.contains(&name.as_str()));
            line.environment_inherit = names.collect();
            spec.line = Rc::new(line);
        }
    }
    upstreams
}

/// Everything that is there before the first connection.
struct Start {
    settings: Settings,
    knowing: Knowing,
    registry: Registry,
    doors: Vec<Door>,
    orders: Orders,
}

/// Everything between the first and the last connection.
async fn live(options: &Options, start: Start, executor: Rc<Executor>) -> std::io::Result<()> {
    let Start {
        settings,
        mut knowing,
        registry,
        doors,
        mut orders,
    } = start;
    let beside = knowing.beside(&settings.limits);
    let engine = engine(&settings, registry, &beside, settings.state.as_deref());
    drop(beside);
    let mut serving = Serving::start(engine, doors, executor, Orphans::Adopted)?;
    let world = serving.world.clone();
    if let Some(folder) = settings.state.clone() {
        let keep = move |server: &str, text: &[u8]| state::write(folder.as_ref(), server, text);
        world.keep_with(Box::new(keep));
    }
    systemd::notify(State::Ready);
    own_process::release_program_pages();
    let mut running = settings;
    let obeying = async {
        while let Order::Reload = orders.next().await? {
            reload(options, &world, &mut running, &mut knowing);
        }
        Ok(())
    };
    serving.until(obeying).await?;
    systemd::notify(State::Stopping);
    log::info!(
        "stopping: sessions={}",
        world.engine.borrow().gauges().sessions
    );
    let drain = running.timeouts.drain;
    serving.stop(drain, insist(&mut orders)).await;
    log::info!("stopped");
    Ok(())
}

/// A second order to stop means: at once.
async fn insist(orders: &mut Orders) {
    while let Ok(Order::Reload) = orders.next().await {}
    log::warn!("stopping at once");
}

/// Reads the configuration again. What is wrong keeps the running one.
fn reload(options: &Options, world: &Rc<World>, running: &mut Settings, knowing: &mut Knowing) {
    systemd::notify(State::Reloading);
    let loaded = run::reload(options).map_err(|complaints| {
        complaints
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    });
    let renewed = loaded.and_then(|loaded| {
        let Loaded {
            mut settings,
            notes,
            ..
        } = loaded;
        // What was cut at the start is cut again, and has been told.
        descriptors::fit(&mut settings.limits, descriptors::raise());
        // Nothing is started for what does not go.
        registry(&settings, &insight::described(&settings))?;
        let next = knowing.next(&settings)?;
        let beside = next.beside(&running.limits);
        let registry = registry(&settings, &beside)?;
        *knowing = next;
        Ok((settings, notes, registry, beside))
    });
    match renewed {
        Ok((settings, notes, registry, beside)) => {
            for key in needs_restart(&settings, running) {
                log::warn!("{key} has changed: it takes a restart");
            }
            log::set_max_level(settings.log.level.to_level_filter());
            warn(&notes, &settings);
            let tokens = settings.access.tokens.len();
            let (tools, servers) = (registry.len(), settings.upstreams.len());
            log::info!("reloaded servers={servers} tools={tools} tokens={tokens}");
            let config = engine_config(&settings);
            let catalogue = catalogue(&settings, &running.limits, &beside);
            let upstreams = upstreams(&settings);
            world.input(|engine, now| {
                engine.reload_upstreams(now, upstreams);
                engine.reload(now, config, registry);
                engine.replace_catalogue(now, catalogue);
            });
            // What takes a restart goes on to differ from the file until there is one.
            *running = Settings {
                listen: std::mem::take(&mut running.listen),
                limits: std::mem::take(&mut running.limits),
                state: running.state.take(),
                ..settings
            };
        }
        Err(problem) => log::error!("not reloaded, the running configuration stays: {problem}"),
    }
    own_process::release_program_pages();
    systemd::notify(State::Ready);
}

/// The settings that have changed and are fixed at start.
fn needs_restart(new: &Settings, old: &Settings) -> Vec<&'static str> {
    let changed = [
        ("listen", new.listen != old.listen),
        ("limits", new.limits != old.limits),
        ("timeouts.dead", new.timeouts.dead != old.timeouts.dead),
        ("state", new.state != old.state),
        ("log.format", new.log.format != old.log.format),
    ];
    changed
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(key, _)| key)
        .collect()
}
