//! `/openapi.json`: the tools as operations of plain HTTP, in OpenAPI 3.1.
//!
//! Written for importers that turn every operation into a function of a model, such as Open WebUI:
//! they read `operationId`, `description` and the properties of the request body, and follow
//! references below `#/components` only. Some refuse to call an operation with an empty body where
//! one is declared, so a tool that takes nothing declares none.

use crate::tool::ToolSpec;
use crate::wire::json;

/// Characters of a function's name that every model's API takes.
const OPERATION_ID_CHARS_MAX: usize = 64;

/// What is said beside the tools.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Name of the server, for people.
    pub title: &'a str,
    /// What it is there for.
    pub description: Option<&'a str>,
    /// Where it is, scheme and authority, without a slash at the end.
    pub server_url: &'a str,
    /// Whether it asks for a token.
    pub needs_token: bool,
}

/// A status of an operation beside 200.
struct Failure {
    code: &'static str,
    /// Below `#/components/responses`.
    name: &'static str,
    /// What has happened.
    description: &'static str,
    /// What the body is, below `#/components/schemas`.
    schema: &'static str,
}

const fn failure(code: &'static str, name: &'static str, description: &'static str) -> Failure {
    Failure {
        code,
        name,
        description,
        schema: "Error",
    }
}

/// All of them.
const FAILURES: [Failure; 7] = [
    failure("400", "BadRequest", "The body is not a JSON object."),
    failure("401", "Unauthorized", "A token is missing or wrong."),
    failure(
        "403",
        "Forbidden",
        "The token's role may not use this tool.",
    ),
    failure("404", "NotFound", "There is no such tool."),
    failure(
        "429",
        "TooManyRequests",
        "Too many requests: see Retry-After.",
    ),
    Failure {
        code: "500",
        name: "ToolFailed",
        description: "The tool ran and failed: its content tells why.",
        schema: "CallToolResult",
    },
    failure(
        "503",
        "Unavailable",
        "The server is full or stopping: see Retry-After.",
    ),
];

/// Schemas that all operations share.
const SCHEMAS: &str = concat!(
    r#""CallToolResult":{"type":"object","required":["content"],"properties":{"#,
    r#""content":{"type":"array","description":"What the tool says, for a model.","#,
    r#""items":{"type":"object","required":["type"],"properties":{"type":{"type":"string"},"#,
    r#""text":{"type":"string"},"data":{"type":"string"},"mimeType":{"type":"string"}}}},"#,
    r#""structuredContent":{"type":"object","description":"The same, for a program."},"#,
    r#""isError":{"type":"boolean","description":"The tool ran and failed."}}},"#,
    r#""Error":{"type":"object","required":["error"],"properties":{"error":{"type":"object","#,
    r#""required":["code","message"],"properties":{"code":{"type":"integer"},"#,
    r#""message":{"type":"string"}}}}}"#,
);

