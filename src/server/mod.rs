//! A server of your own: functions of your program as tools, on every door and in every revision.
//!
//! ```no_run
//! use slimcp::{Context, Server};
//!
//! #[derive(serde::Deserialize)]
//! struct Greet { name: String }
//!
//! fn main() -> std::io::Result<()> {
//!     Server::builder("greeter")
//!         .tool("greet", "Greets somebody.", |who: Greet, _: Context| async move {
//!             format!("Hello, {}!", who.name)
//!         })
//!         .listen("127.0.0.1:8000")
//!         .run()
//! }
//! ```
//!
//! | file | what |
//! |---|---|
//! | [`Builder`], [`Server`] | what a server is made of, and how it runs |
//! | `function.rs` | [`FunctionTool`], [`Handler`]: functions as tools |
//! | `arguments.rs`, `outcome.rs` | what functions take and return |
//! | `catalogue.rs` | functions that make resources, prompts and completions |
//! | `context.rs`, `form.rs`, `sampling.rs` | what they say to the client, and ask it |
//! | `handle.rs` | what the program says to its server |
//!
//! Everything runs on one thread: a function that computes or blocks for long stalls all others
//! and every connection. [`unblock`](crate::unblock) takes it to another thread. One that panics is
//! answered with an error, unless the program is built to abort. Timers and sockets of `smol` and
//! `async-io` work in functions; those of `tokio` need a runtime of their own.

mod arguments;
mod catalogue;
mod context;
mod form;
mod function;
mod handle;
mod outcome;
mod sampling;

pub use catalogue::{Given, IntoContents, IntoMessages};
pub use context::Asking;
pub use form::{Action, Elicited, Field, Form};
pub use function::{FunctionTool, Handler, IntoTool, Nothing, OfArguments, OfBoth, OfContext};
pub use handle::Handle;
pub use outcome::{IntoOutcome, Json};
pub use sampling::{Root, Sampled, Sampling};

pub use crate::edge::serving::{Door, Executor};
pub use crate::tool::catalogue::{
    Body, Completion, Contents, Messages, Prompt, PromptMessage, Resource, ResourceSpec, Role,
    Source,
};
pub use crate::tool::handler::Context;

use crate::auth::Access;
use crate::auth::origin::Origins;
use crate::auth::role::RoleIndex;
use crate::auth::token::Token;
use crate::edge::listen::Listen;
use crate::edge::reaper::Orphans;
use crate::edge::serving::{self, Serving};
use crate::edge::signal::Orders;
use crate::engine::Config;
use crate::limits::{Limits, Memory, Timeouts};
use crate::tool::Tool;
use crate::tool::builtin::with_task_status;
use crate::tool::catalogue::{Catalogue, ResourceTemplate};
use crate::tool::registry::Registry;
use crate::wire::compat::Compat;
use std::fmt;
use std::future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;

/// Where a server listens that is not told otherwise.
const LISTEN_DEFAULT: &str = "127.0.0.1:8000";

/// What a server is made of. Mistakes are told when it is to run.
pub struct Builder {
    config: Config,
    hosts: Vec<String>,
    origins: Vec<String>,
    tools: Vec<Rc<dyn Tool>>,
    catalogue: Catalogue,
    listen: Vec<Listen>,
    is_open_to_all: bool,
    handle: Handle,
    tasks: Vec<Beside>,
    on_listening: Vec<OnListening>,
    /// The first thing that is wrong.
    problem: Option<String>,
}

/// What runs beside the server.
type Beside = Pin<Box<dyn Future<Output = ()>>>;

/// Who wants to know where the server listens.
type OnListening = Box<dyn Fn(&Door)>;

impl Builder {
    fn new(name: String) -> Builder {
        Builder {
            config: Config {
                name,
                title: None,
                instructions: None,
                origins: Origins::default(),
                access: Access::open(),
                console: false,
                compat: Compat::default(),
                limits: Limits::default(),
                timeouts: Timeouts::default(),
            },
            hosts: Vec::new(),
            origins: Vec::new(),
            tools: Vec::new(),
            catalogue: Catalogue::default(),
            listen: Vec::new(),
            is_open_to_all: false,
            handle: Handle::default(),
            tasks: Vec::new(),
            on_listening: Vec::new(),
            problem: None,
        }
    }

    /// Its name for people.
    pub fn title(mut self, title: impl Into<String>) -> Builder {
        self.config.title = Some(title.into());
        self
    }

    /// What a model should know of it.
    pub fn instructions(mut self, text: impl Into<String>) -> Builder {
        self.config.instructions = Some(text.into());
        self
    }

