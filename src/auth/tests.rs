use super::*;
use jwt::Secret;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// `{"alg":"HS256"}` and `{"sub":"ann","role":"readonly","exp":1800000100}`, signed with 32 times
/// the letter `k`.
const JWT: &str = concat!(
    "eyJhbGciOiJIUzI1NiJ9.",
    "eyJzdWIiOiJhbm4iLCJyb2xlIjoicmVhZG9ubHkiLCJleHAiOjE4MDAwMDAxMDB9.",
    "IiTaPGFld1L0V6yCMFmwQW1eQxYzTQQDgsFJ5PMsXcI",
);

fn access() -> Access {
    let token = |name: &str, role, text: &str| {
        let sha256 = token::digest(text.as_bytes());
        let name = name.to_string();
        Token { name, role, sha256 }
    };
    let rule = |network, role| AddressRule {
        network: Network::parse(network).unwrap(),
        role,
    };
    Access {
        anonymous: None,
        tokens: vec![
            token("laptop", RoleIndex::TEAM, "one"),
            token("desk", RoleIndex::MASTER, "two"),
            token("dotted", RoleIndex::READONLY, "a.b.c"),
        ],
        addresses: vec![
            rule("192.168.1.7", RoleIndex::MASTER),
            rule("192.168.1.0/24", RoleIndex::READONLY),
        ],
        ..Access::open()
    }
}

fn with_jwt() -> Access {
    let secret = Secret::parse(&[b'k'; 32]).unwrap();
    Access {
        jwt: Some(Jwt::new(secret)),
        ..access()
    }
}

fn bearer_token(value: &str) -> Credentials<'_> {
    Credentials {
        authorization: Some(value),
        ..Credentials::default()
    }
}

/// The name and role of whoever shows this.
fn ask<'a>(
    access: &'a Access,
    shown: &Credentials<'_>,
) -> Result<(&'a str, &'a str), Unauthorized> {
    let principal = access.authenticate(shown, NOW)?;
    let role = &access.role(principal.role).name;
    Ok((access.name_of(principal), role))
}

#[test]
fn a_token_counts_wherever_it_is_shown() {
    let access = access();
    let nothing = Credentials::default();
    for shown in [
        bearer_token("Bearer one"),
        bearer_token("bearer one"),
        bearer_token("BEARER  one"),
        Credentials {
            x_api_key: Some("one"),
            ..nothing
        },
        Credentials {
            query: Some("one"),
            ..nothing
        },
        Credentials {
            path: Some("one"),
            ..nothing
        },
        Credentials {
            authorization: Some("Bearer one"),
            x_api_key: Some("one"),
            query: Some("one"),
            path: Some("one"),
            // What is shown counts more than where it comes from.
            address: Some([192, 168, 1, 7].into()),
        },
    ] {
        assert_eq!(ask(&access, &shown), Ok(("laptop", "team")), "{shown:?}");
    }
}

#[test]
fn what_is_not_ours_is_refused_even_where_nothing_is_needed() {
    let open = Access {
        anonymous: Some(RoleIndex::READONLY),
        ..access()
    };
    let nothing = Credentials::default();
    for access in [access(), open, with_jwt()] {
        for value in [
            "Bearer three",
            "Bearer ",
            "Bearer",
            "Bearer\tone",
            "Bearer one two",
            "Bearer one,two",
            "Basic b25lOm9uZQ==",
            "one",
            "",
            "Bearerone",
        ] {
            let found = ask(&access, &bearer_token(value));
            assert_eq!(found, Err(Unauthorized::Wrong), "{value}");
        }
        for shown in [
            Credentials {
                x_api_key: Some(""),
                ..nothing
            },
            Credentials {
                query: Some("One"),
                ..nothing
            },
            Credentials {
                path: Some("three"),
                address: Some([192, 168, 1, 7].into()),
                ..nothing
            },
        ] {
            let found = ask(&access, &shown);
            assert_eq!(found, Err(Unauthorized::Wrong), "{shown:?}");
        }
    }
}

