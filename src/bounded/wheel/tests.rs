//! The wheel against a sorted map, and each promise of its documentation by itself.

use super::super::random::Random;
use super::*;
use std::collections::BTreeMap;

/// From two milliseconds to a year, in ticks: some on every level.
const DISTANCES: [u64; 8] = [
    2,
    70,
    5_000,
    60_000,
    300_000,
    20_000_000,
    86_400_000,
    1 << 35,
];

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn expired<K: Copy>(wheel: &mut Wheel<K>, now: Instant) -> Vec<K> {
    std::iter::from_fn(|| wheel.expire(now)).collect()
}

#[test]
fn the_last_timer_is_scheduled_and_one_more_refused() {
    let mut wheel = Wheel::with_capacity(2);
    wheel.schedule(at(1), 'a').unwrap();
    let last = wheel.schedule(at(2), 'b').unwrap();
    assert_eq!(wheel.schedule(at(0), 'c'), Err(Full(())));
    assert_eq!(wheel.next_deadline(), Some(at(1)));
    assert_eq!(wheel.cancel(last), Some('b'));
    assert!(wheel.schedule(at(3), 'd').is_ok());
    assert_eq!((wheel.len(), wheel.capacity()), (2, 2));
}

#[test]
fn a_deadline_never_expires_early() {
    for (micros, tick) in [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (64_001, 65)] {
        let mut wheel = Wheel::with_capacity(1);
        wheel.schedule(Instant::from_micros(micros), ()).unwrap();
        assert_eq!(wheel.next_deadline(), Some(at(tick)));
        if tick > 0 {
            let just_before = Instant::from_micros(tick * 1000 - 1);
            assert_eq!(expired(&mut wheel, just_before), []);
        }
        assert_eq!(expired(&mut wheel, at(tick)), [()]);
    }
}

#[test]
fn a_deadline_that_has_passed_expires_at_once() {
    let mut wheel = Wheel::with_capacity(2);
    assert_eq!(expired(&mut wheel, at(500)), []);
    wheel.schedule(at(7), 'a').unwrap();
    wheel.schedule(at(500), 'b').unwrap();
    assert_eq!(wheel.next_deadline(), Some(at(500)));
    assert_eq!(expired(&mut wheel, at(500)), ['a', 'b']);
}

#[test]
fn timers_of_one_tick_expire_in_the_order_of_scheduling() {
    for tick in DISTANCES.map(|distance| distance + 3) {
        let mut wheel = Wheel::with_capacity(4);
        for key in [1, 2, 3] {
            wheel.schedule(at(tick), key).unwrap();
        }
        assert!(expired(&mut wheel, at(tick - 1)).is_empty());
        wheel.schedule(at(tick), 4).unwrap();
        assert_eq!(expired(&mut wheel, at(tick)), [1, 2, 3, 4]);
    }
}

#[test]
fn a_stale_timer_cancels_nothing() {
    let mut wheel = Wheel::with_capacity(1);
    let first = wheel.schedule(at(1), 'a').unwrap();
    assert_eq!(expired(&mut wheel, at(1)), ['a']);
    wheel.schedule(at(2), 'b').unwrap();
    assert_eq!(wheel.cancel(first), None);
    assert_eq!(expired(&mut wheel, at(2)), ['b']);
}

#[test]
fn the_next_deadline_is_exact_on_every_level() {
    for distance in DISTANCES {
        let mut wheel = Wheel::with_capacity(4);
        let early = wheel.schedule(at(distance + 1), 'b').unwrap();
        wheel.schedule(at(distance + 2), 'c').unwrap();
        wheel.schedule(at(distance), 'a').unwrap();
        assert_eq!(wheel.next_deadline(), Some(at(distance)));
        assert_eq!(expired(&mut wheel, at(distance)), ['a']);
        assert_eq!(wheel.next_deadline(), Some(at(distance + 1)));
        assert_eq!(wheel.cancel(early), Some('b'));
        assert_eq!(wheel.next_deadline(), Some(at(distance + 2)));
        assert_eq!(expired(&mut wheel, at(distance + 2)), ['c']);
        assert_eq!(wheel.next_deadline(), None);
    }
}

#[test]
fn equal_timeouts_keep_their_slot_in_order() {
    let mut wheel = Wheel::with_capacity(3);
    wheel.schedule(at(5000), 1).unwrap();
    wheel.schedule(at(5000), 2).unwrap();
    wheel.schedule(at(6000), 3).unwrap();
    assert!(wheel.levels.iter().all(|level| level.unordered == 0));
}

