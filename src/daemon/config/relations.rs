//! What relates several settings of the table.

use super::{Reader, units};
use crate::daemon::settings::{Builtin, Listen};
use crate::limits::Memory;

impl Reader {
    /// No door stands open unasked.
    pub(super) fn check_doors(&mut self) {
        let keys = ["listen", "auth", "anonymous", "token", "address", "jwt"];
        if !keys.iter().all(|key| self.complaints.is_sound(key)) {
            return;
        }
        for listen in self.settings.listen.clone() {
            if let Listen::Tcp(address) = listen
                && let Err(problem) = self.settings.admit(address)
            {
                self.complain("listen", problem);
            }
        }
    }

    /// The tables fit into the memory.
    pub(super) fn check_memory(&mut self) {
        if self.complaints.is_sound("limits")
            && let Err(refusal) = Memory::of(&self.settings.limits)
        {
            let text = refusal.to_string();
            // The complaint names the key already.
            let problem = text.strip_prefix("limits.memory ").unwrap_or(&text);
            self.complain("limits.memory", problem.to_string());
        }
    }

    /// Who starts something in the background has to be able to ask for the result.
    pub(super) fn add_task_status(&mut self) {
        let builtins = &mut self.settings.builtins;
        let is_wanted = self.tools.iter().any(|tool| tool.spec.background);
        if is_wanted && !builtins.contains(&Builtin::TaskStatus) {
            builtins.push(Builtin::TaskStatus);
        }
    }

    /// A heartbeat comes before a peer counts as dead.
    pub(super) fn check_heartbeat(&mut self) {
        let timeouts = &self.settings.timeouts;
        if self.complaints.is_sound("timeouts") && timeouts.dead <= timeouts.heartbeat {
            let problem = format!(
                "expected more than timeouts.heartbeat, {}, found {}",
                units::Span(timeouts.heartbeat),
                units::Span(timeouts.dead)
            );
            self.complain("timeouts.dead", problem);
        }
    }
}
