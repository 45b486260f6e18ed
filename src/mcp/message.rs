//! Parameters as clients send them and results as we write them (the schema of each revision).
//!
//! What is read borrows from the request's body. Unknown members are ignored: every revision adds
//! some, and a client of the next one must not fail here.

use super::capability;
use crate::wire::json;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Parameters that a client sends.
pub trait Params<'a>: Sized {
    /// Reads them from an object.
    ///
    /// # Errors
    ///
    /// A text for the client that says which member is missing or wrong.
    fn read(params: &'a str) -> Result<Self, String>;
}

/// The members of `params`, or of an object in it, that have these names.
pub(super) fn members<'a, const N: usize>(
    params: &'a str,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], String> {
    json::pick(params, names).map_err(|error| format!("params: {error}"))
}

/// A text, which has to be there.
pub(super) fn text<'a>(member: Option<&'a RawValue>, name: &str) -> Result<Cow<'a, str>, String> {
    let text = member.and_then(json::text);
    text.ok_or_else(|| format!("params.{name}: expected a string"))
}

/// A text, which may be absent.
fn optional_text<'a>(
    member: Option<&'a RawValue>,
    name: &str,
) -> Result<Option<Cow<'a, str>>, String> {
    json::said(member)
        .map(|member| text(Some(member), name))
        .transpose()
}

/// `params` of `initialize`.
#[derive(Debug)]
pub struct InitializeParams<'a> {
    /// The revision the client would like.
    pub protocol_version: Cow<'a, str>,
    /// Who the client is, for the log.
    pub client_info: Option<ClientInfo<'a>>,
    /// What the client can be asked; absent means nothing.
    pub capabilities: capability::Capabilities,
}

impl<'a> Params<'a> for InitializeParams<'a> {
    fn read(params: &'a str) -> Result<InitializeParams<'a>, String> {
        let names = ["protocolVersion", "clientInfo", "capabilities"];
        let [revision, client, capabilities] = members(params, names)?;
        let capabilities = json::said(capabilities).map_or("{}", RawValue::get);
        let capabilities = capability::Capabilities::read(capabilities)
            .map_err(|problem| format!("params.capabilities: {problem}"))?;
        Ok(InitializeParams {
            protocol_version: text(revision, "protocolVersion")?,
            client_info: json::said(client).map(ClientInfo::read).transpose()?,
            capabilities,
        })
    }
}

/// Who a client says it is.
#[derive(Debug)]
pub struct ClientInfo<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its version.
    pub version: Cow<'a, str>,
}

impl<'a> ClientInfo<'a> {
    fn read(client: &'a RawValue) -> Result<ClientInfo<'a>, String> {
        let [name, version] = members(client.get(), ["name", "version"])?;
        Ok(ClientInfo {
            name: optional_text(name, "clientInfo.name")?.unwrap_or_default(),
            version: optional_text(version, "clientInfo.version")?.unwrap_or_default(),
        })
    }
}

/// Who the server is, and what a model should know of it.
#[derive(Clone, Copy, Debug)]
pub struct ServerInfo<'a> {
    /// `name` of the configuration.
    pub name: &'a str,
    /// `title` of the configuration, since 2025-06-18.
    pub title: Option<&'a str>,
    /// Version of this program.
    pub version: &'a str,
}

impl ServerInfo<'_> {
    /// As results name it.
    pub(crate) fn object(&self) -> json::Object {
        json::Object::default()
            .text("name", self.name)
            .optional_text("title", self.title)
            .text("version", self.version)
    }
}

/// Result of `initialize`, in a session that speaks `revision`; `server` is the object that says
/// who serves it.
pub(crate) fn initialized(
    revision: &str,
    offer: Offer,
    server: &[u8],
    instructions: Option<&str>,
) -> Vec<u8> {
    json::Object::default()
        .text("protocolVersion", revision)
        .object("capabilities", offer.object())
        .json("serverInfo", server)
        .optional_text("instructions", instructions)
        .end()
}

