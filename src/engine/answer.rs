//! Answers of calls on their way to a stream: held until all of a POST are there, or an event each.

use super::call::Call;
use super::stream::{Phase, Stream};
use super::{Engine, Era};
use crate::bounded::Key;
use crate::time::Instant;
use crate::wire::status::Status;

impl Engine {
    /// Sends the answer of a call; the stream ends with its last one, unless it is a listening
    /// stream, which is told in the dialect of the call.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        key: Key<Stream>,
        call: &Call,
        payload: Vec<u8>,
        status: Status,
    ) {
        let Some(stream) = self.streams.get_mut(key) else {
            self.stats.answers_unwanted += 1;
            return;
        };
        if stream.answer.is_none() {
            return self.say(now, key, call.dialect, payload, call.about());
        }
        // With a handshake an error is an answer like any other.
        let status = (call.era == Era::Stateless).then_some(status);
        self.answer_request(now, key, payload, status);
    }

    /// Answers a request on the answer stream that waits for it.
    pub(super) fn answer_request(
        &mut self,
        now: Instant,
        key: Key<Stream>,
        payload: Vec<u8>,
        status: Option<Status>,
    ) {
        let stream = self
            .streams
            .get_mut(key)
            .expect("calls name living streams");
        let answer = stream.answer.as_mut().expect("the caller has seen it");
        answer.outstanding -= 1;
        answer.status = status.unwrap_or(answer.status);
        let is_last = answer.outstanding == 0;
        if stream.phase == Phase::Held {
            return self.hold_answer(now, key, payload, is_last);
        }
        if is_last {
            stream.phase = Phase::Ending;
        }
        let is_attached = stream.attached;
        self.push(now, key, payload);
        if is_last && !is_attached && self.streams.contains(key) {
            self.keep_for_replay(now, key);
        }
    }

    /// Keeps an answer until all of a held stream are there.
    fn hold_answer(&mut self, now: Instant, key: Key<Stream>, payload: Vec<u8>, is_last: bool) {
        if !self.take_bytes(payload.len()) {
            return self.give_up(now, key);
        }
        let stream = self.streams.get_mut(key).expect("the caller has seen it");
        stream
            .answer
            .as_mut()
            .expect("held streams are answers")
            .done
            .push(payload);
        if is_last {
            stream.phase = Phase::Answered;
            let timer = stream.timer.take();
            self.cancel(timer);
            self.make_ready(key);
        }
    }
}
