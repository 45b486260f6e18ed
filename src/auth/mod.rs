//! Who may ask: which `Host` and `Origin` are ours. Tokens and roles will live here too.

pub mod origin;
