//! What the tables of `access.rs` come to, together with `auth`, `anonymous`, `[jwt]` and each
//! other.
//!
//! The invariant: where something is wrong, nobody is let in by it.

use super::access::{Origin, ROLE_DEFAULT, RoleName, WrittenAddress, WrittenToken};
use super::complaint::Place;
use super::document::Value;
use super::{Reader, SecretReader, values};
use crate::auth::address::AddressRule;
use crate::auth::jwt::Jwt;
use crate::auth::role::RoleIndex;
use crate::auth::token::Token;
use crate::daemon::settings::Settings;
use crate::limits::{NETWORKS_MAX, TOKENS_MAX};
use std::path::Path;

impl Reader {
    /// Joins what the tables and the settings say. Whatever is wrong is complained about, and is
    /// in no [`crate::auth::Access`] that anybody gets to see.
    pub(super) fn resolve_access(&mut self, read_secret: SecretReader<'_>) {
        let written = std::mem::take(&mut self.access);
        self.settings.access.roles = written.roles(&mut self.complaints);
        self.resolve_tokens(&written.tokens);
        self.resolve_addresses(&written.addresses);
        self.resolve_jwt(read_secret);
        self.resolve_anonymous(!written.tokens.is_empty() || !written.addresses.is_empty());
        self.check_any_origin();
    }

    /// The role of this name, or a complaint about the key that names it.
    fn role(&mut self, name: &str, place: Place, key: &str) -> Option<RoleIndex> {
        let access = &self.settings.access;
        let role = access.role_named(name);
        if role.is_none() {
            let names: Vec<&str> = access.roles.iter().map(|role| role.name.as_str()).collect();
            let fault = Value::text(name).refuse(&values::words_expected(&names));
            self.complaints.add(place, key, fault.problem);
        }
        role
    }

    fn role_of(&mut self, role: &RoleName, at: &Origin) -> Option<RoleIndex> {
        let key = format!("{}.role", at.label);
        self.role(&role.name, at.place.at(role.line), &key)
    }

    fn resolve_tokens(&mut self, written: &[WrittenToken]) {
        if let Some(token) = written.get(TOKENS_MAX) {
            let problem = format!("expected at most {TOKENS_MAX} tokens");
            self.complaints
                .add(token.at.place.clone(), "token", problem);
        }
        for (index, token) in written.iter().enumerate().take(TOKENS_MAX) {
            self.check_unique(token, &written[..index]);
            let role = match &token.role {
                None => Some(ROLE_DEFAULT),
                Some(role) => self.role_of(role, &token.at),
            };
            if let (Some(role), Some(sha256)) = (role, token.sha256) {
                self.settings.access.tokens.push(Token {
                    name: token.name.clone(),
                    role,
                    sha256,
                });
            }
        }
    }

    /// Two tokens of one name could not be told apart in the log, and of two with one secret the
    /// second would never be seen.
    fn check_unique(&mut self, token: &WrittenToken, others: &[WrittenToken]) {
        let same_name = |other: &&WrittenToken| !token.name.is_empty() && other.name == token.name;
        let same_secret =
            |other: &&WrittenToken| token.sha256.is_some() && other.sha256 == token.sha256;
        let taken = [
            ("name", others.iter().find(same_name)),
            ("sha256", others.iter().find(same_secret)),
        ];
        for (key, other) in taken {
            if let Some(other) = other {
                self.taken(&token.at, key, &other.at);
            }
        }
    }

    fn taken(&mut self, at: &Origin, key: &str, by: &Origin) {
        let key = format!("{}.{key}", at.label);
        let problem = format!("{} at {} has the same", by.label, by.place);
        self.complaints.add(at.place.clone(), key, problem);
    }