    /// A function as a tool: [`Handler`] says what it may take, [`IntoOutcome`] what it may return.
    /// Models learn of arguments by a schema only: [`FunctionTool::schema`], for [`Builder::with`],
    /// which takes all else that can be said.
    pub fn tool<H: Handler<T>, T>(
        self,
        name: impl Into<String>,
        description: impl Into<String>,
        run: H,
    ) -> Builder {
        self.with(FunctionTool::new(name, description, run))
    }

    /// A [`FunctionTool`], or any type that implements [`Tool`]. Tools are listed in the order in
    /// which they come.
    pub fn with(mut self, tool: impl IntoTool) -> Builder {
        match tool.into_tool() {
            Ok(tool) => self.tools.push(tool),
            Err(problem) => self.wrong(problem),
        }
        self
    }

    /// A resource, whose contents are fixed or made by a [function](Source::function).
    ///
    /// ```
    /// use slimcp::{Resource, Server, Source};
    ///
    /// let motto = Resource::new("text://motto", "motto", Source::text("Small is beautiful."));
    /// let server = Server::builder("mottoes").resource(motto.mime_type("text/plain"));
    /// # let _ = server;
    /// ```
    pub fn resource(mut self, resource: Resource) -> Builder {
        self.catalogue.resources.push(resource);
        self
    }

    /// A resource for each URI that fits a pattern, such as `note://{name}`
    /// ([`Pattern`](crate::tool::catalogue::Pattern)).
    pub fn template(mut self, spec: ResourceSpec, source: Source) -> Builder {
        match ResourceTemplate::new(spec, source) {
            Ok(template) => self.catalogue.templates.push(template),
            Err(problem) => self.wrong(format!("resource template: {problem}")),
        }
        self
    }

    /// A prompt, whose messages are fixed or made by a [function](Messages::function).
    ///
    /// ```
    /// use slimcp::{Messages, Prompt, PromptMessage, Server};
    ///
    /// let messages = Messages::Fixed(vec![PromptMessage::user("Review {file}.")]);
    /// let review = Prompt::new("review", messages).takes("file", "Which file.");
    /// let server = Server::builder("reviews").prompt(review);
    /// # let _ = server;
    /// ```
    pub fn prompt(mut self, prompt: Prompt) -> Builder {
        self.catalogue.prompts.push(prompt);
        self
    }

    /// Listens here: `127.0.0.1:8000`, `[::]:8000`, `localhost:8000`, `8000` or `unix:/path`. Port
    /// 0 is one of the system's choice. Where nothing is said it is `127.0.0.1:8000`; may be said
    /// again for more.
    pub fn listen(mut self, address: &str) -> Builder {
        match Listen::parse(address) {
            Ok(mut all) => self.listen.append(&mut all),
            Err(expected) => self.wrong(format!("listen on {address:?}: expected {expected}")),
        }
        self
    }

    /// Told where the server listens, once for each address, before anybody can come in.
    pub fn on_listening(mut self, tell: impl Fn(&Door) + 'static) -> Builder {
        self.on_listening.push(Box::new(tell));
        self
    }

    /// Lets in whoever shows this text as a bearer token or in `X-API-Key`, and from now on nobody
    /// without a token. `name` is for logs; what `role` may do is up to
    /// [`Access::roles`](crate::auth::Access).
    pub fn token(mut self, name: impl Into<String>, role: RoleIndex, text: &str) -> Builder {
        let access = &mut self.config.access;
        access.anonymous = None;
        access.tokens.push(Token::new(name, role, text));
        self
    }

    /// Who may do what, all of it.
    pub fn access(mut self, access: Access) -> Builder {
        self.config.access = access;
        self
    }

    /// Lets everybody in who can reach an address, even of a network, and do everything. Without
    /// this, an address beyond the loopback takes tokens.
    pub fn open_to_all(mut self) -> Builder {
        self.is_open_to_all = true;
        self
    }

    /// A name by which clients reach this server, beside addresses and `localhost`: others are
    /// refused, so that no web page gets in by DNS rebinding.
    pub fn host(mut self, name: impl Into<String>) -> Builder {
        self.hosts.push(name.into());
        self
    }

    /// A web page that may ask, such as `https://example.com`.
    pub fn origin(mut self, origin: impl Into<String>) -> Builder {
        self.origins.push(origin.into());
        self
    }

    /// How much there may be of everything.
    pub fn limits(mut self, limits: Limits) -> Builder {
        self.config.limits = limits;
        self
    }

