//! What the Model Context Protocol says, revision by revision: names, rules and shapes. Pure
//! values; no session and no stream is known here.
//!
//! | file | what |
//! |---|---|
//! | [`revision`] | the protocol's dates and what each of them has |
//! | [`method`] | the requests and notifications a server answers |
//! | [`capability`] | what a client can be asked |
//! | [`message`] | parameters read and results written |
//! | [`http_sse`] | HTTP+SSE of 2024-11-05: its doors and its `endpoint` event |
//! | [`streamable`] | Streamable HTTP of 2025: headers and event ids |
//! | [`stateless`] | 2026-07-28: what every request carries, what every result has |
//! | [`subscription`] | 2026-07-28: what a client listens for, and how it is told |
//! | [`tasks`] | the extension for calls in the background |
//! | [`bridge`] | what messages of one era are in the other |
//! | [`header`] | what headers of 2026-07-28 must say again |
//! | [`request_state`] | the sealed state of a call that waits for its client |
//! | [`refusal`] | the one table of refusals |

pub mod bridge;
pub mod capability;
pub mod header;
pub mod http_sse;
pub mod message;
pub mod method;
pub mod refusal;
pub mod request_state;
pub mod revision;
pub mod stateless;
pub mod streamable;
pub mod subscription;
pub mod tasks;
