//! Resources, prompts and completions of functions.

use super::outcome::failed;
use crate::tool::Content;
use crate::tool::Work;
use crate::tool::catalogue::{
    Asked, Begun, Body, Completion, Contents, Live, Messages, Prompt, PromptArgument,
    PromptMessage, Resource, Source, Values,
};
use crate::tool::handler::{Begin, Context, Ended};
use std::fmt::Display;
use std::rc::Rc;

/// What somebody asks of a function that makes a resource, a prompt or a completion.
#[derive(Clone, Debug)]
pub struct Given {
    /// URI of the resource or name of the prompt; in a completion, name of the prompt or pattern of
    /// the template.
    pub name: String,
    /// Variables of the template or arguments of the prompt, by their names; in a completion, those
    /// that are filled in already.
    pub arguments: Vec<(String, String)>,
    /// In a completion, what is typed so far.
    pub typed: String,
}

impl Given {
    fn of(asked: &Asked<'_>) -> Given {
        let owned = |(name, value): (&str, &str)| (name.to_string(), value.to_string());
        Given {
            name: asked.name.to_string(),
            arguments: asked.arguments.iter().map(owned).collect(),
            typed: asked
                .typed
                .map_or(String::new(), |typed| typed.value.to_string()),
        }
    }

    /// The value of a variable or an argument; empty if it is not given. Those that a prompt
    /// requires are always given.
    pub fn get(&self, name: &str) -> &str {
        let mut arguments = self.arguments.iter();
        let found = arguments.find(|(argument, _)| argument == name);
        found.map_or("", |(_, value)| value)
    }
}

/// A function that is called for each client that asks.
struct Function<F>(F);

impl<F: Fn(Given) -> Begin> Live for Function<F> {
    fn start(&self, asked: &Asked<'_>) -> Begun {
        Begun::Work(Work::Function((self.0)(Given::of(asked))))
    }
}

/// Lets `run` be called for each client that asks; `read` says what becomes of what it returns.
fn live<F, G, T>(run: F, read: fn(T) -> Ended) -> Rc<dyn Live>
where
    F: Fn(Given, Context) -> G + 'static,
    G: Future<Output = T> + 'static,
    T: 'static,
{
    let run = Rc::new(run);
    Rc::new(Function(move |given| {
        let run = run.clone();
        Begin::new(async move |context| read(run(given, context).await))
    }))
}

impl Source {
    /// What a function returns, each time that somebody reads: [`IntoContents`] says what that may
    /// be.
    ///
    /// ```
    /// use slimcp::{Context, Given, Resource, Source};
    ///
    /// let clock = Resource::new(
    ///     "clock://now",
    ///     "clock",
    ///     Source::function(|_: Given, _: Context| async { "five to twelve" }),
    /// );
    /// # let _ = clock;
    /// ```
    pub fn function<F, G>(run: F) -> Source
    where
        F: Fn(Given, Context) -> G + 'static,
        G: Future<Output: IntoContents> + 'static,
    {
        Source::Live(live(run, IntoContents::into_contents))
    }
}

impl Messages {
    /// What a function returns, each time that somebody asks: [`IntoMessages`] says what that may
    /// be.
    pub fn function<F, G>(run: F) -> Messages
    where
        F: Fn(Given, Context) -> G + 'static,
        G: Future<Output: IntoMessages> + 'static,
    {
        Messages::Live(live(run, IntoMessages::into_messages))
    }
}

impl Completion {
    /// What a function returns while somebody types.
    pub fn function<F, G>(run: F) -> Completion
    where
        F: Fn(Given, Context) -> G + 'static,
        G: Future<Output = Vec<String>> + 'static,
    {
        Completion::Live(live(run, |values| Ended::Values(Values::all(values))))
    }
}

