//! Forms that people fill in (MCP 2025-11-25, client/elicitation).

use super::context::text;
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::{INVALID_PARAMS, RpcError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// A form: a message, and fields with names.
///
/// ```
/// use slimcp::{Field, Form};
///
/// let form = Form::new("Whom shall I greet?")
///     .required("name", Field::text().title("Name"))
///     .field("age", Field::integer().minimum(0))
///     .field("tone", Field::choice(["warm", "cool"]).default_text("warm"));
/// ```
#[derive(Clone, Debug)]
pub struct Form {
    message: String,
    /// The members of `properties`, written.
    fields: Vec<u8>,
    /// The elements of `required`, written.
    required: Vec<u8>,
    /// A schema in place of both.
    schema: Option<String>,
}

impl Form {
    /// A form without fields, which a person accepts or not.
    pub fn new(message: impl Into<String>) -> Form {
        Form {
            message: message.into(),
            fields: Vec::new(),
            required: Vec::new(),
            schema: None,
        }
    }

    /// A form whose `requestedSchema` is this JSON, an object schema with plain properties.
    ///
    /// # Errors
    ///
    /// If it is no JSON.
    pub fn with_schema(message: impl Into<String>, json: &str) -> serde_json::Result<Form> {
        let _: &RawValue = serde_json::from_str(json)?;
        let mut compact = Vec::new();
        json::push_compact(&mut compact, json);
        let schema = String::from_utf8(compact).expect("what is left out is ASCII");
        Ok(Form {
            schema: Some(schema),
            ..Form::new(message)
        })
    }

    /// With a field that may be left out.
    pub fn field(mut self, name: &str, field: Field) -> Form {
        push_element(&mut self.fields, name);
        self.fields.push(b':');
        self.fields.append(&mut field.0.end());
        self
    }

    /// With a field that may not be left out.
    pub fn required(mut self, name: &str, field: Field) -> Form {
        push_element(&mut self.required, name);
        self.field(name, field)
    }

    /// The parameters of `elicitation/create`.
    pub(super) fn params(self) -> String {
        let schema = match self.schema {
            Some(schema) => schema.into_bytes(),
            None => Object::default()
                .text("type", "object")
                .json("properties", &[b"{", &*self.fields, b"}"].concat())
                .json("required", &[b"[", &*self.required, b"]"].concat())
                .end(),
        };
        let params = Object::default()
            .text("mode", "form")
            .text("message", &self.message)
            .json("requestedSchema", &schema);
        text(params)
    }
}

/// Appends a string to a list that is being written.
fn push_element(list: &mut Vec<u8>, element: &str) {
    if !list.is_empty() {
        list.push(b',');
    }
    json::push_string(list, element);
}

/// The strings as a JSON array.
fn array<'a>(strings: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut list = Vec::new();
    strings
        .into_iter()
        .for_each(|string| push_element(&mut list, string));
    [b"[", &*list, b"]"].concat()
}

/// Values with their titles, as a JSON array.
fn titled<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let one = |(value, title)| Object::default().text("const", value).text("title", title);
    let objects: Vec<Vec<u8>> = values.into_iter().map(|pair| one(pair).end()).collect();
    [b"[", &*objects.join(&b","[..]), b"]"].concat()
}

/// One field of a [`Form`].
#[derive(Clone, Debug)]
pub struct Field(Object);

impl Field {
    /// Text.
    pub fn text() -> Field {
        Field::of_type("string")
    }

    /// Text of one of the formats `email`, `uri`, `date` and `date-time`.
    pub fn format(format: &str) -> Field {
        Field(Field::text().0.text("format", format))
    }

    /// A number.
    pub fn number() -> Field {
        Field::of_type("number")
    }

    /// A number without fraction.
    pub fn integer() -> Field {
        Field::of_type("integer")
    }

    /// Yes or no.
    pub fn boolean() -> Field {
        Field::of_type("boolean")
    }

