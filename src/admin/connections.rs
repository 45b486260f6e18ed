//! `/mcp/sse/stats`: who is connected, by role, and the sessions one by one.

use crate::limits::SESSIONS_SHOWN_MAX;
use crate::time::UnixMillis;
use crate::wire::json::Object;

/// The body. A connection is an open event stream of a session.
pub struct Connections<'a> {
    /// All of them.
    pub total_connections: u32,
    /// How many each role has.
    pub connections_by_type: Vec<(&'a str, u32)>,
    /// When the session of the oldest was opened.
    pub oldest_connection: Option<UnixMillis>,
    /// When the session of the newest was opened.
    pub newest_connection: Option<UnixMillis>,
    /// Sessions, [`SESSIONS_SHOWN_MAX`] at most.
    pub sessions: Vec<SessionRow<'a>>,
    /// How many there are in all.
    pub sessions_total: u32,
}

/// One session. Nobody can take it over with what stands here.
pub struct SessionRow<'a> {
    /// The beginning of its id.
    pub id: String,
    /// Who has opened it: the name of a token, or how it was let in.
    pub principal: &'a str,
    /// The role of its principal.
    pub role: &'a str,
    /// `sse` or `streamable`.
    pub transport: &'static str,
    /// The revision agreed on.
    pub revision: &'static str,
    /// Whether its event stream is open.
    pub connected: bool,
    /// Calls in flight.
    pub calls: u32,
    /// Since it was opened.
    pub age_seconds: u64,
    /// Since its last request.
    pub idle_seconds: u64,
}

impl<'a> Connections<'a> {
    /// Nobody, of these roles.
    pub fn none(roles: impl Iterator<Item = &'a str>) -> Connections<'a> {
        Connections {
            total_connections: 0,
            connections_by_type: roles.map(|role| (role, 0)).collect(),
            oldest_connection: None,
            newest_connection: None,
            sessions: Vec::new(),
            sessions_total: 0,
        }
    }

    /// Adds one session, opened at `opened`, of the role at `role`.
    pub fn add(&mut self, role: usize, opened: UnixMillis, row: SessionRow<'a>) {
        if row.connected {
            self.total_connections += 1;
            self.connections_by_type[role].1 += 1;
            let oldest = self.oldest_connection.unwrap_or(opened);
            self.oldest_connection = Some(oldest.min(opened));
            self.newest_connection = self.newest_connection.max(Some(opened));
        }
        self.sessions_total += 1;
        if self.sessions.len() < SESSIONS_SHOWN_MAX {
            self.sessions.push(row);
        }
    }

    /// As JSON.
    pub fn encode(&self) -> Vec<u8> {
        let roles = self.connections_by_type.iter();
        let by_type = roles.fold(Object::default(), |object, (role, count)| {
            object.plain(role, count)
        });
        Object::default()
            .plain("totalConnections", self.total_connections)
            .json("connectionsByType", &by_type.end())
            .json("oldestConnection", &time(self.oldest_connection))
            .json("newestConnection", &time(self.newest_connection))
            .list("sessions", self.sessions.iter().map(SessionRow::encode))
            .plain("sessionsTotal", self.sessions_total)
            .end()
    }
}

impl SessionRow<'_> {
    fn encode(&self) -> Object {
        Object::default()
            .text("id", &self.id)
            .text("principal", self.principal)
            .text("role", self.role)
            .text("transport", self.transport)
            .text("revision", self.revision)
            .plain("connected", self.connected)
            .plain("calls", self.calls)
            .plain("ageSeconds", self.age_seconds)
            .plain("idleSeconds", self.idle_seconds)
    }
}

fn time(time: Option<UnixMillis>) -> Vec<u8> {
    match time {
        Some(time) => format!("\"{time}\"").into_bytes(),
        None => b"null".to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(connected: bool) -> SessionRow<'static> {
        SessionRow {
            id: "abcdef...".to_string(),
            principal: "laptop",
            role: "team",
            transport: "sse",
            revision: "2024-11-05",
            connected,
            calls: 1,
            age_seconds: 60,
            idle_seconds: 2,
        }
    }

    #[test]
    fn nobody_is_nothing() {
        let expected = concat!(
            r#"{"totalConnections":0,"connectionsByType":{"master":0,"team":0},"#,
            r#""oldestConnection":null,"newestConnection":null,"sessions":[],"sessionsTotal":0}"#
        );
        let connections = Connections::none(["master", "team"].into_iter());
        assert_eq!(connections.encode(), expected.as_bytes());
    }

    #[test]
    fn open_streams_are_counted_by_role_and_the_ends_of_time_told() {
        let mut connections = Connections::none(["master", "team"].into_iter());
        for (role, at, connected) in [
            (1, 7_000, true),
            (0, 5_000, true),
            (1, 1_000, false),
            (1, 9_000, true),
        ] {
            connections.add(role, UnixMillis(at), row(connected));
        }
        assert_eq!(
            connections.connections_by_type,
            [("master", 1), ("team", 2)]
        );
        assert_eq!(connections.total_connections, 3);
        assert_eq!(connections.oldest_connection, Some(UnixMillis(5_000)));
        assert_eq!(connections.newest_connection, Some(UnixMillis(9_000)));
        assert_eq!(connections.sessions_total, 4);
    }

    #[test]
    fn the_list_of_sessions_is_bounded_and_their_number_is_not() {
        let mut connections = Connections::none(["master"].into_iter());
        for _ in 0..=SESSIONS_SHOWN_MAX {
            connections.add(0, UnixMillis(0), row(false));
        }
        assert_eq!(connections.sessions.len(), SESSIONS_SHOWN_MAX);
        assert_eq!(connections.sessions_total as usize, SESSIONS_SHOWN_MAX + 1);
    }
}