#[test]
fn a_jump_of_years_expires_everything_in_order() {
    let mut wheel = Wheel::with_capacity(DISTANCES.len() as u32);
    for distance in DISTANCES.iter().rev() {
        wheel.schedule(at(*distance), *distance).unwrap();
    }
    assert_eq!(expired(&mut wheel, at(1 << 40)), DISTANCES);
    wheel.schedule(at((1 << 40) + 1), 1).unwrap();
    assert_eq!(wheel.next_deadline(), Some(at((1 << 40) + 1)));
}

#[test]
fn a_deadline_behind_the_horizon_is_pulled_in_to_it() {
    for start in [0, 1 << 30, (1 << 36) - 1, 1 << 40] {
        let mut wheel = Wheel::with_capacity(1);
        assert_eq!(expired(&mut wheel, at(start)), []);
        wheel.schedule(Instant::from_micros(u64::MAX), ()).unwrap();
        let pulled_in = wheel.next_deadline().unwrap();
        assert!(pulled_in >= at(start + (1 << 36) - (1 << 30)));
        assert!(pulled_in < at(start + (1 << 36)));
        assert_eq!(expired(&mut wheel, at(pulled_in.millis() - 1)), []);
        assert_eq!(expired(&mut wheel, pulled_in), [()]);
    }
}

#[test]
fn the_wheel_turns_over_at_the_end_of_its_last_level() {
    let end = 1 << 36;
    let mut wheel = Wheel::with_capacity(3);
    assert_eq!(expired(&mut wheel, at(end - 10)), []);
    wheel.schedule(at(end + 5), 'b').unwrap();
    wheel.schedule(at(end - 5), 'a').unwrap();
    wheel.schedule(at(end + (1 << 34)), 'c').unwrap();
    assert_eq!(wheel.next_deadline(), Some(at(end - 5)));
    assert_eq!(expired(&mut wheel, at(end)), ['a']);
    assert_eq!(wheel.next_deadline(), Some(at(end + 5)));
    assert_eq!(expired(&mut wheel, at(end + (1 << 34))), ['b', 'c']);
}

#[test]
fn a_timer_of_12_bytes_costs_32() {
    let mut slab = Slab::<Node<[u32; 3]>>::with_capacity(1);
    assert!(slab.insert(Node::new(0, [0; 3])).is_ok());
    assert_eq!(size_of::<Node<[u32; 3]>>(), 28);
    assert_eq!(size_of::<Option<Timer>>(), 8);
}

/// What a wheel should do, slowly: keys by tick and then by the order of scheduling.
#[derive(Default)]
struct Model {
    by_tick: BTreeMap<(u64, usize), Timer>,
    now: u64,
}

impl Model {
    fn schedule(&mut self, micros: u64, number: usize, timer: Timer) {
        let tick = micros.div_ceil(1000).max(self.now);
        self.by_tick.insert((tick, number), timer);
    }

    fn expire(&mut self, now: u64) -> Vec<usize> {
        self.now = now;
        let rest = self.by_tick.split_off(&(now + 1, 0));
        let due = std::mem::replace(&mut self.by_tick, rest);
        due.into_keys().map(|(_, number)| number).collect()
    }

    fn any(&self, random: &mut Random) -> Option<((u64, usize), Timer)> {
        let nth = random.below(self.by_tick.len().max(1));
        self.by_tick
            .iter()
            .nth(nth)
            .map(|(&at, &timer)| (at, timer))
    }
}

#[test]
fn a_wheel_behaves_as_a_sorted_map() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let capacity = 1 + random.below(60);
        let mut wheel = Wheel::with_capacity(capacity as u32);
        let mut model = Model::default();
        let reach = 1 + random.below(DISTANCES.len());
        for number in 0..1000 {
            let within = DISTANCES[random.below(reach)];
            let distance = 1 + random.bits() % within;
            match random.below(8) {
                0..4 => {
                    let micros = (model.now + distance) * 1000 - random.below(1000) as u64;
                    match wheel.schedule(Instant::from_micros(micros), number) {
                        Ok(timer) => model.schedule(micros, number, timer),
                        Err(Full(())) => assert_eq!(model.by_tick.len(), capacity, "seed {seed}"),
                    }
                }
                4 | 5 => {
                    if let Some((at, timer)) = model.any(&mut random) {
                        model.by_tick.remove(&at);
                        assert_eq!(wheel.cancel(timer), Some(at.1), "seed {seed}");
                        assert_eq!(wheel.cancel(timer), None, "seed {seed}");
                    }
                }
                _ => {
                    let now = model.now + distance;
                    let due = model.expire(now);
                    assert_eq!(expired(&mut wheel, at(now)), due, "seed {seed}");
                }
            }
            if random.below(2) == 0 {
                let next = model.by_tick.keys().next().map(|(tick, _)| at(*tick));
                assert_eq!(wheel.next_deadline(), next, "seed {seed}, step {number}");
            }
            assert_eq!(wheel.len() as usize, model.by_tick.len(), "seed {seed}");
        }
    }
}
