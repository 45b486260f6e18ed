//! `slimcp client-config`: what to paste where, for the server that is configured here.

use super::cli::{ClientConfig, Exit, Usage};
use super::config::Loaded;
use super::run;
use super::settings::{Listen, Settings};
use crate::admin::snippets::{clients, snippets};
use crate::tool::command::nearest;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Prints the texts for one client, or which clients there are. Where a text goes is told on
/// stderr, so that stdout can become the file itself.
pub fn print(asked: &ClientConfig) -> Exit {
    let Some(client) = &asked.client else {
        return run::print(&list());
    };
    let loaded = match known(client).and_then(|()| url_of(asked)) {
        Ok(url) => run::load(&asked.options).map(|loaded| (url, loaded)),
        Err(usage) => return refuse(&usage),
    };
    let (url, loaded) = match loaded {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let Some(base) = url.or_else(|| first_url(&loaded.settings)) else {
        let problem = "no listener has an address that a client could be told: add --url URL";
        return refuse(&Usage(problem.to_string()));
    };
    let needs_token = needs_token(&loaded, &base);
    let settings = &loaded.settings;
    let server = asked.server.as_deref();
    let mut known = settings.upstreams.iter().map(|spec| spec.name.as_str());
    if let Some(server) = server
        && !known.any(|name| name == server)
    {
        return refuse(&unknown_server(server, settings));
    }
    if needs_token {
        run::complain(&"TOKEN and SLIMCP_TOKEN stand for what slimcp token new has printed");
    }
    let all = snippets(&settings.name, &base, server, needs_token);
    for snippet in all.iter().filter(|snippet| snippet.client == client) {
        run::complain(&format_args!("{}: {}", snippet.label, snippet.place));
        if run::print(&snippet.text) == Exit::Failed {
            return Exit::Failed;
        }
    }
    Exit::Done
}

fn refuse(usage: &Usage) -> Exit {
    run::complain(usage);
    Exit::Usage
}

/// Each client once, with its name.
fn list() -> String {
    let mut text = String::new();
    let mut last = "";
    for (client, label) in clients() {
        if client != last {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{client:<16} {label}");
        }
        last = client;
    }
    text
}

fn unknown_server(server: &str, settings: &Settings) -> Usage {
    let names = settings.upstreams.iter().map(|spec| spec.name.as_str());
    let near = nearest(server, names);
    let hint = near.map_or(String::new(), |near| format!(", did you mean {near}?"));
    Usage(format!("--server {server:?} is not configured{hint}"))
}

fn known(client: &str) -> Result<(), Usage> {
    if clients().any(|(known, _)| known == client) {
        return Ok(());
    }
    let near = nearest(client, clients().map(|(known, _)| known));
    let hint = near.map_or(String::new(), |near| format!(", did you mean {near}?"));
    Err(Usage(format!(
        "unknown client {client:?}{hint} (slimcp client-config --list shows them)"
    )))
}

/// The address of `--url` without the path of a door, which people copy along.
fn url_of(asked: &ClientConfig) -> Result<Option<String>, Usage> {
    let Some(url) = &asked.url else {
        return Ok(None);
    };
    let base = url.trim_end_matches('/');
    let base = base.strip_suffix("/mcp").unwrap_or(base);
    let authority = base
        .strip_prefix("http://")
        .or_else(|| base.strip_prefix("https://"));
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#');
    match authority {
        Some(authority) if !authority.is_empty() && authority.chars().all(is_plain) => {
            Ok(Some(base.to_string()))
        }
        Some(_) | None => Err(Usage(format!(
            "--url {url:?}: expected an address such as http://garage-pi.local:8000"
        ))),
    }
}

/// The address of the first listener that has one. One that listens everywhere is reached by a
/// name of `hosts`, or else from this machine.
fn first_url(settings: &Settings) -> Option<String> {
    let address = settings.listen.iter().find_map(|listen| match listen {
        Listen::Tcp(address) => Some(*address),
        Listen::Unix(_) | Listen::Systemd => None,
    })?;
    if !address.ip().is_unspecified() {
        return Some(format!("http://{address}"));
    }
    let port = address.port();
    Some(match settings.hosts.first() {
        Some(host) => format!("http://{host}:{port}"),
        None => {
            let loopback: IpAddr = match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            };
            format!("http://{}", SocketAddr::new(loopback, port))
        }
    })
}

