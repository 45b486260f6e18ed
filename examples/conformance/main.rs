//! The server that the official conformance suite asks for: a tool, prompt or resource for each of
//! its scenarios, and so an example of each feature of this library.
//!
//! `PORT` is the port to listen on; without it the system chooses one. The address is printed.
//!
//! | file | what |
//! |---|---|
//! | `content.rs` | what tools return, and what they say while they work |
//! | `questions.rs` | what tools ask: a person, a model, folders |
//! | `catalogue.rs` | resources and prompts |
//! | `tasks.rs` | tools that go on in the background |

mod catalogue;
mod content;
mod questions;
mod tasks;

use slimcp::Server;

fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "0".to_string());
    let server = Server::builder("conformance").title("Conformance fixture");
    let server = content::add(server);
    let server = questions::add(server);
    let server = catalogue::add(server);
    let server = tasks::add(server);
    server
        .listen(&port)
        .on_listening(|door| println!("{}", door.url()))
        .run()
}
