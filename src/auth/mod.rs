//! Who may ask, and for what: hosts and origins, then credentials, then roles.
//!
//! ```text
//! request ─> origin (is it for us?) ─> Access::authenticate ─> Principal ─> Role (may it?)
//! ```
//!
//! A *principal* is who asks: the holder of one token, one subject of a JWT, one address rule, or
//! anybody. A *role* is what a principal may do. Nothing here keeps state: how often a principal
//! has asked and what it has open is the engine's business.

pub mod address;
pub mod jwt;
pub mod origin;
pub mod role;
pub mod token;

use crate::time::UnixMillis;
use address::{AddressRule, Network};
use jwt::Jwt;
use role::{Rate, Role, RoleIndex};
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

/// A principal's name among all others: 64 bits of the SHA-256 of what it has shown, so that it
/// outlives a reload of the configuration. Zero is whoever shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PrincipalId(pub u64);

/// What a request shows.
#[derive(Clone, Copy, Debug, Default)]
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

    /// Who shows these credentials.
    ///
    /// # Errors
    ///
    /// Whoever shows something that is not right is refused, even where nothing is asked for: a
    /// client that believes to be somebody must not find out later.
    pub fn authenticate(
        &self,
        _shown: &Credentials<'_>,
        _now: UnixMillis,
    ) -> Result<Principal, Unauthorized> {
        let role = self.anonymous.ok_or(Unauthorized::Missing)?;
        Ok(Principal {
            id: PrincipalId(0),
            role,
        })
    }

    /// The role of a principal.
    pub fn role(&self, index: RoleIndex) -> &Role {
        &self.roles[index.as_usize()]
    }

    /// The role of this name.
    pub fn role_named(&self, name: &str) -> Option<RoleIndex> {
        let place = self.roles.iter().position(|role| role.name == name)?;
        Some(RoleIndex::new(place))
    }
}

impl Default for Access {
    fn default() -> Access {
        Access::open()
    }
}
