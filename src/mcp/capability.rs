//! What a client says it can do when a server asks it something.

use crate::wire::json;
use serde_json::value::RawValue;

/// Capabilities of a client that decide what it may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u8);

impl Capabilities {
    /// None: a client that has not said what it can do.
    pub const NONE: Capabilities = Capabilities(0);
    /// `elicitation/create` with a form.
    pub const FORM: Capabilities = Capabilities(1);
    /// `elicitation/create` with a URL, since 2025-11-25.
    pub const URL: Capabilities = Capabilities(2);
    /// `sampling/createMessage`.
    pub const SAMPLING: Capabilities = Capabilities(4);
    /// Tools in `sampling/createMessage`, since 2025-11-25.
    pub const SAMPLING_TOOLS: Capabilities = Capabilities(8);
    /// `roots/list`.
    pub const ROOTS: Capabilities = Capabilities(16);
    /// The extension `io.modelcontextprotocol/tasks`, since 2026-07-28.
    pub const TASKS: Capabilities = Capabilities(32);

    /// Both together.
    pub const fn and(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 | other.0)
    }

    /// Whether all of `others` are among them.
    pub const fn has(self, others: Capabilities) -> bool {
        self.0 & others.0 == others.0
    }

    /// Those of `wanted` that are not among them.
    pub const fn missing(self, wanted: Capabilities) -> Capabilities {
        Capabilities(wanted.0 & !self.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Reads the `ClientCapabilities` object. An empty `elicitation` means forms (MCP 2025-11-25,
    /// client/elicitation, capabilities).
    ///
    /// # Errors
    ///
    /// A text that says what is wrong with it.
    pub fn read(object: &str) -> Result<Capabilities, String> {
        let members =
            |object| json::pick(object, ["elicitation", "sampling", "roots", "extensions"]);
        let found = members(object).map_err(|error| error.to_string())?;
        let [elicitation, sampling, roots, extensions] = found.map(json::said);
        let mut all = Capabilities::NONE;
        if let Some(elicitation) = elicitation {
            let [form, url] = inner(elicitation, ["form", "url"]);
            let has_form = form || !url;
            all = all
                .with(has_form, Capabilities::FORM)
                .with(url, Capabilities::URL);
        }
        if let Some(sampling) = sampling {
            let [tools] = inner(sampling, ["tools"]);
            let sampling = Capabilities::SAMPLING;
            all = all.and(sampling).with(tools, Capabilities::SAMPLING_TOOLS);
        }
        let [tasks] = extensions.map_or([false], |all| inner(all, [TASKS_EXTENSION]));
        let all = all.with(roots.is_some(), Capabilities::ROOTS);
        Ok(all.with(tasks, Capabilities::TASKS))
    }

    const fn with(self, is_there: bool, more: Capabilities) -> Capabilities {
        if is_there { self.and(more) } else { self }
    }

    /// As `data.requiredCapabilities` of -32021 names them.
    pub fn to_json(self) -> String {
        let mut json = Vec::new();
        self.push_json(&mut json);
        String::from_utf8(json).expect("texts make a text")
    }

    /// Appends the same.
    pub fn push_json(self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut push = |group: &str| {
            out.push(if out.len() == start { b'{' } else { b',' });
            out.extend_from_slice(group.as_bytes());
        };
        let has = |one| self.has(one);
        match (has(Capabilities::FORM), has(Capabilities::URL)) {
            (false, false) => {}
            (true, false) => push(r#""elicitation":{}"#),
            (false, true) => push(r#""elicitation":{"url":{}}"#),
            (true, true) => push(r#""elicitation":{"form":{},"url":{}}"#),
        }
        if has(Capabilities::SAMPLING_TOOLS) {
            push(r#""sampling":{"tools":{}}"#);
        } else if has(Capabilities::SAMPLING) {
            push(r#""sampling":{}"#);
        }
        if has(Capabilities::ROOTS) {
            push(r#""roots":{}"#);
        }
        if has(Capabilities::TASKS) {
            push(r#""extensions":{"io.modelcontextprotocol/tasks":{}}"#);
        }
        out.extend_from_slice(if out.len() == start { b"{}" } else { b"}" });
    }
}

/// The name of the tasks extension.
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// Which of these members an object has; one that is no object has none.
fn inner<const N: usize>(object: &RawValue, names: [&str; N]) -> [bool; N] {
    let found = json::pick(object.get(), names).unwrap_or([None; N]);
    found.map(|member| json::said(member).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_and_named() {
        let form = Capabilities::FORM;
        let table = [
            ("{}", Capabilities::NONE, "{}"),
            (r#"{"elicitation":{}}"#, form, r#"{"elicitation":{}}"#),
            (
                r#"{"elicitation":null,"sampling":null}"#,
                Capabilities::NONE,
                "{}",
            ),
            (
                r#"{"elicitation":{"url":{}},"roots":{"listChanged":true}}"#,
                Capabilities::URL.and(Capabilities::ROOTS),
                r#"{"elicitation":{"url":{}},"roots":{}}"#,
            ),
            (
                r#"{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}}}"#,
                form.and(Capabilities::URL)
                    .and(Capabilities::SAMPLING)
                    .and(Capabilities::SAMPLING_TOOLS),
                r#"{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}}}"#,
            ),
            (
                r#"{"extensions":{"io.modelcontextprotocol/tasks":{}},"sampling":{}}"#,
                Capabilities::TASKS.and(Capabilities::SAMPLING),
                r#"{"sampling":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#,
            ),
        ];
        for (text, capabilities, named) in table {
            assert_eq!(Capabilities::read(text), Ok(capabilities), "{text}");
            assert_eq!(capabilities.to_json(), named);
        }
        assert!(Capabilities::read("[]").is_err());
        let wanted = form.and(Capabilities::ROOTS);
        assert_eq!(form.missing(wanted), Capabilities::ROOTS);
        assert!(!form.has(wanted) && wanted.has(form));
    }
}
