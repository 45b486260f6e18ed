//! The protocol's revisions, by date, and what each of them has.

/// A revision that begins with an `initialize` handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revision {
    /// 2024-11-05: HTTP+SSE.
    V2024_11_05,
    /// 2025-03-26: Streamable HTTP, batches, audio, annotations.
    V2025_03_26,
    /// 2025-06-18: version header, structured output; no batches.
    V2025_06_18,
    /// 2025-11-25: priming events, `retry`, questions by URL.
    V2025_11_25,
}

/// Which rules a message goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// Those of a revision with a handshake, 2024-11-05 to 2025-11-25.
    Handshake,
    /// Those of 2026-07-28.
    Stateless,
}

/// The stateless revision: no handshake, every request says what it is of.
pub const MODERN: &str = "2026-07-28";

impl Revision {
    /// The newest one with a handshake: offered to clients that ask for one we do not know.
    pub const NEWEST: Revision = Revision::V2025_11_25;

    /// All of them, oldest first.
    pub const ALL: [Revision; 4] = [
        Revision::V2024_11_05,
        Revision::V2025_03_26,
        Revision::V2025_06_18,
        Revision::V2025_11_25,
    ];

    /// The date as it stands on the wire.
    pub const fn date(self) -> &'static str {
        match self {
            Revision::V2024_11_05 => "2024-11-05",
            Revision::V2025_03_26 => "2025-03-26",
            Revision::V2025_06_18 => "2025-06-18",
            Revision::V2025_11_25 => "2025-11-25",
        }
    }

    /// The revision with this date.
    pub fn parse(date: &str) -> Option<Revision> {
        Revision::ALL
            .into_iter()
            .find(|revision| revision.date() == date)
    }

    /// What to answer a client that asks for `date`: the same where we have it, else our newest
    /// (MCP 2025-11-25, basic/lifecycle, version negotiation).
    pub fn negotiate(date: &str) -> Revision {
        Revision::parse(date).unwrap_or(Revision::NEWEST)
    }

    /// Whether a body may be an array of messages: 2025-03-26 alone says so.
    pub const fn has_batches(self) -> bool {
        matches!(self, Revision::V2025_03_26)
    }

    /// Whether an answer stream begins with an event that has an id and no data, so that the
    /// client can come back before the first message. Older clients choke on empty data.
    pub const fn has_priming(self) -> bool {
        matches!(self, Revision::V2025_11_25)
    }

    /// Whether a person can be sent to a page, and questions to persons say which kind they are.
    pub const fn has_pages(self) -> bool {
        matches!(self, Revision::V2025_11_25)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_date_is_kept_and_an_unknown_one_becomes_the_newest() {
        for revision in Revision::ALL {
            assert_eq!(Revision::negotiate(revision.date()), revision);
        }
        assert_eq!(Revision::negotiate("1999-01-01"), Revision::V2025_11_25);
        assert_eq!(Revision::negotiate(MODERN), Revision::V2025_11_25);
    }
}
