//! What a client's model is asked (MCP 2025-11-25, client/sampling), and what folders it works in.

use super::context::text;
use super::form::unfit;
use crate::tool::Content;
use crate::tool::ask::AskKind;
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::RpcError;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A conversation that the client's model goes on with.
#[derive(Clone, Debug)]
pub struct Sampling {
    messages: Vec<Object>,
    more: Object,
    preferences: Option<Object>,
    hints: Vec<Object>,
    kind: AskKind,
}

impl Sampling {
    /// A conversation without messages; the answer has at most so many tokens.
    pub fn new(max_tokens: u32) -> Sampling {
        Sampling {
            messages: Vec::new(),
            more: Object::default().plain("maxTokens", max_tokens),
            preferences: None,
            hints: Vec::new(),
            kind: AskKind::Sample,
        }
    }

    /// With a text that the user says.
    pub fn user(self, text: impl Into<String>) -> Sampling {
        self.message("user", &Content::Text(text.into()))
    }

    /// With a text that the model has said.
    pub fn assistant(self, text: impl Into<String>) -> Sampling {
        self.message("assistant", &Content::Text(text.into()))
    }

    /// With a text, an image or a sound from the user.
    pub fn user_content(self, content: &Content) -> Sampling {
        self.message("user", content)
    }

    /// What the model is told beforehand.
    pub fn system(mut self, prompt: &str) -> Sampling {
        self.more = self.more.text("systemPrompt", prompt);
        self
    }

    /// How much chance is in the answer.
    pub fn temperature(mut self, temperature: f64) -> Sampling {
        self.more = self.more.plain("temperature", temperature);
        self
    }

    /// Where the answer ends.
    pub fn stop(mut self, sequences: &[&str]) -> Sampling {
        let list = serde_json::to_vec(sequences).expect("strings are JSON");
        self.more = self.more.json("stopSequences", &list);
        self
    }

    /// A model, or a part of its name, that would be good; the first ones count most.
    pub fn model(mut self, name: &str) -> Sampling {
        self.hints.push(Object::default().text("name", name));
        self
    }

    /// How much low cost, speed and intelligence count, each from 0 to 1.
    pub fn priorities(mut self, cost: f64, speed: f64, intelligence: f64) -> Sampling {
        let preferences = Object::default()
            .plain("costPriority", cost)
            .plain("speedPriority", speed);
        self.preferences = Some(preferences.plain("intelligencePriority", intelligence));
        self
    }

    /// Tools that the model may use, a JSON array, and `toolChoice`, since 2025-11-25. The program
    /// runs them: [`Sampled::content`] says which, and the next question has the results.
    pub fn tools(mut self, tools: &RawValue, choice: Option<&RawValue>) -> Sampling {
        self.kind = AskKind::SampleWithTools;
        self.more = self.more.json("tools", tools.get().as_bytes());
        if let Some(choice) = choice {
            self.more = self.more.json("toolChoice", choice.get().as_bytes());
        }
        self
    }

    fn message(mut self, role: &str, content: &Content) -> Sampling {
        let mut json = Vec::new();
        content.encode(&mut json);
        let message = Object::default().text("role", role);
        self.messages.push(message.json("content", &json));
        self
    }

    /// What is asked, and the parameters of `sampling/createMessage`.
    pub(super) fn params(self) -> (AskKind, String) {
        let mut params = Object::default().list("messages", self.messages.into_iter());
        if self.preferences.is_some() || !self.hints.is_empty() {
            let preferences = self.preferences.unwrap_or_default();
            let preferences = preferences.list("hints", self.hints.into_iter());
            params = params.json("modelPreferences", &preferences.end());
        }
        let params = text(params.members_of(&text(self.more)));
        let mut compact = Vec::with_capacity(params.len());
        json::push_compact(&mut compact, &params);
        let params = String::from_utf8(compact).expect("what is left out is ASCII");
        (self.kind, params)
    }
}

/// What a model has said.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sampled {
    /// The model.
    pub model: String,
    /// Why it ended, for instance `endTurn` or `maxTokens`.
    pub stop_reason: Option<String>,
    /// What it said: a content object, or an array of some.
    pub content: Box<RawValue>,
}

impl Sampled {
    /// The texts of what it said, one after the other.
    pub fn text(&self) -> String {
        #[derive(Deserialize)]
        struct Item {
            text: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Items {
            One(Item),
            Many(Vec<Item>),
        }
        let texts = |items: Vec<Item>| items.into_iter().filter_map(|item| item.text).collect();
        match serde_json::from_str(self.content.get()) {
            Ok(Items::One(item)) => item.text.unwrap_or_default(),
            Ok(Items::Many(items)) => texts(items),
            Err(_) => String::new(),
        }
    }

    pub(super) fn read(result: &RawValue) -> Result<Sampled, RpcError> {
        serde_json::from_str(result.get()).map_err(unfit)
    }
}

/// A folder that a client works in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Root {
    /// Its address, which begins with `file://`.
    pub uri: String,
    /// Its name for people.
    pub name: Option<String>,
}

/// The result of `roots/list`.
pub(super) fn roots(result: &RawValue) -> Result<Vec<Root>, RpcError> {
    #[derive(Deserialize)]
    struct Wire {
        roots: Vec<Root>,
    }
    let Wire { roots } = serde_json::from_str(result.get()).map_err(unfit)?;
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_written_as_it_was_put_together() {
        let tools = RawValue::from_string("[\n]".to_string()).unwrap();
        let (kind, params) = Sampling::new(9)
            .user("Hi")
            .assistant("Ho")
            .system("Sing.")
            .temperature(0.5)
            .stop(&["."])
            .model("small")
            .priorities(1.0, 0.5, 0.0)
            .tools(&tools, None)
            .params();
        assert_eq!(kind, AskKind::SampleWithTools);
        assert_eq!(
            params,
            concat!(
                r#"{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}},"#,
                r#"{"role":"assistant","content":{"type":"text","text":"Ho"}}],"#,
                r#""modelPreferences":{"costPriority":1,"speedPriority":0.5,"#,
                r#""intelligencePriority":0,"hints":[{"name":"small"}]},"#,
                r#""maxTokens":9,"systemPrompt":"Sing.","temperature":0.5,"#,
                r#""stopSequences":["."],"tools":[]}"#
            )
        );
    }

    #[test]
    fn what_a_model_has_said_may_be_one_content_or_many() {
        let table = [
            (r#"{"type":"text","text":"a"}"#, "a"),
            (
                r#"[{"type":"text","text":"a"},{"type":"image","data":""},{"text":"b"}]"#,
                "ab",
            ),
            (r#"{"type":"image","data":""}"#, ""),
        ];
        for (content, text) in table {
            let json = format!(r#"{{"role":"assistant","model":"m","content":{content}}}"#);
            let said = Sampled::read(&RawValue::from_string(json).unwrap()).unwrap();
            assert_eq!((said.text().as_str(), said.model.as_str()), (text, "m"));
        }
    }
}