    /// One of some values.
    pub fn choice<'a>(values: impl IntoIterator<Item = &'a str>) -> Field {
        Field(Field::text().0.json("enum", &array(values)))
    }

    /// One of some values, each with a title for people, since 2025-11-25.
    pub fn titled_choice<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Field {
        Field(Field::text().0.json("oneOf", &titled(values)))
    }

    /// The same as older clients know it, by `enumNames`.
    pub fn named_choice<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Field {
        let (values, names): (Vec<&str>, Vec<&str>) = values.into_iter().unzip();
        let Field(choice) = Field::choice(values);
        Field(choice.json("enumNames", &array(names)))
    }

    /// Several of some values, since 2025-11-25.
    pub fn choices<'a>(values: impl IntoIterator<Item = &'a str>) -> Field {
        Field(
            Field::of_type("array")
                .0
                .json("items", &Field::choice(values).0.end()),
        )
    }

    /// Several of some values, each with a title for people, since 2025-11-25.
    pub fn titled_choices<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Field {
        let items = Object::default().json("anyOf", &titled(values)).end();
        Field(Field::of_type("array").0.json("items", &items))
    }

    /// Its name for people.
    pub fn title(self, title: &str) -> Field {
        Field(self.0.text("title", title))
    }

    /// What people read beside it.
    pub fn description(self, description: &str) -> Field {
        Field(self.0.text("description", description))
    }

    /// What it is filled in with beforehand: a text or a choice.
    pub fn default_text(self, value: &str) -> Field {
        Field(self.0.text("default", value))
    }

    /// The same for a number or an integer.
    pub fn default_number(self, value: impl Into<f64>) -> Field {
        Field(self.0.plain("default", value.into()))
    }

    /// The same for yes or no.
    pub fn default_boolean(self, value: bool) -> Field {
        Field(self.0.plain("default", value))
    }

    /// The same for several choices.
    pub fn default_choices<'a>(self, values: impl IntoIterator<Item = &'a str>) -> Field {
        Field(self.0.json("default", &array(values)))
    }

    /// The least number.
    pub fn minimum(self, value: impl Into<f64>) -> Field {
        Field(self.0.plain("minimum", value.into()))
    }

    /// The greatest number.
    pub fn maximum(self, value: impl Into<f64>) -> Field {
        Field(self.0.plain("maximum", value.into()))
    }

    /// How many letters a text has.
    pub fn length(self, letters: std::ops::RangeInclusive<u32>) -> Field {
        let least = self.0.plain("minLength", letters.start());
        Field(least.plain("maxLength", letters.end()))
    }

    /// How many choices are made.
    pub fn count(self, choices: std::ops::RangeInclusive<u32>) -> Field {
        let least = self.0.plain("minItems", choices.start());
        Field(least.plain("maxItems", choices.end()))
    }

    fn of_type(name: &str) -> Field {
        Field(Object::default().text("type", name))
    }
}

/// What became of a form or of the way to a page.
#[derive(Clone, Debug)]
pub struct Elicited {
    /// What the person did.
    pub action: Action,
    /// What the form was filled in with: a JSON object, if it was accepted.
    pub content: Option<Box<RawValue>>,
}

/// What a person did with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Filled in the form, or was willing to visit the page.
    Accept,
    /// Said no.
    Decline,
    /// Went away without an answer.
    Cancel,
}

impl Action {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Accept => "accept",
            Action::Decline => "decline",
            Action::Cancel => "cancel",
        }
    }
}

impl Elicited {
    /// What the form was filled in with; `None` if it was not.
    ///
    /// # Errors
    ///
    /// If it is not what was asked for.
    pub fn accepted<T: DeserializeOwned>(&self) -> Result<Option<T>, RpcError> {
        let content = self.content.as_ref().map_or("{}", |content| content.get());
        match self.action {
            Action::Accept => serde_json::from_str(content).map(Some).map_err(unfit),
            Action::Decline | Action::Cancel => Ok(None),
        }
    }

