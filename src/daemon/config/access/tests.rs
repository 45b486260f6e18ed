use super::super::{Complaint, Environment, Overrides, Source, parse, parse_with};
use super::*;
use crate::auth::Access;
use crate::auth::jwt::Secret;
use crate::daemon::settings::Settings;
use crate::limits::{NETWORKS_MAX, TOKENS_MAX};

const DIGEST_A: &str =
    "sha256 = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n";
const TOKEN: &str = "[[token]]\nname = 'a'\n\
    sha256 = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n";
const ADDRESS: &str = "[[address]]\nnetwork = '10.0.0.7'\nrole = 'team'\n";
const JWT: &str = "[jwt]\nsecret_file = '/key'\n";

fn sources(texts: &[&str]) -> Vec<Source> {
    let named = texts.iter().enumerate().map(|(index, text)| Source {
        name: format!("{index}.toml"),
        text: text.to_string(),
    });
    named.collect()
}

fn settings(texts: &[&str]) -> Result<Settings, Vec<Complaint>> {
    parse(
        &sources(texts),
        &Environment::default(),
        &Overrides::default(),
    )
}

fn access(text: &str) -> Access {
    let settings = settings(&[text]);
    settings
        .unwrap_or_else(|complaints| panic!("{text}: {complaints:?}"))
        .access
}

