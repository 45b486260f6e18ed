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
    /// Says what there is, without a session (2026-07-28).
    ServerDiscover,
    /// Opens a stream of the changes that the client names (2026-07-28).
    SubscriptionsListen,
    /// Tells how a task is (tasks extension).
    TasksGet,
    /// Answers what a task has asked (tasks extension).
    TasksUpdate,
    /// Asks a task to end (tasks extension).
    TasksCancel,
}

impl Method {
    /// Every request, by the name it has on the wire.
    const NAMES: [(&'static str, Method); 18] = [
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
        ("server/discover", Method::ServerDiscover),
        ("subscriptions/listen", Method::SubscriptionsListen),
        ("tasks/get", Method::TasksGet),
        ("tasks/update", Method::TasksUpdate),
        ("tasks/cancel", Method::TasksCancel),
    ];

    /// The method with this name.
    pub fn parse(name: &str) -> Option<Method> {
        Method::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, method)| *method)
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        let mut names = Method::NAMES.iter();
        let found = names.find(|(_, method)| *method == self);
        found.expect("every method has a name").0
    }

    /// Whether revisions with a handshake have it.
    pub const fn is_in_handshake(self) -> bool {
        !matches!(
            self,
            Method::ServerDiscover
                | Method::SubscriptionsListen
                | Method::TasksGet
                | Method::TasksUpdate
                | Method::TasksCancel
        )
    }

    /// Whether 2026-07-28 has it.
    pub const fn is_in_stateless(self) -> bool {
        !matches!(
            self,
            Method::Initialize
                | Method::Ping
                | Method::LoggingSetLevel
                | Method::ResourcesSubscribe
                | Method::ResourcesUnsubscribe
        )
    }

    /// The member of `params` that `Mcp-Name` repeats (MCP 2026-07-28, basic/transports, standard
    /// request headers; tasks extension, routing headers).
    pub const fn named_by(self) -> Option<NamedBy> {
        match self {
            Method::ToolsCall | Method::PromptsGet => Some(NamedBy::Name),
            Method::ResourcesRead => Some(NamedBy::Uri),
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => Some(NamedBy::TaskId),
            _ => None,
        }
    }

    /// What its result says of how long and for whom it may be kept (MCP 2026-07-28,
    /// server/utilities/caching): nothing for most.
    pub const fn freshness(self) -> Option<Freshness> {
        match self {
            Method::ServerDiscover
            | Method::ToolsList
            | Method::PromptsList
            | Method::ResourcesList
            | Method::ResourceTemplatesList => Some(Freshness::Listing),
            Method::ResourcesRead => Some(Freshness::Contents),
            _ => None,
        }
    }

    /// Whether what it leads to may ask the client (MCP 2026-07-28, multi round-trip requests).
    pub const fn may_ask(self) -> bool {
        matches!(
            self,
            Method::ToolsCall | Method::ResourcesRead | Method::PromptsGet
        )
    }

    /// Whether the request means something only within a session.
    pub const fn needs_session(self) -> bool {
        matches!(
            self,
            Method::ResourcesSubscribe | Method::ResourcesUnsubscribe | Method::LoggingSetLevel
        )
    }
}

/// The member of `params` that says what a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// `name`
    Name,
    /// `uri`
    Uri,
    /// `taskId`
    TaskId,
}

/// For how long a result holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A listing: it changes when the configuration does.
    Listing,
    /// What a resource says: it may change at any time.
    Contents,
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
    fn every_method_is_in_some_revision() {
        for (name, method) in Method::NAMES {
            assert!(
                method.is_in_handshake() || method.is_in_stateless(),
                "{name}"
            );
            assert!(
                !method.needs_session() || method.is_in_handshake(),
                "{name}"
            );
        }
    }

    #[test]
    fn every_name_is_found_and_case_matters() {
        for (name, method) in Method::NAMES {
            assert_eq!(Method::parse(name), Some(method));
            assert_eq!(Method::parse(&name.to_uppercase()), None);
        }
        assert_eq!(Method::parse("server/discovers"), None);
    }
}