    /// How long everything may take.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Builder {
        self.config.timeouts = timeouts;
        self
    }

    /// Shows browsers the console at `/`.
    pub fn console(mut self) -> Builder {
        self.config.console = true;
        self
    }

    /// What tools and tasks say to the server, once it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs beside the server, on its thread, until it stops.
    pub fn beside(mut self, task: impl Future<Output = ()> + 'static) -> Builder {
        self.tasks.push(Box::pin(task));
        self
    }

    /// The server, which does not listen yet.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn build(mut self) -> io::Result<Server> {
        if let Some(problem) = self.problem {
            return Err(invalid(problem));
        }
        if self.listen.is_empty() {
            self.listen = Listen::parse(LISTEN_DEFAULT).expect("it is an address");
        }
        let is_guarded = self.is_open_to_all || self.config.access.anonymous.is_none();
        for listen in &self.listen {
            match listen {
                Listen::Tcp(address) if !is_guarded => admit(*address)?,
                Listen::Tcp(_) | Listen::Unix(_) | Listen::Systemd => {}
            }
        }
        self.catalogue.check().map_err(invalid)?;
        self.config.origins = Origins::new(&self.hosts, &self.origins);
        Ok(Server {
            memory: Memory::of(&self.config.limits).map_err(invalid)?,
            registry: Registry::new(with_task_status(self.tools)).map_err(invalid)?,
            config: self.config,
            catalogue: self.catalogue,
            listen: self.listen,
            is_guarded,
            handle: self.handle,
            tasks: self.tasks,
            on_listening: self.on_listening,
        })
    }

    /// [`Builder::build`], then [`Server::run`].
    ///
    /// # Errors
    ///
    /// As both.
    pub fn run(self) -> io::Result<()> {
        self.build()?.run()
    }

    /// Keeps the first mistake.
    fn wrong(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Builder");
        shown.field("config", &self.config).finish_non_exhaustive()
    }
}

fn invalid(problem: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, problem.to_string())
}

/// Strangers are let in on the loopback only, unless that is asked for in so many words.
fn admit(address: SocketAddr) -> io::Result<()> {
    // An IPv4 address in IPv6 clothes is loopback when the IPv4 address is.
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(invalid(format!(
        "{address} is open to the network and nobody has to show a token: give out tokens with \
         Builder::token, or let everybody in with Builder::open_to_all"
    )))
}

/// A server that is ready to listen.
pub struct Server {
    config: Config,
    memory: Memory,
    registry: Registry,
    catalogue: Catalogue,
    listen: Vec<Listen>,
    is_guarded: bool,
    handle: Handle,
    tasks: Vec<Beside>,
    on_listening: Vec<OnListening>,
}

impl Server {
    /// Begins a server with this name, `serverInfo.name` on the wire.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into())
    }

    /// What tools and tasks say to it, once it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Where its memory goes.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Serves on this thread until a TERM, INT or HUP comes or [`Handle::stop`] is called, and then
    /// until the calls that run are done, for `timeouts.drain` at most. A second signal ends it at
    /// once. Prints nothing.
    ///
    /// # Errors
    ///
    /// If it cannot listen, or the system does not let it go on.
    pub fn run(self) -> io::Result<()> {
        // Before anybody can know that we listen: from here on a signal is an order.
        let mut orders = Orders::new()?;
        let executor = Rc::new(Executor::new());
        let handle = self.handle();
        let obeying = executor.spawn(async move {
            // The first one, and what comes before the second is the drain.
            if orders.next().await.is_ok() {
                handle.stop();
            }
            let _ = orders.next().await;
        });
        serving::block_on(&executor, self.serve_until(executor.clone(), obeying))
    }

    /// The same on an executor of the program, which handles signals itself.
    ///
    /// # Errors
    ///
    /// As [`Server::run`].
    pub async fn serve(self, executor: Rc<Executor>) -> io::Result<()> {
        self.serve_until(executor, future::pending()).await
    }

    /// Serves until the handle says to stop; drains until `insists` ends.
    async fn serve_until(
        self,
        executor: Rc<Executor>,
        insists: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let is_guarded = self.is_guarded;
        let admitted = |address| match is_guarded {
            true => Ok(()),
            false => admit(address).map_err(|error| error.to_string()),
        };
        let doors = serving::bind(&self.listen, admitted).map_err(io::Error::other)?;
        for tell in self.on_listening {
            doors.iter().for_each(&tell);
        }
        let drain = self.config.timeouts.drain;
        let engine = serving::engine(self.config, self.memory, self.registry);
        let engine = engine.with_catalogue(self.catalogue);
        let mut serving = Serving::start(engine, doors, executor.clone(), Orphans::Left)?;
        self.handle.attach(&serving.world);
        let tasks = self.tasks.into_iter();
        let tasks: Vec<_> = tasks.map(|task| executor.spawn(task)).collect();
        let told = async {
            self.handle.stopped().await;
            Ok(())
        };
        let served = serving.until(told).await;
        drop(tasks);
        serving.stop(drain, insists).await;
        served
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Server");
        shown.field("config", &self.config).finish_non_exhaustive()
    }
}