/// Result of `server/discover`: the one `version` that a request may claim.
pub(crate) fn discovered(version: &str, offer: Offer, instructions: Option<&str>) -> Vec<u8> {
    json::Object::default()
        .json("supportedVersions", format!("[\"{version}\"]").as_bytes())
        .object("capabilities", offer.object())
        .optional_text("instructions", instructions)
        .end()
}

/// What a server offers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offer {
    /// Tools.
    pub tools: bool,
    /// Log messages, whose level can be set.
    pub logging: bool,
    /// Resources, and news of which there are.
    pub resources: bool,
    /// News of what they say.
    pub subscribe: bool,
    /// Prompts.
    pub prompts: bool,
    /// Argument completion.
    pub completions: bool,
    /// The tasks extension, since 2026-07-28.
    pub tasks: bool,
}

impl Offer {
    /// As `capabilities`: what is not offered is absent. Whatever is listed may change.
    fn object(self) -> json::Object {
        const CHANGING: &str = r#"{"listChanged":true}"#;
        const SUBSCRIBABLE: &str = r#"{"subscribe":true,"listChanged":true}"#;
        const TASKS: &str = r#"{"io.modelcontextprotocol/tasks":{}}"#;
        let resources = if self.subscribe {
            SUBSCRIBABLE
        } else {
            CHANGING
        };
        json::Object::default()
            .optional("tools", self.tools.then_some(CHANGING))
            .optional("logging", self.logging.then_some("{}"))
            .optional("resources", self.resources.then_some(resources))
            .optional("prompts", self.prompts.then_some(CHANGING))
            .optional("completions", self.completions.then_some("{}"))
            .optional("extensions", self.tasks.then_some(TASKS))
    }
}

/// `params` of `tools/call`.
#[derive(Debug)]
pub struct CallParams<'a> {
    /// The tool.
    pub name: Cow<'a, str>,
    /// Its arguments; absent means `{}`.
    pub arguments: Option<&'a RawValue>,
    /// The request's own metadata: an object that [`Meta::of`] reads.
    pub meta: Option<&'a RawValue>,
}

impl<'a> Params<'a> for CallParams<'a> {
    fn read(params: &'a str) -> Result<CallParams<'a>, String> {
        let [name, arguments, meta] = members(params, ["name", "arguments", "_meta"])?;
        Ok(CallParams {
            name: text(name, "name")?,
            arguments: json::said(arguments),
            meta: json::said(meta),
        })
    }
}

/// `_meta` of a request.
#[derive(Debug, Default)]
pub struct Meta<'a> {
    /// Given where the client wants to hear of progress; a string or a number.
    pub progress_token: Option<&'a RawValue>,
}

impl<'a> Params<'a> for Meta<'a> {
    fn read(params: &'a str) -> Result<Meta<'a>, String> {
        let [meta] = members(params, ["_meta"])?;
        json::said(meta).map_or_else(|| Ok(Meta::default()), Meta::of)
    }
}

impl<'a> Meta<'a> {
    /// Reads the object itself.
    ///
    /// # Errors
    ///
    /// As [`Params::read`].
    pub fn of(meta: &'a RawValue) -> Result<Meta<'a>, String> {
        let [token] = members(meta.get(), ["progressToken"])?;
        Ok(Meta {
            progress_token: json::said(token),
        })
    }
}

/// `params` of `notifications/cancelled`.
#[derive(Debug)]
pub struct CancelledParams<'a> {
    /// The id of the request that is no longer wanted.
    pub request_id: &'a RawValue,
}

impl<'a> Params<'a> for CancelledParams<'a> {
    fn read(params: &'a str) -> Result<CancelledParams<'a>, String> {
        let [request_id] = members(params, ["requestId"])?;
        let missing = || "params.requestId: expected an id".to_string();
        Ok(CancelledParams {
            request_id: request_id.ok_or_else(missing)?,
        })
    }
}

/// `params` of every listing.
#[derive(Debug, Default)]
pub struct ListParams<'a> {
    /// Where the page before ended.
    pub cursor: Option<Cow<'a, str>>,
}

impl<'a> Params<'a> for ListParams<'a> {
    fn read(params: &'a str) -> Result<ListParams<'a>, String> {
        let [cursor] = members(params, ["cursor"])?;
        let cursor = optional_text(cursor, "cursor")?;
        Ok(ListParams { cursor })
    }
}

