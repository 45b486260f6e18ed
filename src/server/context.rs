//! What a function says to its client, and asks it.

use super::form::{Elicited, Form};
use super::sampling::{Root, Sampled, Sampling, roots};
use crate::mcp::capability::Capabilities;
use crate::mcp::message::Level;
use crate::mcp::stateless;
use crate::tool::ask::{Ask, AskKind};
use crate::tool::handler::{Context, Progress, Said};
use crate::wire::json::Object;
use crate::wire::jsonrpc::RpcError;
use serde::Serialize;
use serde_json::value::RawValue;
use std::pin::Pin;
use std::task::{self, Poll};

impl Context {
    /// What the client can be asked.
    pub fn client(&self) -> Capabilities {
        self.told().client
    }

    /// For what makes no sense with a client that cannot be asked so much.
    ///
    /// # Errors
    ///
    /// The error that a client of 2026-07-28 understands (-32021), if it lacks any of `wanted`.
    pub fn require(&self, wanted: Capabilities) -> Result<(), RpcError> {
        match self.client().missing(wanted) {
            missing if missing.is_empty() => Ok(()),
            missing => Err(stateless::capability_missing(missing)),
        }
    }

    /// Tells how far the work has come, for instance `(3.0, 10.0, "third file")`; `None` where the
    /// whole is not known or there is nothing to say. What is no more than was told before is
    /// not sent, and nothing is unless the client wants to hear of it.
    pub fn progress<'a>(
        &self,
        done: f64,
        total: impl Into<Option<f64>>,
        message: impl Into<Option<&'a str>>,
    ) {
        let finite = |number: &f64| number.is_finite();
        if self.told().wants_progress && finite(&done) && self.goes_further(done) {
            self.say(Said::Progress(Progress {
                progress: done.to_string(),
                total: total.into().filter(finite).map(|total| total.to_string()),
                message: message.into().map(str::to_string),
            }));
        }
    }

    /// Writes a log message for the client, which decides how severe a message has to be for it to
    /// be sent: a text, or whatever else becomes JSON.
    pub fn log(&self, level: Level, data: impl Serialize) {
        if let Ok(data) = serde_json::to_string(&data) {
            let logger = None;
            self.say(Said::Log {
                level,
                logger,
                data,
            });
        }
    }

    /// Has a person fill in a form. Ends with an error where the client has no forms.
    pub fn elicit(&self, form: Form) -> Asking<Elicited> {
        self.asking(AskKind::Form, "elicitation", form.params(), Elicited::read)
    }

    /// Has a person visit a page, since 2025-11-25. The answer says whether they were willing to,
    /// not what they did there.
    pub fn elicit_url(&self, message: &str, url: &str) -> Asking<Elicited> {
        let params = Object::default()
            .text("mode", "url")
            .text("message", message)
            .text("url", url);
        let params = text(params);
        self.asking(AskKind::Url, "elicitation", params, Elicited::read)
    }

    /// Has the client's model go on with a conversation.
    pub fn sample(&self, sampling: Sampling) -> Asking<Sampled> {
        let (kind, params) = sampling.params();
        self.asking(kind, "sampling", params, Sampled::read)
    }

    /// Asks which folders the client works in.
    pub fn roots(&self) -> Asking<Vec<Root>> {
        self.asking(AskKind::Roots, "roots", "{}".to_string(), roots)
    }

    /// The client may go away and come back for the answer, where its revision lets it
    /// (2025-11-25): for work that takes long while nothing is said.
    pub fn release(&self) {
        self.say(Said::Release);
    }

    fn asking<T>(
        &self,
        kind: AskKind,
        name: &'static str,
        params: String,
        read: fn(&RawValue) -> Result<T, RpcError>,
    ) -> Asking<T> {
        Asking {
            context: self.clone(),
            kind,
            name,
            key: None,
            params: Some(params),
            read,
        }
    }
}

/// What is written, as text.
pub(super) fn text(object: Object) -> String {
    String::from_utf8(object.end()).expect("it was put together from strings")
}

/// A question on its way: await it. Several at once reach a client of 2026-07-28 in one round, if
/// they are awaited together, as by `smol::future::zip`.
#[must_use = "nobody is asked before it is awaited"]
pub struct Asking<T> {
    context: Context,
    kind: AskKind,
    name: &'static str,
    key: Option<String>,
    /// Given until the question is put.
    params: Option<String>,
    read: fn(&RawValue) -> Result<T, RpcError>,
}

impl<T> Asking<T> {
    /// Names the question, which has to be done before it is awaited; `elicitation_1` and so on
    /// otherwise. Clients of 2026-07-28 see the name. Asked again in the same call, a question of
    /// the same name gives the same answer.
    pub fn key(mut self, key: impl Into<String>) -> Asking<T> {
        self.key = Some(key.into());
        self
    }
}

impl<T> Future for Asking<T> {
    type Output = Result<T, RpcError>;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let key = this
            .key
            .get_or_insert_with(|| this.context.free_key(this.name));
        if let Some(params) = this.params.take() {
            this.context.begin_ask(Ask {
                key: key.clone(),
                kind: this.kind,
                params,
            });
        }
        let answered = this.context.poll_answer(key, task.waker());
        answered.map(|answer| answer.and_then(|answer| (this.read)(&answer)))
    }
}
