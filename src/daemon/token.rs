//! `slimcp token new`: a token for its holder, and its lines for the configuration.

use super::cli::{Exit, TokenNew, Usage};
use super::config::{NAME, is_name};
use super::run;
use crate::auth::token::{NewToken, Token};
use crate::edge::chance::random;

/// Bytes of chance in a token; nobody guesses so many.
const RANDOM_BYTES: usize = 32;

/// Digits of the hash in the name of a token that was given none.
const NAME_DIGITS: usize = 6;

/// Draws a token and prints it, this once.
pub fn new(asked: &TokenNew) -> Exit {
    if let Err(usage) = check(asked) {
        run::complain(&usage);
        return Exit::Usage;
    }
    let random = random(RANDOM_BYTES)
        .try_into()
        .expect("as many bytes come as are asked for");
    run::print(&text(asked, &Token::generate(random)))
}

/// Names go into the configuration, which takes no others.
fn check(asked: &TokenNew) -> Result<(), Usage> {
    for (option, name) in [("--name", &asked.name), ("--role", &asked.role)] {
        if let Some(name) = name.as_ref().filter(|name| !is_name(name)) {
            return Err(Usage(format!("{option} {name:?}: expected {NAME}")));
        }
    }
    Ok(())
}

/// The secret alone in the first line, so that `head -1` takes it; the rest is TOML, so that it can
/// be appended to the configuration.
fn text(asked: &TokenNew, token: &NewToken) -> String {
    let NewToken { text, sha256 } = token;
    let drawn = format!("token-{}", &sha256[..NAME_DIGITS]);
    let name = asked.name.as_deref().unwrap_or(&drawn);
    let role = asked.role.as_deref().unwrap_or("team");
    format!(
        "{text}\n\
         # Above: the secret, shown this once. Its holder sends it as Authorization: Bearer, or\n\
         # has it in SLIMCP_TOKEN. Below: what belongs into slimcp.toml, at its end, or into\n\
         # conf.d/{name}.toml beside it; then reload (HUP). From the first token on, whoever\n\
         # shows none is refused.\n\
         \n\
         [[token]]\n\
         name = \"{name}\"\n\
         role = \"{role}\"\n\
         sha256 = \"{sha256}\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::config::{Environment, Overrides, Source, parse};

    fn asked(name: Option<&str>, role: Option<&str>) -> TokenNew {
        TokenNew {
            name: name.map(str::to_string),
            role: role.map(str::to_string),
        }
    }

    #[test]
    fn the_first_line_is_the_secret_and_the_rest_lets_its_holder_in() {
        let table = [
            (
                asked(Some("laptop"), Some("readonly")),
                "laptop",
                "readonly",
            ),
            (asked(None, None), "token-", "team"),
        ];
        for (asked, name, role) in table {
            let token = Token::generate([7; 32]);
            let text = text(&asked, &token);
            let (secret, rest) = text.split_once('\n').expect("two lines at least");
            assert_eq!(secret, token.text);
            assert!(!rest.contains(secret), "{rest}");
            assert!(rest.lines().all(|line| line.len() <= 100), "{rest}");
            let source = Source {
                name: "a.toml".to_string(),
                text: rest.to_string(),
            };
            let settings = parse(&[source], &Environment::default(), &Overrides::default());
            let access = settings.expect("it is a configuration").access;
            let [found] = &access.tokens[..] else {
                panic!("one token");
            };
            assert!(found.name.starts_with(name), "{}", found.name);
            assert_eq!(access.role(found.role).name, role);
            assert_eq!(crate::auth::token::digest_text(&found.sha256), token.sha256);
        }
    }

    #[test]
    fn names_that_the_configuration_refuses_are_refused() {
        let usage = check(&asked(Some("a b"), None)).expect_err("a blank");
        assert!(
            usage.0.starts_with("--name \"a b\": expected a name"),
            "{usage}"
        );
        let usage = check(&asked(None, Some("a\"\n"))).expect_err("a quote");
        assert!(
            usage.0.starts_with("--role \"a\\\"\\n\": expected"),
            "{usage}"
        );
    }
}
