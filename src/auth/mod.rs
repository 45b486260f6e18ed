//! Who may ask, and for what: hosts and origins, then credentials, then roles.
//!
//! ```text
//! request ─> origin (is it for us?) ─> Access::authenticate ─> Principal ─> Role (may it?)
//! ```
//!
//! A *principal* is who asks: the holder of one token, one subject of a JWT, one address rule, or
//! anybody. A *role* is what a principal may do. Nothing here keeps state: how often a principal
//! has asked and what it has open is the engine's business.
//!
//! A token may stand in `Authorization: Bearer`, in `X-API-Key`, in `?token=` or in the path: there
//! are clients that can do only one of them. It is never written to a log, an error or a metric;
//! what is told of a principal is [`Access::name_of`].

pub mod address;
pub mod jwt;
pub mod origin;
pub mod role;
pub mod token;

use crate::time::UnixMillis;
use address::{AddressRule, Network};
use jwt::Jwt;
use role::{Rate, Role, RoleIndex};
use std::fmt;
use std::net::IpAddr;
use token::Token;

/// Everything that decides who may do what.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// `master`, `team` and `readonly` first, then those of the configuration; at most
    /// [`role::ROLES_MAX`].
    pub roles: Vec<Role>,
    /// The role of whoever shows nothing; `None` if that is refused with 401.
    pub anonymous: Option<RoleIndex>,
    /// Requests that one address may send, whoever they are from.
    pub rate: Option<Rate>,
    /// Tokens, each known by its hash.
    pub tokens: Vec<Token>,
    /// Networks that need no token; the first one that holds the address decides.
    pub addresses: Vec<AddressRule>,
    /// What a JWT must be; `None`: none is taken.
    pub jwt: Option<Jwt>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<Network>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose sessions are whose.
    pub id: PrincipalId,
    /// What it may do.
    pub role: RoleIndex,
}

/// A principal's name among all others, which outlives a reload of the configuration: 62 bits of a
/// hash of what makes it one (SHA-256 where a stranger has a say in that), then what kind it is in
/// two. Zero is whoever shows nothing. It is not for logs: see [`Access::name_of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PrincipalId(pub u64);

/// What makes a principal one; the number stands in its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing: all who show nothing are one.
    Anybody = 0,
    /// A token.
    Token = 1,
    /// The subject of a JWT.
    Subject = 2,
    /// A rule for addresses.
    Address = 3,
}

/// What a request shows.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The value of `Authorization`.
    pub authorization: Option<&'a str>,
    /// The value of `X-API-Key`.
    pub x_api_key: Option<&'a str>,
    /// `?token=`, decoded; only where the door takes it.
    pub query: Option<&'a str>,
    /// The token of a secret path `/t/TOKEN/...`.
    pub path: Option<&'a str>,
    /// Where it comes from, as far as it is known; `None` for a Unix socket.
    pub address: Option<IpAddr>,
}

/// Why credentials are not taken; the answer is 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthorized {
    /// There are none.
    Missing,
    /// They are not ours, or two of them contradict each other.
    Wrong,
    /// They were, or will be, at another time.
    Expired,
}

impl Principal {
    /// Whoever has not shown anything yet.
    pub const ANYBODY: Principal = Principal {
        id: PrincipalId(0),
        role: RoleIndex::READONLY,
    };
}

impl Access {
    /// Everybody is let in and may do everything.
    pub fn open() -> Access {
        Access {
            roles: Role::built_in().to_vec(),
            anonymous: Some(RoleIndex::MASTER),
            rate: None,
            tokens: Vec::new(),
            addresses: Vec::new(),
            jwt: None,
            proxies: Vec::new(),
        }
    }

    /// Whether whoever shows nothing is refused. Some addresses may still have a role.
    pub fn is_required(&self) -> bool {
        self.anonymous.is_none()
    }

    /// Who shows these credentials.
    ///
    /// # Errors
    ///
    /// Whoever shows something that is not right is refused, even where nothing is asked for: a
    /// client that believes to be somebody must not find out later. Only where nobody can be
    /// anybody, because no credentials are configured, is nothing looked at.
    pub fn authenticate(
        &self,
        shown: &Credentials<'_>,
        now: UnixMillis,
    ) -> Result<Principal, Unauthorized> {
        match self.anonymous {
            Some(role) if !self.has_credentials() => Ok(Principal::anybody(role)),
            Some(_) | None => match shown.text()? {
                Some(text) => self.holder(text, now),
                None => self.stranger(shown.address),
            },
        }
    }

    /// Where a request comes from: the peer, or whom trusted proxies say to speak for
    /// (`X-Forwarded-For`). `None` for a Unix socket, and if a trusted proxy does not tell.
    pub fn client_address(
        &self,
        peer: Option<IpAddr>,
        forwarded_for: Option<&str>,
    ) -> Option<IpAddr> {
        address::client(&self.proxies, peer?, forwarded_for)
    }

    /// What to call a principal in logs and stats.
    pub fn name_of(&self, principal: Principal) -> &str {
        match principal.id.kind() {
            Kind::Anybody => "anonymous",
            Kind::Token => self
                .token_of(principal.id)
                .map_or("token", |token| &token.name),
            Kind::Subject => "jwt",
            Kind::Address => "address",
        }
    }