#[test]
fn two_tokens_that_differ_are_refused_though_both_are_ours() {
    let access = access();
    let show = |shown: [Option<&'static str>; 4]| Credentials {
        authorization: shown[0],
        x_api_key: shown[1],
        path: shown[2],
        query: shown[3],
        address: None,
    };
    let one = [Some("Bearer one"), Some("one"), Some("one"), Some("one")];
    let two = [Some("Bearer two"), Some("two"), Some("two"), Some("two")];
    for place in 0..4 {
        for other in (0..4).filter(|other| *other != place) {
            let mut shown = [None; 4];
            shown[place] = one[place];
            assert_eq!(ask(&access, &show(shown)), Ok(("laptop", "team")));
            shown[other] = two[other];
            let both = show(shown);
            assert_eq!(ask(&access, &both), Err(Unauthorized::Wrong), "{shown:?}");
        }
    }
    // A scheme that is not ours is not made right by a token beside it.
    let both = Credentials {
        authorization: Some("Basic b25lOm9uZQ=="),
        query: Some("one"),
        ..Credentials::default()
    };
    assert_eq!(ask(&access, &both), Err(Unauthorized::Wrong));
}

#[test]
fn who_shows_nothing_is_known_by_address_then_anonymous_then_refused() {
    let closed = access();
    let open = Access {
        anonymous: Some(RoleIndex::TEAM),
        ..access()
    };
    let known = Ok(("address", "master"));
    let neighbour = Ok(("address", "readonly"));
    let anybody = Ok(("anonymous", "team"));
    let missing = Err(Unauthorized::Missing);
    for (address, if_closed, if_open) in [
        (Some("192.168.1.7"), known, known),
        (Some("::ffff:192.168.1.7"), known, known),
        (Some("192.168.1.8"), neighbour, neighbour),
        (Some("192.168.2.8"), missing, anybody),
        (None, missing, anybody),
    ] {
        let shown = Credentials {
            address: address.map(|text| text.parse().unwrap()),
            ..Credentials::default()
        };
        assert_eq!(ask(&closed, &shown), if_closed, "{address:?}");
        assert_eq!(ask(&open, &shown), if_open, "{address:?}");
    }
    assert!(closed.is_required());
    assert!(!open.is_required());
}

#[test]
fn where_no_credentials_are_configured_nothing_that_is_shown_counts() {
    let mut access = Access::open();
    for shown in [Credentials::default(), bearer_token("Basic whatever")] {
        assert_eq!(ask(&access, &shown), Ok(("anonymous", "master")));
    }
    let principal = access.authenticate(&Credentials::default(), NOW).unwrap();
    assert_eq!(principal.id, PrincipalId(0));
    access.anonymous = None;
    let found = ask(&access, &bearer_token("Bearer one"));
    assert_eq!(found, Err(Unauthorized::Wrong));
    let found = ask(&access, &Credentials::default());
    assert_eq!(found, Err(Unauthorized::Missing));
}

#[test]
fn a_jwt_is_one_where_it_is_configured() {
    let value = format!("Bearer {JWT}");
    let shown = bearer_token(&value);
    assert_eq!(ask(&with_jwt(), &shown), Ok(("jwt", "readonly")));
    assert_eq!(ask(&access(), &shown), Err(Unauthorized::Wrong));
    let late = UnixMillis(NOW.0 + 160_000);
    let found = with_jwt().authenticate(&shown, late);
    assert_eq!(found, Err(Unauthorized::Expired));
    // A token with two dots stays a token.
    let shown = bearer_token("Bearer a.b.c");
    assert_eq!(ask(&with_jwt(), &shown), Ok(("dotted", "readonly")));
}

/// Everybody who can come in with [`with_jwt`], and anybody.
fn everybody() -> Vec<Principal> {
    let access = Access {
        anonymous: Some(RoleIndex::TEAM),
        ..with_jwt()
    };
    let value = format!("Bearer {JWT}");
    let shown = [
        bearer_token("Bearer one"),
        bearer_token("Bearer two"),
        bearer_token(&value),
        Credentials {
            address: Some([192, 168, 1, 7].into()),
            ..Credentials::default()
        },
        Credentials {
            address: Some([192, 168, 1, 8].into()),
            ..Credentials::default()
        },
        Credentials::default(),
    ];
    let found = shown.map(|shown| access.authenticate(&shown, NOW).unwrap());
    found.to_vec()
}

#[test]
fn principals_differ_and_stay_the_same() {
    let everybody = everybody();
    let ids: std::collections::HashSet<PrincipalId> =
        everybody.iter().map(|principal| principal.id).collect();
    assert_eq!(ids.len(), everybody.len());
    assert_eq!(everybody, self::everybody());
}

