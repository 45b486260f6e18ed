//! Structures of fixed capacity. Full is a value, time is an argument, nothing here knows of bytes
//! on a wire or of MCP.
