//! Every numbered contract of the five seeds, against the real daemon over real sockets.
//!
//! A test is named after its contract, `s2_08_...` for the eighth line of seed 2. What needs a
//! browser, Node, Python, nginx or a load lives in scripts of the same folder, which
//! `tests/contracts/run` calls.

#[path = "contracts/client.rs"]
mod client;
#[path = "contracts/credentials.rs"]
mod credentials;
#[allow(dead_code)] // Each test crate uses its own part of this.
#[path = "daemon/harness.rs"]
mod harness;
#[path = "contracts/matrix.rs"]
mod matrix;
#[path = "contracts/numbers.rs"]
mod numbers;
#[path = "contracts/seed_0.rs"]
mod seed_0;
#[path = "contracts/seed_1.rs"]
mod seed_1;
#[path = "contracts/seed_2.rs"]
mod seed_2;
#[path = "contracts/seed_3.rs"]
mod seed_3;
#[path = "contracts/seed_4.rs"]
mod seed_4;
