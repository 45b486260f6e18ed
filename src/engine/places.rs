//! The places of each tool: how many of its calls run, and which wait for their turn.

use super::Engine;
use super::call::Call;
use crate::bounded::Key;
use crate::time::Instant;
use crate::tool::command::Stopped;
use crate::tool::forward::Scope;
use crate::tool::registry::{Registry, ToolIndex};
use crate::tool::{CallLimits, Tool};
use std::collections::VecDeque;
use std::rc::Rc;

/// How busy one tool is.
#[derive(Debug)]
pub(super) struct ToolState {
    /// The scope of its own, in which its name is never another one.
    scope: Scope,
    /// Its name there.
    pub name: Rc<str>,
    /// Its calls that the edge works on.
    pub running: u32,
    /// Calls that wait for their turn.
    pub queue: VecDeque<Key<Call>>,
}

impl ToolState {
    /// One state per tool, in the registry's order.
    pub fn for_registry(registry: &Registry) -> Vec<ToolState> {
        let idle = |tool: &Rc<dyn Tool>| ToolState {
            scope: tool.upstream().map_or(Scope::Everything, Scope::One),
            name: Rc::from(tool.spec().name.as_str()),
            running: 0,
            queue: VecDeque::new(),
        };
        registry.iter().map(idle).collect()
    }

    /// Whether one more of its calls may run.
    pub fn has_place(&self, bounds: CallLimits) -> bool {
        bounds.concurrency.is_none_or(|most| self.running < most)
    }
}

impl Engine {
    /// The place of a call in its tool is free for the next one.
    pub(super) fn leave_tool(&mut self, call: &Call) {
        let Some(tool) = call.tool else { return };
        self.tools[tool.as_usize()].running -= 1;
        if let Some(next) = self.tools[tool.as_usize()].queue.pop_front() {
            self.run_call(next);
        }
    }

    /// Matches the running and queued calls to a new set of tools. Calls of a tool that is gone
    /// run to their end; queued ones are answered at once.
    pub(super) fn replace_tools(&mut self, now: Instant, registry: Registry) {
        let mut states = ToolState::for_registry(&registry);
        let old = std::mem::take(&mut self.tools);
        let moved: Vec<Option<ToolIndex>> = old
            .iter()
            .map(|state| registry.find_in(state.scope, &state.name))
            .collect();
        let mut orphans = Vec::new();
        for (state, to) in old.into_iter().zip(&moved) {
            match to {
                Some(to) => states[to.as_usize()] = state,
                None => orphans.extend(state.queue),
            }
        }
        self.tools = states;
        self.registry = registry;
        let keys: Vec<Key<Call>> = self.calls.iter().map(|(key, _)| key).collect();
        for key in keys {
            let call = self.calls.get_mut(key).expect("the keys were just read");
            call.tool = call.tool.and_then(|tool| moved[tool.as_usize()]);
        }
        for key in orphans {
            self.stop_call(now, key, Stopped::Removed);
        }
    }

    /// The tools' counts are those of the calls.
    pub(super) fn check_tools(&self) {
        for (index, tool) in self.tools.iter().enumerate() {
            let of_tool = |call: &Call| call.tool.is_some_and(|tool| tool.as_usize() == index);
            let calls = || self.calls.iter().filter(|(_, call)| of_tool(call));
            let running = calls().filter(|(_, call)| call.is_with_edge()).count();
            assert_eq!(
                tool.running as usize, running,
                "{} miscounts its calls",
                tool.name
            );
            assert_eq!(
                tool.queue.len(),
                calls().count() - running,
                "{} lost a call",
                tool.name
            );
        }
    }
}
