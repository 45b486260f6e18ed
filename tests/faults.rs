//! What goes wrong outside: clients that vanish, descriptors that run out, processes that are shot.
//! Afterwards everything is as it was before.

#[path = "faults/descriptors.rs"]
mod descriptors;
#[path = "faults/disconnects.rs"]
mod disconnects;
#[path = "daemon/harness.rs"]
mod harness;
#[path = "faults/processes.rs"]
mod processes;
