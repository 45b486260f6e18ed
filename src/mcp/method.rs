//! The requests and notifications that a server answers.

/// A request from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Opens a session.
    Initialize,
    /// Asks whether we are there.
    Ping,
    /// Lists tools.
    ToolsList,
    /// Calls a tool.
    ToolsCall,
    /// Lists resources.
    ResourcesList,
    /// Lists resource templates.
    ResourceTemplatesList,
    /// Reads a resource.
    ResourcesRead,
    /// Asks to be told when a resource changes.
    ResourcesSubscribe,
    /// Takes that back.
    ResourcesUnsubscribe,
    /// Lists prompts.
    PromptsList,
    /// Fills in a prompt.
    PromptsGet,
    /// Completes an argument of a prompt or template.
    CompletionComplete,
    /// Sets the least severity of log messages for this session.
    LoggingSetLevel,
}

impl Method {
    /// Every request, by the name it has on the wire.
    const NAMES: [(&'static str, Method); 13] = [
        ("tools/call", Method::ToolsCall),
        ("tools/list", Method::ToolsList),
        ("initialize", Method::Initialize),
        ("ping", Method::Ping),
        ("resources/list", Method::ResourcesList),
        ("resources/templates/list", Method::ResourceTemplatesList),
        ("resources/read", Method::ResourcesRead),
        ("resources/subscribe", Method::ResourcesSubscribe),
        ("resources/unsubscribe", Method::ResourcesUnsubscribe),
        ("prompts/list", Method::PromptsList),
        ("prompts/get", Method::PromptsGet),
        ("completion/complete", Method::CompletionComplete),
        ("logging/setLevel", Method::LoggingSetLevel),
    ];

    /// The method with this name.
    pub fn parse(name: &str) -> Option<Method> {
        Method::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, method)| *method)
    }

    /// Whether the request means something only within a session.
    pub const fn needs_session(self) -> bool {
        matches!(
            self,
            Method::ResourcesSubscribe | Method::ResourcesUnsubscribe | Method::LoggingSetLevel
        )
    }
}

/// A notification from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The handshake is complete.
    Initialized,
    /// A request of the client's is no longer wanted.
    Cancelled,
    /// Progress of a request of ours, a change of the client's roots, or anything newer than this
    /// server: acknowledged and of no consequence.
    Other,
}

impl Notice {
    /// The notification with this name. Unknown ones are ignored, as JSON-RPC asks.
    pub fn parse(name: &str) -> Notice {
        match name {
            "notifications/initialized" => Notice::Initialized,
            "notifications/cancelled" => Notice::Cancelled,
            _ => Notice::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_case_matters() {
        for (name, method) in Method::NAMES {
            assert_eq!(Method::parse(name), Some(method));
            assert_eq!(Method::parse(&name.to_uppercase()), None);
        }
        assert_eq!(Method::parse("server/discover"), None);
    }
}