/// The complaints about `text`, one line each.
fn check(text: &str, expected: &[&str]) {
    let complaints = settings(&[text]).err().unwrap_or_default();
    let shown: Vec<String> = complaints.iter().map(Complaint::to_string).collect();
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn who_shows_nothing() {
    let (master, readonly) = (Some(RoleIndex::MASTER), Some(RoleIndex::READONLY));
    let table = [
        ("", "", master),
        ("", "auth = 'none'\n", master),
        ("", "anonymous = 'readonly'\n", readonly),
        ("", "auth = 'none'\nanonymous = 'readonly'\n", readonly),
        (TOKEN, "", None),
        (ADDRESS, "", None),
        (JWT, "", None),
        (TOKEN, "auth = 'none'\nanonymous = 'readonly'\n", readonly),
        (JWT, "auth = 'none'\nanonymous = 'master'\n", master),
    ];
    for (credentials, top, expected) in table {
        let text = format!("{top}{credentials}");
        assert_eq!(access(&text).anonymous, expected, "{text}");
    }
    for credentials in [TOKEN, ADDRESS, JWT] {
        check(
            &format!("anonymous = 'team'\n{credentials}"),
            &[
                "0.toml:1: anonymous: has no meaning where whoever shows nothing is refused; \
               expected auth = \"none\" beside it, or no tokens, addresses and jwt",
            ],
        );
        check(
            &format!("\nauth = 'none'\n{credentials}"),
            &[
                "0.toml:2: auth: beside tokens, addresses or jwt, expected the role of whoever \
                 shows nothing, such as anonymous = \"readonly\"",
            ],
        );
    }
}

#[test]
fn the_network_gets_in_where_credentials_are_asked_for() {
    let open = "listen = '0.0.0.0:80'\n";
    assert!(settings(&[open]).is_err());
    for credentials in [TOKEN, ADDRESS, JWT] {
        check(&format!("{open}{credentials}"), &[]);
    }
    // What is wrong with a token is told, and not that there is none.
    check(
        &format!("{open}[[token]]\nname = 'a'"),
        &[
            "0.toml:2: token.a.sha256: missing, expected 64 hexadecimal digits, as \
             slimcp token new prints them",
        ],
    );
}

#[test]
fn any_origin_needs_tokens_and_nothing_open() {
    let any = "origins = '*'\n";
    check(&format!("{any}{TOKEN}"), &[]);
    check(&format!("{any}{JWT}"), &[]);
    check(&format!("origins = ['http://a', '*']\n{TOKEN}"), &[]);
    let refused = "0.toml:1: origins: \"*\" lets every web page ask; expected tokens (slimcp token \
                   new) or jwt, without auth = \"none\" and [[address]], or a list of origins";
    check(any, &[refused]);
    check(&format!("{any}{ADDRESS}"), &[refused]);
    check(&format!("{any}{TOKEN}{ADDRESS}"), &[refused]);
    let open = format!("{any}auth = 'none'\nanonymous = 'readonly'\n{TOKEN}");
    check(&open, &[refused]);
    let environment = Environment {
        allowed_origins: Some("*".into()),
        ..Environment::default()
    };
    let parse = |text| parse(&sources(&[text]), &environment, &Overrides::default());
    assert_eq!(parse(TOKEN).expect("a token is asked for").origins, ["*"]);
    let complaints = parse("").expect_err("nothing is asked for");
    assert!(
        complaints[0]
            .to_string()
            .starts_with("ALLOWED_ORIGINS: \"*\" lets")
    );
}

#[test]
fn own_roles_begin_as_team_whatever_the_order() {
    let team = "[role.team]\ntools = ['a*']\nconnections = 3\neach = { calls = 1 }\n";
    let guest = "[role.guest]\nstats = true\neach = { sessions = 2 }\n";
    for text in [format!("{team}{guest}"), format!("{guest}{team}")] {
        let access = access(&text);
        let guest = access.role(access.role_named("guest").expect("it is there"));
        assert_eq!(guest.tools, ["a*"]);
        assert_eq!((guest.stats, guest.broadcast), (true, false));
        assert_eq!(guest.whole.connections, Some(3));
        assert_eq!((guest.each.calls, guest.each.sessions), (Some(1), Some(2)));
    }
    let untouched = Role::built_in();
    let access = access(guest);
    assert_eq!(access.roles[..3], untouched);
}

#[test]
fn built_in_roles_are_changed_where_they_stand() {
    let access = access("[role.master]\nbroadcast = false\n[role.readonly]\nrate = '1/s'");
    assert_eq!(access.roles.len(), 3);
    let master = access.role(RoleIndex::MASTER);
    assert_eq!((master.broadcast, master.stats), (false, true));
    let readonly = access.role(RoleIndex::READONLY);
    assert!(readonly.read_only);
    assert_eq!(
        readonly.whole.rate.map(|rate| rate.to_string()).as_deref(),
        Some("1/s")
    );
}

#[test]
fn later_files_change_roles_key_by_key_and_add_tokens() {
    let other = TOKEN
        .replace("'a'", "'b'\nrole = 'guest'")
        .replace("aaaa", "bbbb");
    let texts = [
        "[role.guest]\ntools = ['x']\ncalls = 1\nstats = true",
        "[role.guest]\ncalls = 2\neach = { calls = 1 }\nstats = false",
        TOKEN,
        &other,
    ];
    let access = settings(&texts).expect("four sound files").access;
    let guest = access.role(RoleIndex::new(3));
    assert_eq!((guest.tools.len(), guest.stats), (1, false));
    assert_eq!((guest.whole.calls, guest.each.calls), (Some(2), Some(1)));
    let tokens: Vec<_> = access
        .tokens
        .iter()
        .map(|token| (token.name.as_str(), token.role))
        .collect();
    assert_eq!(tokens, [("a", RoleIndex::TEAM), ("b", RoleIndex::new(3))]);
}

#[test]
fn complaints_about_tokens() {
    let digest = "64 hexadecimal digits, as slimcp token new prints them";
    let name = "a name of 1 to 64 letters, digits, \"_\", \".\" or \"-\"";
    check(
        "[token]\nname = 'a'",
        &["0.toml:1: token: expected tables that begin with [[token]]"],
    );
    check(
        "token = [1]",
        &["0.toml:1: token: expected tables that begin with [[token]]"],
    );
    check(
        &format!("[[token]]\nnmae = 'a'\n{DIGEST_A}"),
        &[
            &format!("0.toml:1: token.1.name: missing, expected {name}"),
            "0.toml:2: token.1.nmae: unknown key, did you mean name?",
        ],
    );
    check(
        &format!("[[token]]\nname = 'a b'\n{DIGEST_A}"),
        &[&format!(
            "0.toml:2: token.1.name: expected {name}, found \"a b\""
        )],
    );
    check(
        &format!("{TOKEN}role = 'boss'"),
        &["0.toml:4: token.a.role: expected \"master\", \"team\" or \"readonly\", found \"boss\""],
    );
    let twice = format!("{TOKEN}{TOKEN}");
    check(
        &twice,
        &[
            "0.toml:4: token.a.name: token.a at 0.toml:1 has the same",
            "0.toml:4: token.a.sha256: token.a at 0.toml:1 has the same",
        ],
    );
    let other_name = format!("{TOKEN}{}", TOKEN.replace("'a'", "'b'"));
    check(
        &other_name,
        &["0.toml:4: token.b.sha256: token.a at 0.toml:1 has the same"],
    );
    for (wrong, found) in [
        ("slimcp_secret", " below the token, found the token itself"),
        (&"a".repeat(63), ", found 63 characters"),
        (&"a".repeat(65), ", found 65 characters"),
        (&"g".repeat(64), ", found 64 characters"),
        ("", ", found 0 characters"),
    ] {
        check(
            &format!("[[token]]\nname = 'a'\nsha256 = '{wrong}'"),
            &[&format!(
                "0.toml:3: token.a.sha256: expected {digest}{found}"
            )],
        );
    }
}

#[test]
fn what_stands_in_place_of_a_digest_is_never_shown() {
    for text in [
        "[[token]]\nname = 'a'\nsha256 = 'hunter2'",
        "[[token]]\nname = 'a'\nsha256 = ['hunter2']",
        "[[token]]\nname = 'a'\nsecret = 'hunter2'",
        "token = 'hunter2'",
        "jwt.secret = 'hunter2'",
        "jwt = 'hunter2'",
        "jwt.secret_file = 'hunter2'",
    ] {
        let complaints = settings(&[text]).unwrap_err();
        let shown = format!("{complaints:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn complaints_about_addresses() {
    let address = |network: &str, role: &str| {
        format!("[[address]]\nnetwork = '{network}'\nrole = '{role}'\n")
    };
    check(
        "address = 1",
        &["0.toml:1: address: expected tables that begin with [[address]]"],
    );
    check(
        "[[address]]",
        &[
            "0.toml:1: address.1.network: missing, expected an address or a network",
            "0.toml:1: address.1.role: missing, expected the name of a role",
        ],
    );
    check(
        &address("10.0.0.1/8", "team"),
        &[
            "0.toml:2: address.1.network: expected 10.0.0.0/8 for a network, or no / for one \
           address, found \"10.0.0.1/8\"",
        ],
    );
    check(
        &address("10.0.0.0/8", "tema"),
        &[
            "0.toml:3: address.1.role: expected \"master\", \"team\" or \"readonly\", \
                 found \"tema\"",
        ],
    );
    check(
        &[address("::1", "team"), address("::1", "master")].concat(),
        &["0.toml:4: address.2.network: address.1 at 0.toml:1 has the same"],
    );
}

#[test]
fn complaints_about_roles() {
    let table = [
        ("role = 1", "1: role: expected tables such as [role.NAME]"),
        ("[[role]]", "1: role: expected tables such as [role.NAME]"),
        ("role.team = 1", "1: role.team: expected a table, found 1"),
        (
            "[role.'a b']",
            "1: role.a b: expected a name of 1 to 64 letters, digits, \"_\", \".\" or \"-\"",
        ),
        (
            "[role.a]\ntool = []",
            "2: role.a.tool: unknown key, did you mean tools?",
        ),
        (
            "[role.a]\ntools = ['a b']",
            "2: role.a.tools: expected a name of a tool, with at most 4 * for any letters, found \
             \"a b\"",
        ),
        (
            "[role.a]\ntools = ['*****']",
            "2: role.a.tools: expected a name of a tool, with at most 4 * for any letters, found \
             \"*****\"",
        ),
        (
            "[role.a]\ndoors = ['http']",
            "2: role.a.doors: expected \"mcp\", \"sse\", \"dialects\" or \"rest\", found \"http\"",
        ),
        (
            "[role.a]\ncalls = 0",
            "2: role.a.calls: expected a whole number from 1 to 10000, found 0",
        ),
        (
            "[role.a]\nrate = 5",
            "2: role.a.rate: expected a rate such as \"120/min\" (s, min, h), found 5",
        ),
        (
            "[role.a]\nrate = '5/day'",
            "2: role.a.rate: expected a rate such as 5/s, 120/min or 1000/h, found \"5/day\"",
        ),
        (
            "[role.a]\neach = 1",
            "2: role.a.each: expected a table such as { connections = 2 }, found 1",
        ),
        (
            "[role.a]\neach = { session = 1 }",
            "2: role.a.each.session: unknown key, did you mean sessions?",
        ),
        (
            "[role.a.each]\ntools = []",
            "2: role.a.each.tools: unknown key",
        ),
    ];
    for (text, expected) in table {
        check(text, &[&format!("0.toml:{expected}")]);
    }
}

#[test]
fn tokens_networks_and_roles_stop_at_their_numbers() {
    let tokens = |count: usize| -> String {
        let each = |index| format!("[[token]]\nname = 't{index}'\nsha256 = '{index:064}'\n");
        (0..count).map(each).collect()
    };
    check(&tokens(TOKENS_MAX), &[]);
    check(
        &tokens(TOKENS_MAX + 1),
        &["0.toml:769: token: expected at most 256 tokens"],
    );
    let addresses = |count: usize| -> String {
        let each = |index| format!("[[address]]\nnetwork = '10.0.0.{index}'\nrole = 'team'\n");
        (0..count).map(each).collect()
    };
    check(&addresses(NETWORKS_MAX), &[]);
    check(
        &addresses(NETWORKS_MAX + 1),
        &["0.toml:193: address: expected at most 64 addresses"],
    );
    let roles = |count: usize| -> String {
        (0..count)
            .map(|index| format!("[role.r{index}]\n"))
            .collect()
    };
    check(&roles(ROLES_MAX - 3), &[]);
    check(
        &roles(ROLES_MAX - 2),
        &["0.toml:30: role: expected at most 29 roles beside the built-in ones"],
    );
    check(&format!("{}[role.team]\n", roles(ROLES_MAX - 3)), &[]);
}

#[test]
fn jwt_are_taken_with_the_key_of_their_file() {
    let text = "[jwt]\nsecret_file = '/key'\nissuer = 'i'\naudience = 'a'\nskew = '1s'\n\
                role_claim = 'c'\nrole = 'readonly'";
    let read = |read_secret: super::super::SecretReader<'_>| {
        let sources = sources(&[text]);
        parse_with(
            &sources,
            &Environment::default(),
            &Overrides::default(),
            &crate::daemon::config::Around {
                mcp_servers: None,
                read_secret,
                read_variable: &|_| None,
            },
        )
    };
    let secret = Secret::parse(&[b'k'; 32]).expect("long enough");
    let found = read(&|path| {
        assert_eq!(path.to_str(), Some("/key"));
        Ok(Some(secret.clone()))
    });
    let jwt = found.expect("a sound file").0.access.jwt.expect("a key");
    assert_eq!(
        (jwt.secret, jwt.role),
        (secret.clone(), Some(RoleIndex::READONLY))
    );
    assert_eq!(
        (jwt.issuer.as_deref(), jwt.audience.as_deref()),
        (Some("i"), Some("a"))
    );
    assert_eq!((jwt.skew.as_secs(), jwt.role_claim.as_str()), (1, "c"));
    let failed = read(&|_| Err("cannot be read: gone".to_string())).unwrap_err();
    assert_eq!(
        failed[0].to_string(),
        "0.toml:2: jwt.secret_file: /key: cannot be read: gone"
    );
    // Without its key no JWT is taken, and nobody gets in for that.
    let unread = settings(&[text]).expect("a sound file").access;
    assert_eq!((unread.jwt, unread.anonymous), (None, None));
}

#[test]
fn complaints_about_jwt() {
    for (line, key) in [
        ("issuer = 'a'", "issuer"),
        ("audience = 'a'", "audience"),
        ("role = 'team'", "role"),
    ] {
        check(
            &format!("[jwt]\n{line}"),
            &[&format!(
                "0.toml:2: jwt.{key}: expected jwt.secret_file beside it"
            )],
        );
    }
    check(
        &format!("{JWT}role = 'boss'"),
        &["0.toml:3: jwt.role: expected \"master\", \"team\" or \"readonly\", found \"boss\""],
    );
    check(
        "jwt.secret_file = 'key'",
        &["0.toml:1: jwt.secret_file: expected an absolute path"],
    );
    check("jwt.secret = 'abc'", &["0.toml:1: jwt.secret: unknown key"]);
    check(
        "anonymous = 'nobody'",
        &["0.toml:1: anonymous: expected \"master\", \"team\" or \"readonly\", found \"nobody\""],
    );
}
