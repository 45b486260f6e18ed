//! Functions as tools.

use super::arguments;
use super::outcome::IntoOutcome;
use crate::tool::handler::{Begin, Context};
use crate::tool::{Annotations, Background, CallLimits, Outcome, Start, Tool, ToolSpec, Work};
use crate::wire::json;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// A function that can be a tool: it takes arguments, a [`Context`], both or nothing, and gives a
/// future of something that is [`IntoOutcome`].
///
/// Arguments are any type that serde reads from a JSON object; `Box<RawValue>` is their text. This
/// trait is implemented for closures and functions; `Takes` says which of the four shapes it is and
/// is found by the compiler.
pub trait Handler<Takes>: 'static {
    /// The schema of the arguments where nobody gives one.
    const SCHEMA: &'static str;

    /// Reads the arguments and makes the call, which has yet to begin.
    ///
    /// # Errors
    ///
    /// Says which argument is wrong, and how.
    fn begin(self: Rc<Self>, arguments: &RawValue) -> Result<Begin, String>;
}

/// The shape of a function without arguments.
#[derive(Debug)]
pub struct Nothing;

/// The shape of a function of a [`Context`].
#[derive(Debug)]
pub struct OfContext;

/// The shape of a function of arguments.
#[derive(Debug)]
pub struct OfArguments<A>(std::marker::PhantomData<A>);

/// The shape of a function of arguments and a [`Context`].
#[derive(Debug)]
pub struct OfBoth<A>(std::marker::PhantomData<A>);

const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;
const ANY_ARGUMENTS: &str = r#"{"type":"object"}"#;

impl<F, G> Handler<Nothing> for F
where
    F: Fn() -> G + 'static,
    G: Future<Output: IntoOutcome> + 'static,
{
    const SCHEMA: &'static str = NO_ARGUMENTS;

    fn begin(self: Rc<Self>, _: &RawValue) -> Result<Begin, String> {
        Ok(Begin::new(async move |_| self().await.into_outcome()))
    }
}

impl<F, G> Handler<OfContext> for F
where
    F: Fn(Context) -> G + 'static,
    G: Future<Output: IntoOutcome> + 'static,
{
    const SCHEMA: &'static str = NO_ARGUMENTS;

    fn begin(self: Rc<Self>, _: &RawValue) -> Result<Begin, String> {
        Ok(Begin::new(async move |context| {
            self(context).await.into_outcome()
        }))
    }
}

impl<F, G, A> Handler<OfArguments<A>> for F
where
    F: Fn(A) -> G + 'static,
    G: Future<Output: IntoOutcome> + 'static,
    A: DeserializeOwned + 'static,
{
    const SCHEMA: &'static str = ANY_ARGUMENTS;

    fn begin(self: Rc<Self>, arguments: &RawValue) -> Result<Begin, String> {
        let given = arguments::read(arguments.get())?;
        Ok(Begin::new(async move |_| self(given).await.into_outcome()))
    }
}

impl<F, G, A> Handler<OfBoth<A>> for F
where
    F: Fn(A, Context) -> G + 'static,
    G: Future<Output: IntoOutcome> + 'static,
    A: DeserializeOwned + 'static,
{
    const SCHEMA: &'static str = ANY_ARGUMENTS;

    fn begin(self: Rc<Self>, arguments: &RawValue) -> Result<Begin, String> {
        let given = arguments::read(arguments.get())?;
        Ok(Begin::new(async move |context| {
            self(given, context).await.into_outcome()
        }))
    }
}

/// A function as a tool, with all that can be said of it.
///
/// ```
/// use slimcp::{Context, FunctionTool};
/// use std::time::Duration;
///
/// #[derive(serde::Deserialize)]
/// struct Half { n: i64 }
///
/// async fn half(given: Half) -> Result<String, &'static str> {
///     match given.n % 2 {
///         0 => Ok((given.n / 2).to_string()),
///         _ => Err("n is odd"),
///     }
/// }
///
/// let half = FunctionTool::new("half", "Halves a number.", half)
///     .title("Half")
///     .schema(r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#)
///     .read_only()
///     .timeout(Duration::from_secs(5));
/// let can_ask = FunctionTool::new("can-ask", "Whether you can be asked.", async |it: Context| {
///     (!it.client().is_empty()).to_string()
/// });
/// # let _ = (half, can_ask);
/// ```
pub struct FunctionTool {
    spec: ToolSpec,
    limits: CallLimits,
    begin: BeginFunction,
    /// What is wrong with it; told when it is given to a server.
    problem: Option<String>,
}

/// Checks the arguments and makes the call.
type BeginFunction = Box<dyn Fn(&RawValue) -> Result<Begin, String>>;

impl FunctionTool {
    /// The function `run` under a name of 1 to 64 letters, digits, `_`, `.` and `-`.
    pub fn new<H: Handler<T>, T>(
        name: impl Into<String>,
        description: impl Into<String>,
        run: H,
    ) -> FunctionTool {
        let run = Rc::new(run);
        FunctionTool {
            spec: ToolSpec {
                name: name.into(),
                title: None,
                description: description.into(),
                input_schema: object_schema(H::SCHEMA).expect("ours are of objects"),
                output_schema: None,
                annotations: Annotations::default(),
                background: Background::Never,
                icons: None,
            },
            limits: CallLimits::default(),
            begin: Box::new(move |arguments| run.clone().begin(arguments)),
            problem: None,
        }
    }

    /// Its name for people.
    pub fn title(mut self, title: impl Into<String>) -> FunctionTool {
        self.spec.title = Some(title.into());
        self
    }

