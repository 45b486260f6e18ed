//! What is refused, with which status and which JSON-RPC code.

use crate::support::{Server, at, get, post};
use crate::{ask, call, echo, http_sse, initialize, refused, request, streamable};

#[test]
fn a_batch_obeys_the_version_header() {
    let mut server = Server::new();
    let batch = format!("[{}]", request(1, "ping"));
    let fields = streamable(&mut server, at(0), "2025-03-26");
    let id = fields.lines().next().expect("the session comes first");
    for version in ["1999-01-01", "2026-07-28"] {
        let header = format!("MCP-Protocol-Version: {version}\r\n");
        let alone = post("/mcp", &header, &batch);
        assert_eq!(refused(&mut server, at(1), alone).0, 400, "{version}");
        let within = post("/mcp", &format!("{id}\r\n{header}"), &batch);
        assert_eq!(refused(&mut server, at(1), within).0, 400, "{version}");
    }
}