/// `params` of `resources/read`, `resources/subscribe` and `resources/unsubscribe`.
#[derive(Debug)]
pub struct ResourceParams<'a> {
    /// The resource.
    pub uri: Cow<'a, str>,
}

impl<'a> Params<'a> for ResourceParams<'a> {
    fn read(params: &'a str) -> Result<ResourceParams<'a>, String> {
        let [uri] = members(params, ["uri"])?;
        let uri = text(uri, "uri")?;
        Ok(ResourceParams { uri })
    }
}

/// `params` of a request, as far as they say what it is about.
#[derive(Debug)]
pub struct NameParams<'a> {
    /// The tool or the prompt.
    pub name: Cow<'a, str>,
}

impl<'a> Params<'a> for NameParams<'a> {
    fn read(params: &'a str) -> Result<NameParams<'a>, String> {
        let [name] = members(params, ["name"])?;
        let name = text(name, "name")?;
        Ok(NameParams { name })
    }
}

/// Values by name, as requests about prompts and templates have them: all are texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments<'a>(pub Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Arguments<'a> {
    /// The value of an argument; the last one if it is given more than once.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut latest_first = self.0.iter().rev();
        let found = latest_first.find(|(argument, _)| argument == name);
        found.map(|(_, value)| value.as_ref())
    }

    /// Names and values, in the order they are given in.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Reads the object that stands as `place` in `params`; absent, it is empty.
    fn read(object: Option<&'a RawValue>, place: &str) -> Result<Arguments<'a>, String> {
        let mut arguments = Vec::new();
        let object = json::said(object).map_or("{}", RawValue::get);
        let read = json::each_member(object, &mut |name, value| {
            let value = json::text(value).ok_or("expected strings")?;
            arguments.push((name, value));
            Ok(())
        });
        read.map_err(|error| format!("params.{place}: {error}"))?;
        Ok(Arguments(arguments))
    }
}

/// `params` of `prompts/get`.
#[derive(Debug)]
pub struct GetPromptParams<'a> {
    /// The prompt.
    pub name: Cow<'a, str>,
    /// What is filled in.
    pub arguments: Arguments<'a>,
}

impl<'a> Params<'a> for GetPromptParams<'a> {
    fn read(params: &'a str) -> Result<GetPromptParams<'a>, String> {
        let [name, arguments] = members(params, ["name", "arguments"])?;
        Ok(GetPromptParams {
            name: text(name, "name")?,
            arguments: Arguments::read(arguments, "arguments")?,
        })
    }
}

/// `params` of `completion/complete`.
#[derive(Debug)]
pub struct CompletionParams<'a> {
    /// What is being filled in.
    pub reference: Reference<'a>,
    /// Which part of it, and what is typed so far.
    pub typed: Typed<'a>,
    /// What is filled in already, since 2025-06-18.
    pub arguments: Arguments<'a>,
}

impl<'a> Params<'a> for CompletionParams<'a> {
    fn read(params: &'a str) -> Result<CompletionParams<'a>, String> {
        let [reference, argument, context] = members(params, ["ref", "argument", "context"])?;
        let reference = reference.ok_or("params.ref: expected an object")?;
        let argument = argument.ok_or("params.argument: expected an object")?;
        let [name, value] = members(argument.get(), ["name", "value"])?;
        let context = json::said(context).map_or("{}", RawValue::get);
        let [arguments] = members(context, ["arguments"])?;
        Ok(CompletionParams {
            reference: Reference::read(reference)?,
            typed: Typed {
                name: text(name, "argument.name")?,
                value: text(value, "argument.value")?,
            },
            arguments: Arguments::read(arguments, "context.arguments")?,
        })
    }
}

/// What `completion/complete` is about.
#[derive(Debug)]
pub enum Reference<'a> {
    /// A prompt's argument.
    Prompt {
        /// The prompt.
        name: Cow<'a, str>,
    },
    /// A variable of a resource template.
    Resource {
        /// The template.
        uri: Cow<'a, str>,
    },
}