    /// The JSON Schema of its arguments, an object schema. Without one, models have the description
    /// only.
    pub fn schema(mut self, json: &str) -> FunctionTool {
        match object_schema(json) {
            Ok(schema) => self.spec.input_schema = schema,
            Err(problem) => self.problem = Some(format!("its schema {problem}")),
        }
        self
    }

    /// The JSON Schema of what it returns as [`Json`](super::Json), an object schema as well.
    pub fn output_schema(mut self, json: &str) -> FunctionTool {
        match object_schema(json) {
            Ok(schema) => self.spec.output_schema = Some(schema),
            Err(problem) => self.problem = Some(format!("its output schema {problem}")),
        }
        self
    }

    /// The schema of its arguments, from their type.
    #[cfg(feature = "schemars")]
    pub fn schema_of<A: schemars::JsonSchema>(self) -> FunctionTool {
        self.schema(schemars::schema_for!(A).as_value().to_string().as_str())
    }

    /// The schema of what it returns, from its type.
    #[cfg(feature = "schemars")]
    pub fn output_schema_of<T: schemars::JsonSchema>(self) -> FunctionTool {
        self.output_schema(schemars::schema_for!(T).as_value().to_string().as_str())
    }

    /// What clients may show beside its name, since 2025-11-25: a JSON array of objects with `src`
    /// and perhaps `mimeType` and `sizes`.
    pub fn icons(mut self, json: &str) -> FunctionTool {
        match raw(json) {
            Ok(icons) => self.spec.icons = Some(icons),
            Err(error) => self.problem = Some(format!("its icons are no JSON: {error}")),
        }
        self
    }

    /// It changes nothing: whoever may only read may call it.
    pub fn read_only(mut self) -> FunctionTool {
        self.spec.annotations.read_only = Some(true);
        self
    }

    /// Whether it may destroy something.
    pub fn destructive(mut self, is_so: bool) -> FunctionTool {
        self.spec.annotations.destructive = Some(is_so);
        self
    }

    /// A second call with the same arguments changes nothing more.
    pub fn idempotent(mut self) -> FunctionTool {
        self.spec.annotations.idempotent = Some(true);
        self
    }

    /// Whether it reaches beyond this machine.
    pub fn open_world(mut self, is_so: bool) -> FunctionTool {
        self.spec.annotations.open_world = Some(is_so);
        self
    }

    /// Whether its calls go on in the background, as tasks whose result the client asks for later:
    /// from their start, or from when the function calls
    /// [`Context::go_to_background`](super::Context::go_to_background).
    pub fn background(mut self, background: Background) -> FunctionTool {
        self.spec.background = background;
        self
    }

    /// How long a call may take; the server's `timeouts.call` otherwise.
    pub fn timeout(mut self, timeout: Duration) -> FunctionTool {
        self.limits.timeout = Some(timeout);
        self
    }

    /// How many calls of it run at once; more wait.
    pub fn concurrency(mut self, calls: u32) -> FunctionTool {
        self.limits.concurrency = Some(calls);
        self
    }

    /// How many calls of it wait while others run; more are refused.
    pub fn queue(mut self, calls: u32) -> FunctionTool {
        self.limits.queue = Some(calls);
        self
    }
}

impl fmt::Debug for FunctionTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FunctionTool").field(&self.spec).finish()
    }
}

/// JSON text, kept as it is.
fn raw(json: &str) -> serde_json::Result<Box<RawValue>> {
    serde_json::from_str(json)
}

/// A schema of objects. Every revision has no other for arguments, and those before 2026-07-28 none
/// for results: their clients would refuse the whole list of tools.
fn object_schema(json: &str) -> Result<Box<RawValue>, String> {
    let schema = raw(json).map_err(|error| format!("is no JSON: {error}"))?;
    let kind = json::pick(schema.get(), ["type"]).ok();
    let kind = kind.and_then(|[kind]| json::text(kind?));
    match kind.as_deref() {
        Some("object") => Ok(schema),
        Some(_) | None => Err("is none of objects: it needs \"type\": \"object\"".to_string()),
    }
}

/// What a server can have as a tool: a [`FunctionTool`], or any type that implements [`Tool`].
pub trait IntoTool {
    /// The tool.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    fn into_tool(self) -> Result<Rc<dyn Tool>, String>;
}

impl<T: Tool + 'static> IntoTool for T {
    fn into_tool(self) -> Result<Rc<dyn Tool>, String> {
        Ok(Rc::new(self))
    }
}

impl IntoTool for FunctionTool {
    fn into_tool(self) -> Result<Rc<dyn Tool>, String> {
        let name = &self.spec.name;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(fits) {
            let rule = "a name has 1 to 64 letters, digits, '_', '.' and '-'";
            return Err(format!("tool {name:?}: {rule}"));
        }
        match self.problem {
            Some(problem) => Err(format!("tool {name}: {problem}")),
            None => Ok(Rc::new(Described(self))),
        }
    }
}

/// A function that a server has as a tool.
struct Described(FunctionTool);

impl Tool for Described {
    fn spec(&self) -> &ToolSpec {
        &self.0.spec
    }

    fn limits(&self) -> CallLimits {
        self.0.limits
    }

    fn start(&self, arguments: &RawValue) -> Start {
        match (self.0.begin)(arguments) {
            Ok(begin) => Start::Work(Work::Function(begin)),
            Err(problem) => {
                let name = &self.0.spec.name;
                Start::Done(Outcome::error(format!("{name} was not run: {problem}")))
            }
        }
    }
}
