//! What is true between two inputs. The simulation asks after every step.

use super::Engine;
use super::child::Instance;
use super::stream::{Kind, Phase, Stream};
use crate::limits;
use std::collections::BTreeMap;
use std::rc::Rc;

impl Engine {
    /// Panics if an invariant is broken. `edge_bytes` is what the driver holds of the budget
    /// through [`Engine::take_bytes`].
    pub fn check(&self, edge_bytes: usize) {
        self.check_budget(edge_bytes);
        self.check_deadlines();
        self.check_sessions();
        self.check_streams();
        self.check_calls();
        self.check_tasks();
        self.check_children();
    }

    /// A child counts its calls, is the only one of its kind that takes any, and belongs to a
    /// living session if it belongs to one; what waits to be started is needed.
    fn check_children(&self) {
        for (key, child) in self.children.slab.iter() {
            let calls = self
                .calls
                .iter()
                .filter_map(|(_, call)| call.forwarded.as_ref());
            let own = calls.filter(|forwarded| forwarded.child == Some(key));
            let (sent, waiting): (Vec<_>, Vec<_>) = own.partition(|one| one.sent.is_some());
            assert_eq!(
                child.calls as usize,
                sent.len(),
                "a child miscounts its calls"
            );
            assert_eq!(child.waiting.len(), waiting.len(), "a child lost a call");
            let twins = self.children.slab.iter().filter(|(_, twin)| {
                let name = |one: &super::Child| (one.upstream, one.instance, one.era);
                twin.state.takes_calls() && name(twin) == name(child)
            });
            assert!(twins.count() <= 1, "two children share a name");
            if let Instance::Session(session) = child.instance {
                let is_there = self.sessions.get(session).is_some();
                assert!(
                    is_there || child.state.is_ending(),
                    "a child outlives its session"
                );
            }
            assert!(
                !child.state.is_ending() || child.is_unused(),
                "{:?}",
                child.state
            );
        }
        for start in &self.children.starts {
            let is_needed = start.is_standing || !start.waiting.is_empty();
            assert!(is_needed, "nobody needs a start");
        }
    }

    /// Every byte of the budget has an owner.
    fn check_budget(&self, edge_bytes: usize) {
        // A payload that many streams hold is drawn once.
        let mut payloads = BTreeMap::new();
        let mut held = 0;
        for (_, session) in self.sessions.iter() {
            held += session.held_bytes();
        }
        for (_, stream) in self.streams.iter() {
            held += stream
                .answer
                .as_ref()
                .map_or(0, |answer| answer.held_bytes());
            held += stream
                .subscription
                .as_ref()
                .map_or(0, |wanted| wanted.held_bytes());
            for event in stream.ring.events() {
                held += limits::EVENT_OVERHEAD_BYTES;
                payloads.insert(Rc::as_ptr(&event.payload).addr(), event.payload.len());
            }
        }
        for (_, call) in self.calls.iter() {
            held += call.held_bytes() + call.forwarded_bytes();
        }
        let children = self.children.slab.iter();
        held += children.map(|(_, child)| child.held_bytes).sum::<usize>();
        let upstreams = self.children.upstreams.iter();
        let environments = upstreams.map(|upstream| super::child::bytes_of(&upstream.environment));
        held += environments.sum::<usize>();
        held += payloads.values().sum::<usize>();
        held += self.watch.held_bytes();
        held += self.offers_held_bytes();
        let tasks = self.tasks.iter().map(|(_, task)| task.held_bytes());
        held += tasks.sum::<usize>();
        assert_eq!(
            self.pool.used(),
            held + edge_bytes,
            "bytes of the budget leaked"
        );
    }

    /// Every deadline has a record, and every record at most one deadline.
    fn check_deadlines(&self) {
        let connections = self
            .connections
            .iter()
            .filter(|(_, record)| record.has_timer())
            .count();
        let sessions = self
            .sessions
            .iter()
            .filter(|(_, record)| record.timer.is_some())
            .count();
        let streams = self
            .streams
            .iter()
            .filter(|(_, record)| record.timer.is_some())
            .count();
        let calls = self
            .calls
            .iter()
            .filter(|(_, record)| record.has_timer())
            .count();
        let drain = usize::from(
            self.drain
                .as_ref()
                .is_some_and(|drain| drain.timer.is_some()),
        );
        let tasks = self
            .tasks
            .iter()
            .filter(|(_, task)| task.timer.is_some())
            .count();
        let watch = usize::from(self.watch.timer.is_some());
        let children = self.children.slab.iter();
        let children = children.filter(|(_, child)| child.timer.is_some()).count();
        let upstreams = self.children.upstreams.iter();
        let upstreams = upstreams
            .filter(|upstream| upstream.timer.is_some())
            .count();
        let owned = connections + sessions + streams + calls + tasks + drain + watch;
        let owned = owned + children + upstreams;
        assert_eq!(self.wheel.len() as usize, owned, "a deadline leaked");
    }

