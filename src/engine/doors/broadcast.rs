//! `POST /mcp/sse/broadcast`: one event for everybody, or for some roles or sessions.
//!
//! | who listens | gets |
//! |---|---|
//! | through `/mcp/sse` | the message as an event of the name that its `type` says |
//! | through `/events` | the message as it is; a text as `{"type":"raw"}` |
//! | as a standard client | `notifications/message`, if its log level lets it through |
//!
//! The message is encoded once for each of the three, and each encoding is one payload in the rings
//! of all its streams. A stream that has no room for it goes without: the answer tells how many
//! have it. A client whose connection has just broken is not forgotten, it gets it when it is back.

use super::{Exchange, Reply};
use crate::auth::role::RoleIndex;
use crate::bounded::{Event, Key};
use crate::engine::Engine;
use crate::engine::session::Session;
use crate::engine::stream::Stream;
use crate::limits::EVENT_OVERHEAD_BYTES;
use crate::mcp::message::{Level, log_params};
use crate::mcp::refusal::Refusal;
use crate::wire::dialect::{self, Dialect, Name};
use crate::wire::head::Method;
use crate::wire::status::Status;
use crate::wire::{json, jsonrpc};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::rc::Rc;

/// What a right body looks like.
const EXAMPLE: &str = concat!(
    r#"{"message":{"type":"door-open","data":{"door":"garage"}},"#,
    r#""filter":{"tokenTypes":["team"]}}; the filter may be left out"#
);

/// For whom it is; a part that is absent lets everybody through.
#[derive(Default)]
struct Filter<'a> {
    /// Names of roles.
    token_types: Option<Vec<Cow<'a, str>>>,
    /// Ids of sessions.
    connection_ids: Option<Vec<Cow<'a, str>>>,
}

impl<'a> Filter<'a> {
    fn read(json: &'a RawValue) -> Result<Filter<'a>, String> {
        let names = ["tokenTypes", "roles", "connectionIds", "sessionIds"];
        let found = json::pick_only(json.get(), names).map_err(|error| error.to_string())?;
        let [token_types, roles, connection_ids, session_ids] = found.map(json::said);
        Ok(Filter {
            token_types: texts([token_types, roles], "filter.tokenTypes")?,
            connection_ids: texts([connection_ids, session_ids], "filter.connectionIds")?,
        })
    }
}

/// A list of texts that has two names, of which one is used.
fn texts<'a>(
    members: [Option<&'a RawValue>; 2],
    name: &str,
) -> Result<Option<Vec<Cow<'a, str>>>, String> {
    let list = match members {
        [None, None] => return Ok(None),
        [Some(list), None] | [None, Some(list)] => list,
        [Some(_), Some(_)] => return Err(format!("{name} stands twice")),
    };
    let mut texts = Vec::new();
    let read = json::each_element(list.get(), &mut |element| {
        texts.push(json::text(element).ok_or("a list of texts is needed")?);
        Ok(())
    });
    read.map_err(|error| format!("{name}: {error}"))?;
    Ok(Some(texts))
}

/// A message that can be said to everybody.
struct Message<'a> {
    /// The name of its event.
    name: Cow<'a, str>,
    level: Level,
    raw: &'a RawValue,
}

/// A payload that many rings share. While it stands here it is drawn from the budget.
struct Shared {
    event: Event<Name>,
}

/// The encodings made so far.
#[derive(Default)]
struct Encodings {
    named: Option<Shared>,
    plain: Option<Shared>,
    standard: Option<Shared>,
}

