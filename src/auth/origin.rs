//! `Host` and `Origin`: the guard against DNS rebinding (MCP 2025-11-25, basic/transports,
//! security warning).
//!
//! A page on `evil.example` whose name suddenly resolves to this machine sends `Host:
//! evil.example`. It cannot send a host that it does not own: so an IP literal and `localhost` are
//! always ours, and any other name must be listed. An `Origin` must be this very host, or listed.

/// The names that are ours, from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// `hosts`: names without port.
    hosts: Box<[String]>,
    /// `origins`: scheme, host and port, as browsers write them.
    origins: Box<[String]>,
}

impl Origins {
    /// Takes `hosts` and `origins` of the configuration. Trailing slashes are dropped, as people
    /// copy them from address bars.
    pub fn new(hosts: &[String], origins: &[String]) -> Origins {
        let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let trim = |origin: &String| origin.trim_end_matches('/').to_ascii_lowercase();
        Origins {
            hosts,
            origins: origins.iter().map(trim).collect(),
        }
    }

    /// Whether `host`, the value of the `Host` field, names this server.
    pub fn host_is_ours(&self, host: &str) -> bool {
        let name = host_name(host);
        is_ip_literal(name)
            || name.eq_ignore_ascii_case("localhost")
            || self
                .hosts
                .iter()
                .any(|ours| name.eq_ignore_ascii_case(ours))
    }

    /// Whether a page of `origin` may ask, given that `host` is ours.
    pub fn origin_is_allowed(&self, origin: &str, host: &str) -> bool {
        same_origin(origin, host)
            || self
                .origins
                .iter()
                .any(|ours| origin.eq_ignore_ascii_case(ours))
    }
}

/// `host` without its port: `[::1]:80` gives `[::1]`.
fn host_name(host: &str) -> &str {
    let end = match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => colon,
        Some(_) | None => host.len(),
    };
    &host[..end]
}

/// Whether `name` is an IPv4 address or an IPv6 address in brackets.
fn is_ip_literal(name: &str) -> bool {
    let v6 = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match v6 {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.parse::<std::net::Ipv4Addr>().is_ok(),
    }
}

/// Whether `origin` is `http://` or `https://` followed by exactly `host`. A proxy in front that
/// speaks TLS passes the host on, so both schemes are the same server.
fn same_origin(origin: &str, host: &str) -> bool {
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Origins {
        Origins::new(
            &["Garage-Pi.local".to_string()],
            &["http://panel.lan:3000/".to_string()],
        )
    }

    #[test]
    fn addresses_localhost_and_listed_names_are_ours() {
        let ours = ours();
        for good in [
            "127.0.0.1:8000",
            "127.0.0.1",
            "[::1]:8000",
            "[::1]",
            "LOCALHOST:1",
            "garage-pi.local:80",
        ] {
            assert!(ours.host_is_ours(good), "{good}");
        }
        for bad in [
            "evil.example",
            "127.0.0.1.evil.example",
            "",
            ":80",
            "localhost.evil",
            "::1",
        ] {
            assert!(!ours.host_is_ours(bad), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_this_host_or_listed() {
        let ours = ours();
        for good in [
            "http://localhost:8000",
            "https://localhost:8000",
            "http://panel.lan:3000",
        ] {
            assert!(ours.origin_is_allowed(good, "localhost:8000"), "{good}");
        }
        for bad in [
            "null",
            "http://localhost:9000",
            "http://evil.example",
            "localhost:8000",
            "",
        ] {
            assert!(!ours.origin_is_allowed(bad, "localhost:8000"), "{bad}");
        }
    }
}
