//! Bytes to values and back: HTTP/1.1, server-sent events, JSON-RPC, lines. Pure: no socket, no
//! clock, no session.
