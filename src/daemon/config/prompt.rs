//! `[[prompt]]`: texts that people choose, with arguments filled in.

use super::complaint::{Complaints, Fault, Place};
use super::document::{Data, Value};
use super::kind::name;
use super::table::{Key, Table, names};
use super::template::{NAME, is_name};
use super::tool::{ARGUMENTS, TEXT_BYTES_MAX, key, label, sub_table};
use super::values::{self, Letters};
use crate::daemon::settings::{PromptArgumentSettings, PromptSettings};
use crate::limits;
use crate::tool::catalogue::Role;

/// Bytes of one message. A person chose it, so a model's context may hold it.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Messages of one prompt. Examples come in pairs; more than a few are a conversation.
const MESSAGES_MAX: usize = 32;

/// Bytes of one value that is offered.
const VALUE_BYTES_MAX: usize = 256;

const MESSAGE: &str = "text = \"...\", or tables that begin with [[prompt.message]]";
const VALUES: &str = "a list of texts such as [\"security\", \"speed\"]";

/// The keys of `[[prompt]]`.
pub(super) const PROMPT_KEYS: [Key; 6] = [
    key(
        "name",
        "letters, digits, `_`, `.`, `-`",
        "What the prompt is called; required.",
    ),
    key("title", "a text", "Its name for people."),
    key(
        "description",
        "a text",
        "What people read when they choose.",
    ),
    key(
        "text",
        "a text",
        "What the person says; `{name}` is replaced by that argument, by nothing where it is left \
         out.",
    ),
    key(
        "message",
        "tables of role and text",
        "Instead of text: who says what, `\"user\"` or `\"assistant\"`.",
    ),
    key(
        ARGUMENTS,
        "a table of tables",
        "What is filled in, by name; keys below.",
    ),
];

/// The keys of an argument.
pub(super) const PROMPT_ARGUMENT_KEYS: [Key; 3] = [
    key("description", "a text", "What people read about it."),
    key(
        "required",
        "true or false",
        "The prompt makes no sense without it; false by default.",
    ),
    key(
        "values",
        "a list of texts",
        "What is offered while somebody types.",
    ),
];

const PROMPT_NAMES: [&str; PROMPT_KEYS.len()] = names(&PROMPT_KEYS);
const ARGUMENT_NAMES: [&str; PROMPT_ARGUMENT_KEYS.len()] = names(&PROMPT_ARGUMENT_KEYS);
const MESSAGE_NAMES: [&str; 2] = ["role", "text"];

/// Who says a message.
const ROLES: [(&str, Role); 2] = [("user", Role::User), ("assistant", Role::Assistant)];

/// As it is written.
pub(super) fn role_name(role: Role) -> &'static str {
    let found = ROLES.iter().find(|(_, known)| *known == role);
    found.expect("all are there").0
}

/// A prompt and where it stands.
#[derive(Debug)]
pub(super) struct Prompt {
    /// The line of `[[prompt]]`.
    pub place: Place,
    /// Its dotted key in complaints.
    pub label: String,
    /// What it is. With complaints about it, only the name counts.
    pub settings: PromptSettings,
}

/// Reads the `position`th `[[prompt]]` of a source. Without a name it is no prompt.
pub(super) fn read(
    value: Value,
    position: usize,
    source: &Place,
    complaints: &mut Complaints,
) -> Option<Prompt> {
    let place = source.at(value.line);
    let Data::Table(entries) = value.data else {
        complaints.add(
            place,
            "prompt",
            "expected tables that begin with [[prompt]]",
        );
        return None;
    };
    let label = label("prompt", &entries, position);
    let complaints_before = complaints.len();
    let mut table = Table::new(label.clone(), place.clone(), entries, complaints);
    let settings = settings(&mut table);
    if table.complaints.len() == complaints_before {
        check_use(&mut table, &settings);
    }
    (!settings.name.is_empty()).then_some(Prompt {
        place,
        label,
        settings,
    })
}

fn settings(table: &mut Table<'_>) -> PromptSettings {
    let settings = PromptSettings {
        name: table.demand("name", NAME, name).unwrap_or_default(),
        title: table.read("title", text),
        description: table.read("description", text),
        messages: messages(table),
        arguments: arguments(table),
    };
    table.finish(&PROMPT_NAMES, None);
    settings
}

fn text(value: &Value) -> Result<String, Fault> {
    values::text(value, TEXT_BYTES_MAX, Letters::Process)
}

fn message_text(value: &Value) -> Result<String, Fault> {
    values::text(value, MESSAGE_BYTES_MAX, Letters::Process)
}

