//! Functions at work, without an executor: what `src/edge/function.rs` does, polled when chance
//! says so. The one function there is asks its client and holds every answer against its question.

use super::edge::Edge;
use serde_json::Value;
use serde_json::value::RawValue;
use slimcp::bounded::Key;
use slimcp::engine::call::Call;
use slimcp::tool::ask::{Ask, AskKind};
use slimcp::tool::command::Stopped;
use slimcp::tool::handler::{Begin, Context, Ended, Running, Told};
use slimcp::tool::{Outcome, Start, Tool, ToolSpec, Work, builtin};
use smol::future::zip;
use std::task::{Poll, Waker};

/// The tool `ask`: its argument is the number of the request.
pub struct Asking(ToolSpec);

impl Asking {
    pub fn new() -> Asking {
        let name = "ask".to_string();
        let spec = builtin::Echo::new().spec().clone();
        Asking(ToolSpec { name, ..spec })
    }
}

impl Tool for Asking {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn start(&self, arguments: &RawValue) -> Start {
        let arguments: Value = serde_json::from_str(arguments.get()).expect("JSON");
        let number = arguments["number"].as_u64().expect("clients give one");
        let begin = Begin::new(move |context| work(context, number));
        Start::Work(Work::Function(begin))
    }
}

/// One to three rounds of one or two questions.
async fn work(context: Context, number: u64) -> Ended {
    for round in 0..1 + number % 3 {
        let first = ask(&context, number, 2 * round);
        if number.is_multiple_of(2) {
            zip(first, ask(&context, number, 2 * round + 1)).await;
        } else {
            first.await;
        }
    }
    Ended::Outcome(Outcome::text(format!("asked {number}")))
}

async fn ask(context: &Context, number: u64, place: u64) {
    let about = format!("{number} q{place}");
    let ask = Ask {
        key: format!("q{place}"),
        kind: AskKind::Form,
        params: format!(r#"{{"message":"{about}","requestedSchema":{{}}}}"#),
    };
    let Ok(answer) = context.ask(ask).await else {
        return;
    };
    let answer: Value = serde_json::from_str(answer.get()).expect("JSON");
    if let Some(content) = answer.get("content") {
        assert_eq!(content["about"], about, "another call's answer");
    }
}

/// A function at work.
pub struct Worker {
    pub call: Key<Call>,
    context: Context,
    running: Running,
    /// An answer has come that it has not been polled with.
    is_woken: bool,
}

impl Edge {
    /// Calls a function.
    pub fn start_function(&mut self, call: Key<Call>, begin: Begin, told: Told) {
        let context = Context::new(told);
        let running = begin.call(context.clone());
        self.workers.push(Worker {
            call,
            context,
            running,
            is_woken: true,
        });
        self.poll_function(self.workers.len() - 1, false);
        if let Some(worker) = self.worker(call) {
            // As a task it is polled once more.
            worker.is_woken = true;
        }
    }

    /// Polls a function. What it says is told before what it does next, and may be the end of it.
    fn poll_function(&mut self, index: usize, settles: bool) {
        let worker = &mut self.workers[index];
        worker.is_woken = false;
        let call = worker.call;
        let mut task = std::task::Context::from_waker(Waker::noop());
        let polled = worker.running.as_mut().poll(&mut task);
        for said in worker.context.take_said() {
            self.engine.handle_said(self.now, call, said);
            if settles {
                self.settle();
            }
        }
        if self.worker(call).is_none() {
            return;
        }
        match polled {
            Poll::Ready(ended) => {
                self.forget_function(call);
                self.engine.handle_ended(self.now, call, &ended);
            }
            Poll::Pending => self.engine.handle_waiting_call(self.now, call),
        }
        if settles {
            self.settle();
        }
    }

    /// One of the functions goes on if it can; now and then one that waits does without.
    pub fn function(&mut self) {
        if self.workers.is_empty() {
            return;
        }
        let index = self.random.below(self.workers.len());
        if self.workers[index].is_woken || self.random.percent(10) {
            self.poll_function(index, true);
        } else if self.random.percent(3) {
            self.end_function(index);
        }
    }

    /// A function does not wait any longer.
    pub fn end_function(&mut self, index: usize) {
        let call = self.workers[index].call;
        self.forget_function(call);
        let outcome = Outcome::error("never mind");
        self.engine.handle_outcome(self.now, call, &outcome);
        self.settle();
    }

    /// Gives a function the answer to a question.
    pub fn wake_function(&mut self, call: Key<Call>, give: impl FnOnce(&Context)) {
        if let Some(worker) = self.worker(call) {
            worker.is_woken = true;
            give(&worker.context);
        }
    }

    /// Drops a function and says so. Returns whether there was one.
    pub fn stop_function(&mut self, call: Key<Call>) -> bool {
        let was_there = self.forget_function(call);
        if was_there {
            let why = self.engine.why_stopped(call);
            assert_ne!(why, Some(Stopped::Removed), "it was at work");
            self.engine
                .handle_outcome(self.now, call, &Outcome::error("stopped"));
        }
        was_there
    }

    /// Drops a function. Returns whether there was one.
    pub fn forget_function(&mut self, call: Key<Call>) -> bool {
        let before = self.workers.len();
        self.workers.retain(|worker| worker.call != call);
        self.workers.len() < before
    }

    fn worker(&mut self, call: Key<Call>) -> Option<&mut Worker> {
        self.workers.iter_mut().find(|worker| worker.call == call)
    }
}
