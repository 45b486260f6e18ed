//! Addresses: networks, the rules that give them a role, and who asks behind a proxy.
//!
//! An IPv4 address may come written as IPv6 (`::ffff:10.0.0.7`, RFC 4291 section 2.5.5.2), which is
//! what a socket for both kinds reports. Here it is always IPv4, so that one rule holds for both
//! spellings.

use super::role::RoleIndex;
use super::{Kind, PrincipalId};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A range of addresses that share their first bits (RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its first address: every bit behind the prefix is zero. Never IPv4 written as IPv6.
    address: IpAddr,
    /// Bits that all its addresses share, at most as many as an address has.
    prefix_bits: u8,
}

/// The role of whoever asks from a network and shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRule {
    /// From here.
    pub network: Network,
    /// With this role.
    pub role: RoleIndex,
}

impl Network {
    /// Reads `192.168.1.0/24`, `fd00::/8`, or one address alone.
    ///
    /// # Errors
    ///
    /// Says what was expected. Bits behind the prefix are refused: whoever writes `10.0.0.7/8` may
    /// mean the one host or all sixteen million.
    pub fn parse(text: &str) -> Result<Network, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let expected = || "expected an address or a network such as 192.168.1.0/24 or fd00::/8";
        let address: IpAddr = address.parse().map_err(|_| expected().to_string())?;
        let bits_max = address_bits(address);
        let prefix_bits = match prefix {
            None => bits_max,
            Some(digits) => parse_prefix(digits, bits_max)
                .ok_or_else(|| format!("expected 0 to {bits_max} after the /"))?,
        };
        let network = Network::canonical(address, prefix_bits);
        let first = network.first();
        if first == network.address {
            return Ok(network);
        }
        let whole = Network {
            address: first,
            ..network
        };
        Err(format!(
            "expected {whole} for a network, or no / for one address"
        ))
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let other = Network {
            address: address.to_canonical(),
            prefix_bits: self.prefix_bits,
        };
        self.address.is_ipv4() == other.address.is_ipv4() && other.first() == self.address
    }

    /// The network as IPv4 if it is one that is written as IPv6.
    fn canonical(address: IpAddr, prefix_bits: u8) -> Network {
        let canonical = address.to_canonical();
        let is_mapped = canonical != address && prefix_bits >= 96;
        Network {
            address: if is_mapped { canonical } else { address },
            prefix_bits: if is_mapped {
                prefix_bits - 96
            } else {
                prefix_bits
            },
        }
    }

    /// Its address with zeros behind the prefix.
    fn first(&self) -> IpAddr {
        let shift = u32::from(address_bits(self.address) - self.prefix_bits);
        // A shift by all bits is none for the processor, but leaves nothing of an address.
        match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(shift).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        }
    }
}

impl AddressRule {
    /// Who asks from there. The operator has chosen the networks, so that nobody can make two of
    /// them meet in 64 bits: FNV-1a will do.
    pub(super) fn principal(&self) -> PrincipalId {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let bits = match self.network.address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        let bytes = bits.into_iter().chain([self.network.prefix_bits]);
        let hash = bytes.fold(OFFSET, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        });
        PrincipalId::of_hash(Kind::Address, hash)
    }
}

impl fmt::Display for Network {
    /// As [`Network::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix_bits == address_bits(self.address) {
            return write!(f, "{}", self.address);
        }
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

/// Bits of an address of this kind.
fn address_bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// A number of bits: digits without sign or leading zero.
fn parse_prefix(digits: &str, bits_max: u8) -> Option<u8> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    digits.parse().ok().filter(|bits| *bits <= bits_max)
}

/// Who asked the first of `proxies` on the way, given that `peer` asks us. Each proxy writes its
/// own peer behind what it was sent, so `forwarded_for` is read from its end, and no further than
/// proxies of ours have written it: what stands before is anybody's word.
pub(super) fn client(
    proxies: &[Network],
    peer: IpAddr,
    forwarded_for: Option<&str>,
) -> Option<IpAddr> {
    let is_proxy = |address| proxies.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    for hop in forwarded_for.iter().flat_map(|list| list.rsplit(',')) {
        if !is_proxy(client) {
            break;
        }
        // A proxy that does not tell (`unknown`, RFC 7239 section 6) hides its peer: whoever that
        // is has not the address of the proxy.
        client = parse_hop(hop.trim())?.to_canonical();
    }
    Some(client)
}

/// An address, with a port as some proxies write it: `10.0.0.7:80`, `[fd00::7]:80`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop.parse().ok();
    address.or_else(|| hop.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

#[cfg(test)]
mod tests;