    /// A session is found by its id, counts its calls, and ages unless it has an open stream.
    fn check_sessions(&self) {
        for (key, session) in self.sessions.iter() {
            assert_eq!(self.sessions.find(session.id.as_str()), Some(key));
            let calls = self
                .calls
                .iter()
                .filter(|(_, call)| call.session == Some(key))
                .count();
            assert_eq!(
                session.calls as usize, calls,
                "a session miscounts its calls"
            );
            let stream = session
                .stream
                .map(|key| self.streams.get(key).expect("it lives"));
            let is_open = stream.is_some_and(|stream| stream.attached);
            assert_eq!(
                session.timer.is_some(),
                !is_open,
                "a session ages unless it listens"
            );
            assert!(stream.is_none_or(|stream| stream.session == Some(key)));
        }
    }

    /// A stream belongs to a living session, has a deadline, keeps no more than it may, and an
    /// answer waits for exactly its calls.
    fn check_streams(&self) {
        let listens = |stream: &Stream| stream.attached && stream.kind != Kind::Answer;
        let streams = self.streams.iter();
        let listening = streams.filter(|(_, stream)| listens(stream)).count();
        assert_eq!(self.listening as usize, listening, "a stream is miscounted");
        for (key, stream) in self.streams.iter() {
            assert!(
                stream
                    .session
                    .is_none_or(|key| self.sessions.get(key).is_some())
            );
            assert!(stream.attached || !stream.blocked);
            assert_eq!(stream.timer.is_some(), needs_deadline(stream), "{stream:?}");
            let is_kept = stream.session.is_some_and(|key| {
                let session = self.sessions.get(key).expect("it lives");
                session.confirmed
            });
            if stream.all_sent() {
                let most = self.config.limits.replay_bytes_max * usize::from(is_kept);
                assert!(stream.ring.bytes() <= most, "more is kept than may be");
            }
            let is_subscription = stream.kind == Kind::Subscription;
            assert_eq!(stream.subscription.is_some(), is_subscription);
            let calls = self
                .calls
                .iter()
                .filter(|(_, call)| call.stream == Some(key))
                .count();
            match stream.kind {
                Kind::Answer => {
                    let answer = stream.answer.as_ref().expect("answers have a state");
                    assert_eq!(answer.outstanding as usize, calls, "an answer miscounts");
                    let is_over = matches!(stream.phase, Phase::Answered | Phase::Ending);
                    assert_eq!(is_over, calls == 0);
                }
                Kind::HttpSse | Kind::Listening => assert!(stream.session.is_some()),
                Kind::Subscription => {
                    assert!(stream.session.is_none(), "it belongs to nobody's session");
                    assert!(stream.attached, "a subscription ends with its connection");
                    assert_eq!(calls, 0, "it answers no call");
                }
            }
        }
    }

    /// A call's session and stream live, it has a deadline, and no more calls run than there are
    /// places.
    fn check_calls(&self) {
        for (key, call) in self.calls.iter() {
            assert!(
                call.session
                    .is_none_or(|key| self.sessions.get(key).is_some())
            );
            assert!(call.stream.is_none_or(|key| self.streams.contains(key)));
            assert!(call.is_bounded(), "a call may run for ever");
            let task = call.task.and_then(|key| self.tasks.get(key));
            let is_task = task.is_some_and(|task| task.call() == Some(key));
            assert!(!is_task || (call.session, call.stream) == (None, None));
            call.check_questions();
            let is_wanted = is_task || call.session.is_some() || call.stream.is_some();
            let is_wanted = is_wanted || call.is_away();
            assert!(is_wanted || call.is_stopping(), "a call runs for nobody");
            if call.is_away() {
                assert!(call.session.is_none() && call.stream.is_none());
            }
        }
        self.check_tools();
    }

    /// A task is found by an id of its own; it has a call that knows it, or a deadline.
    fn check_tasks(&self) {
        for (key, task) in self.tasks.iter() {
            let twins = self.tasks.iter().filter(|(_, twin)| twin.id == task.id);
            assert_eq!(twins.count(), 1, "two tasks have one id");
            assert_eq!(task.timer.is_some(), task.call().is_none(), "{task:?}");
            assert!(task.message.len() <= limits::TASK_MESSAGE_BYTES_MAX);
            if let Some(call) = task.call() {
                let call = self.calls.get(call).expect("a working task has a call");
                assert_eq!(call.task, Some(key), "a call has lost its task");
            }
        }
    }
}

/// Whether time alone must bring a stream on: its heartbeat, the end of a hold, or the end of what
/// is kept for replay. Listening streams without a connection end with their session, answers that
/// are not there yet with their calls.
fn needs_deadline(stream: &Stream) -> bool {
    match (stream.phase, stream.attached) {
        (Phase::Answered, _) => false,
        (Phase::Held, true) => !stream.is_one_body(),
        (Phase::Open | Phase::Ending, true) => true,
        (Phase::Held | Phase::Open, false) => false,
        (Phase::Ending, false) => stream.kind == Kind::Answer,
    }
}
