//! One argument of a command tool: its type, its bounds, its default.

use super::complaint::Fault;
use super::document::{Data, Value};
use super::table::{Key, Table, names};
use super::tool::{TEXT_BYTES_MAX, key};
use super::values::{self, Letters};
use crate::tool::command::{Argument, Kind, Scalar, check_pattern};
use std::fmt::Display;

/// The keys of an argument.
pub(super) const ARGUMENT_KEYS: [Key; 10] = [
    key(
        "type",
        "\"string\", \"integer\", \"number\" or \"boolean\"",
        "What it is; required.",
    ),
    key("description", "a text", "What a model reads about it."),
    key("enum", "a list of values", "The only values allowed."),
    key("default", "a value", "Taken when a call has none."),
    key(
        "required",
        "true or false",
        "A call needs it; true unless there is a default.",
    ),
    key(
        "minimum",
        "a number",
        "Least value, for integer and number.",
    ),
    key(
        "maximum",
        "a number",
        "Greatest value, for integer and number.",
    ),
    key(
        "min_length",
        "a whole number",
        "Least characters, for string.",
    ),
    key(
        "max_length",
        "a whole number",
        "Most characters, for string.",
    ),
    key(
        "pattern",
        "a regular expression",
        "What the whole text must match, for string.",
    ),
];

const ARGUMENT_NAMES: [&str; ARGUMENT_KEYS.len()] = names(&ARGUMENT_KEYS);

/// The types, named as JSON Schema names them.
const TYPES: [(&str, Type); 4] = [
    ("string", Type::String),
    ("integer", Type::Integer),
    ("number", Type::Number),
    ("boolean", Type::Boolean),
];

/// A type without its bounds.
#[derive(Clone, Copy, Debug)]
enum Type {
    String,
    Integer,
    Number,
    Boolean,
}

/// Reads the argument called `name` from its table. `None` when its type is unknown, without which
/// nothing else about it can be judged.
pub(super) fn read(name: String, mut table: Table<'_>) -> Option<Argument> {
    let names = TYPES.map(|(name, _)| name);
    let expected = values::words_expected(&names);
    let found = table.demand("type", &expected, |value| values::word(value, &names));
    let description = table.read("description", |value| {
        values::text(value, TEXT_BYTES_MAX, Letters::Process)
    });
    let required = table.read("required", values::flag);
    let Some((type_name, kind)) = found.map(|index| TYPES[index]) else {
        table.finish(&ARGUMENT_NAMES, None);
        return None;
    };
    let misplaced = format!("has no meaning for type \"{type_name}\"");
    let kind = bounds(kind, &mut table);
    let choices = table.read("enum", |value| choices(&kind, value));
    let default = table.read("default", |value| default(&kind, choices.as_deref(), value));
    if default.is_some() && required == Some(true) {
        table.complain("required", "an argument with a default is never required");
    }
    table.finish(&ARGUMENT_NAMES, Some(&misplaced));
    Some(Argument {
        name,
        kind,
        choices,
        required: default.is_none() && required.unwrap_or(true),
        default,
        description,
    })
}

/// The type with the bounds that belong to it; those of other types stay in the table.
fn bounds(kind: Type, table: &mut Table<'_>) -> Kind {
    match kind {
        Type::Integer => {
            let minimum = table.read("minimum", integer);
            let maximum = table.read("maximum", integer);
            check_order(table, ("minimum", minimum), ("maximum", maximum));
            Kind::Integer { minimum, maximum }
        }
        Type::Number => {
            let minimum = table.read("minimum", number);
            let maximum = table.read("maximum", number);
            check_order(table, ("minimum", minimum), ("maximum", maximum));
            Kind::Number { minimum, maximum }
        }
        Type::Boolean => Kind::Boolean,
        Type::String => {
            let length = |value: &Value| values::count(value, &(0..=u32::MAX));
            let length_min = table.read("min_length", length);
            let length_max = table.read("max_length", length);
            check_order(
                table,
                ("min_length", length_min),
                ("max_length", length_max),
            );
            Kind::String {
                length_min,
                length_max,
                pattern: table.read("pattern", pattern),
            }
        }
    }
}

/// With the least above the greatest no call could ever be right.
fn check_order<T: PartialOrd + Display>(
    table: &mut Table<'_>,
    (least_key, least): (&str, Option<T>),
    (greatest_key, greatest): (&str, Option<T>),
) {
    if let (Some(least), Some(greatest)) = (least, greatest)
        && least > greatest
    {
        let problem = format!("expected at most {greatest_key}, {greatest}, found {least}");
        table.complain(least_key, problem);
    }
}