/// The names of the roles of [`everybody`] after a reload from [`with_jwt`].
fn renewed(access: &Access) -> Vec<Option<String>> {
    let old = with_jwt();
    let renew = |principal: &Principal| {
        let renewed = access.renew(*principal, &old)?;
        assert_eq!(renewed.id, principal.id);
        Some(access.role(renewed.role).name.clone())
    };
    everybody().iter().map(renew).collect()
}

#[test]
fn a_reload_that_changes_nothing_changes_nobody() {
    let same = Access {
        anonymous: Some(RoleIndex::TEAM),
        ..with_jwt()
    };
    let roles = ["team", "master", "readonly", "master", "readonly", "team"];
    assert_eq!(renewed(&same), roles.map(|role| Some(role.to_string())));
}

#[test]
fn a_reload_takes_away_what_was_taken_out() {
    // Nobody may come in without showing something any more.
    let mut access = with_jwt();
    access.tokens.remove(0);
    access.addresses.remove(0);
    let lost = [true, false, false, true, false, true];
    assert_eq!(
        renewed(&access)
            .iter()
            .map(Option::is_none)
            .collect::<Vec<_>>(),
        lost
    );
    access.jwt = None;
    assert_eq!(renewed(&access)[2], None);
    // What was signed with the old secret, or for others, is worth nothing.
    let mut changed = with_jwt();
    let jwt = changed.jwt.as_mut().unwrap();
    jwt.secret = Secret::parse(&[b'x'; 32]).unwrap();
    assert_eq!(renewed(&changed)[2], None);
    let mut changed = with_jwt();
    changed.jwt.as_mut().unwrap().issuer = Some("else".to_string());
    assert_eq!(renewed(&changed)[2], None);
}

#[test]
fn a_reload_gives_new_roles_by_name_and_takes_those_that_are_gone() {
    let mut access = with_jwt();
    access.tokens[0].role = RoleIndex::READONLY;
    access.addresses[0].role = RoleIndex::TEAM;
    assert_eq!(renewed(&access)[0].as_deref(), Some("readonly"));
    assert_eq!(renewed(&access)[3].as_deref(), Some("team"));
    // The same name at another place.
    access.roles.swap(1, 2);
    assert_eq!(renewed(&access)[2].as_deref(), Some("readonly"));
    access.roles[1].name = "guest".to_string();
    assert_eq!(renewed(&access)[2], None);
}

#[test]
fn whoever_has_lost_a_token_is_still_called_something() {
    let laptop = everybody()[0];
    assert_eq!(access().name_of(laptop), "laptop");
    assert_eq!(Access::open().name_of(laptop), "token");
}

#[test]
fn debug_output_tells_no_secret() {
    let access = with_jwt();
    let shown = format!("{access:?}");
    assert!(shown.contains("laptop"), "{shown}");
    assert!(shown.contains("Secret(..)"), "{shown}");
    let digest = &access.tokens[0].sha256;
    let first = format!("{}, {}, {}", digest[0], digest[1], digest[2]);
    for secret in [
        "kkk".to_string(),
        "107, 107".to_string(),
        first,
        token::digest_text(digest),
    ] {
        assert!(!shown.contains(&secret), "{secret}: {shown}");
    }
}

#[test]
fn credentials_show_where_they_stand_and_not_what_they_are() {
    let shown = Credentials {
        authorization: Some("Bearer hidden"),
        x_api_key: Some("hidden"),
        query: Some("hidden"),
        path: None,
        address: Some([10, 0, 0, 7].into()),
    };
    let shown = format!("{shown:?}");
    assert!(!shown.contains("hidden"), "{shown}");
    assert!(shown.contains("10.0.0.7"), "{shown}");
}

#[test]
fn where_a_request_comes_from_is_told_by_the_peer_and_its_proxies() {
    let access = Access {
        proxies: vec![Network::parse("127.0.0.1").unwrap()],
        ..access()
    };
    let client = |peer: &str| {
        let peer = peer.parse().ok();
        access.client_address(peer, Some("192.168.1.7"))
    };
    assert_eq!(client("127.0.0.1"), Some([192, 168, 1, 7].into()));
    assert_eq!(client("127.0.0.2"), Some([127, 0, 0, 2].into()));
    assert_eq!(client("a Unix socket"), None);
}