/// Whether whoever shows nothing is refused. Of a server elsewhere that cannot be known here: what
/// is open to a network asks for a token unless somebody has taken care that it does not.
fn needs_token(loaded: &Loaded, base: &str) -> bool {
    let here = ["http://127.", "http://localhost", "http://[::1]"];
    let is_elsewhere = !here.iter().any(|start| base.starts_with(start));
    let is_configured = !loaded.sources.is_empty();
    loaded.settings.access.anonymous.is_none() || (is_elsewhere && !is_configured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::config::{Environment, Overrides, Source, parse};

    fn settings(text: &str) -> Settings {
        let source = Source {
            name: "a.toml".to_string(),
            text: text.to_string(),
        };
        parse(&[source], &Environment::default(), &Overrides::default()).expect(text)
    }

    #[test]
    fn the_first_listener_with_an_address_is_told() {
        let table = [
            ("", Some("http://127.0.0.1:8000")),
            (
                "listen = ['unix:/a', '9000', '9001']",
                Some("http://127.0.0.1:9000"),
            ),
            ("listen = '[::1]:80'", Some("http://[::1]:80")),
            (
                "auth = 'none'\nlisten = '0.0.0.0:80'",
                Some("http://127.0.0.1:80"),
            ),
            ("auth = 'none'\nlisten = '[::]:80'", Some("http://[::1]:80")),
            (
                "auth = 'none'\nlisten = '[::]:80'\nhosts = ['pi.lan', 'b']",
                Some("http://pi.lan:80"),
            ),
            ("listen = ['unix:/a', 'systemd']", None),
        ];
        for (text, url) in table {
            assert_eq!(first_url(&settings(text)).as_deref(), url, "{text}");
        }
    }

    #[test]
    fn a_url_is_an_address_without_the_path_of_a_door() {
        let url_of = |url: &str| {
            url_of(&ClientConfig {
                url: Some(url.to_string()),
                ..ClientConfig::default()
            })
        };
        let table = [
            ("http://pi", Some("http://pi")),
            ("http://pi:8000/", Some("http://pi:8000")),
            ("http://pi:8000/mcp", Some("http://pi:8000")),
            ("https://pi/garage/mcp/", Some("https://pi/garage")),
            ("pi:8000", None),
            ("http://", None),
            ("http://pi/?token=a", None),
            ("http://a b", None),
            ("unix:/run/slimcp.sock", None),
        ];
        for (url, base) in table {
            let found = url_of(url).ok().flatten();
            assert_eq!(found.as_deref(), base, "{url}");
        }
    }

    #[test]
    fn a_token_is_told_of_where_one_may_be_asked_for() {
        let token = format!("[[token]]\nname = 'a'\nsha256 = '{}'", "0".repeat(64));
        let table = [
            ("", true, "http://127.0.0.1:8000", false),
            ("", true, "http://pi:8000", false),
            (&token, true, "http://127.0.0.1:8000", true),
            ("", false, "http://127.0.0.1:8000", false),
            ("", false, "http://pi:8000", true),
        ];
        for (text, is_configured, base, expected) in table {
            let loaded = Loaded {
                notes: Vec::new(),
                settings: settings(text),
                sources: is_configured
                    .then(|| "a.toml".to_string())
                    .into_iter()
                    .collect(),
            };
            assert_eq!(needs_token(&loaded, base), expected, "{text} {base}");
        }
    }

    #[test]
    fn clients_are_listed_once_and_slips_are_seen() {
        let list = list();
        assert_eq!(list.matches("claude-code ").count(), 1, "{list}");
        for client in [
            "claude-desktop",
            "cursor",
            "vscode",
            "zed",
            "lmstudio",
            "open-webui",
        ] {
            assert!(known(client).is_ok(), "{client}");
            assert!(
                list.lines().any(|line| line.starts_with(client)),
                "{client}"
            );
        }
        let usage = known("cursr").expect_err("a slip");
        assert!(usage.0.contains("did you mean cursor?"), "{usage}");
        assert!(usage.0.contains("--list"), "{usage}");
    }
}
