//! `Host` and `Origin`: the guard against DNS rebinding (MCP 2025-11-25, basic/transports,
//! security warning).
//!
//! A page on `evil.example` whose name suddenly resolves to this machine sends `Host:
//! evil.example`. It cannot send a host that it does not own: so an IP literal and `localhost` are
//! always ours, and any other name must be listed. An `Origin` must be this very host, or listed.
//! Where every request shows a token, `*` lists all: a page that has the token is no stranger.
//!
//! The same list says which pages may read the answer (CORS, fetch.spec.whatwg.org section 3.3).

use crate::limits::ORIGINS_MAX;

/// The names that are ours, from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// `hosts`: names without port.
    hosts: Box<[String]>,
    /// `origins`: scheme, host and port, as browsers write them.
    origins: Box<[String]>,
    /// `*` is among them.
    any: bool,
}

/// Which page may read an answer, small enough to be kept with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Any page.
    Any,
    /// That of the listed origin at this place.
    Listed(u8),
}

impl Origins {
    /// Takes `hosts` and `origins` of the configuration. Trailing slashes are dropped, as people
    /// copy them from address bars. Of more than [`ORIGINS_MAX`] origins the last ones are not
    /// allowed.
    pub fn new(hosts: &[String], origins: &[String]) -> Origins {
        let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let trim = |origin: &String| origin.trim_end_matches('/').to_ascii_lowercase();
        let listed = origins.iter().filter(|origin| *origin != "*");
        Origins {
            hosts,
            any: origins.iter().any(|origin| origin == "*"),
            origins: listed.take(ORIGINS_MAX).map(trim).collect(),
        }
    }

    /// Whether `host`, the value of the `Host` field, names this server. With `origins = ["*"]`
    /// every name does: it takes a token then, which no page knows that has got here by its name.
    pub fn host_is_ours(&self, host: &str) -> bool {
        let name = host_name(host);
        self.any
            || is_ip_literal(name)
            || name.eq_ignore_ascii_case("localhost")
            || self
                .hosts
                .iter()
                .any(|ours| name.eq_ignore_ascii_case(ours))
    }

    /// Whether a page of `origin` may ask, given that `host` is ours.
    pub fn origin_is_allowed(&self, origin: &str, host: &str) -> bool {
        self.any || same_origin(origin, host) || self.place(origin).is_some()
    }

    /// Which header lets a page of `origin` read an answer of `host`. `None` if it needs none,
    /// being a page of ours, or gets none.
    pub fn cors(&self, origin: &str, host: &str) -> Option<Cors> {
        if same_origin(origin, host) {
            return None;
        }
        if self.any {
            return Some(Cors::Any);
        }
        let place = self.place(origin)?;
        Some(Cors::Listed(place))
    }

    /// The value of `Access-Control-Allow-Origin`. `None` if the list has become shorter since.
    pub fn origin_text(&self, cors: Cors) -> Option<&str> {
        match cors {
            Cors::Any => self.any.then_some("*"),
            Cors::Listed(place) => self.origins.get(usize::from(place)).map(String::as_str),
        }
    }

    /// Where `origin` stands in the list.
    fn place(&self, origin: &str) -> Option<u8> {
        let mut listed = self.origins.iter();
        let place = listed.position(|ours| origin.eq_ignore_ascii_case(ours))?;
        Some(u8::try_from(place).expect("ORIGINS_MAX places fit into a byte"))
    }
}

/// `host` without its port: `[::1]:80` gives `[::1]`. What stands behind the colon and is no port
/// stays, and makes no name of it.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
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
            "127.0.0.1:x@evil.example",
            "localhost:80 evil",
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

    fn listed(origins: &[&str]) -> Origins {
        let origins: Vec<String> = origins.iter().map(|origin| origin.to_string()).collect();
        Origins::new(&[], &origins)
    }

    #[test]
    fn a_star_lists_every_origin() {
        for origins in [["*", "http://panel.lan"], ["http://panel.lan", "*"]] {
            let any = listed(&origins);
            for origin in ["http://evil.example", "null", "http://panel.lan", ""] {
                assert!(any.origin_is_allowed(origin, "localhost"), "{origin}");
                assert_eq!(any.cors(origin, "localhost"), Some(Cors::Any));
            }
            assert_eq!(any.cors("http://localhost", "localhost"), None);
            assert_eq!(any.origin_text(Cors::Any), Some("*"));
            // It is about pages, not about names of this server.
            assert!(any.host_is_ours("evil.example"), "tokens guard, not names");
        }
        for other in ["*.lan", "http://*", "**"] {
            assert!(
                !listed(&[other]).origin_is_allowed("http://a.lan", "b"),
                "{other}"
            );
        }
    }

    #[test]
    fn a_listed_page_is_named_by_its_place_and_others_not_at_all() {
        let ours = listed(&["http://a.lan", "http://B.lan:3000/"]);
        for (origin, expected) in [
            ("http://a.lan", Some(Cors::Listed(0))),
            ("http://b.lan:3000", Some(Cors::Listed(1))),
            ("https://a.lan", None),
            ("null", None),
            // The same origin needs no header.
            ("http://pi.lan:8000", None),
            ("https://pi.lan:8000", None),
        ] {
            assert_eq!(ours.cors(origin, "pi.lan:8000"), expected, "{origin}");
        }
        // As browsers write it, whatever the configuration did.
        assert_eq!(ours.origin_text(Cors::Listed(1)), Some("http://b.lan:3000"));
    }

    #[test]
    fn what_a_shorter_list_has_lost_is_no_origin() {
        let ours = listed(&["http://a.lan"]);
        assert_eq!(ours.origin_text(Cors::Listed(1)), None);
        assert_eq!(ours.origin_text(Cors::Any), None);
    }

    #[test]
    fn as_many_origins_as_a_byte_counts_are_allowed() {
        let origins = (0..=ORIGINS_MAX).map(|number| format!("http://{number}.lan"));
        let ours = Origins::new(&[], &origins.collect::<Vec<_>>());
        let cors = ours.cors("http://255.lan", "b");
        assert_eq!(cors, Some(Cors::Listed(255)));
        assert_eq!(ours.origin_text(Cors::Listed(255)), Some("http://255.lan"));
        assert!(!ours.origin_is_allowed("http://256.lan", "b"));
        assert_eq!(ours.cors("http://256.lan", "b"), None);
    }
}
