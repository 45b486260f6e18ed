//! `slimcp serve`: start, run, reload, stop.

use super::catalogue::catalogue;
use super::cli::{Exit, Options};
use super::config::{self, Loaded};
use super::settings::{Builtin, Listen, Settings};
use super::{descriptors, log as logging, run};
use crate::auth::origin::Origins;
use crate::edge::chance::random;
use crate::edge::listener::{self, Listener};
use crate::edge::signal::{Order, Orders};
use crate::edge::systemd::{self, State};
use crate::edge::world::{World, wall_time};
use crate::edge::{own_process, process, sockets, ticker};
use crate::engine::session::{SESSION_ID_BYTES, SessionId};
use crate::engine::{Config, Engine};
use crate::limits::{self, Timeouts};
use crate::tool::command::CommandTool;
use crate::tool::registry::Registry;
use crate::tool::{Tool, builtin};
use async_io::Timer;
use smol::{LocalExecutor, future};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

/// Serves until told to stop.
pub fn serve(options: &Options, loaded: Loaded) -> Exit {
    let Loaded {
        mut settings,
        sources,
    } = loaded;
    if logging::start(settings.log.level, settings.log.format).is_err() {
        run::complain(&"the log was started twice");
        return Exit::Failed;
    }
    for cut in descriptors::fit(&mut settings.limits, descriptors::raise()) {
        log::warn!("{cut}");
    }
    let registry = match registry(&settings) {
        Ok(registry) => registry,
        Err(problem) => {
            log::error!("{problem}");
            return Exit::Usage;
        }
    };
    let doors = match bind(&settings) {
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
    announce(&settings, &sources, &registry, &doors);
    warn(&settings);
    let executor = Rc::new(LocalExecutor::new());
    let start = Start {
        settings,
        registry,
        doors,
        orders,
    };
    let living = live(options, start, executor.clone());
    match async_io::block_on(executor.run(living)) {
        Ok(()) => Exit::Done,
        Err(error) => {
            log::error!("{error}");
            Exit::Failed
        }
    }
}

/// The tools that the settings name, built-in ones first.
pub fn registry(settings: &Settings) -> Result<Registry, String> {
    let mut tools: Vec<Rc<dyn Tool>> = Vec::new();
    for builtin in &settings.builtins {
        tools.push(match builtin {
            Builtin::Echo => Rc::new(builtin::Echo::new()),
            Builtin::SystemInfo => Rc::new(builtin::SystemInfo::new()),
            Builtin::TaskStatus => Rc::new(builtin::TaskStatus::new()),
        });
    }
    for spec in &settings.tools {
        let name = &spec.name;
        let tool = CommandTool::new(spec.clone());
        tools.push(Rc::new(
            tool.map_err(|problem| format!("tool {name}: {problem}"))?,
        ));
    }
    Registry::new(tools).map_err(|unfit| unfit.to_string())
}

/// A place where clients come in.
struct Door {
    listener: Listener,
    /// Its address, for the log and for people.
    address: Option<SocketAddr>,
    /// The socket file to remove at the end.
    path: Option<PathBuf>,
}

/// Opens every listener of the settings, or says which one cannot be had.
fn bind(settings: &Settings) -> Result<Vec<Door>, String> {
    let mut doors = Vec::new();
    // Before anything else opens descriptors: these are taken over by their numbers.
    let mut inherited = match settings.listen.contains(&Listen::Systemd) {
        true => inherit(settings)?,
        false => Vec::new(),
    };
    for listen in &settings.listen {
        match listen {
            Listen::Tcp(address) => match bind_tcp(*address) {
                Ok(door) => doors.push(door),
                Err(error) if listen.may_be_missing(&settings.listen) => {
                    log::info!("not listening on {address}: {error}");
                }
                Err(error) => return Err(format!("listen on {address}: {error}")),
            },
            Listen::Unix(path) => {
                doors.push(bind_unix(path).map_err(|error| format!("listen on {listen}: {error}"))?)
            }
            Listen::Systemd => doors.append(&mut inherited),
        }
    }
    Ok(doors)
}

fn bind_tcp(address: SocketAddr) -> std::io::Result<Door> {
    let socket = std::net::TcpListener::bind(address)?;
    let address = socket.local_addr()?;
    Ok(Door {
        listener: Listener::tcp(socket)?,
        address: Some(address),
        path: None,
    })
}

/// Binds a Unix socket. A file that a killed daemon left behind is replaced, one that somebody
/// listens on is not.
fn bind_unix(path: &Path) -> std::io::Result<Door> {
    if is_stale(path) {
        std::fs::remove_file(path)?;
    }
    let listener = Listener::unix(std::os::unix::net::UnixListener::bind(path)?)?;
    Ok(Door {
        listener,
        address: None,
        path: Some(path.to_path_buf()),
    })
}

/// Whether this is a socket that nobody listens on. Anything else is somebody's: a file of another
/// kind, a socket that we may not connect to.
fn is_stale(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    is_socket
        && UnixStream::connect(path)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// Takes over what systemd opened; the network gets in under the same rule as everywhere.
fn inherit(settings: &Settings) -> Result<Vec<Door>, String> {
    let mut doors = Vec::new();
    for listener in systemd::listeners()? {
        let address = listener.local_address();
        if let Some(address) = address {
            settings.admit(address)?;
        }
        doors.push(Door {
            listener,
            address,
            path: None,
        });
    }
    Ok(doors)
}

/// The start lines of the log. Without a configuration file, people are told what to do next.
fn announce(settings: &Settings, sources: &[String], registry: &Registry, doors: &[Door]) {
    let version = env!("CARGO_PKG_VERSION");
    log::info!(
        "slimcp {version} tools={} tokens={} configuration={sources:?}",
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
        // Nobody has to be there to read it.
        let _ = std::io::stderr().write_all(welcome(address).as_bytes());
    }
}

/// What is no reason not to serve.
fn warn(settings: &Settings) {
    for warning in config::warnings(settings) {
        log::warn!("{warning}");
    }
}

/// What to give to which client.
fn welcome(address: SocketAddr) -> String {
    format!(
        "\n\
         No configuration file: serving the built-in tools.\n\
         \n\
         \x20 Streamable HTTP  http://{address}/mcp   most clients\n\
         \x20 HTTP+SSE         http://{address}/sse   clients of 2024\n\
         \x20 Console          http://{address}/      in a browser\n\
         \n\
         \x20 claude mcp add --transport http slimcp http://{address}/mcp\n\
         \x20 Cursor, LM Studio: {{\"mcpServers\":{{\"slimcp\":{{\"url\":\"http://{address}/mcp\"}}}}}}\n\
         \x20 curl http://{address}/health\n\
         \n\
         Your own tools: write slimcp.toml (see the README) and start again.\n\n"
    )
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

/// A session id from the system's randomness.
fn draw_id() -> SessionId {
    let text = nanoid::format(random, &nanoid::alphabet::SAFE, SESSION_ID_BYTES);
    SessionId::new(
        text.as_bytes()
            .try_into()
            .expect("nanoid gives as many letters as asked for"),
    )
}

/// Everything that is there before the first connection.
struct Start {
    settings: Settings,
    registry: Registry,
    doors: Vec<Door>,
    orders: Orders,
}

/// Everything between the first and the last connection.
async fn live(
    options: &Options,
    start: Start,
    executor: Rc<LocalExecutor<'static>>,
) -> std::io::Result<()> {
    let Start {
        settings,
        registry,
        doors,
        mut orders,
    } = start;
    let config = engine_config(&settings);
    let engine = Engine::new(config, settings.memory(), registry, Box::new(draw_id))
        .with_catalogue(catalogue(&settings, &settings.limits))
        .with_wall_clock(Box::new(|_| wall_time()));
    let world = World::new(engine, executor.clone())?;
    executor.spawn(process::reap()).detach();
    let ticking = executor.spawn(ticker::run(world.clone()));
    let carrying = executor.spawn(sockets::run(world.clone()));
    // Neither ever ends by itself. Without them the daemon would be up and deaf.
    let mut broken = pin!(future::or(ticking, carrying));
    let paths: Vec<PathBuf> = doors.iter().filter_map(|door| door.path.clone()).collect();
    let unacknowledged = unacknowledged(&settings.timeouts);
    let listening: Vec<_> = doors
        .into_iter()
        .map(|door| listener::run(world.clone(), door.listener, unacknowledged))
        .map(|task| executor.spawn(task))
        .collect();
    systemd::notify(State::Ready);
    own_process::release_program_pages();
    let mut running = settings;
    let serving = async {
        while let Order::Reload = orders.next().await? {
            reload(options, &world, &mut running);
        }
        Ok(())
    };
    future::or(serving, broken.as_mut()).await?;
    systemd::notify(State::Stopping);
    log::info!(
        "stopping: sessions={}",
        world.engine.borrow().gauges().sessions
    );
    drop(listening);
    world.input(|engine, now| engine.drain(now));
    let lose_patience = future::or(insist(&mut orders), give_up(running.timeouts.drain));
    future::or(world.drained(), lose_patience).await;
    world.kill_commands();
    for path in paths {
        // Somebody may have tidied up before us.
        let _ = std::fs::remove_file(path);
    }
    log::info!("stopped");
    Ok(())
}

/// A second order to stop means: at once.
async fn insist(orders: &mut Orders) {
    while let Ok(Order::Reload) = orders.next().await {}
    log::warn!("stopping at once");
}

/// Calls that are given up get a grace before they are killed, and their answers as much again to
/// be read. Then whoever still has not read must not keep the machine from going down.
async fn give_up(drain: Duration) {
    Timer::after(drain + 2 * limits::KILL_GRACE).await;
    log::warn!("stopping although some clients have not read their answers");
}

/// For how long a peer may leave bytes unacknowledged. A heartbeat has to come first, and both
/// together make `timeouts.dead`.
fn unacknowledged(timeouts: &Timeouts) -> Duration {
    timeouts
        .dead
        .saturating_sub(timeouts.heartbeat)
        .max(limits::COARSE)
}

/// Reads the configuration again. What is wrong keeps the running one.
fn reload(options: &Options, world: &Rc<World>, running: &mut Settings) {
    systemd::notify(State::Reloading);
    let loaded = run::reload(options).map_err(|complaints| {
        complaints
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    });
    let renewed = loaded.and_then(|loaded| {
        let mut settings = loaded.settings;
        // What was cut at the start is cut again, and has been told.
        descriptors::fit(&mut settings.limits, descriptors::raise());
        let registry = registry(&settings)?;
        Ok((settings, registry))
    });
    match renewed {
        Ok((settings, registry)) => {
            for key in needs_restart(&settings, running) {
                log::warn!("{key} has changed: it takes a restart");
            }
            log::set_max_level(settings.log.level.to_level_filter());
            warn(&settings);
            let tokens = settings.access.tokens.len();
            log::info!("reloaded tools={} tokens={tokens}", registry.len());
            let config = engine_config(&settings);
            let catalogue = catalogue(&settings, &running.limits);
            world.input(|engine, now| {
                engine.reload(now, config, registry);
                engine.replace_catalogue(now, catalogue);
            });
            // What takes a restart goes on to differ from the file until there is one.
            *running = Settings {
                listen: std::mem::take(&mut running.listen),
                limits: std::mem::take(&mut running.limits),
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
        ("log.format", new.log.format != old.log.format),
    ];
    changed
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(key, _)| key)
        .collect()
}
