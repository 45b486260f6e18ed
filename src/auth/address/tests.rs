use super::*;

fn network(text: &str) -> Network {
    Network::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn networks_are_written_as_they_are_read() {
    for text in [
        "192.168.1.0/24",
        "10.0.0.7",
        "0.0.0.0/0",
        "128.0.0.0/1",
        "10.0.0.6/31",
        "fd00::/8",
        "::/0",
        "::1",
        "fe80::/10",
        "2001:db8::2/127",
    ] {
        assert_eq!(network(text).to_string(), text);
    }
    for (text, shorter) in [
        ("10.0.0.7/32", "10.0.0.7"),
        ("::1/128", "::1"),
        ("FD00:0::/8", "fd00::/8"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
    ] {
        assert_eq!(network(text).to_string(), shorter);
    }
}

#[test]
fn what_is_no_network_is_refused_with_what_was_expected() {
    let network = "expected an address or a network such as 192.168.1.0/24 or fd00::/8";
    for (text, expected) in [
        ("", network),
        ("/8", network),
        ("localhost", network),
        ("10.0.0/8", network),
        ("010.0.0.0/8", network),
        ("10.0.0.256", network),
        (" 10.0.0.1", network),
        ("10.0.0.1:80", network),
        ("[::1]", network),
        ("fe80::1%eth0", network),
        ("10.0.0.0/", "expected 0 to 32 after the /"),
        ("10.0.0.0/33", "expected 0 to 32 after the /"),
        ("10.0.0.0/08", "expected 0 to 32 after the /"),
        ("10.0.0.0/+8", "expected 0 to 32 after the /"),
        ("10.0.0.0/8/8", "expected 0 to 32 after the /"),
        ("10.0.0.0/264", "expected 0 to 32 after the /"),
        ("10.0.0.0/255.0.0.0", "expected 0 to 32 after the /"),
        ("fd00::/129", "expected 0 to 128 after the /"),
        (
            "10.0.0.7/8",
            "expected 10.0.0.0/8 for a network, or no / for one address",
        ),
        (
            "fd00::1/8",
            "expected fd00::/8 for a network, or no / for one address",
        ),
        (
            "0.0.0.1/0",
            "expected 0.0.0.0/0 for a network, or no / for one address",
        ),
    ] {
        assert_eq!(Network::parse(text), Err(expected.to_string()), "{text}");
    }
}

#[test]
fn a_network_holds_its_first_and_its_last_address_and_none_beside_them() {
    for (text, inside, outside) in [
        (
            "192.168.1.0/24",
            ["192.168.1.0", "192.168.1.255"],
            ["192.168.0.255", "192.168.2.0"],
        ),
        (
            "10.0.0.7",
            ["10.0.0.7", "::ffff:10.0.0.7"],
            ["10.0.0.6", "::10.0.0.7"],
        ),
        ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "::1"]),
        (
            "fd00::/8",
            ["fd00::", "fdff:ffff::ffff"],
            ["fcff::ffff", "fe00::"],
        ),
        (
            // What is IPv4 is not IPv6 in another spelling.
            "::/0",
            ["::", "ffff::1"],
            ["10.0.0.7", "::ffff:10.0.0.7"],
        ),
        (
            "::ffff:10.0.0.0/104",
            ["10.255.255.255", "::ffff:10.0.0.0"],
            ["11.0.0.0", "::a00:0"],
        ),
    ] {
        for inside in inside {
            assert!(network(text).contains(address(inside)), "{text} {inside}");
        }
        for outside in outside {
            assert!(
                !network(text).contains(address(outside)),
                "{text} {outside}"
            );
        }
    }
}

#[test]
fn proxies_are_believed_as_far_as_they_are_ours() {
    let proxies = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(network);
    for (peer, forwarded_for, expected) in [
        // Nobody we know: what it says of others counts for nothing.
        ("192.168.1.9", Some("1.1.1.1"), Some("192.168.1.9")),
        ("192.168.1.9", None, Some("192.168.1.9")),
        ("::ffff:192.168.1.9", None, Some("192.168.1.9")),
        // One proxy, and what its client pretends.
        ("127.0.0.1", Some("1.1.1.1"), Some("1.1.1.1")),
        ("127.0.0.1", Some("127.0.0.1, 1.1.1.1"), Some("1.1.1.1")),
        ("127.0.0.1", Some("10.0.0.1,1.1.1.1"), Some("1.1.1.1")),
        ("127.0.0.1", Some("junk, 1.1.1.1"), Some("1.1.1.1")),
        ("::ffff:127.0.0.1", Some("1.1.1.1"), Some("1.1.1.1")),
        // A chain of them.
        (
            "127.0.0.1",
            Some("9.9.9.9, 1.1.1.1, 10.0.0.2"),
            Some("1.1.1.1"),
        ),
        (
            "fd00::1",
            Some("1.1.1.1,\t10.0.0.2 , 10.0.0.3"),
            Some("1.1.1.1"),
        ),
        // It asks for itself.
        ("127.0.0.1", None, Some("127.0.0.1")),
        ("127.0.0.1", Some("10.0.0.1, 10.0.0.2"), Some("10.0.0.1")),
        // Other spellings.
        ("127.0.0.1", Some("1.1.1.1:4711"), Some("1.1.1.1")),
        ("127.0.0.1", Some("[2001:db8::1]:4711"), Some("2001:db8::1")),
        ("127.0.0.1", Some("2001:db8::1"), Some("2001:db8::1")),
        ("127.0.0.1", Some("::ffff:1.1.1.1"), Some("1.1.1.1")),
        // It does not tell: whoever it is, it is not the proxy.
        ("127.0.0.1", Some("unknown"), None),
        ("127.0.0.1", Some(""), None),
        ("127.0.0.1", Some("1.1.1.1,"), None),
        ("127.0.0.1", Some("1.1.1.1, 10.0.0.256"), None),
    ] {
        let found = client(&proxies, address(peer), forwarded_for);
        let expected = expected.map(address);
        assert_eq!(found, expected, "{peer} {forwarded_for:?}");
    }
}

#[test]
fn without_proxies_only_the_peer_counts() {
    let found = client(&[], address("127.0.0.1"), Some("1.1.1.1"));
    assert_eq!(found, Some(address("127.0.0.1")));
}

#[test]
fn each_network_is_a_principal_of_its_own() {
    let texts = [
        "10.0.0.0/8",
        "10.0.0.0/9",
        "10.0.0.0",
        "11.0.0.0/8",
        "::/0",
        "0.0.0.0/0",
        "fd00::/8",
    ];
    let principal = |text: &&str, role| AddressRule {
        network: network(text),
        role,
    };
    let mut seen = std::collections::HashSet::new();
    for text in &texts {
        let id = principal(text, RoleIndex::TEAM).principal();
        assert_eq!(id.kind(), Kind::Address);
        assert!(seen.insert(id), "{text}");
        // Another role makes nobody somebody else.
        assert_eq!(principal(text, RoleIndex::MASTER).principal(), id);
    }
}