    pub(super) fn read(result: &RawValue) -> Result<Elicited, RpcError> {
        #[derive(Deserialize)]
        struct Wire {
            action: Action,
            content: Option<Box<RawValue>>,
        }
        let Wire { action, content } = serde_json::from_str(result.get()).map_err(unfit)?;
        Ok(Elicited { action, content })
    }
}

/// The client's answer is none.
pub(super) fn unfit(error: serde_json::Error) -> RpcError {
    RpcError::new(INVALID_PARAMS, format!("the client's answer: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(field: Field) -> String {
        text(field.0)
    }

    #[test]
    fn fields_are_written_as_the_plain_schemas_that_forms_may_have() {
        let table = [
            (
                Field::text().title("A \"b\"").length(1..=9),
                r#"{"type":"string","title":"A \"b\"","minLength":1,"maxLength":9}"#,
            ),
            (
                Field::format("email").description("Yours."),
                r#"{"type":"string","format":"email","description":"Yours."}"#,
            ),
            (
                Field::integer().minimum(-1).maximum(9).default_number(3),
                r#"{"type":"integer","minimum":-1,"maximum":9,"default":3}"#,
            ),
            (
                Field::number().default_number(0.5),
                r#"{"type":"number","default":0.5}"#,
            ),
            (
                Field::boolean().default_boolean(true),
                r#"{"type":"boolean","default":true}"#,
            ),
            (
                Field::choice(["a", "b"]).default_text("b"),
                r#"{"type":"string","enum":["a","b"],"default":"b"}"#,
            ),
            (
                Field::titled_choice([("a", "A")]),
                r#"{"type":"string","oneOf":[{"const":"a","title":"A"}]}"#,
            ),
            (
                Field::named_choice([("a", "A"), ("b", "B")]),
                r#"{"type":"string","enum":["a","b"],"enumNames":["A","B"]}"#,
            ),
            (
                Field::choices(["a"]).count(1..=2).default_choices(["a"]),
                concat!(
                    r#"{"type":"array","items":{"type":"string","enum":["a"]},"#,
                    r#""minItems":1,"maxItems":2,"default":["a"]}"#
                ),
            ),
            (
                Field::titled_choices([("a", "A")]),
                r#"{"type":"array","items":{"anyOf":[{"const":"a","title":"A"}]}}"#,
            ),
        ];
        for (made, expected) in table {
            assert_eq!(field(made), expected);
        }
    }

    #[test]
    fn a_form_asks_for_an_object() {
        let form = Form::new("Well?")
            .required("a\"", Field::boolean())
            .field("b", Field::text());
        assert_eq!(
            form.params(),
            concat!(
                r#"{"mode":"form","message":"Well?","requestedSchema":{"type":"object","#,
                r#""properties":{"a\"":{"type":"boolean"},"b":{"type":"string"}},"#,
                r#""required":["a\""]}}"#
            )
        );
        let form = Form::with_schema("Well?", "{\n \"type\": \"object\"\n}").unwrap();
        assert!(
            form.params()
                .ends_with(r#""requestedSchema":{"type":"object"}}"#)
        );
        assert!(Form::with_schema("Well?", "{").is_err());
    }

    #[test]
    fn what_was_filled_in_is_read_if_it_was_accepted() {
        let read = |json: &str| Elicited::read(&RawValue::from_string(json.to_string()).unwrap());
        let accepted = read(r#"{"action":"accept","content":{"a":1}}"#).unwrap();
        let value = accepted.accepted::<std::collections::BTreeMap<String, u8>>();
        assert_eq!(value.unwrap().unwrap()["a"], 1);
        assert!(accepted.accepted::<Vec<u8>>().is_err());
        for json in [
            r#"{"action":"decline"}"#,
            r#"{"action":"cancel","content":null}"#,
        ] {
            assert_eq!(read(json).unwrap().accepted::<()>().unwrap(), None);
        }
        assert!(read(r#"{"action":"agree"}"#).is_err());
    }
}
