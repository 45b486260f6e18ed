//! What a running call says before its answer: progress and log lines.

use super::call::Call;
use super::{Engine, Era};
use crate::bounded::Key;
use crate::mcp::message::{Level, log_params, progress_params};
use crate::mcp::method::Method;
use crate::time::Instant;
use crate::tool::handler::{Progress, Said};
use crate::wire::dialect::About;
use crate::wire::json;
use crate::wire::jsonrpc;

impl Engine {
    /// What a function at work says.
    pub fn handle_said(&mut self, now: Instant, key: Key<Call>, said: Said) {
        match said {
            Said::Progress(progress) => self.tell_progress(now, key, &progress),
            Said::Log {
                level,
                logger,
                data,
            } => self.tell_log(now, key, level, logger.as_deref(), data.as_bytes()),
            Said::Ask(ask) => self.handle_ask(now, key, ask),
            Said::Release => self.release_stream(now, key),
            Said::Background => self.go_to_background(now, key),
        }
    }

    /// A line of a running command's output: progress, if the client asked for it.
    pub fn handle_line(&mut self, now: Instant, key: Key<Call>, line: &str) {
        if self.note_progress(now, key, line) {
            return;
        }
        let Some(call) = self.calls.get_mut(key).filter(|call| call.hears_progress()) else {
            return;
        };
        call.progress += 1;
        let count = call.progress;
        let progress = Progress {
            progress: count.to_string(),
            total: None,
            message: Some(line.to_string()),
        };
        self.send_progress(now, key, &progress, count);
    }

    /// How far a function has come.
    fn tell_progress(&mut self, now: Instant, key: Key<Call>, progress: &Progress) {
        if self.note_progress(now, key, &progress.line()) {
            return;
        }
        let Some(call) = self.calls.get_mut(key).filter(|call| call.hears_progress()) else {
            return;
        };
        call.progress += 1;
        let count = call.progress;
        self.send_progress(now, key, progress, count);
    }

    fn send_progress(&mut self, now: Instant, key: Key<Call>, progress: &Progress, count: u64) {
        let call = self.calls.get(key).expect("the caller has seen it");
        let Some(stream) = call.stream else {
            return;
        };
        let (total, message) = (progress.total.as_deref(), progress.message.as_deref());
        let mut payload = Vec::new();
        if let Some(token) = call.progress_token.as_deref() {
            let params = progress_params(token, &progress.progress, total, message);
            jsonrpc::call_raw(&mut payload, None, "notifications/progress", &params);
        }
        let line = message.unwrap_or_default();
        let tool = &*call.name;
        let about = About::Progress { tool, count, line };
        let event = self.framed(now, call.dialect, payload, about);
        self.emit(now, stream, event);
    }

    /// A line of a running command's stderr: a log message for whoever wants to hear of it.
    pub fn handle_stderr_line(&mut self, now: Instant, key: Key<Call>, line: &str) {
        let mut data = Vec::new();
        json::push_string(&mut data, line);
        self.tell_log(now, key, Level::Info, None, &data);
    }

    /// A log message, if the request or its session has set a level that lets it through.
    fn tell_log(
        &mut self,
        now: Instant,
        key: Key<Call>,
        level: Level,
        logger: Option<&str>,
        data: &[u8],
    ) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        let Some(stream) = call.stream else {
            return;
        };
        if self.least_level(call).is_none_or(|least| level < least) {
            return;
        }
        let params = log_params(level, logger.unwrap_or(&call.name), data);
        let mut payload = Vec::new();
        jsonrpc::call_raw(&mut payload, None, "notifications/message", &params);
        let event = self.framed(now, call.dialect, payload, About::Notice);
        self.emit(now, stream, event);
    }

    /// The least severity that the client of a call wants to hear of.
    pub(super) fn least_level(&self, call: &Call) -> Option<Level> {
        match call.era {
            Era::Stateless => call.log_level,
            Era::Handshake => self.sessions.get(call.session?)?.log_level,
        }
    }
}

impl Call {
    /// What its answer is about.
    pub(super) fn about(&self) -> About<'_> {
        match self.method {
            Method::ToolsCall => About::Call { tool: &self.name },
            method => About::Request {
                method: method.name(),
                params: None,
            },
        }
    }

    /// Whether it is still to say how far it has come, and to somebody.
    fn hears_progress(&self) -> bool {
        let is_wanted = self.progress_token.is_some() || self.dialect.tells_progress_unasked();
        is_wanted && self.stream.is_some() && self.is_running()
    }
}
