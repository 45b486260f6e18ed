//! Command tools: a program from the configuration, typed arguments, no shell.
//!
//! `{name}` stands for the value of an argument in the items of `command`, in the values of
//! `environment`, in `stdin` and in `directory`; `{{` and `}}` are braces. The rules:
//!
//! - An item is never split, whatever the value holds, and no shell ever sees it.
//! - What names an absent argument is left out whole: `--lines={count}` vanishes without `count`,
//!   and so does a variable, the stdin or the directory. In `["-n", "{count}"]` the `-n` would
//!   stay: write one item, or give the argument a default.
//! - A text that the caller made up must not become an option: where the filled item would begin
//!   with the `-` of such a value, the call is refused. `--` earlier in the command, a pattern or
//!   a list of choices says that the operator has thought of it.
//! - The program itself is fixed, and so is the `PATH` it is looked for in.

mod arguments;
mod nearest;
mod outcome;
mod schema;
mod template;
mod value;

use super::{Annotations, Background, CallLimits, Outcome, Start, Tool, ToolSpec, Work};
use arguments::Arguments;
pub use arguments::check_pattern;
pub(crate) use nearest::nearest;
pub use outcome::{Ended, Exit, Stopped, outcome, stopped_text};
use serde_json::value::RawValue;
use std::rc::Rc;
use template::Template;
pub use value::Scalar;

/// A command tool as the configuration describes it (`[[tool]]`).
#[derive(Clone, Debug, PartialEq)]
pub struct CommandSpec {
    /// Name in `tools/list`.
    pub name: String,
    /// Name for people.
    pub title: Option<String>,
    /// What a model reads.
    pub description: String,
    /// Program and arguments; `{name}` inside an argument is replaced by that argument's value.
    pub command: Vec<String>,
    /// Working directory of the process.
    pub directory: Option<String>,
    /// The whole environment of the process; values may hold `{name}`.
    pub environment: Vec<(String, String)>,
    /// Names of variables passed on from the daemon's own environment.
    pub environment_inherit: Vec<String>,
    /// What is written to the process; may hold `{name}`.
    pub stdin: Option<String>,
    /// The arguments, in the order of the configuration.
    pub arguments: Vec<Argument>,
    /// How the output is read.
    pub output: Output,
    /// Timeout, concurrency, queue, output cap.
    pub limits: CallLimits,
    /// Hints.
    pub annotations: Annotations,
    /// Every call is a task: the answer comes at once and says how to ask for the result.
    pub background: bool,
}

/// One typed argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Its name in the call and between braces.
    pub name: String,
    /// What values it takes.
    pub kind: Kind,
    /// The only values allowed, where there are some.
    pub choices: Option<Vec<Scalar>>,
    /// Taken when the call has none.
    pub default: Option<Scalar>,
    /// A call without it is refused. An argument with a default is never required.
    pub required: bool,
    /// What a model reads.
    pub description: Option<String>,
}

/// The type of an argument with the bounds that belong to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Text.
    String {
        /// Least number of characters.
        length_min: Option<u32>,
        /// Most characters.
        length_max: Option<u32>,
        /// A pattern that the whole text must match.
        pattern: Option<String>,
    },
    /// A whole number.
    Integer {
        /// Least value.
        minimum: Option<i64>,
        /// Greatest value.
        maximum: Option<i64>,
    },
    /// Any finite number.
    Number {
        /// Least value.
        minimum: Option<f64>,
        /// Greatest value.
        maximum: Option<f64>,
    },
    /// `true` or `false`.
    Boolean,
}

/// How a command's stdout becomes content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// One text item.
    Text,
    /// JSON: a text item, and `structuredContent` when it is an object.
    Json,
    /// An image or sound of this MIME type.
    Media(String),
    /// Whatever it is, to the last byte: what a resource says.
    Contents,
}

/// A command ready to run: every placeholder filled, every argument checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Working directory.
    pub directory: Option<String>,
    /// The whole environment beside what is inherited by name.
    pub environment: Vec<(String, String)>,
    /// Names of variables passed on from the daemon's own environment.
    pub environment_inherit: Vec<String>,
    /// What is written to the process before its stdin is closed.
    pub stdin: Option<String>,
    /// How stdout becomes content.
    pub output: Output,
}

impl Argument {
    /// Whether a call without it is refused.
    pub(super) fn must_be_given(&self) -> bool {
        self.required && self.default.is_none()
    }
}

