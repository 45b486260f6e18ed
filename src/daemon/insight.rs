//! `[insight]` at work: the thread that the settings ask for, and what it offers.

use super::serve::Beside;
use super::settings::{InsightSettings, Settings};
use crate::edge::insight::survey::{Survey, survey};
use crate::edge::insight::tools::{resources, task};
use crate::edge::insight::{Insight, with_decisions};
use crate::insight::answer::Found;
use crate::insight::query::Query;
use crate::insight::spec::InsightSpec;
use crate::insight::tool::{Answering, Known, tools};
use crate::limits::{Limits, Size};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The thread that knows what is in the folders, if there are any.
#[derive(Clone)]
pub(super) struct Knowing(Option<(InsightSpec, Insight)>);

impl Knowing {
    /// None, before the first configuration.
    pub const NOTHING: Knowing = Knowing(None);

    /// The thread that these settings ask for: the same one where they ask for the same.
    pub fn next(&self, settings: &Settings) -> Result<Knowing, String> {
        let Some(spec) = spec(settings) else {
            return Ok(Knowing(None));
        };
        let started = match &self.0 {
            Some((known, insight)) if *known == spec => Ok(insight.clone()),
            Some((known, insight)) if known.state == spec.state => insight.succeed(spec.clone()),
            Some(_) | None => Insight::start(spec.clone()),
        };
        let insight = started.map_err(|error| format!("insight: no thread: {error}"))?;
        Ok(Knowing(Some((spec, insight))))
    }

    /// What it offers.
    pub fn beside(&self, limits: &Limits) -> Beside {
        let Some((_, insight)) = &self.0 else {
            return Beside::default();
        };
        let known: Rc<dyn Known> = Rc::new(insight.clone());
        let insight = insight.clone();
        let (collection, template) = resources(insight.clone(), limits.output_bytes_max);
        Beside {
            tools: tools(&known, limits.output_bytes_max),
            task: Some(Rc::new(move || task(&insight.indexing()))),
            collections: vec![collection],
            templates: vec![template],
        }
    }
}

/// What would be offered, for whoever only looks.
pub(super) fn described(settings: &Settings) -> Beside {
    let known: Rc<dyn Known> = Rc::new(Nobody);
    match settings.insight.is_wanted() {
        true => Beside {
            tools: tools(&known, settings.limits.output_bytes_max),
            ..Beside::default()
        },
        false => Beside::default(),
    }
}

/// Stands for the thread where nobody asks.
struct Nobody;

impl Known for Nobody {
    fn ask(&self, _query: Query) -> Answering {
        Box::pin(async { Found::Failed("nothing is served".to_string()) })
    }

    fn incomplete(&self) -> Option<(u32, u32)> {
        None
    }
}

/// What `slimcp check` tells of the folders: keys and values.
pub(super) fn report(settings: &Settings) -> Vec<(String, String)> {
    let Some(spec) = spec(settings) else {
        return Vec::new();
    };
    let spec = with_decisions(&spec);
    let folders = spec.folders();
    let count = format!("{} folders", folders.len());
    let mut lines = vec![("insight".to_string(), count)];
    for folder in folders {
        let uri = folder.prefix();
        lines.push((format!("  {}", folder.path.display()), uri));
    }
    let Survey {
        files,
        bytes,
        has_more,
        trouble,
    } = survey(spec.clone());
    let more = match has_more {
        true => ": there are more, raise insight.files_max",
        false => "",
    };
    let bytes = Size(usize::try_from(bytes).unwrap_or(usize::MAX));
    lines.push((
        "  reads".to_string(),
        format!("{files} files of {bytes}{more}"),
    ));
    let trouble = trouble.into_iter();
    lines.extend(trouble.map(|text| ("  trouble".to_string(), text)));
    lines.push(("  index".to_string(), spec.state.display().to_string()));
    let cost = format!(
        "at most {} of memory for the thread that reads, which is not in the ceiling; on disk \
         about as much as is read",
        Size(spec.thread_bytes_max())
    );
    lines.push(("  cost".to_string(), cost));
    lines
}

/// Warnings where a folder is not there now. It is no complaint: it may come later.
pub(super) fn missing(settings: &Settings) -> Vec<String> {
    let spec = spec(settings);
    let folders = spec.iter().flat_map(InsightSpec::folders);
    let warn = |path: &Path| match std::fs::read_dir(path) {
        Ok(_) => None,
        Err(error) => Some(format!(
            "insight: {}: cannot be read: {error}",
            path.display()
        )),
    };
    folders.filter_map(|folder| warn(&folder.path)).collect()
}

/// What is to be known, if anything is.
fn spec(settings: &Settings) -> Option<InsightSpec> {
    let insight = &settings.insight;
    if !insight.is_wanted() {
        return None;
    }
    let paths = |list: &Option<Vec<String>>| -> Vec<PathBuf> {
        list.iter().flatten().map(PathBuf::from).collect()
    };
    let InsightSettings {
        include,
        exclude,
        file_bytes_max,
        files_max,
        rescan,
        ..
    } = insight.clone();
    Some(InsightSpec {
        sources: paths(&insight.sources),
        notes: paths(&insight.notes),
        decisions: paths(&insight.decisions),
        finds_decisions: insight.decisions.is_none(),
        include,
        exclude,
        file_bytes_max,
        files_max: files_max as usize,
        state: insight.state.as_ref().expect("the loader finds one").into(),
        rescan,
    })
}