/// The document for these tools, each with the name that it is called by.
pub fn openapi<'a>(
    about: &About<'_>,
    tools: impl Iterator<Item = (&'a str, &'a ToolSpec)>,
) -> Vec<u8> {
    let operations = operations(tools);
    let mut out = Vec::new();
    push_about(&mut out, about);
    push(&mut out, r#","paths":{"#);
    for (index, operation) in operations.iter().enumerate() {
        push(&mut out, if index > 0 { "," } else { "" });
        operation.push_path(&mut out);
    }
    push(&mut out, r#"},"components":{"schemas":{"#);
    push(&mut out, SCHEMAS);
    for operation in &operations {
        operation.push_schemas(&mut out);
    }
    push(&mut out, r#"},"responses":{"#);
    push_responses(&mut out);
    push(&mut out, "}");
    if about.needs_token {
        let scheme = r#","securitySchemes":{"token":{"type":"http","scheme":"bearer"}}"#;
        push(&mut out, scheme);
    }
    push(&mut out, "}}");
    out
}

/// Everything before the paths.
fn push_about(out: &mut Vec<u8>, about: &About<'_>) {
    push(out, r#"{"openapi":"3.1.0","info":{"title":"#);
    json::push_string(out, about.title);
    if let Some(description) = about.description {
        push(out, r#","description":"#);
        json::push_string(out, description);
    }
    push(
        out,
        concat!(
            r#","version":""#,
            env!("CARGO_PKG_VERSION"),
            r#""},"servers":[{"url":"#
        ),
    );
    json::push_string(out, about.server_url);
    push(out, "}]");
    if about.needs_token {
        push(out, r#","security":[{"token":[]}]"#);
    }
}

/// The answers that say why not.
fn push_responses(out: &mut Vec<u8>) {
    for (index, failure) in FAILURES.iter().enumerate() {
        push(out, if index > 0 { "," } else { "" });
        json::push_string(out, failure.name);
        push(out, r#":{"description":"#);
        json::push_string(out, failure.description);
        let schema = failure.schema;
        push_content(
            out,
            &format!(r##"{{"$ref":"#/components/schemas/{schema}"}}"##),
        );
        push(out, "}");
    }
}

/// A tool as it stands in the document.
struct Operation<'a> {
    /// Its name there, different from all others.
    id: String,
    /// What it is called by.
    name: &'a str,
    spec: &'a ToolSpec,
    /// Its input schema, if it takes anything.
    input: Option<String>,
    /// Its output schema.
    output: Option<String>,
}

/// The tools with names that importers take.
fn operations<'a>(tools: impl Iterator<Item = (&'a str, &'a ToolSpec)>) -> Vec<Operation<'a>> {
    let mut operations: Vec<Operation<'a>> = Vec::new();
    for (name, spec) in tools {
        let id = operation_id(name, |id| operations.iter().any(|twin| twin.id == id));
        let input = schema(spec.input_schema.get(), &id, "input");
        // Quotes within a string are escaped, so nothing else looks like this.
        let takes_something = input.contains(r#""properties":{""#);
        let output = spec.output_schema.as_ref();
        operations.push(Operation {
            input: takes_something.then_some(input),
            output: output.map(|output| schema(output.get(), &id, "output")),
            name,
            spec,
            id,
        });
    }
    operations
}

/// Letters, digits and underscores that remind of `name`. Names that look the same then are told
/// apart by a number.
fn operation_id(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '_'
        }
    };
    // Some models' APIs want no digit at the beginning.
    let first = name.chars().next().filter(|first| !first.is_ascii_digit());
    let underscore = first.is_none().then_some('_');
    let letters = underscore.into_iter().chain(name.chars().map(plain));
    let id: String = letters.take(OPERATION_ID_CHARS_MAX).collect();
    let mut unique = id.clone();
    let mut number = 1;
    while is_taken(&unique) {
        number += 1;
        let suffix = format!("_{number}");
        let kept = id.len().min(OPERATION_ID_CHARS_MAX - suffix.len());
        unique = format!("{}{suffix}", &id[..kept]);
    }
    unique
}

/// A tool's schema at its place in the document: references to parts of itself begin at the
/// document's root here, unless it says what they are relative to.
fn schema(schema: &str, id: &str, suffix: &str) -> String {
    let mut out = Vec::with_capacity(schema.len());
    json::push_compact(&mut out, schema);
    let text = String::from_utf8(out).expect("a text without some blanks is a text");
    if !text.contains("\"$ref\":\"#") || text.contains("\"$id\":") {
        return text;
    }
    let place = format!("\"$ref\":\"#/components/schemas/{id}_{suffix}");
    let text = text.replace("\"$ref\":\"#/", &format!("{place}/"));
    text.replace("\"$ref\":\"#\"", &format!("{place}\""))
}

impl Operation<'_> {
    /// The path with what can be asked there.
    fn push_path(&self, out: &mut Vec<u8>) {
        let spec = self.spec;
        json::push_string(out, &format!("/mcp/tools/{}", path_segment(self.name)));
        push(out, r#":{"post":{"operationId":"#);
        json::push_string(out, &self.id);
        push(out, r#","summary":"#);
        json::push_string(out, spec.title.as_deref().unwrap_or(self.name));
        push(out, r#","description":"#);
        json::push_string(out, &spec.description);
        if self.input.is_some() {
            let schema = self.reference("input");
            push(out, r#","requestBody":{"required":true"#);
            push_content(out, &schema);
            push(out, "}");
        }
        push(
            out,
            r#","responses":{"200":{"description":"What the tool answered.""#,
        );
        push_content(out, &self.result());
        push(out, "}");
        for Failure { code, name, .. } in &FAILURES {
            push(out, ",\"");
            push(out, code);
            push(out, "\":{\"$ref\":\"#/components/responses/");
            push(out, name);
            push(out, "\"}");
        }
        push(out, "}}}");
    }

    /// The tool's own schemas, each behind a comma.
    fn push_schemas(&self, out: &mut Vec<u8>) {
        let schemas = [("input", &self.input), ("output", &self.output)];
        for (suffix, schema) in schemas {
            if let Some(schema) = schema {
                push(out, &format!(",\"{}_{suffix}\":{schema}", self.id));
            }
        }
    }

    /// The schema of its answer.
    fn result(&self) -> String {
        let whole = r##"{"$ref":"#/components/schemas/CallToolResult"}"##;
        if self.output.is_none() {
            return whole.to_string();
        }
        let part = self.reference("output");
        format!(r#"{{"allOf":[{whole},{{"properties":{{"structuredContent":{part}}}}}]}}"#)
    }

    /// Points to one of its own schemas.
    fn reference(&self, suffix: &str) -> String {
        format!("{{\"$ref\":\"#/components/schemas/{}_{suffix}\"}}", self.id)
    }
}

/// A further member: what a body is.
fn push_content(out: &mut Vec<u8>, schema: &str) {
    push(out, r#","content":{"application/json":{"schema":"#);
    push(out, schema);
    push(out, "}}");
}

/// A name as one segment of a path (RFC 3986 section 3.3): what is not unreserved is escaped.
fn path_segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                segment.push(char::from(byte));
            }
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests;