/// What a function may return that makes the contents of a resource: a text, a [`Body`] (text, or
/// bytes by [`Body::of`]), [`Contents`], many of them, `None` if there is no such resource after
/// all, or a `Result` of any of these.
pub trait IntoContents: 'static {
    /// What reading came to.
    fn into_contents(self) -> Ended;
}

impl IntoContents for Body {
    fn into_contents(self) -> Ended {
        Contents::of(self).into_contents()
    }
}

impl IntoContents for String {
    fn into_contents(self) -> Ended {
        Body::Text(self).into_contents()
    }
}

impl IntoContents for &'static str {
    fn into_contents(self) -> Ended {
        self.to_string().into_contents()
    }
}

impl IntoContents for Contents {
    fn into_contents(self) -> Ended {
        vec![self].into_contents()
    }
}

impl IntoContents for Vec<Contents> {
    fn into_contents(self) -> Ended {
        Ended::Contents(self)
    }
}

impl<T: IntoContents> IntoContents for Option<T> {
    fn into_contents(self) -> Ended {
        self.map_or(Ended::ResourceUnknown, T::into_contents)
    }
}

impl<T: IntoContents, E: Display + 'static> IntoContents for Result<T, E> {
    fn into_contents(self) -> Ended {
        self.map_or_else(|error| failed(&error), T::into_contents)
    }
}

/// What a function may return that makes a prompt: a text that the person says, a message, many of
/// them, or a `Result` of any of these.
pub trait IntoMessages: 'static {
    /// What the prompt says.
    fn into_messages(self) -> Ended;
}

impl IntoMessages for String {
    fn into_messages(self) -> Ended {
        PromptMessage::user(self).into_messages()
    }
}

impl IntoMessages for PromptMessage {
    fn into_messages(self) -> Ended {
        vec![self].into_messages()
    }
}

impl IntoMessages for Vec<PromptMessage> {
    fn into_messages(self) -> Ended {
        let description = None;
        let messages = self;
        Ended::Messages {
            description,
            messages,
        }
    }
}

impl<T: IntoMessages, E: Display + 'static> IntoMessages for Result<T, E> {
    fn into_messages(self) -> Ended {
        self.map_or_else(|error| failed(&error), T::into_messages)
    }
}

impl Resource {
    /// Its name for people.
    pub fn title(mut self, title: impl Into<String>) -> Resource {
        self.spec.title = Some(title.into());
        self
    }

    /// What a model reads of it.
    pub fn description(mut self, text: impl Into<String>) -> Resource {
        self.spec.description = Some(text.into());
        self
    }

    /// Its type, for example `text/plain`.
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Resource {
        self.spec.mime_type = Some(mime_type.into());
        self
    }
}

impl Prompt {
    /// Its name for people.
    pub fn title(mut self, title: impl Into<String>) -> Prompt {
        self.title = Some(title.into());
        self
    }

    /// What people read when they choose.
    pub fn description(mut self, text: impl Into<String>) -> Prompt {
        self.description = Some(text.into());
        self
    }

    /// With an argument that has to be given.
    pub fn takes(self, name: impl Into<String>, description: impl Into<String>) -> Prompt {
        self.with_argument(name.into(), description.into(), true)
    }

    /// With an argument that may be given.
    pub fn may_take(self, name: impl Into<String>, description: impl Into<String>) -> Prompt {
        self.with_argument(name.into(), description.into(), false)
    }

    /// Offers something for the argument that was named last.
    pub fn completed_by(mut self, completion: Completion) -> Prompt {
        if let Some(argument) = self.arguments.last_mut() {
            argument.completion = completion;
        }
        self
    }

    fn with_argument(mut self, name: String, description: String, required: bool) -> Prompt {
        self.arguments.push(PromptArgument {
            name,
            description: Some(description),
            required,
            ..PromptArgument::default()
        });
        self
    }
}

impl PromptMessage {
    /// The person says or shows something.
    pub fn user_content(content: Content) -> PromptMessage {
        PromptMessage::new(crate::tool::catalogue::Role::User, content)
    }
}
