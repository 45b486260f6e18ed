//! Checks the arguments of a call against what the tool takes.
//!
//! A model reads what is wrong and tries again, so all that is wrong is said at once: which
//! argument, what was expected and what came. What is checked here is never doubted later.

use super::nearest::nearest;
use super::value::Scalar;
use super::{Argument, Kind, anchored};
use crate::wire::json;
use regex_lite::{Regex, RegexBuilder};
use serde_json::value::RawValue;
use std::fmt;

/// Bytes of a text that has to match a pattern. Matching takes time in proportion, on the one
/// thread; names, paths and addresses are shorter.
const PATTERN_TEXT_BYTES_MAX: usize = 4096;

/// Bytes of a compiled pattern: with the limit above, the worst match takes some milliseconds.
const PATTERN_BYTES_MAX: usize = 32 * 1024;

/// Unknown arguments that are named; the rest are only counted.
const UNKNOWN_NAMED_MAX: usize = 8;

/// Characters of a wrong value or name that are shown.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// The arguments of one tool, with everything compiled that a check needs.
pub(super) struct Arguments {
    list: Vec<Checked>,
}

struct Checked {
    argument: Argument,
    pattern: Option<Regex>,
}

/// Checks whether `pattern` is one that arguments may have to match: the syntax of the regex-lite
/// crate, without look-around and back-references. The error is a sentence for the operator.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    compile(pattern).map(|_| ())
}

fn compile(pattern: &str) -> Result<Regex, String> {
    // Alone first: `a)(?:b` would close the group that anchors it.
    let compile = |text: &str| {
        RegexBuilder::new(text)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
    };
    compile(pattern)
        .and_then(|_| compile(&anchored(pattern)))
        .map_err(|error| format!("the pattern {pattern:?} cannot be used: {error}"))
}

impl Arguments {
    /// Compiles what the configuration says; the error is a sentence for the operator.
    pub(super) fn new(list: Vec<Argument>) -> Result<Arguments, String> {
        let mut checked: Vec<Checked> = Vec::with_capacity(list.len());
        for argument in list {
            if checked
                .iter()
                .any(|other| other.argument.name == argument.name)
            {
                return Err(format!("the argument {:?} is there twice", argument.name));
            }
            checked.push(Checked::new(argument)?);
        }
        Ok(Arguments { list: checked })
    }

    /// The place of the argument of this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.list
            .iter()
            .position(|checked| checked.argument.name == name)
    }

    /// The name of the argument at a place.
    pub(super) fn name(&self, place: usize) -> &str {
        &self.list[place].argument.name
    }

    /// Whether the caller alone made this value up: it is text, and neither a pattern nor a list
    /// of choices nor the default says that the operator thought of it.
    pub(super) fn is_free_text(&self, place: usize, value: Option<&Scalar>) -> bool {
        let checked = &self.list[place];
        matches!(checked.argument.kind, Kind::String { pattern: None, .. })
            && checked.argument.choices.is_none()
            && checked.argument.default.as_ref() != value
    }

    /// The values of a call in the order of the arguments, `None` where one is absent; or all that
    /// is wrong, a sentence each. `null` is taken for absent, since some models send it for every
    /// argument they leave out.
    pub(super) fn check(&self, call: &RawValue) -> Result<Vec<Option<Scalar>>, Vec<String>> {
        let Some(given) = self.gather(call) else {
            let came = shown(call.get());
            return Err(vec![format!(
                "expected an object with the arguments, got {came}"
            )]);
        };
        let mut problems = given.problems;
        let mut values = Vec::with_capacity(self.list.len());
        for (checked, json) in self.list.iter().zip(given.values) {
            match checked.check(json) {
                Ok(value) => values.push(value),
                Err(problem) => problems.push(problem),
            }
        }
        problems.extend(given.unknown.sentence(self));
        if problems.is_empty() {
            Ok(values)
        } else {
            Err(problems)
        }
    }

    /// Sorts the members of a call by argument; `None` if it is no object.
    fn gather<'c>(&self, call: &'c RawValue) -> Option<Given<'c>> {
        let mut given = Given {
            values: vec![None; self.list.len()],
            problems: Vec::new(),
            unknown: Unknown::default(),
        };
        let mut times = vec![0usize; given.values.len()];
        let read = json::each_member(call.get(), &mut |name, value| {
            let Some(place) = self.find(&name) else {
                given.unknown.push(&name);
                return Ok(());
            };
            times[place] += 1;
            // One sentence an argument, however often it comes.
            if times[place] == 2 {
                let problem = format!("argument {name:?}: given more than once");
                given.problems.push(problem);
            }
            given.values[place] = json::said(Some(value));
            Ok(())
        });
        read.ok().map(|()| given)
    }
}

impl Checked {
    fn new(argument: Argument) -> Result<Checked, String> {
        let pattern = match &argument.kind {
            Kind::String {
                pattern: Some(pattern),
                ..
            } => Some(compile(pattern)?),
            Kind::String { pattern: None, .. } => None,
            Kind::Integer { .. } | Kind::Number { .. } | Kind::Boolean => None,
        };
        let checked = Checked { argument, pattern };
        let Argument {
            name,
            choices,
            default,
            ..
        } = &checked.argument;
        // They have to pass the same check as a value that comes in a call.
        let mut own = choices.iter().flatten().chain(default);
        match own.find(|value| !checked.allows(value)) {
            None => Ok(checked),
            Some(value) => Err(format!(
                "argument {name:?}: its own default or choice {value} is not {checked}"
            )),
        }
    }

