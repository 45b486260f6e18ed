//! A server with one tool.

use slimcp::{Context, Server};

#[derive(serde::Deserialize)]
struct Greet {
    name: String,
}

fn main() -> std::io::Result<()> {
    Server::builder("greeter")
        .tool(
            "greet",
            "Greets somebody.",
            |who: Greet, _: Context| async move { format!("Hello, {}!", who.name) },
        )
        .listen(&std::env::var("PORT").unwrap_or("8000".to_string()))
        .on_listening(|door| println!("{}", door.url()))
        .run()
}
