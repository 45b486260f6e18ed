//! A server at work: the doors clients come in by, the tasks that carry it, and its end.

use super::chance::random;
use super::listen::Listen;
use super::listener::{self, Listener};
use super::reaper::Orphans;
use super::world::{World, wall_time};
use super::{child, sockets, systemd, ticker};
use crate::engine::session::{SESSION_ID_BYTES, SessionId};
use crate::engine::{Config, Engine};
use crate::limits::{self, Memory, Timeouts};
use crate::tool::registry::Registry;
use async_io::Timer;
use smol::{Task, future};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// Where the tasks of a server run.
pub type Executor = smol::LocalExecutor<'static>;

/// A place where clients come in.
pub struct Door {
    /// What accepts them.
    listener: Listener,
    /// Its address, for the log and for people.
    pub address: Option<SocketAddr>,
    /// The socket file to remove at the end.
    pub path: Option<PathBuf>,
}

impl Door {
    /// What to give to a client: `http://127.0.0.1:8000/mcp`, or `unix:` and the path.
    pub fn url(&self) -> String {
        match (&self.address, &self.path) {
            (Some(address), _) => format!("http://{address}/mcp"),
            (None, Some(path)) => format!("unix:{}", path.display()),
            (None, None) => "unix:".to_string(),
        }
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Door").field(&self.url()).finish()
    }
}

/// Opens every listener, or says which one cannot be had. `admit` says whether an address that
/// systemd has bound may be served; the others have been asked for by name.
pub fn bind(
    listen: &[Listen],
    admit: impl Fn(SocketAddr) -> Result<(), String>,
) -> Result<Vec<Door>, String> {
    let mut doors = Vec::new();
    // Before anything else opens descriptors: these are taken over by their numbers.
    let mut inherited = match listen.contains(&Listen::Systemd) {
        true => inherit(admit)?,
        false => Vec::new(),
    };
    for place in listen {
        match place {
            Listen::Tcp(address) => match bind_tcp(*address) {
                Ok(door) => doors.push(door),
                Err(error) if place.may_be_missing(listen) => {
                    log::info!("not listening on {address}: {error}");
                }
                Err(error) => return Err(format!("listen on {address}: {error}")),
            },
            Listen::Unix(path) => {
                doors.push(bind_unix(path).map_err(|error| format!("listen on {place}: {error}"))?)
            }
            Listen::Systemd => doors.append(&mut inherited),
        }
    }
    Ok(doors)
}

fn bind_tcp(address: SocketAddr) -> io::Result<Door> {
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
fn bind_unix(path: &Path) -> io::Result<Door> {
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
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Takes over what systemd opened; the network gets in under the same rule as everywhere.
fn inherit(admit: impl Fn(SocketAddr) -> Result<(), String>) -> Result<Vec<Door>, String> {
    let mut doors = Vec::new();
    for listener in systemd::listeners()? {
        let address = listener.local_address();
        if let Some(address) = address {
            admit(address)?;
        }
        doors.push(Door {
            listener,
            address,
            path: None,
        });
    }
    Ok(doors)
}

/// An engine with the system's chance and clock.
pub fn engine(config: Config, memory: Memory, registry: Registry) -> Engine {
    Engine::new(config, memory, registry, Box::new(draw_id))
        .with_wall_clock(Box::new(|_| wall_time()))
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

/// A server between its first and its last connection. Dropped, it leaves everything as it stands.
pub struct Serving {
    /// The engine and all it acts on.
    pub world: Rc<World>,
    /// What accepts connections.
    listening: Vec<Task<()>>,
    /// What moves bytes and calls the engine when its time has come.
    carrying: [Task<io::Result<()>>; 2],
    /// Reaps what has ended.
    _reaping: Task<()>,
    /// The socket files to remove at the end.
    paths: Vec<PathBuf>,
}

impl Serving {
    /// Begins to serve.
    pub fn start(
        engine: Engine,
        doors: Vec<Door>,
        executor: Rc<Executor>,
        orphans: Orphans,
    ) -> io::Result<Serving> {
        let unacknowledged = unacknowledged(&engine.config().timeouts);
        let world = World::new(engine, executor.clone(), orphans)?;
        let paths = doors.iter().filter_map(|door| door.path.clone()).collect();
        let tasks = doors
            .into_iter()
            .map(|door| listener::run(world.clone(), door.listener, unacknowledged));
        let serving = Serving {
            _reaping: executor.spawn(child::reap(world.clone())),
            listening: tasks.map(|task| executor.spawn(task)).collect(),
            carrying: [
                executor.spawn(ticker::run(world.clone())),
                executor.spawn(sockets::run(world.clone())),
            ],
            world,
            paths,
        };
        // The engine may want children before anybody has asked for anything.
        serving.world.settle();
        Ok(serving)
    }

    /// Ends when `told` does, or with an error if a part breaks that nothing works without: the
    /// server would be up and deaf.
    pub async fn until(&mut self, told: impl Future<Output = io::Result<()>>) -> io::Result<()> {
        let [ticking, carrying] = &mut self.carrying;
        future::or(told, future::or(ticking, carrying)).await
    }

    /// Accepts nobody any more, lets calls finish for `drain` at most, and ends; at once if
    /// `insists` does.
    pub async fn stop(mut self, drain: Duration, insists: impl Future<Output = ()>) {
        for task in self.listening.drain(..) {
            // Its socket is closed when this is done.
            task.cancel().await;
        }
        self.world.input(|engine, now| engine.drain(now));
        let lose_patience = future::or(insists, give_up(drain));
        future::or(self.world.drained(), lose_patience).await;
        self.world.kill_commands();
        // They are dead at once, unless the system holds one; they are gone once they are reaped.
        let lose_patience = async {
            Timer::after(limits::KILL_GRACE).await;
        };
        future::or(self.world.reaper.emptied(), lose_patience).await;
        for path in &self.paths {
            // Somebody may have tidied up before us.
            let _ = std::fs::remove_file(path);
        }
        for task in self.carrying {
            task.cancel().await;
        }
    }
}

/// Runs on this thread until `living` ends, and with it what is spawned on `executor`.
pub fn block_on<T>(executor: &Executor, living: impl Future<Output = T>) -> T {
    async_io::block_on(executor.run(living))
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