/// A pattern as it is matched and published: it has to fit the whole text.
fn anchored(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// A command tool, ready for calls.
pub struct CommandTool {
    /// What it is called and takes.
    spec: ToolSpec,
    /// Room and time of its calls.
    limits: CallLimits,
    /// Checks what calls bring.
    arguments: Arguments,
    /// Program and arguments.
    argv: Vec<Template>,
    /// Working directory.
    directory: Option<Template>,
    /// Names and values of the environment.
    environment: Vec<(String, Template)>,
    /// Names passed on from the daemon's environment.
    environment_inherit: Vec<String>,
    /// What the process reads.
    stdin: Option<Template>,
    /// How stdout becomes content.
    output: Output,
}

impl CommandTool {
    /// Compiles what the configuration says. The error is a sentence for the operator.
    pub fn new(spec: CommandSpec) -> Result<CommandTool, String> {
        check_output(&spec.output)?;
        let input_schema = schema::input_schema(&spec.arguments);
        let arguments = Arguments::new(spec.arguments)?;
        let template = |text: &String| Template::parse(text, |name| arguments.find(name));
        let argv: Vec<Template> = spec
            .command
            .iter()
            .map(template)
            .collect::<Result<_, _>>()?;
        match (argv.first(), spec.command.first()) {
            (Some(program), Some(name)) if program.is_fixed() && !name.is_empty() => {}
            (Some(_), Some(name)) => {
                return Err(format!(
                    "the program {name:?} must be a name without placeholders"
                ));
            }
            (None, _) | (_, None) => return Err("the command names no program".to_owned()),
        }
        Ok(CommandTool {
            directory: spec.directory.as_ref().map(template).transpose()?,
            environment: environment(&spec.environment, template)?,
            stdin: spec.stdin.as_ref().map(template).transpose()?,
            environment_inherit: spec.environment_inherit,
            spec: ToolSpec {
                name: spec.name,
                title: spec.title,
                description: spec.description,
                input_schema,
                output_schema: None,
                icons: None,
                annotations: spec.annotations,
                background: match spec.background {
                    true => Background::Always,
                    false => Background::Never,
                },
            },
            limits: spec.limits,
            output: spec.output,
            arguments,
            argv,
        })
    }

    fn command_line(&self, values: &[Option<Scalar>]) -> Result<CommandLine, Vec<String>> {
        let fill = |template: &Template| template.fill(values);
        Ok(CommandLine {
            argv: self.argv(values)?,
            directory: self.directory.as_ref().and_then(fill),
            environment: self
                .environment
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), fill(value)?)))
                .collect(),
            environment_inherit: self.environment_inherit.clone(),
            stdin: self.stdin.as_ref().and_then(fill),
            output: self.output.clone(),
        })
    }

    fn argv(&self, values: &[Option<Scalar>]) -> Result<Vec<String>, Vec<String>> {
        let mut argv: Vec<String> = Vec::with_capacity(self.argv.len());
        let mut options_end = false;
        let mut problems = Vec::new();
        for template in &self.argv {
            let Some(item) = template.fill(values) else {
                continue;
            };
            if item.starts_with('-') && !options_end {
                problems.extend(self.injected(template, values, &item));
            }
            options_end |= template.is_fixed() && item == "--";
            argv.push(item);
        }
        if problems.is_empty() {
            Ok(argv)
        } else {
            Err(problems)
        }
    }

    /// What is wrong if `item` begins with a dash that the caller made up.
    fn injected(
        &self,
        template: &Template,
        values: &[Option<Scalar>],
        item: &str,
    ) -> Option<String> {
        let place = template.first_argument(values)?;
        let free = self.arguments.is_free_text(place, values[place].as_ref());
        free.then(|| {
            format!(
                "argument {:?}: must not begin with \"-\", the program might take it for an \
                 option, got {}. (To allow it, the operator of this server puts \"--\" before it \
                 in the tool's command or gives the argument a pattern.)",
                self.arguments.name(place),
                arguments::shown(&format!("{item:?}")),
            )
        })
    }
}

impl Tool for CommandTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn limits(&self) -> CallLimits {
        self.limits
    }

    fn start(&self, arguments: &RawValue) -> Start {
        let line = self
            .arguments
            .check(arguments)
            .and_then(|values| self.command_line(&values));
        match line {
            Ok(line) => Start::Work(Work::Command(Rc::new(line))),
            Err(problems) => Start::Done(Outcome::error(format!(
                "{} was not run. {}",
                self.spec.name,
                problems.join("\n")
            ))),
        }
    }
}

fn check_output(output: &Output) -> Result<(), String> {
    match output {
        Output::Text | Output::Json | Output::Contents => Ok(()),
        Output::Media(mime) if mime.starts_with("image/") || mime.starts_with("audio/") => Ok(()),
        Output::Media(mime) => Err(format!(
            "the output {mime:?} is no text, json, image or audio type"
        )),
    }
}

fn environment(
    variables: &[(String, String)],
    template: impl Fn(&String) -> Result<Template, String>,
) -> Result<Vec<(String, Template)>, String> {
    variables
        .iter()
        .map(|(name, value)| {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(format!("{name:?} cannot be the name of a variable"));
            }
            let value = template(value)?;
            // It decides where the program is looked for.
            if name == "PATH" && !value.is_fixed() {
                return Err("PATH must not hold placeholders".to_owned());
            }
            Ok((name.clone(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests;
