//! The resources and prompts that the settings name, ready to be served.

use super::serve::Beside;
use super::settings::{PromptSettings, ResourceSettings, ResourceSource, Settings};
use crate::edge::files::{FileSource, FolderSource, Lister};
use crate::limits::{Limits, RESOURCES_MAX};
use crate::tool::catalogue::{
    Asked, Begun, Catalogue, Collection, Completion, Live, Messages, Prompt, PromptArgument,
    PromptMessage, Resource, ResourceSpec, Source,
};
use crate::tool::command::{CommandLine, Output};
use crate::tool::file::{Folder, mime_type};
use crate::tool::{CallLimits, Content, Work};
use std::rc::Rc;
use std::time::Duration;

/// The catalogue for `settings`. The limits are those of the start.
pub(super) fn catalogue(settings: &Settings, limits: &Limits, beside: &Beside) -> Catalogue {
    let bytes_max = limits.output_bytes_max;
    let mut resources = Vec::new();
    let mut folders = Vec::new();
    for resource in &settings.resources {
        let live: Rc<dyn Live> = match &resource.source {
            ResourceSource::File(path) => Rc::new(FileSource {
                path: path.clone(),
                bytes_max,
                is_typed: spec(resource).mime_type.is_some(),
                watch: resource.watch,
            }),
            ResourceSource::Command { argv, timeout } => Rc::new(CommandSource {
                line: Rc::new(line(argv)),
                timeout: *timeout,
                watch: resource.watch,
            }),
            ResourceSource::Folder(folder) => {
                folders.push(Rc::new(folder_source(resource, folder, bytes_max)));
                continue;
            }
        };
        let (spec, source) = (spec(resource), Source::Live(live));
        resources.push(Resource { spec, source });
    }
    let known = beside.collections.iter().cloned();
    Catalogue {
        collections: folders.iter().map(Collection::from).chain(known).collect(),
        lister: lister(folders, RESOURCES_MAX - resources.len()),
        resources,
        templates: beside.templates.clone(),
        prompts: settings.prompts.iter().map(prompt).collect(),
        ..Catalogue::default()
    }
}

fn folder_source(resource: &ResourceSettings, folder: &Folder, bytes_max: usize) -> FolderSource {
    FolderSource {
        prefix: resource.uri.clone(),
        folder: folder.clone(),
        description: resource.description.clone(),
        mime_type: resource.mime_type.clone(),
        bytes_max,
        watch: resource.watch,
    }
}

/// What lists the folders, if there are any.
fn lister(folders: Vec<Rc<FolderSource>>, files_max: usize) -> Option<Rc<dyn Live>> {
    if folders.is_empty() {
        return None;
    }
    Some(Rc::new(Lister {
        folders,
        files_max,
        has_warned: Rc::default(),
    }))
}

/// What the listing says.
fn spec(resource: &ResourceSettings) -> ResourceSpec {
    let by_name = || match &resource.source {
        ResourceSource::File(path) => mime_type(path).map(str::to_string),
        ResourceSource::Folder(_) | ResourceSource::Command { .. } => None,
    };
    ResourceSpec {
        description: resource.description.clone(),
        mime_type: resource.mime_type.clone().or_else(by_name),
        ..ResourceSpec::new(&resource.uri, &resource.name)
    }
}

/// A command, as the source of a resource.
struct CommandSource {
    line: Rc<CommandLine>,
    timeout: Option<Duration>,
    watch: Option<Duration>,
}

fn line(argv: &[String]) -> CommandLine {
    CommandLine {
        argv: argv.to_vec(),
        directory: None,
        environment: Vec::new(),
        environment_inherit: Vec::new(),
        stdin: None,
        output: Output::Contents,
    }
}

impl Live for CommandSource {
    fn limits(&self) -> CallLimits {
        CallLimits {
            timeout: self.timeout,
            ..CallLimits::default()
        }
    }

    fn start(&self, _asked: &Asked<'_>) -> Begun {
        Begun::Work(Work::Command(self.line.clone()))
    }

    fn watch(&self) -> Option<Duration> {
        self.watch
    }

    fn look(&self, _uri: &str) -> Option<Work> {
        Some(Work::Command(self.line.clone()))
    }
}

fn prompt(settings: &PromptSettings) -> Prompt {
    let said = settings.messages.iter();
    let messages = said
        .map(|(role, text)| PromptMessage::new(*role, Content::Text(text.clone())))
        .collect();
    let arguments = settings.arguments.iter().map(|argument| PromptArgument {
        name: argument.name.clone(),
        description: argument.description.clone(),
        required: argument.required,
        completion: match argument.values.is_empty() {
            true => Completion::None,
            false => Completion::Values(argument.values.clone()),
        },
        ..PromptArgument::default()
    });
    Prompt {
        title: settings.title.clone(),
        description: settings.description.clone(),
        arguments: arguments.collect(),
        ..Prompt::new(&settings.name, Messages::Fixed(messages))
    }
}