    fn resolve_addresses(&mut self, written: &[WrittenAddress]) {
        if let Some(rule) = written.get(NETWORKS_MAX) {
            let problem = format!("expected at most {NETWORKS_MAX} addresses");
            self.complaints
                .add(rule.at.place.clone(), "address", problem);
        }
        for (index, rule) in written.iter().enumerate().take(NETWORKS_MAX) {
            // The first rule decides, so a second one for the same network would do nothing.
            let same = |other: &&WrittenAddress| other.network == rule.network;
            if let Some(other) = written[..index].iter().find(same) {
                self.taken(&rule.at, "network", &other.at);
            }
            let role = self.role_of(&rule.role, &rule.at);
            let network = rule.network;
            let resolved = role.map(|role| AddressRule { network, role });
            self.settings.access.addresses.extend(resolved);
        }
    }

    /// Reads the key where there is one; the other keys of `[jwt]` have no meaning without it.
    fn resolve_jwt(&mut self, read_secret: SecretReader<'_>) {
        let written = self.settings.jwt.clone();
        let Some(path) = &written.secret_file else {
            // The others have defaults, which slimcp check prints.
            let keys = ["jwt.issuer", "jwt.audience", "jwt.role"];
            let set = keys.iter().find(|key| *self.place(key) != Place::Default);
            if let Some(key) = set.filter(|_| self.complaints.is_sound("jwt")) {
                self.complain(key, "expected jwt.secret_file beside it".to_string());
            }
            return;
        };
        let role = written.role.as_ref().and_then(|name| {
            let place = self.place("jwt.role").clone();
            self.role(name, place, "jwt.role")
        });
        match read_secret(Path::new(path)) {
            Ok(secret) => {
                self.settings.access.jwt = secret.map(|secret| Jwt {
                    secret,
                    issuer: written.issuer,
                    audience: written.audience,
                    skew: written.skew,
                    role_claim: written.role_claim,
                    role,
                });
            }
            Err(problem) => self.complain("jwt.secret_file", format!("{path}: {problem}")),
        }
    }

    /// Without credentials the machine's own people may do everything. With any, whoever shows
    /// nothing is refused, on loopback too, since a proxy on the same machine makes all the world
    /// come from there; unless the file says who may do what in so many words.
    fn resolve_anonymous(&mut self, has_tables: bool) {
        let has_credentials = has_tables || self.settings.jwt.secret_file.is_some();
        let written = self.settings.anonymous.clone();
        // Where something is wrong, nobody is let in.
        self.settings.access.anonymous = None;
        match (has_credentials, self.settings.auth_none, written) {
            (false, _, None) => self.settings.access.anonymous = Some(RoleIndex::MASTER),
            (false, _, Some(name)) | (true, true, Some(name)) => {
                let place = self.place("anonymous").clone();
                self.settings.access.anonymous = self.role(&name, place, "anonymous");
            }
            (true, false, None) => {}
            (true, false, Some(_)) => {
                let problem = "has no meaning where whoever shows nothing is refused; expected \
                               auth = \"none\" beside it, or no tokens, addresses and jwt";
                self.complain("anonymous", problem.to_string());
            }
            (true, true, None) => {
                let problem = "beside tokens, addresses or jwt, expected the role of whoever \
                               shows nothing, such as anonymous = \"readonly\"";
                self.complain("auth", problem.to_string());
            }
        }
    }

    /// `*` lets the pages of strangers ask through any browser that comes across them. They must
    /// find nothing open: neither a door without a token nor one that opens to an address.
    fn check_any_origin(&mut self) {
        let Settings {
            origins,
            jwt,
            access,
            ..
        } = &self.settings;
        let is_any = origins.iter().any(|origin| origin == "*");
        let is_guarded = (!access.tokens.is_empty() || jwt.secret_file.is_some())
            && access.anonymous.is_none()
            && access.addresses.is_empty();
        let keys = ["token", "address", "jwt", "auth", "anonymous"];
        let is_sound = keys.iter().all(|key| self.complaints.is_sound(key));
        if is_any && is_sound && !is_guarded {
            let problem = "\"*\" lets every web page ask; expected tokens (slimcp token new) or \
                           jwt, without auth = \"none\" and [[address]], or a list of origins";
            self.complain("origins", problem.to_string());
        }
    }
}