fn messages(table: &mut Table<'_>) -> Vec<(Role, String)> {
    let text = table.take("text");
    match (text, table.take("message")) {
        (Some(text), None) => match message_text(&text) {
            Ok(text) => vec![(Role::User, text)],
            Err(fault) => {
                table.fault("text", fault);
                Vec::new()
            }
        },
        (None, Some(value)) => match value.data {
            Data::List(items) if (1..=MESSAGES_MAX).contains(&items.len()) => {
                let read = |(index, item)| message(table, index + 1, item);
                items.into_iter().enumerate().filter_map(read).collect()
            }
            Data::Text(_)
            | Data::Integer(_)
            | Data::Float(_)
            | Data::Boolean(_)
            | Data::Strange(_)
            | Data::List(_)
            | Data::Table(_) => {
                let expected = format!("1 to {MESSAGES_MAX} tables of role and text");
                table.fault("message", value.refuse(&expected));
                Vec::new()
            }
        },
        (None, None) => {
            table.complain("text", format!("missing, expected {MESSAGE}"));
            Vec::new()
        }
        (Some(_), Some(_)) => {
            table.complain("text", format!("expected only one of {MESSAGE}"));
            Vec::new()
        }
    }
}

/// The `position`th message.
fn message(table: &mut Table<'_>, position: usize, value: Value) -> Option<(Role, String)> {
    let label = format!("{}.message.{position}", table.label);
    let place = table.place.at(value.line);
    let Data::Table(entries) = value.data else {
        let fault = value.refuse("a table of role and text");
        table.fault("message", fault);
        return None;
    };
    let mut fields = Table::new(label, place, entries, table.complaints);
    let names = ROLES.map(|(name, _)| name);
    let role = fields.read("role", |value| values::word(value, &names));
    let text = fields.demand("text", "what is said", message_text);
    fields.finish(&MESSAGE_NAMES, None);
    Some((role.map_or(Role::User, |role| ROLES[role].1), text?))
}

fn arguments(table: &mut Table<'_>) -> Vec<PromptArgumentSettings> {
    let mut arguments = Vec::new();
    for entry in sub_table(table, ARGUMENTS) {
        let key = format!("{ARGUMENTS}.{}", entry.key);
        let label = format!("{}.{key}", table.label);
        let place = table.place.at(entry.line);
        match entry.value.data {
            Data::Table(entries) if is_name(&entry.key) => {
                let fields = Table::new(label, place, entries, table.complaints);
                arguments.push(argument(entry.key, fields));
            }
            Data::Table(_) => table
                .complaints
                .add(place, label, format!("expected {NAME}")),
            Data::Text(_)
            | Data::Integer(_)
            | Data::Float(_)
            | Data::Boolean(_)
            | Data::Strange(_)
            | Data::List(_) => {
                let fault = entry.value.refuse("a table such as { required = true }");
                table.fault(&key, fault);
            }
        }
    }
    arguments
}

fn argument(name: String, mut fields: Table<'_>) -> PromptArgumentSettings {
    let value = |value: &Value| Ok(vec![values::text(value, VALUE_BYTES_MAX, Letters::Line)?]);
    let offered = |list: &Value| values::list(list, VALUES, limits::COMPLETIONS_MAX, value);
    let argument = PromptArgumentSettings {
        name,
        description: fields.read("description", text),
        required: fields.read("required", values::flag).unwrap_or(false),
        values: fields.read("values", offered).unwrap_or_default(),
    };
    fields.finish(&ARGUMENT_NAMES, None);
    argument
}