impl<'a> Reference<'a> {
    fn read(reference: &'a RawValue) -> Result<Reference<'a>, String> {
        let [kind, name, uri] = members(reference.get(), ["type", "name", "uri"])?;
        match kind.and_then(json::text).as_deref() {
            Some("ref/prompt") => text(name, "ref.name").map(|name| Reference::Prompt { name }),
            Some("ref/resource") => text(uri, "ref.uri").map(|uri| Reference::Resource { uri }),
            Some(_) | None => Err("params.ref.type: ref/prompt or ref/resource".to_string()),
        }
    }
}

/// An argument as far as it is typed.
#[derive(Clone, Debug)]
pub struct Typed<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What is typed so far.
    pub value: Cow<'a, str>,
}

/// `params` of `logging/setLevel`.
#[derive(Debug)]
pub struct SetLevelParams {
    /// The least severity to send.
    pub level: Level,
}

impl Params<'_> for SetLevelParams {
    fn read(params: &str) -> Result<SetLevelParams, String> {
        let [level] = members(params, ["level"])?;
        let level = level.and_then(Level::read);
        let expected = || format!("params.level: one of {}", Level::NAMES.join(", "));
        Ok(SetLevelParams {
            level: level.ok_or_else(expected)?,
        })
    }
}

/// Severities of RFC 5424, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Details for developers.
    Debug,
    /// Normal operation.
    Info,
    /// Normal but significant.
    Notice,
    /// Something may go wrong.
    Warning,
    /// Something went wrong.
    Error,
    /// A part of the system fails.
    Critical,
    /// Someone must act at once.
    Alert,
    /// The system is unusable.
    Emergency,
}

impl Level {
    /// All of them, in their order.
    const ALL: [Level; 8] = [
        Level::Debug,
        Level::Info,
        Level::Notice,
        Level::Warning,
        Level::Error,
        Level::Critical,
        Level::Alert,
        Level::Emergency,
    ];

    /// Their names on the wire, in the same order.
    const NAMES: [&str; Level::ALL.len()] = [
        "debug",
        "info",
        "notice",
        "warning",
        "error",
        "critical",
        "alert",
        "emergency",
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        Level::NAMES[self as usize]
    }

    /// Reads the name of a level.
    pub fn read(level: &RawValue) -> Option<Level> {
        let name = json::text(level)?;
        let place = Level::NAMES.iter().position(|known| *known == name)?;
        Some(Level::ALL[place])
    }
}

/// `params` of `notifications/message`: `data` is JSON.
pub(crate) fn log_params(level: Level, logger: &str, data: &[u8]) -> Vec<u8> {
    let members = json::Object::default().text("level", level.name());
    members.text("logger", logger).json("data", data).end()
}

/// `params` of `notifications/progress`. The token keeps its JSON type; numbers are written out
/// already. A message is said since 2025-03-26.
pub(crate) fn progress_params(
    token: &RawValue,
    progress: &str,
    total: Option<&str>,
    message: Option<&str>,
) -> Vec<u8> {
    let members = json::Object::default()
        .json("progressToken", token.get().as_bytes())
        .plain("progress", progress)
        .optional("total", total);
    members.optional_text("message", message).end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_with_its_token() {
        let text = r#"{"name":"a\u0062","arguments":{"x":1},"_meta":{"progressToken":7,
            "io.modelcontextprotocol/protocolVersion":"2026-07-28"},"task":{}}"#;
        let params = CallParams::read(text).unwrap();
        assert_eq!(params.name, "ab");
        assert_eq!(params.arguments.unwrap().get(), r#"{"x":1}"#);
        let meta = Meta::of(params.meta.unwrap()).unwrap();
        assert_eq!(meta.progress_token.unwrap().get(), "7");
    }

    #[test]
    fn levels_have_the_order_of_their_severity() {
        let level = |name| Level::read(json::literal(name));
        let warning = level("\"warning\"").unwrap();
        assert!(warning > Level::Info && warning < Level::Error);
        assert_eq!(level("\"loud\""), None);
        for (level, name) in Level::ALL.into_iter().zip(Level::NAMES) {
            assert_eq!(level.name(), name);
        }
    }
}
