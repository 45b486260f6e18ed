//! Completion: what is offered for an argument or a variable while somebody types it.

use super::{Catalogue, Live};
use crate::limits;
use crate::mcp::message::{CompletionParams, Reference};
use crate::wire::json::{self, Object};
use std::rc::Rc;

/// What is offered for an argument of a prompt or a variable of a template.
#[derive(Clone, Debug, Default)]
pub enum Completion {
    /// Nothing.
    #[default]
    None,
    /// Those of these values that begin as typed.
    Values(Vec<String>),
    /// What is made while somebody types.
    Live(Rc<dyn Live>),
}

/// What a completion offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// The best first; the protocol sends [`limits::COMPLETIONS_MAX`] of them.
    pub values: Vec<String>,
    /// How many there are in all, where that is known and more than these.
    pub total: Option<usize>,
    /// There are more than these.
    pub has_more: bool,
}

/// What a completion was asked for.
#[derive(Debug)]
pub struct Offered<'a> {
    /// What calls are named by: the prompt, or the pattern of the template.
    pub name: &'a str,
    /// What is offered.
    pub completion: &'a Completion,
}

impl Completion {
    const fn is_some(&self) -> bool {
        !matches!(self, Completion::None)
    }
}

impl Catalogue {
    /// Whether anything is offered while somebody types.
    pub fn has_completions(&self) -> bool {
        let arguments = self.prompts.iter().flat_map(|prompt| &prompt.arguments);
        let templates = self.templates.iter();
        let variables = templates.flat_map(|template| &template.completions);
        let mut of_arguments = arguments.map(|argument| &argument.completion);
        let mut of_variables = variables.map(|(_, completion)| completion);
        of_arguments.any(Completion::is_some) || of_variables.any(Completion::is_some)
    }

    /// What is offered for what somebody types.
    ///
    /// # Errors
    ///
    /// A text that names the prompt, template, argument or variable that is not there.
    pub fn offered(&self, params: &CompletionParams<'_>) -> Result<Offered<'_>, String> {
        let argument = &*params.typed.name;
        match &params.reference {
            Reference::Prompt { name } => {
                let unknown = || format!("unknown prompt \"{name:.64}\"");
                let prompt = self.prompt(name).ok_or_else(unknown)?;
                let unknown = || format!("prompt {name:?} has no argument \"{argument:.64}\"");
                Ok(Offered {
                    name: &prompt.name,
                    completion: &prompt.argument(argument).ok_or_else(unknown)?.completion,
                })
            }
            Reference::Resource { uri } => self.offered_for_variable(uri, argument),
        }
    }

    /// The same for a variable of a template. A resource that is no template has none.
    fn offered_for_variable(&self, uri: &str, variable: &str) -> Result<Offered<'_>, String> {
        let mut templates = self.templates.iter();
        let Some(template) = templates.find(|template| template.spec.uri == uri) else {
            return Err(format!("no resource template \"{uri:.200}\""));
        };
        if !template.pattern.has(variable) {
            return Err(format!(
                "template {uri:?} has no variable \"{variable:.64}\""
            ));
        }
        let mut completions = template.completions.iter();
        let found = completions.find(|(name, _)| name == variable);
        Ok(Offered {
            name: &template.spec.uri,
            completion: found.map_or(&Completion::None, |(_, completion)| completion),
        })
    }
}

impl Values {
    /// These and no more.
    pub fn all(values: Vec<String>) -> Values {
        Values {
            values,
            ..Values::default()
        }
    }

    /// Bytes of all values.
    pub(in crate::tool) fn bytes(&self) -> usize {
        self.values.iter().map(String::len).sum()
    }

    /// The result of `completion/complete`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let there = self.values.len();
        let total = self.total.or((!self.has_more).then_some(there));
        let has_more = self.has_more || total.is_some_and(|total| total > there);
        let values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        encode(&values, total, has_more)
    }
}

/// The result of `completion/complete`: those of `values` that begin as typed.
pub(crate) fn encode_values(values: &[String], typed: &str) -> Vec<u8> {
    let values = values.iter().map(String::as_str);
    let fitting: Vec<&str> = values.filter(|value| value.starts_with(typed)).collect();
    encode(&fitting, Some(fitting.len()), false)
}

fn encode(values: &[&str], total: Option<usize>, has_more: bool) -> Vec<u8> {
    let mut list = vec![b'['];
    for (place, value) in values.iter().take(limits::COMPLETIONS_MAX).enumerate() {
        if place > 0 {
            list.push(b',');
        }
        json::push_string(&mut list, value);
    }
    list.push(b']');
    let completion = Object::default()
        .json("values", &list)
        .optional("total", total)
        .plain(
            "hasMore",
            has_more || values.len() > limits::COMPLETIONS_MAX,
        );
    Object::default()
        .json("completion", &completion.end())
        .end()
}
