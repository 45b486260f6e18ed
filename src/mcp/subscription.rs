//! `subscriptions/listen` of 2026-07-28: what a client wants to hear of, and how it is told.
//!
//! Every message on the stream names the request that has opened it, by its id.

use super::message::Params;
use super::stateless::META;
use crate::limits::SUBSCRIPTIONS_MAX;
use crate::wire::json;
use crate::wire::jsonrpc::{self, Id};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A listing that clients are told of when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list` and `resources/templates/list`.
    Resources,
}

impl List {
    /// All of them.
    pub const ALL: [List; 3] = [List::Tools, List::Prompts, List::Resources];

    /// The notification that it has changed.
    pub const fn notification(self) -> &'static str {
        match self {
            List::Tools => "notifications/tools/list_changed",
            List::Prompts => "notifications/prompts/list_changed",
            List::Resources => "notifications/resources/list_changed",
        }
    }

    /// The member of a filter that asks for it.
    const fn member(self) -> &'static str {
        match self {
            List::Tools => "toolsListChanged",
            List::Prompts => "promptsListChanged",
            List::Resources => "resourcesListChanged",
        }
    }
}

/// Some of the listings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lists(u8);

impl Lists {
    /// None of them.
    pub const NONE: Lists = Lists(0);

    /// These and one more, if `is_in`.
    pub const fn with(self, list: List, is_in: bool) -> Lists {
        Lists(self.0 | (is_in as u8) << list as u8)
    }

    /// Those that are among `others` as well.
    pub const fn and(self, others: Lists) -> Lists {
        Lists(self.0 & others.0)
    }

    /// Whether this one is among them.
    pub const fn has(self, list: List) -> bool {
        self.0 & (1 << list as u8) != 0
    }

    /// Those that are among them.
    pub fn iter(self) -> impl Iterator<Item = List> {
        let all = List::ALL.into_iter();
        all.filter(move |list| self.has(*list))
    }
}

/// `params` of `subscriptions/listen`: the filter in it.
#[derive(Debug)]
pub struct ListenParams<'a> {
    /// Listings whose changes are to be told.
    pub lists: Lists,
    /// Resources whose changes are to be told, at most [`SUBSCRIPTIONS_MAX`].
    pub resources: Vec<Cow<'a, str>>,
    /// Tasks whose states are to be told (tasks extension), as many at most.
    pub tasks: Vec<Cow<'a, str>>,
}

impl<'a> Params<'a> for ListenParams<'a> {
    fn read(params: &'a str) -> Result<ListenParams<'a>, String> {
        let picked = json::pick(params, ["notifications"]);
        let [filter] = picked.map_err(|error| format!("params: {error}"))?;
        let filter = json::said(filter).ok_or("params.notifications: expected an object")?;
        let [tools, prompts, resources] = List::ALL.map(List::member);
        let names = [tools, prompts, resources, RESOURCES, TASKS];
        let picked = json::pick(filter.get(), names);
        let picked = picked.map_err(|error| format!("params.notifications: {error}"))?;
        let [tools, prompts, lists, resources, tasks] = picked.map(json::said);
        let mut wanted = Lists::NONE;
        for (list, flag) in List::ALL.into_iter().zip([tools, prompts, lists]) {
            wanted = wanted.with(list, read_flag(flag, list.member())?);
        }
        Ok(ListenParams {
            lists: wanted,
            resources: read_texts(resources, RESOURCES)?,
            tasks: read_texts(tasks, TASKS)?,
        })
    }
}

/// The member of a filter that lists resources.
pub(crate) const RESOURCES: &str = "resourceSubscriptions";
/// The member that lists tasks.
const TASKS: &str = "taskIds";

/// A flag, which is not set where it is absent.
fn read_flag(flag: Option<&RawValue>, name: &str) -> Result<bool, String> {
    match flag.map(RawValue::get) {
        Some("true") => Ok(true),
        Some("false") | None => Ok(false),
        Some(_) => Err(format!("params.notifications.{name}: expected a boolean")),
    }
}

/// A list of texts, each once; empty where it is absent.
fn read_texts<'a>(list: Option<&'a RawValue>, name: &str) -> Result<Vec<Cow<'a, str>>, String> {
    let mut texts = Vec::new();
    let Some(list) = list else { return Ok(texts) };
    let read = json::each_element(list.get(), &mut |element| {
        let text = json::text(element).ok_or("expected strings")?;
        if texts.contains(&text) {
            return Ok(());
        }
        if texts.len() == SUBSCRIPTIONS_MAX {
            return Err(format!("at most {SUBSCRIPTIONS_MAX} of them"));
        }
        texts.push(text);
        Ok(())
    });
    read.map_err(|error| format!("params.notifications.{name}: {error}"))?;
    Ok(texts)
}

/// What a server honours of a filter, as the acknowledgement says it: what it does not offer is
/// absent.
#[derive(Clone, Copy, Debug)]
pub struct Honoured<'a> {
    /// Listings whose changes will be told.
    pub lists: Lists,
    /// Resources whose changes will be told; `None` where there are no resources or none was asked
    /// for.
    pub resources: Option<&'a [Box<str>]>,
    /// Tasks whose states will be told; `None` where there are no tasks or none was asked for.
    pub tasks: Option<&'a [&'a str]>,
}

/// A filter that names these listings and resources.
pub(crate) fn filter(lists: Lists, resources: Option<&[impl AsRef<str>]>) -> json::Object {
    let mut filter = json::Object::default();
    for list in lists.iter() {
        filter = filter.json(list.member(), b"true");
    }
    match resources {
        Some(uris) => filter.json(RESOURCES, &texts_json(uris)),
        None => filter,
    }
}

/// The first message of a subscription.
pub fn acknowledgement(id: &Id, honoured: Honoured<'_>) -> Vec<u8> {
    let mut filter = filter(honoured.lists, honoured.resources);
    if let Some(tasks) = honoured.tasks {
        filter = filter.json(TASKS, &texts_json(tasks));
    }
    let params = tagged(id).json("notifications", &filter.end());
    notification("notifications/subscriptions/acknowledged", params)
}

/// A listing has changed.
pub fn list_changed(id: &Id, list: List) -> Vec<u8> {
    notification(list.notification(), tagged(id))
}

/// A resource has changed.
pub fn resource_updated(id: &Id, uri: &str) -> Vec<u8> {
    notification(
        "notifications/resources/updated",
        tagged(id).text("uri", uri),
    )
}

/// The state of a task has changed: `detail` is the object that tells it.
pub fn task_changed(id: &Id, detail: &str) -> Vec<u8> {
    notification("notifications/tasks", tagged(id).members_of(detail))
}

/// The response to the request that has opened a subscription: the server ends it. `stamp` is what
/// every result has.
pub fn complete(id: &Id, stamp: &str) -> Vec<u8> {
    let server = stamp.strip_prefix(META).expect("a stamp is a _meta");
    let tag = tag(id);
    let result = format!("{{\"resultType\":\"complete\"{META}{tag},{server}}}");
    let mut payload = Vec::new();
    jsonrpc::response_raw(&mut payload, id, result.as_bytes());
    payload
}

/// Where `_meta` names the subscription that a message belongs to.
pub(crate) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// The member of `_meta` that names the subscription: the id keeps its JSON type.
fn tag(id: &Id) -> String {
    format!("\"{SUBSCRIPTION_ID}\":{}", id.as_json())
}

/// Parameters that name the subscription, to be continued.
fn tagged(id: &Id) -> json::Object {
    json::Object::default().json("_meta", format!("{{{}}}", tag(id)).as_bytes())
}

fn notification(method: &str, params: json::Object) -> Vec<u8> {
    let mut payload = Vec::new();
    jsonrpc::call_raw(&mut payload, None, method, &params.end());
    payload
}

fn texts_json(texts: &[impl AsRef<str>]) -> Vec<u8> {
    let mut json = vec![b'['];
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        json::push_string(&mut json, text.as_ref());
    }
    json.push(b']');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(filter: &str) -> Result<String, String> {
        let params = format!(r#"{{"notifications":{filter}}}"#);
        ListenParams::read(&params).map(|params| {
            let lists: Vec<List> = params.lists.iter().collect();
            format!("{lists:?} {:?} {:?}", params.resources, params.tasks)
        })
    }

    #[test]
    fn a_filter_is_read_and_what_it_does_not_know_is_passed_over() {
        let table = [
            ("{}", "[] [] []"),
            (
                r#"{"toolsListChanged":true,"promptsListChanged":false,"new":7}"#,
                "[Tools] [] []",
            ),
            (
                r#"{"resourcesListChanged":true,"promptsListChanged":true,"taskIds":null}"#,
                "[Prompts, Resources] [] []",
            ),
            (
                r#"{"resourceSubscriptions":["a","\u0061","b"],"taskIds":["t"]}"#,
                r#"[] ["a", "b"] ["t"]"#,
            ),
        ];
        for (filter, expected) in table {
            assert_eq!(read(filter).as_deref(), Ok(expected), "{filter}");
        }
    }

    #[test]
    fn a_filter_of_wrong_types_is_refused_by_the_name_of_the_member() {
        let table = [
            ("7", "notifications"),
            ("null", "notifications"),
            ("[]", "notifications"),
            (r#"{"toolsListChanged":1}"#, "toolsListChanged"),
            (r#"{"promptsListChanged":"true"}"#, "promptsListChanged"),
            (r#"{"resourcesListChanged":[]}"#, "resourcesListChanged"),
            (r#"{"resourceSubscriptions":"a"}"#, "resourceSubscriptions"),
            (r#"{"resourceSubscriptions":[7]}"#, "resourceSubscriptions"),
            (r#"{"taskIds":{}}"#, "taskIds"),
            (r#"{"taskIds":[],"taskIds":[]}"#, "taskIds"),
        ];
        for (filter, name) in table {
            let error = read(filter).expect_err(filter);
            assert!(error.contains(name), "{filter}: {error}");
        }
        assert!(ListenParams::read("{}").is_err());
    }

    #[test]
    fn a_filter_names_so_many_resources_and_no_more() {
        let filter = |count: usize| {
            let uris: Vec<String> = (0..count).map(|uri| format!("\"{uri}\"")).collect();
            format!(r#"{{"resourceSubscriptions":[{}]}}"#, uris.join(","))
        };
        assert!(read(&filter(SUBSCRIPTIONS_MAX)).is_ok());
        let error = read(&filter(SUBSCRIPTIONS_MAX + 1)).unwrap_err();
        assert!(error.contains("at most 64"), "{error}");
    }
}
