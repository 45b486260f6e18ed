//! How often everyone may ask: by address before it is known who asks, then by principal and role.
//!
//! One bucket for each role that has a rate, and two tables of fixed size: one of addresses (IPv6
//! by the /64 that a household gets, RFC 6177), one of principals. Whoever shows nothing is one
//! principal, so that only the rate of addresses tells strangers apart.
//!
//! A table that is full must neither lock newcomers out nor give anybody free requests:
//!
//! | the fullest bucket | a newcomer |
//! |---|---|
//! | is full, which is as good as none | takes its place |
//! | has tokens | takes its place and its debt: who held it does the same when it comes again |
//! | is empty | is refused like everyone: all clients together ask more than the table allows |
//!
//! So no debt is ever forgotten, and all clients of one table together get at most
//! [`RATES_MAX`] times the rate. Allocated only if the configuration has a rate.

use super::SessionId;
use crate::auth::role::{Rate, Role};
use crate::auth::{Access, Principal};
use crate::bounded::index::{self, Index};
use crate::bounded::{Bucket, Key, Slab};
use crate::limits::RATES_MAX;
use crate::mcp::refusal::{Rated, Refusal};
use crate::time::Instant;
use std::net::IpAddr;
use std::time::Duration;

/// Everyone's bucket.
pub(super) struct Rates {
    /// The full bucket of a new address, and those there are.
    addresses: Option<(Bucket, Clients)>,
    /// The principals there are, if any role gives each of its principals a rate.
    principals: Option<Clients>,
    /// The rates of each role, by its place.
    roles: Box<[RoleRates]>,
}

/// The rates of one role.
struct RoleRates {
    /// The full bucket of a new principal.
    each: Option<Bucket>,
    /// The bucket of all of them together.
    whole: Option<Bucket>,
}

impl Rates {
    /// Full buckets for the rates of `access`. An id that nobody will see is the secret of each
    /// table; none is drawn if there is no rate.
    pub fn new(access: &Access, draw_id: &mut dyn FnMut() -> SessionId) -> Rates {
        let role = |role: &Role| RoleRates {
            each: role.each.rate.map(full),
            whole: role.whole.rate.map(full),
        };
        let has_each = access.roles.iter().any(|role| role.each.rate.is_some());
        let mut clients = || Clients::new(index::hash(draw_id().as_str().as_bytes()));
        let addresses = access.rate.map(|rate| (full(rate), clients()));
        Rates {
            addresses,
            principals: has_each.then(clients),
            roles: access.roles.iter().map(role).collect(),
        }
    }

    /// Whether what is owed by the rates of `old` is owed by those of `access` as well.
    pub fn are_the_same(access: &Access, old: &Access) -> bool {
        let is_same = |(role, old): (&Role, &Role)| {
            let rates = (role.each.rate, role.whole.rate);
            role.name == old.name && rates == (old.each.rate, old.whole.rate)
        };
        access.rate == old.rate
            && access.roles.len() == old.roles.len()
            && access.roles.iter().zip(&old.roles).all(is_same)
    }

    /// Takes a request from an address. One that is not known, a Unix socket's, has no rate.
    pub fn take_address(&mut self, now: Instant, address: Option<IpAddr>) -> Result<(), Refusal> {
        match (&mut self.addresses, address) {
            (Some((full, clients)), Some(address)) => clients
                .take(now, name_of(address), *full)
                .map_err(|wait| too_often(Rated::Address, wait)),
            (None, _) | (Some(_), None) => Ok(()),
        }
    }

    /// Takes a request from a principal, then from its role: one that is over its own rate takes
    /// nothing from the others.
    pub fn take_principal(&mut self, now: Instant, principal: Principal) -> Result<(), Refusal> {
        let role = principal.role;
        let rates = &mut self.roles[role.as_usize()];
        if let Some(full) = rates.each {
            let clients = self.principals.as_mut();
            let clients = clients.expect("a role has a rate for each of its principals");
            clients
                .take(now, principal.id.0, full)
                .map_err(|wait| too_often(Rated::Each(role), wait))?;
        }
        match &mut rates.whole {
            Some(bucket) => bucket
                .take(now)
                .map_err(|wait| too_often(Rated::Whole(role), wait)),
            None => Ok(()),
        }
    }
}

/// The buckets of at most [`RATES_MAX`] clients, found by a name of 64 bits.
struct Clients {
    slab: Slab<Client>,
    index: Index,
    /// Mixed into every name, since clients choose theirs: without it they could choose such as
    /// stand in each other's way.
    secret: u64,
}

/// One client.
struct Client {
    name: u64,
    bucket: Bucket,
}

const _: () = assert!(size_of::<Client>() + 2 * size_of::<u32>() + 8 <= 48);

impl Clients {
    fn new(secret: u64) -> Clients {
        Clients {
            slab: Slab::with_capacity(RATES_MAX),
            index: Index::with_capacity(RATES_MAX),
            secret,
        }
    }

    /// Takes a token from the bucket of `name`, which is `full` if it is not known.
    fn take(&mut self, now: Instant, name: u64, full: Bucket) -> Result<(), Duration> {
        let slot = match self.find(name) {
            Some(slot) => slot,
            None => self.add(now, name, full),
        };
        let (_, client) = self
            .slab
            .at_mut(slot)
            .expect("the index names occupied slots");
        client.bucket.take(now)
    }

    fn find(&self, name: u64) -> Option<u32> {
        let is_it = |slot| {
            let (_, client) = self.slab.at(slot).expect("the index names occupied slots");
            client.name == name
        };
        self.index.find(self.hash(name), is_it)
    }

    /// Adds a client, if need be in the place of the one with the fullest bucket.
    fn add(&mut self, now: Instant, name: u64, full: Bucket) -> u32 {
        let bucket = match self.slab.is_full() {
            true => full.in_debt_of(&self.remove_fullest(), now),
            false => full,
        };
        let key = self.slab.insert(Client { name, bucket });
        let key = key.unwrap_or_else(|_| unreachable!("room was made"));
        self.index
            .insert(self.hash(name), key.index())
            .expect("the index is as large as the slab");
        key.index()
    }

    fn remove_fullest(&mut self) -> Bucket {
        let fullest = self
            .slab
            .iter()
            .min_by_key(|(_, client)| client.bucket.full_at_nanos());
        let (key, client): (Key<Client>, _) = fullest.expect("a full table has a client");
        let hash = self.hash(client.name);
        let (slab, secret) = (&self.slab, self.secret);
        let hash_at = |slot| {
            let (_, client) = slab.at(slot).expect("the index names occupied slots");
            hash_of(client.name, secret)
        };
        self.index.remove(hash, |slot| slot == key.index(), hash_at);
        let client = self.slab.remove(key).expect("it was found above");
        client.bucket
    }

    fn hash(&self, name: u64) -> u64 {
        hash_of(name, self.secret)
    }
}

fn hash_of(name: u64, secret: u64) -> u64 {
    index::hash(&(name ^ secret).to_le_bytes())
}

/// A full bucket: as many requests may come at once as in a period.
fn full(rate: Rate) -> Bucket {
    Bucket::new(rate.count, rate.count, rate.period)
}

/// What an address is counted under. The prefixes of IPv6 that look like the numbers of IPv4 here
/// are in `0::/16`, from which nobody asks.
fn name_of(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64,
    }
}

/// The refusal with its time in whole seconds, at least one.
fn too_often(rated: Rated, wait: Duration) -> Refusal {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Refusal::TooOften(rated, u32::try_from(seconds).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