    fn check(&self, json: Option<&RawValue>) -> Result<Option<Scalar>, String> {
        let name = &self.argument.name;
        let Some(json) = json else {
            return match &self.argument.default {
                Some(default) => Ok(Some(default.clone())),
                None if self.argument.required => {
                    Err(format!("argument {name:?} is missing: expected {self}"))
                }
                None => Ok(None),
            };
        };
        match Scalar::parse(json.get()) {
            Some(value) if self.allows(&value) => Ok(Some(value)),
            Some(Scalar::Text(text)) if text.contains('\0') => {
                Err(format!("argument {name:?}: must not hold a NUL character"))
            }
            Some(_) | None => Err(format!(
                "argument {name:?}: expected {self}, got {}",
                shown(json.get())
            )),
        }
    }

    fn allows(&self, value: &Scalar) -> bool {
        let chosen = self
            .argument
            .choices
            .as_ref()
            .is_none_or(|choices| choices.contains(value));
        chosen
            && match (&self.argument.kind, value) {
                (
                    Kind::String {
                        length_min,
                        length_max,
                        ..
                    },
                    Scalar::Text(text),
                ) => {
                    let length = text.chars().count();
                    !text.contains('\0')
                        && length_min.is_none_or(|least| length >= least as usize)
                        && length_max.is_none_or(|most| length <= most as usize)
                        && self.pattern.as_ref().is_none_or(|pattern| {
                            text.len() <= PATTERN_TEXT_BYTES_MAX && pattern.is_match(text)
                        })
                }
                (Kind::Integer { minimum, maximum }, Scalar::Whole(whole)) => {
                    minimum.is_none_or(|least| *whole >= least)
                        && maximum.is_none_or(|most| *whole <= most)
                }
                (Kind::Number { minimum, maximum }, number) => {
                    number.as_float().is_some_and(|number| {
                        minimum.is_none_or(|least| number >= least)
                            && maximum.is_none_or(|most| number <= most)
                    })
                }
                (Kind::Boolean, Scalar::Boolean(_)) => true,
                (Kind::String { .. } | Kind::Integer { .. } | Kind::Boolean, _) => false,
            }
    }
}

impl fmt::Display for Checked {
    /// What is expected: `a whole number from 2 to 27`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(choices) = &self.argument.choices {
            let choices: Vec<String> = choices.iter().map(|choice| choice.to_string()).collect();
            return write!(f, "one of {}", choices.join(", "));
        }
        match &self.argument.kind {
            Kind::String {
                length_min,
                length_max,
                pattern,
            } => {
                f.write_str("a string")?;
                fmt_bounds(f, *length_min, *length_max)?;
                if length_min.is_some() || length_max.is_some() {
                    f.write_str(" characters")?;
                }
                match pattern {
                    Some(pattern) => write!(
                        f,
                        " of at most {PATTERN_TEXT_BYTES_MAX} bytes that matches {}",
                        anchored(pattern)
                    ),
                    None => Ok(()),
                }
            }
            Kind::Integer { minimum, maximum } => {
                f.write_str("a whole number")?;
                match (minimum, maximum) {
                    (None, None) => f.write_str(" of at most 64 bits"),
                    (Some(_), _) | (None, Some(_)) => fmt_bounds(f, *minimum, *maximum),
                }
            }
            Kind::Number { minimum, maximum } => {
                f.write_str("a number")?;
                fmt_bounds(f, *minimum, *maximum)
            }
            Kind::Boolean => f.write_str("true or false"),
        }
    }
}

fn fmt_bounds<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    least: Option<T>,
    most: Option<T>,
) -> fmt::Result {
    match (least, most) {
        (Some(least), Some(most)) => write!(f, " from {least} to {most}"),
        (Some(least), None) => write!(f, " of at least {least}"),
        (None, Some(most)) => write!(f, " of at most {most}"),
        (None, None) => Ok(()),
    }
}

/// The beginning of what came, on one line.
pub(super) fn shown(json: &str) -> String {
    let mut characters = json.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = characters.by_ref().take(SHOWN_CHARACTERS_MAX).collect();
    if characters.next().is_some() {
        shown.push_str("...");
    }
    shown
}

/// The members of a call.
struct Given<'c> {
    /// In the order of the arguments.
    values: Vec<Option<&'c RawValue>>,
    /// What is wrong already.
    problems: Vec<String>,
    /// What no argument is named like.
    unknown: Unknown,
}

#[derive(Default)]
struct Unknown {
    /// The first few names.
    named: Vec<String>,
    /// All of them, named or not.
    count: usize,
}

impl Unknown {
    fn push(&mut self, name: &str) {
        self.count += 1;
        if self.named.len() < UNKNOWN_NAMED_MAX {
            self.named.push(shown(name));
        }
    }

    fn sentence(self, arguments: &Arguments) -> Option<String> {
        if self.count == 0 {
            return None;
        }
        let known = || {
            arguments
                .list
                .iter()
                .map(|checked| checked.argument.name.as_str())
        };
        let mut sentence = String::from("unknown: ");
        for (index, name) in self.named.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            sentence.push_str(&format!("{comma}{name:?}"));
            if let Some(near) = nearest(name, known()) {
                sentence.push_str(&format!(" (did you mean {near:?}?)"));
            }
        }
        if self.count > self.named.len() {
            sentence.push_str(&format!(" and {} more", self.count - self.named.len()));
        }
        let names: Vec<&str> = known().collect();
        sentence.push_str(&match &names[..] {
            [] => "; the tool takes no arguments".to_owned(),
            names => format!("; the tool takes {}", names.join(", ")),
        });
        Some(sentence)
    }
}

#[cfg(test)]
mod tests;
