//! The thread, as tools and resources see it.

use super::{Indexing, Insight, State};
use crate::edge::files::read_as_indexed;
use crate::edge::place::Place;
use crate::edge::unblock;
use crate::insight::query::Query;
use crate::insight::spec::SCHEME;
use crate::insight::tool::{Answering, Known};
use crate::time::UnixMillis;
use crate::tool::catalogue::{
    Asked, Begun, Collection, Completion, Live, ResourceSpec, ResourceTemplate, Source, Values,
};
use crate::tool::file::way;
use crate::tool::handler::{Begin, Ended};
use crate::tool::{ServerTask, Work};
use crate::wire::json::{self, Object};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The id of the task that keeps the index.
pub const TASK: &str = "insight-index";

/// What the task is told to be of, in place of a tool.
const TOOL: &str = "insight";

/// Troubles that are told: a model reads every line of it.
const TROUBLES_SHOWN_MAX: usize = 5;

impl Known for Insight {
    fn ask(&self, query: Query) -> Answering {
        let insight = self.clone();
        Box::pin(async move { Insight::ask(&insight, query).await })
    }

    fn incomplete(&self) -> Option<(u32, u32)> {
        let indexing = self.indexing();
        (!indexing.is_whole).then_some((indexing.files_done, indexing.files_all))
    }
}

/// How the index is, as a task of the server.
pub fn task(indexing: &Indexing) -> ServerTask {
    let (files, all) = (indexing.files_done, indexing.files_all);
    let (status, mut message) = match indexing.state {
        State::Working => ("working", format!("{files} of {all} files so far")),
        State::Resting => ("completed", format!("{files} files are known")),
        State::Failed => ("failed", format!("{files} of {all} files are known")),
    };
    for trouble in indexing.trouble.iter().take(TROUBLES_SHOWN_MAX) {
        message.push_str("; ");
        message.push_str(&trouble.replace(char::is_control, "\u{fffd}"));
    }
    if indexing.trouble.len() > TROUBLES_SHOWN_MAX {
        let more = indexing.trouble.len() - TROUBLES_SHOWN_MAX;
        message.push_str(&format!("; and {more} more troubles"));
    }
    let begun = millis(indexing.started).to_string();
    let ended = indexing.finished.map(|at| millis(at).to_string());
    let mut line = format!("Task {TASK}, begun at {begun}, {status}: {message}");
    if let Some(ended) = &ended {
        line.push_str(&format!(" (since {ended})"));
    }
    let described = Object::default()
        .text("taskId", TASK)
        .text("status", status)
        .text("statusMessage", &message)
        .text("createdAt", &begun)
        .text("lastUpdatedAt", ended.as_ref().unwrap_or(&begun))
        .text("tool", TOOL)
        .plain("progress", files)
        .plain("total", all)
        .json("trouble", &list(&indexing.trouble));
    ServerTask {
        id: TASK,
        line,
        described: described.text_end().into(),
    }
}

fn list(texts: &[String]) -> Vec<u8> {
    let mut json = vec![b'['];
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        json::push_string(&mut json, text);
    }
    json.push(b']');
    json
}

fn millis(at: SystemTime) -> UnixMillis {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The files of all folders, as the source of a template of resources. They are read on threads of
/// their own, since a folder may be on a disk that is slow or away.
struct Files {
    insight: Insight,
    bytes_max: usize,
}

/// The files in the folders as resources, each of at most `bytes_max` bytes: a collection of all,
/// and the template that tells clients of them. A variable of a template is a text, which the name
/// of a file need not be.
pub fn resources(insight: Insight, bytes_max: usize) -> (Collection, ResourceTemplate) {
    let listed = ResourceSpec {
        title: Some("Files that are known".to_string()),
        description: Some(
            "A file in a folder that the search tools know; the uri of a hit is such a resource."
                .to_string(),
        ),
        ..ResourceSpec::new(format!("{SCHEME}{{folder}}/{{+path}}"), "insight")
    };
    let names = Rc::new(Names(insight.clone()));
    let source = Source::Live(Rc::new(Files { insight, bytes_max }));
    let collection = Collection {
        prefix: SCHEME.to_string(),
        mime_type: None,
        source: source.clone(),
    };
    let mut template = ResourceTemplate::new(listed, source).expect("the pattern is written right");
    template.completions = vec![("folder".to_string(), Completion::Live(names))];
    (collection, template)
}

impl Files {
    /// Where a file is that is one of those that are read.
    fn find(&self, uri: &str) -> Option<Place> {
        let spec = self.insight.spec();
        let mut folders = spec.folders().into_iter();
        let (folder, rest) = folders.find_map(|folder| {
            let rest = uri.strip_prefix(&folder.prefix())?;
            Some((folder, rest))
        })?;
        let way = way(rest).filter(|way| spec.takes(way))?;
        Some(Place {
            path: folder.path.join(OsString::from_vec(way)),
            within: Some(folder.within),
        })
    }
}

impl Live for Files {
    fn start(&self, asked: &Asked<'_>) -> Begun {
        let Some(place) = self.find(asked.name) else {
            return Begun::Over(Ended::ResourceUnknown);
        };
        let bytes_max = self.bytes_max;
        let begin = Begin::new(move |_| unblock(move || read_as_indexed(&place, bytes_max)));
        Begun::Work(Work::Function(begin))
    }

    fn knows(&self, uri: &str) -> bool {
        self.find(uri).is_some()
    }
}

/// The names of the folders, as what is offered while somebody types one.
struct Names(Insight);

impl Live for Names {
    fn start(&self, asked: &Asked<'_>) -> Begun {
        let typed = asked.typed.map_or("", |typed| &typed.value);
        let names = self.0.spec().folders().into_iter();
        let names = names.map(|folder| folder.name);
        let names = names.filter(|name| name.starts_with(typed));
        Begun::Over(Ended::Values(Values::all(names.collect())))
    }
}