/// Every argument stands in some text. Other braces stay as they are: a prompt may show JSON.
fn check_use(table: &mut Table<'_>, settings: &PromptSettings) {
    for argument in &settings.arguments {
        let placeholder = format!("{{{}}}", argument.name);
        let mut texts = settings.messages.iter().map(|(_, text)| text);
        if !texts.any(|text| text.contains(&placeholder)) {
            let key = format!("{ARGUMENTS}.{}", argument.name);
            table.complain(&key, format!("used nowhere; place {placeholder} somewhere"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::daemon::config::{Environment, Overrides, Source, parse};
    use crate::daemon::settings::PromptSettings;
    use crate::limits::PROMPTS_MAX;
    use crate::tool::catalogue::Role;

    /// The prompts of `text`, or the complaints about it.
    fn load(text: &str) -> Result<Vec<PromptSettings>, Vec<String>> {
        let source = Source {
            name: "a.toml".to_string(),
            text: text.to_string(),
        };
        let settings = parse(&[source], &Environment::default(), &Overrides::default());
        let shown = |complaints: Vec<_>| complaints.iter().map(ToString::to_string).collect();
        settings.map(|settings| settings.prompts).map_err(shown)
    }

    fn check(lines: &str, expected: &[&str]) {
        let complaints = load(&format!("[[prompt]]\n{lines}")).err();
        assert_eq!(complaints.unwrap_or_default(), expected, "{lines}");
    }

    #[test]
    fn a_text_is_what_the_person_says() {
        let text = "[[prompt]]\nname = 'a'\ntext = '{x} {y}'\n[prompt.arguments]\n\
                    x = { required = true, values = ['1', '2'], description = 'd' }\n\
                    [[prompt]]\nname = 'b'\n[[prompt.message]]\ntext = 'q'\n\
                    [[prompt.message]]\nrole = 'assistant'\ntext = 'r'";
        let prompts = load(text).unwrap();
        assert_eq!(prompts[0].messages, [(Role::User, "{x} {y}".to_string())]);
        let argument = &prompts[0].arguments[0];
        assert_eq!((&*argument.name, argument.required), ("x", true));
        assert_eq!(argument.values, ["1", "2"]);
        assert_eq!(argument.description.as_deref(), Some("d"));
        let said = [
            (Role::User, "q".to_string()),
            (Role::Assistant, "r".to_string()),
        ];
        assert_eq!(prompts[1].messages, said);
    }

    #[test]
    fn complaints_about_prompts() {
        check(
            "",
            &[
                "a.toml:1: prompt.1.name: missing, expected a name of 1 to 64 letters, digits, \
             \"_\", \".\" or \"-\"",
                "a.toml:1: prompt.1.text: missing, expected text = \"...\", or tables that begin \
             with [[prompt.message]]",
            ],
        );
        check(
            "name = 'a'\ntext = 't'\nmessages = 1\ntilte = 't'",
            &[
                "a.toml:4: prompt.a.messages: unknown key, did you mean message?",
                "a.toml:5: prompt.a.tilte: unknown key, did you mean title?",
            ],
        );
        check(
            "name = 'a'\ntext = 't'\nmessage = [{ text = 'u' }]",
            &[
                "a.toml:1: prompt.a.text: expected only one of text = \"...\", or tables that \
             begin with [[prompt.message]]",
            ],
        );
        check(
            "name = 'a'\nmessage = []",
            &[
                "a.toml:3: prompt.a.message: expected 1 to 32 tables of role and text, found an \
             empty list",
            ],
        );
        check(
            "name = 'a'\nmessage = ['b', { role = 'system', text = '' }, { rol = 'user' }]",
            &[
                "a.toml:3: prompt.a.message: expected a table of role and text, found \"b\"",
                "a.toml:3: prompt.a.message.2.role: expected \"user\" or \"assistant\", found \
             \"system\"",
                "a.toml:3: prompt.a.message.2.text: expected a text of 1 to 65536 bytes without \
             NUL, found \"\"",
                "a.toml:3: prompt.a.message.3.text: missing, expected what is said",
                "a.toml:3: prompt.a.message.3.rol: unknown key, did you mean role?",
            ],
        );
        assert_eq!(
            load("[prompt]\nname = 'a'").unwrap_err(),
            ["a.toml:1: prompt: expected tables that begin with [[prompt]]"]
        );
    }

    #[test]
    fn complaints_about_arguments_of_prompts() {
        let with = |argument: &str| {
            format!("name = 'a'\ntext = 'x {{x}}'\n[prompt.arguments]\n{argument}")
        };
        check(&with("x = {}"), &[]);
        check(
            &with("y = {}"),
            &["a.toml:1: prompt.a.arguments.y: used nowhere; place {y} somewhere"],
        );
        check(
            &with("x = 1"),
            &[
                "a.toml:5: prompt.a.arguments.x: expected a table such as { required = true }, \
                 found 1",
            ],
        );
        check(
            &with("'a b' = {}"),
            &[
                "a.toml:5: prompt.a.arguments.a b: expected a name of 1 to 64 letters, digits, \
             \"_\", \".\" or \"-\"",
            ],
        );
        check(
            &with("x = { required = 1, value = [], values = ['a', 'a'] }"),
            &[
                "a.toml:5: prompt.a.arguments.x.required: expected true or false, found 1",
                "a.toml:5: prompt.a.arguments.x.values: \"a\" is listed twice",
                "a.toml:5: prompt.a.arguments.x.value: unknown key, did you mean values?",
            ],
        );
        let many: Vec<String> = (0..101).map(|index| format!("'{index}'")).collect();
        let many = format!("x = {{ values = [{}] }}", many.join(","));
        check(
            &with(&many),
            &["a.toml:5: prompt.a.arguments.x.values: expected at most 100 items"],
        );
    }

    #[test]
    fn a_name_is_taken_once_and_their_number_ends() {
        let prompt = |name| format!("[[prompt]]\nname = 'p{name}'\ntext = 't'\n");
        assert_eq!(
            load(&[prompt(1), prompt(1)].concat()).unwrap_err(),
            ["a.toml:4: prompt.p1.name: the name is taken by the prompt at a.toml:1"]
        );
        let many = |count| load(&(0..count).map(prompt).collect::<String>());
        assert_eq!(many(PROMPTS_MAX).unwrap().len(), PROMPTS_MAX);
        assert_eq!(
            many(PROMPTS_MAX + 1).unwrap_err(),
            ["a.toml:769: prompt: expected at most 256 of [[prompt]]"]
        );
    }
}