fn integer(value: &Value) -> Result<i64, Fault> {
    match value.data {
        Data::Integer(number) => Ok(number),
        Data::Text(_)
        | Data::Float(_)
        | Data::Boolean(_)
        | Data::Strange(_)
        | Data::List(_)
        | Data::Table(_) => Err(value.refuse("a whole number")),
    }
}

fn number(value: &Value) -> Result<f64, Fault> {
    match value.data {
        Data::Integer(number) => Ok(number as f64),
        Data::Float(number) => Ok(number),
        Data::Text(_) | Data::Boolean(_) | Data::Strange(_) | Data::List(_) | Data::Table(_) => {
            Err(value.refuse("a finite number"))
        }
    }
}

fn pattern(value: &Value) -> Result<String, Fault> {
    let pattern = values::text(value, TEXT_BYTES_MAX, Letters::Process)?;
    match check_pattern(&pattern) {
        Ok(()) => Ok(pattern),
        Err(error) => Err(value.refuse(&format!("a regular expression ({error})"))),
    }
}

fn choices(kind: &Kind, value: &Value) -> Result<Vec<Scalar>, Fault> {
    let Data::List(items) = &value.data else {
        return Err(value.refuse("a list of values"));
    };
    if items.is_empty() {
        return Err(value.refuse("at least one value"));
    }
    values::list(value, "a list of values", usize::MAX, |item| {
        scalar(kind, item).map(|scalar| vec![scalar])
    })
}

fn default(kind: &Kind, choices: Option<&[Scalar]>, value: &Value) -> Result<Scalar, Fault> {
    let scalar = scalar(kind, value)?;
    match choices {
        Some(choices) if !choices.contains(&scalar) => Err(value.refuse("a value of enum")),
        Some(_) | None => Ok(scalar),
    }
}

/// A value of the argument's type within its bounds, as a call would carry it.
fn scalar(kind: &Kind, value: &Value) -> Result<Scalar, Fault> {
    let scalar = match (kind, &value.data) {
        (
            Kind::String {
                length_min,
                length_max,
                pattern: _,
            },
            Data::Text(text),
        ) => {
            let length = text.chars().count() as u64;
            let fits = within(
                &length,
                length_min.map(u64::from),
                length_max.map(u64::from),
            );
            fits.then(|| Scalar::Text(text.clone()))
        }
        (Kind::Integer { minimum, maximum }, Data::Integer(number)) => {
            within(number, *minimum, *maximum).then_some(Scalar::Whole(*number))
        }
        (Kind::Number { minimum, maximum }, Data::Integer(number)) => {
            within(&(*number as f64), *minimum, *maximum).then_some(Scalar::Whole(*number))
        }
        (Kind::Number { minimum, maximum }, Data::Float(number)) => {
            let fits = within(number, *minimum, *maximum);
            fits.then(|| Scalar::of_float(*number))
        }
        (Kind::Boolean, Data::Boolean(flag)) => Some(Scalar::Boolean(*flag)),
        (
            Kind::String { .. } | Kind::Integer { .. } | Kind::Number { .. } | Kind::Boolean,
            Data::Text(_)
            | Data::Integer(_)
            | Data::Float(_)
            | Data::Boolean(_)
            | Data::Strange(_)
            | Data::List(_)
            | Data::Table(_),
        ) => None,
    };
    scalar.ok_or_else(|| value.refuse(&scalar_expected(kind)))
}

fn within<T: PartialOrd>(value: &T, least: Option<T>, greatest: Option<T>) -> bool {
    least.is_none_or(|least| *value >= least) && greatest.is_none_or(|greatest| *value <= greatest)
}

/// In words: what [`scalar`] takes.
fn scalar_expected(kind: &Kind) -> String {
    match kind {
        Kind::String {
            length_min,
            length_max,
            pattern: _,
        } => format!(
            "a text{}",
            bounds_expected(length_min, length_max, " characters")
        ),
        Kind::Integer { minimum, maximum } => {
            format!("a whole number{}", bounds_expected(minimum, maximum, ""))
        }
        Kind::Number { minimum, maximum } => {
            format!("a finite number{}", bounds_expected(minimum, maximum, ""))
        }
        Kind::Boolean => "true or false".to_string(),
    }
}

fn bounds_expected<T: Display>(least: &Option<T>, greatest: &Option<T>, unit: &str) -> String {
    match (least, greatest) {
        (Some(least), Some(greatest)) => format!(" from {least} to {greatest}{unit}"),
        (Some(least), None) => format!(" of at least {least}{unit}"),
        (None, Some(greatest)) => format!(" of at most {greatest}{unit}"),
        (None, None) => String::new(),
    }
}