    /// What a principal of `old` is here: `None` if what it has shown is worth nothing any more, or
    /// its role has gone.
    pub fn renew(&self, principal: Principal, old: &Access) -> Option<Principal> {
        let id = principal.id;
        let role = match id.kind() {
            Kind::Anybody => self.anonymous?,
            Kind::Token => self.token_of(id)?.role,
            Kind::Address => self.rule_of(id)?.role,
            Kind::Subject => {
                let trusted = self.jwt.as_ref()?.trusts_the_same(old.jwt.as_ref()?);
                let role = self.role_named(&old.role(principal.role).name);
                role.filter(|_| trusted)?
            }
        };
        Some(Principal { id, role })
    }

    /// Whether anybody can be told from others at all.
    fn has_credentials(&self) -> bool {
        !self.tokens.is_empty() || !self.addresses.is_empty() || self.jwt.is_some()
    }

    /// Whoever shows `text`. It may look like a JWT and be a token all the same.
    fn holder(&self, text: &str, now: UnixMillis) -> Result<Principal, Unauthorized> {
        let jwt = self.jwt.as_ref().filter(|_| Jwt::is_like(text));
        match jwt.map(|jwt| jwt.verify(text, now, &self.roles)) {
            Some(Ok((id, role))) => return Ok(Principal { id, role }),
            Some(Err(Unauthorized::Expired)) => return Err(Unauthorized::Expired),
            Some(Err(Unauthorized::Wrong | Unauthorized::Missing)) | None => {}
        }
        let token = Token::find(&self.tokens, text).ok_or(Unauthorized::Wrong)?;
        Ok(Principal {
            id: token.principal(),
            role: token.role,
        })
    }

    /// Whoever shows nothing and asks from `address`.
    fn stranger(&self, address: Option<IpAddr>) -> Result<Principal, Unauthorized> {
        let mut rules = self.addresses.iter();
        let rule = address.and_then(|address| rules.find(|rule| rule.network.contains(address)));
        if let Some(rule) = rule {
            return Ok(Principal {
                id: rule.principal(),
                role: rule.role,
            });
        }
        let role = self.anonymous.ok_or(Unauthorized::Missing)?;
        Ok(Principal::anybody(role))
    }

    fn token_of(&self, id: PrincipalId) -> Option<&Token> {
        self.tokens.iter().find(|token| token.principal() == id)
    }

    fn rule_of(&self, id: PrincipalId) -> Option<&AddressRule> {
        self.addresses.iter().find(|rule| rule.principal() == id)
    }

    /// The role of a principal.
    pub fn role(&self, index: RoleIndex) -> &Role {
        &self.roles[index.as_usize()]
    }

    /// The role of this name.
    pub fn role_named(&self, name: &str) -> Option<RoleIndex> {
        RoleIndex::named(&self.roles, name)
    }
}

impl Default for Access {
    fn default() -> Access {
        Access::open()
    }
}

impl Principal {
    /// Whoever shows nothing.
    fn anybody(role: RoleIndex) -> Principal {
        Principal {
            id: PrincipalId(0),
            role,
        }
    }
}

impl PrincipalId {
    /// The low bits, which say the kind.
    const KIND_BITS: u64 = 3;

    /// Of what has this hash.
    fn of(kind: Kind, sha256: &[u8; 32]) -> PrincipalId {
        let first = sha256.first_chunk().expect("a hash has more than 8 bytes");
        PrincipalId::of_hash(kind, u64::from_be_bytes(*first))
    }

    /// Of what has this hash.
    fn of_hash(kind: Kind, hash: u64) -> PrincipalId {
        match kind {
            Kind::Anybody => PrincipalId(0),
            Kind::Token | Kind::Subject | Kind::Address => {
                PrincipalId(hash & !PrincipalId::KIND_BITS | kind as u64)
            }
        }
    }

    /// What makes it one.
    fn kind(self) -> Kind {
        let kinds = [Kind::Anybody, Kind::Token, Kind::Subject, Kind::Address];
        kinds[(self.0 & PrincipalId::KIND_BITS) as usize]
    }
}

impl fmt::Debug for Credentials<'_> {
    /// Without any of the texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credentials");
        shown
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl<'a> Credentials<'a> {
    /// The one text that is shown, wherever it stands.
    fn text(&self) -> Result<Option<&'a str>, Unauthorized> {
        let bearer = match self.authorization {
            Some(value) => Some(bearer(value).ok_or(Unauthorized::Wrong)?),
            None => None,
        };
        let shown = [bearer, self.x_api_key, self.path, self.query];
        let mut shown = shown.into_iter().flatten();
        let first = shown.next();
        // Which of two would count must not depend on who reads.
        match shown.all(|other| Some(other) == first) {
            true => Ok(first),
            false => Err(Unauthorized::Wrong),
        }
    }
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1). Names of schemes have no case
/// (RFC 9110 section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| token.trim_start_matches(' '))
}

#[cfg(test)]
mod tests;