impl Engine {
    /// Sends an event to all sessions that it is for.
    pub(super) fn broadcast(&mut self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        if exchange.head.method != Method::Post {
            return Err(Refusal::MethodWrong("POST"));
        }
        let checked = read(exchange.body).and_then(|(message, filter)| {
            let roles = self.roles_of(&filter)?;
            Ok((message, roles, filter.connection_ids))
        });
        let (message, roles, ids) = match checked {
            Ok(checked) => checked,
            Err(problem) => return Ok(exchange.explain(&problem, EXAMPLE)),
        };
        self.stats.broadcasts += 1;
        let is_for = |session: &Session| {
            let is_role = roles
                .as_ref()
                .is_none_or(|roles| roles.contains(&session.role));
            let id = session.id.as_str();
            is_role
                && ids
                    .as_ref()
                    .is_none_or(|ids| ids.iter().any(|wanted| wanted == id))
        };
        let keys: Vec<Key<Session>> = self
            .sessions
            .iter()
            .filter(|(_, session)| is_for(session))
            .map(|(key, _)| key)
            .collect();
        let queued = self.send_to_all(&message, &keys)?;
        self.stats.broadcast_deliveries += queued;
        let body = format!("{{\"ok\":true,\"queued\":{queued}}}");
        Ok(exchange.json(Status::Ok, &[], body.as_bytes()))
    }

    /// The roles that the filter names; `None` for all.
    fn roles_of(&self, filter: &Filter<'_>) -> Result<Option<Vec<RoleIndex>>, String> {
        let Some(names) = &filter.token_types else {
            return Ok(None);
        };
        let access = &self.config.access;
        let role = |name: &Cow<'_, str>| {
            access.role_named(name).ok_or_else(|| {
                let known: Vec<&str> = access.roles.iter().map(|role| role.name.as_str()).collect();
                let shown: String = name.chars().take(64).collect();
                format!(
                    "unknown role {shown:?} in tokenTypes: there are {}",
                    known.join(", ")
                )
            })
        };
        names.iter().map(role).collect::<Result<_, _>>().map(Some)
    }

    /// Queues the message on the streams of these sessions; on how many.
    fn send_to_all(
        &mut self,
        message: &Message<'_>,
        keys: &[Key<Session>],
    ) -> Result<u64, Refusal> {
        let mut encodings = Encodings::default();
        let mut queued = 0;
        let mut is_full = false;
        for key in keys {
            let session = self.sessions.get(*key).expect("the keys were just read");
            let Some((stream, dialect)) = recipient(session, message) else {
                continue;
            };
            let place = encodings.of(dialect);
            if place.is_none() {
                *place = self.share(message.encode(dialect));
            }
            match place {
                Some(shared) => queued += u64::from(self.queue(stream, shared)),
                None => is_full = true,
            }
        }
        for shared in encodings.all() {
            self.unshare(shared);
        }
        if is_full && queued == 0 {
            return Err(Refusal::MemoryFull);
        }
        Ok(queued)
    }

    /// Draws a payload from the budget, once for all rings that will hold it.
    fn share(&mut self, event: Event<Name>) -> Option<Shared> {
        self.take_spare(event.payload.len())
            .then_some(Shared { event })
    }

    /// Takes bytes of the budget, but none of its last quarter: what waits for those who do not
    /// read must not cost others the answers to their calls.
    fn take_spare(&mut self, bytes: usize) -> bool {
        let most = self.pool.capacity() - self.pool.capacity() / 4;
        let surplus = |engine: &Engine| (engine.pool.used() + bytes).saturating_sub(most);
        if surplus(self) > 0 {
            self.reclaim(surplus(self));
        }
        surplus(self) == 0 && self.take_bytes(bytes)
    }

    /// Queues a shared event on one stream, whose share is the place in its ring. Whether it had
    /// room: an event that its client can do without must not be the end of the stream.
    fn queue(&mut self, stream: Key<Stream>, shared: &Shared) -> bool {
        let has_room = !self.is_lagging(stream) && self.take_spare(EVENT_OVERHEAD_BYTES);
        if !has_room {
            self.stats.events_shed += 1;
            return false;
        }
        match self.append(stream, shared.event.clone()) {
            Ok(freed_bytes) => {
                self.give_bytes(freed_bytes);
                true
            }
            Err(_) => {
                self.give_bytes(EVENT_OVERHEAD_BYTES);
                self.stats.events_shed += 1;
                false
            }
        }
    }

    /// Lets go of a payload; the last ring that holds it gives its bytes back, or we do.
    fn unshare(&mut self, shared: Shared) {
        if Rc::strong_count(&shared.event.payload) == 1 {
            self.give_bytes(shared.event.payload.len());
        }
    }
}

