use super::*;
use crate::auth::PrincipalId;
use crate::auth::role::RoleIndex;
use std::net::{Ipv4Addr, Ipv6Addr};

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn access(address: &str, each: &str, whole: &str) -> Access {
    let rate = |text: &str| Rate::parse(text).ok();
    let mut access = Access::open();
    access.rate = rate(address);
    access.roles[RoleIndex::TEAM.as_usize()].each.rate = rate(each);
    access.roles[RoleIndex::TEAM.as_usize()].whole.rate = rate(whole);
    access
}

fn rates(access: &Access) -> Rates {
    Rates::new(access, &mut || SessionId::new(*b"0123456789012345678901"))
}

fn of_address(number: u32) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

fn member(id: u64) -> Principal {
    Principal {
        id: PrincipalId(id),
        role: RoleIndex::TEAM,
    }
}

#[test]
fn without_a_rate_nothing_is_drawn_and_nobody_is_refused() {
    let mut rates = Rates::new(&Access::open(), &mut || panic!("there is no table"));
    for _ in 0..10_000 {
        assert_eq!(rates.take_address(at(0), of_address(1)), Ok(()));
        assert_eq!(rates.take_principal(at(0), member(1)), Ok(()));
    }
    assert!(rates.addresses.is_none());
    assert!(rates.principals.is_none());
}

#[test]
fn each_address_has_a_rate_of_its_own() {
    let mut rates = rates(&access("2/s", "", ""));
    let v6 = |text: &str| Some(IpAddr::V6(text.parse::<Ipv6Addr>().unwrap()));
    for address in [of_address(1), of_address(2), v6("2001:db8::1")] {
        assert_eq!(rates.take_address(at(0), address), Ok(()));
        assert_eq!(rates.take_address(at(0), address), Ok(()));
        let refused = Err(Refusal::TooOften(Rated::Address, 1));
        assert_eq!(rates.take_address(at(0), address), refused);
        assert_eq!(rates.take_address(at(499), address), refused);
    }
    // The same network, the same address in another spelling, and another network.
    for (address, is_taken) in [
        (v6("2001:db8:0:0:ffff::1"), false),
        (v6("::ffff:0.0.0.1"), false),
        (v6("2001:db8:0:1::1"), true),
    ] {
        assert_eq!(rates.take_address(at(0), address).is_ok(), is_taken);
    }
    assert_eq!(rates.take_address(at(500), of_address(1)), Ok(()));
    for _ in 0..10 {
        assert_eq!(rates.take_address(at(0), None), Ok(()), "a Unix socket");
    }
}

#[test]
fn one_that_is_over_its_own_rate_leaves_the_role_its_requests() {
    let mut rates = rates(&access("", "2/min", "5/min"));
    let each = |seconds| Err(Refusal::TooOften(Rated::Each(RoleIndex::TEAM), seconds));
    assert_eq!(rates.take_principal(at(0), member(1)), Ok(()));
    assert_eq!(rates.take_principal(at(0), member(1)), Ok(()));
    for _ in 0..100 {
        assert_eq!(rates.take_principal(at(0), member(1)), each(30));
    }
    assert_eq!(
        [2, 2, 3].map(|id| rates.take_principal(at(0), member(id))),
        [Ok(()); 3]
    );
    let whole = Err(Refusal::TooOften(Rated::Whole(RoleIndex::TEAM), 12));
    assert_eq!(rates.take_principal(at(0), member(3)), whole);
    assert_eq!(rates.take_principal(at(12_000), member(4)), Ok(()));
    let master = Principal {
        id: PrincipalId(9),
        role: RoleIndex::MASTER,
    };
    assert_eq!(rates.take_principal(at(12_000), master), Ok(()));
}

#[test]
fn a_wait_is_told_in_whole_seconds_and_is_long_enough() {
    for (rate, seconds) in [("1/s", 1), ("7/s", 1), ("59/min", 2), ("1/h", 3600)] {
        let mut rates = rates(&access(rate, "", ""));
        while rates.take_address(at(0), of_address(1)).is_ok() {}
        let refused = Err(Refusal::TooOften(Rated::Address, seconds));
        assert_eq!(rates.take_address(at(0), of_address(1)), refused, "{rate}");
        let later = at(u64::from(seconds) * 1000);
        assert_eq!(rates.take_address(later, of_address(1)), Ok(()), "{rate}");
    }
}

#[test]
fn a_full_table_forgets_those_who_owe_nothing_first() {
    let mut rates = rates(&access("1/s", "", ""));
    for number in 0..RATES_MAX {
        let since = at(u64::from(number >= 2));
        assert_eq!(rates.take_address(since, of_address(number)), Ok(()));
    }
    // The first two have paid their debt: their places go to newcomers, who owe nothing.
    let now = at(1000);
    for newcomer in [RATES_MAX, RATES_MAX + 1] {
        assert_eq!(rates.take_address(now, of_address(newcomer)), Ok(()));
    }
    // Everybody else is still known.
    let refused = Err(Refusal::TooOften(Rated::Address, 1));
    for number in 2..RATES_MAX + 2 {
        assert_eq!(
            rates.take_address(now, of_address(number)),
            refused,
            "{number}"
        );
    }
}

#[test]
fn many_addresses_get_no_more_than_the_table_allows() {
    let mut rates = rates(&access("2/s", "", ""));
    let mut taken = 0;
    // Each asks once, and ten times as many as there is room for.
    for number in 0..RATES_MAX * 10 {
        taken += u32::from(rates.take_address(at(0), of_address(number)).is_ok());
    }
    assert_eq!(
        taken,
        2 * RATES_MAX,
        "the debt of those who had to go is kept"
    );
    // Nobody is locked out: what is paid off is there for anyone.
    let newcomer = of_address(u32::MAX);
    assert_eq!(rates.take_address(at(500), newcomer), Ok(()));
}

#[test]
fn one_with_few_requests_is_served_while_others_fill_the_table() {
    let mut rates = rates(&access("10/s", "", ""));
    let mut others = 0_u32;
    for round in 0..10_u64 {
        let now = at(round * 1000);
        // Two thirds of what the table allows, from ever new addresses.
        for _ in 0..RATES_MAX * 6 {
            others += 1;
            let _ = rates.take_address(now, of_address(others));
        }
        assert_eq!(
            rates.take_address(now, of_address(u32::MAX)),
            Ok(()),
            "{round}"
        );
    }
}

#[test]
fn rates_are_the_same_if_names_and_numbers_are() {
    let old = access("2/s", "2/min", "5/min");
    assert!(Rates::are_the_same(&old, &old.clone()));
    for other in [
        access("3/s", "2/min", "5/min"),
        access("2/s", "2/s", "5/min"),
        access("2/s", "2/min", ""),
    ] {
        assert!(!Rates::are_the_same(&other, &old));
    }
    let mut renamed = old.clone();
    renamed.roles[1].name = "crew".to_string();
    assert!(!Rates::are_the_same(&renamed, &old));
}
