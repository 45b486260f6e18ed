//! What a running call says before its answer: progress and log lines.

use super::Engine;
use super::call::{Call, notification};
use crate::bounded::Key;
use crate::mcp::message::{Level, LogParams, ProgressParams};
use crate::time::Instant;
use crate::wire::dialect::About;

impl Engine {
    /// A line of a running command's output: progress, if the client asked for it.
    pub fn handle_line(&mut self, now: Instant, key: Key<Call>, line: &str) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let Some(stream) = call.stream else {
            return;
        };
        let is_wanted = call.progress_token.is_some() || call.dialect.tells_progress_unasked();
        if !is_wanted || !call.is_running() {
            return;
        }
        call.progress += 1;
        let count = call.progress;
        let payload = call.progress_token.as_deref().map(|token| {
            let params = ProgressParams {
                progress_token: token,
                progress: count,
                message: line,
            };
            notification("notifications/progress", &params)
        });
        let (dialect, tool) = (call.dialect, call.name.clone());
        let tool = &*tool;
        let about = About::Progress { tool, count, line };
        let event = self.framed(now, dialect, payload.unwrap_or_default(), about);
        self.emit(now, stream, event);
    }

    /// A line of a running command's stderr: a log message, if the session has set a level.
    pub fn handle_stderr_line(&mut self, now: Instant, key: Key<Call>, line: &str) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        let (Some(session), Some(stream)) = (call.session, call.stream) else {
            return;
        };
        let least = self
            .sessions
            .get(session)
            .and_then(|session| session.log_level);
        if least.is_none_or(|least| least > Level::Info) {
            return;
        }
        let params = LogParams {
            level: Level::Info,
            logger: &call.name,
            data: line,
        };
        let payload = notification("notifications/message", &params);
        let event = self.framed(now, call.dialect, payload, About::Notice);
        self.emit(now, stream, event);
    }
}