/// The stream of a session that a message is for, and how it is said there.
fn recipient(session: &Session, message: &Message<'_>) -> Option<(Key<Stream>, Dialect)> {
    let stream = session.stream?;
    let is_told = match session.dialect {
        // Whoever has set no level is told what is normal operation or more.
        Dialect::Standard | Dialect::Rest => {
            session.initialized && message.level >= session.log_level.unwrap_or(Level::Info)
        }
        Dialect::Underscored | Dialect::Hyphenated | Dialect::Plain => true,
    };
    (is_told && session.wants(&message.name)).then_some((stream, session.dialect))
}

impl Encodings {
    /// The one that a dialect takes.
    fn of(&mut self, dialect: Dialect) -> &mut Option<Shared> {
        match dialect {
            Dialect::Standard | Dialect::Rest => &mut self.standard,
            Dialect::Underscored | Dialect::Hyphenated => &mut self.named,
            Dialect::Plain => &mut self.plain,
        }
    }

    fn all(self) -> impl Iterator<Item = Shared> {
        [self.named, self.plain, self.standard]
            .into_iter()
            .flatten()
    }
}

impl<'a> Message<'a> {
    /// Reads a message: an object whose `type` names the event, or a text.
    fn read(raw: &'a RawValue) -> Result<Message<'a>, String> {
        // It goes out as it is, and clients give up a stream over what they cannot parse.
        if jsonrpc::is_too_deep(raw.get().as_bytes()) {
            return Err("message is nested too deeply".to_string());
        }
        let [kind, level, result] = match raw.get().as_bytes() {
            [b'{', ..] => object(raw).map_err(|error| error.to_string())?,
            [b'"', ..] => [None; 3],
            _ => return Err("message must be an object or a text".to_string()),
        };
        let name = match json::said(kind) {
            Some(kind) => json::text(kind).ok_or("type must be a text")?,
            None => Cow::Borrowed("mcp-notification"),
        };
        if dialect::custom(&name, b"").is_none() {
            return Err(
                "type must have 1 to 64 bytes without line ends and not be endpoint".into(),
            );
        }
        let inner = || object(json::said(result)?).ok()?[1];
        let level = json::said(level).or_else(inner);
        Ok(Message {
            name,
            level: level.and_then(Level::read).unwrap_or(Level::Info),
            raw,
        })
    }

    /// As an event for all streams of a dialect.
    fn encode(&self, dialect: Dialect) -> Event<Name> {
        match dialect {
            Dialect::Underscored | Dialect::Hyphenated => {
                let data = self.raw.get().as_bytes();
                dialect::custom(&self.name, data).expect("the name was checked when it was read")
            }
            Dialect::Plain => dialect::nameless(match json::text(self.raw) {
                Some(text) => dialect::raw(&text),
                None => self.raw.get().as_bytes().to_vec(),
            }),
            Dialect::Standard | Dialect::Rest => {
                let params = log_params(self.level, &self.name, self.raw.get().as_bytes());
                let mut payload = Vec::new();
                jsonrpc::call_raw(&mut payload, None, "notifications/message", &params);
                Event {
                    kind: Name::Message,
                    payload: Rc::from(payload),
                }
            }
        }
    }
}

/// The message and for whom it is.
fn read(body: &[u8]) -> Result<(Message<'_>, Filter<'_>), String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let found = json::pick_only(text, ["message", "filter"]).map_err(|error| error.to_string())?;
    let [message, filter] = found;
    let message = Message::read(message.ok_or("message is missing")?)?;
    let filter = filter.map(Filter::read).transpose()?;
    Ok((message, filter.unwrap_or_default()))
}

/// `type`, `level` and `result` of a message that is an object.
fn object(raw: &RawValue) -> Result<[Option<&RawValue>; 3], serde_json::Error> {
    json::pick(raw.get(), ["type", "level", "result"])
}

impl Exchange<'_> {
    /// 400: what is wrong with the body, and what a right one looks like.
    fn explain(&mut self, problem: &str, example: &str) -> Reply {
        let mut body = Vec::new();
        let text = format!("{problem}; a right body is {example}");
        let error = jsonrpc::RpcError::new(jsonrpc::INVALID_PARAMS, text);
        jsonrpc::error(&mut body, None, &error);
        self.json(Status::BadRequest, &[], &body)
    }
}
