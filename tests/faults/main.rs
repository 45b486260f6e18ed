//! Bad children behind the real daemon: whatever one of them does harms its own calls only, they
//! are told so at once and by name, and nothing of it is left behind.

#[path = "../daemon/harness.rs"]
#[allow(dead_code)] // Each test crate uses its own part of this.
mod harness;

mod child;
mod limits;
mod rounds;
mod table;
mod traces;
