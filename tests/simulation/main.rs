//! A whole world from a seed: clients of every era, slow, rude and forgetful ones, commands that
//! take their time, a clock that jumps, tables that are too small.
//!
//! After every step the engine's invariants are checked, and every client checks what it sees. At
//! the end everyone reads everything, and nobody may be left without an answer; then everyone
//! leaves, and nothing may be left at all.
//!
//! A failure names its seed: `SEED=123 cargo test --test simulation one` repeats it, with `CROWD=1`
//! that of a crowd.

#[path = "../support/mod.rs"]
mod support;

mod children;
mod client;
mod edge;
mod function;
mod random;
mod tasks;

use children::Nature;
use client::{Client, Era, Shared};
use edge::{Edge, Socket};
use random::Random;
use slimcp::admin::stats::Stats;
use slimcp::auth::Access;
use slimcp::auth::origin::Origins;
use slimcp::auth::role::RoleIndex;
use slimcp::auth::token::{Token, parse_digest};
use slimcp::engine::{Config, Engine};
use slimcp::limits::{Limits, Memory, Timeouts};
use slimcp::tool::catalogue::{Catalogue, Resource, Source};
use slimcp::tool::registry::Registry;
use slimcp::tool::{Tool, builtin, command::CommandTool};
use slimcp::upstream::spec::Per;
use slimcp::wire::compat::Compat;
use slimcp::wire::dialect::Dialect;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;
use tasks::Keeper;

const ERAS: [Era; 15] = [
    Era::HttpSse("/sse", Dialect::Standard),
    Era::HttpSse("/mcp/sse/", Dialect::Standard),
    Era::HttpSse("/mcp", Dialect::Standard),
    Era::HttpSse("/mcp/sse", Dialect::Standard),
    Era::HttpSse("/mcp/sse", Dialect::Underscored),
    Era::HttpSse("/mcp/sse", Dialect::Hyphenated),
    Era::Streamable("2024-11-05"),
    Era::Streamable("2025-03-26"),
    Era::Streamable("2025-03-26"),
    Era::Streamable("2025-06-18"),
    Era::Streamable("2025-11-25"),
    Era::Streamable("2025-11-25"),
    Era::Bare,
    Era::Stateless,
    Era::Stateless,
];

/// What kind of world.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One of any kind.
    Any,
    /// One with room for all, and many clients at one upstream.
    Crowd,
}

struct World {
    edge: Edge,
    clients: Vec<Client>,
    clients_max: usize,
    /// Clients there have been.
    names: usize,
    random: Random,
    number: u64,
    /// Work that is left to the server.
    keeper: Keeper,
    /// All clients use the same ids.
    ids_collide: bool,
    /// How many more times the clock may jump far.
    jumps: usize,
}

impl World {
    fn new(seed: u64, kind: Kind) -> World {
        let mut random = Random::new(seed);
        let limits = match kind {
            Kind::Any => limits(&mut random),
            Kind::Crowd => Limits::default(),
        };
        let memory = Memory::of(&limits).expect("the limits fit");
        let config = Config {
            name: "world".to_string(),
            title: None,
            instructions: None,
            origins: Origins::default(),
            access: access(),
            console: true,
            compat: Compat::default(),
            limits,
            timeouts: Timeouts::default(),
        };
        let ids = support::counting_ids();
        let engine = Engine::new(config, memory, tools(&mut random, true), ids);
        let engine = engine.with_catalogue(catalogue());
        let natures = natures(&mut random, kind);
        let specs = natures.iter().enumerate();
        let specs = specs.map(|(number, nature)| children::spec(number, *nature));
        let engine = engine.with_upstreams(specs.collect());
        let mut edge = Edge::new(engine, Random::new(random.bits()));
        edge.natures = natures;
        edge.settle();
        let (clients_max, ids_collide) = match kind {
            Kind::Any => (random.pick(&[2, 8, 30]), random.percent(50)),
            Kind::Crowd => (CROWD, true),
        };
        let mut world = World {
            edge,
            clients: Vec::new(),
            clients_max,
            names: 0,
            number: 1,
            keeper: Keeper::default(),
            jumps: random.below(4),
            ids_collide,
            random,
        };
        if kind == Kind::Crowd {
            (0..CROWD).for_each(|_| world.join());
        }
        world
    }

    fn step(&mut self) {
        match self.random.below(1000) {
            0..20 => self.join(),
            20..25 => self.part(),
            25..320 => self.with_client(|client, shared| client.act(shared)),
            320..520 => self.deliver(),
            520..740 => self.with_client(|client, shared| {
                let bytes_max = shared.random.pick(&[7, 300, usize::MAX, usize::MAX]);
                client.read(shared, bytes_max);
            }),
            740..765 => self.with_client(|client, shared| client.reset(shared)),
            765..780 => self.notice(),
            780..830 => self.command(),
            830..860 => self.edge.function(),
            860..920 => self.edge.child(),
            920..970 => self.wait(),
            970..985 => self
                .keeper
                .act(&mut self.edge, &mut self.random, &mut self.number),
            985..990 => self.reload(),
            _ => self.change(),
        }
        self.edge.check();
    }

    /// What can be listed or read is not what it was.
    fn change(&mut self) {
        let (now, engine) = (self.edge.now, &mut self.edge.engine);
        match self.random.below(4) {
            0 => engine.tools_changed(now),
            1 => engine.prompts_changed(now),
            2 => engine.resources_changed(now),
            _ => engine.handle_resource_updated(now, "test://a"),
        }
        self.edge.settle();
    }

    /// Everything changes, and whoever has subscribed hears of it.
    fn tell_news(&mut self) {
        for client in &mut self.clients {
            client.forget_news();
        }
        let (now, engine) = (self.edge.now, &mut self.edge.engine);
        engine.tools_changed(now);
        engine.prompts_changed(now);
        engine.resources_changed(now);
        engine.handle_resource_updated(now, "test://a");
        self.edge.settle();
        self.quiesce();
        for client in &self.clients {
            client.assert_has_heard_the_news();
        }
    }

    fn join(&mut self) {
        if self.clients.len() < self.clients_max {
            let era = self.random.pick(&ERAS);
            let mut client = Client::new(self.names, era);
            client.numbers.collide = self.ids_collide;
            self.clients.push(client);
            self.names += 1;
        }
    }

    /// A client is gone for good.
    fn part(&mut self) {
        if !self.clients.is_empty() {
            let index = self.random.below(self.clients.len());
            self.clients.swap_remove(index).leave(&mut self.edge);
        }
    }

    fn with_client(&mut self, act: impl FnOnce(&mut Client, &mut Shared<'_>)) {
        if self.clients.is_empty() {
            return;
        }
        let index = self.random.below(self.clients.len());
        let mut shared = Shared {
            edge: &mut self.edge,
            random: &mut self.random,
            number: &mut self.number,
        };
        act(&mut self.clients[index], &mut shared);
    }

    /// Bytes arrive at the server.
    fn deliver(&mut self) {
        for _ in 0..1 + self.random.below(4) {
            let is_sending = |socket: &&Socket| !socket.upstream.is_empty();
            let sending = self.edge.sockets.iter().filter(|(_, s)| is_sending(s));
            let ids: Vec<_> = sending.map(|(id, _)| *id).collect();
            if ids.is_empty() {
                return;
            }
            let bytes_max = self.random.pick(&[1, 50, 1000, usize::MAX, usize::MAX]);
            let id = self.random.pick(&ids);
            self.edge.read(id, bytes_max);
        }
    }

    /// The server notices that a client has gone.
    fn notice(&mut self) {
        let gone = self
            .edge
            .sockets
            .iter()
            .find(|(_, socket)| socket.is_abandoned);
        if let Some(id) = gone.map(|(id, _)| *id) {
            self.edge.notice(id);
        }
    }

    fn command(&mut self) {
        if self.edge.commands.is_empty() {
            return;
        }
        let index = self.random.below(self.edge.commands.len());
        let command = &self.edge.commands[index];
        let ends = match (command.is_terminated, command.is_killed) {
            (_, true) => 80,
            (true, false) => 30,
            (false, false) => 25,
        };
        if self.random.percent(ends) {
            self.edge.finish(index);
        } else {
            let lines = self.random.pick(&[1, 1, 2, 4, 40]);
            for _ in 0..lines {
                let to_stderr = self.random.percent(30);
                self.edge.line(index, to_stderr);
            }
        }
    }

    fn wait(&mut self) {
        let millis = match self.random.below(1000) {
            0..700 => self.random.below(20),
            700..930 => self.random.below(500),
            930..980 => self.random.below(5_000),
            980..997 => self.random.below(40_000),
            _ if self.jumps > 0 => {
                self.jumps -= 1;
                self.random
                    .pick(&[100_000, 100_000, 3_700_000, 31 * 86_400_000])
            }
            _ => 1,
        };
        let then = self.edge.now + Duration::from_millis(millis as u64);
        let asleep = self.random.percent(20);
        self.edge.wait_until(then, asleep);
    }

    fn reload(&mut self) {
        let has_sleep = self.random.percent(70);
        let registry = tools(&mut self.random, has_sleep);
        let config = self.edge.engine.config().clone();
        let now = self.edge.now;
        self.edge.engine.reload(now, config, registry);
        self.edge.settle();
    }

    /// Everything that is under way arrives, and everything that runs ends.
    fn quiesce(&mut self) {
        let mut patience = 20;
        for _ in 0..1000 {
            let mut is_over = true;
            while let Some(id) = self.edge.sockets.iter().find(|(_, s)| s.is_abandoned) {
                let id = *id.0;
                self.edge.notice(id);
            }
            for id in self.edge.sockets.keys().copied().collect::<Vec<_>>() {
                if self.edge.sockets.contains_key(&id) {
                    let before = self.edge.sockets[&id].unread_bytes();
                    self.edge.read(id, usize::MAX);
                    let after = self.edge.sockets.get(&id).map_or(0, Socket::unread_bytes);
                    is_over &= before == after;
                }
            }
            while !self.edge.commands.is_empty() {
                self.edge.finish(0);
                is_over = false;
            }
            while !self.edge.workers.is_empty() {
                self.edge.end_function(0);
                is_over = false;
            }
            is_over &= !self.edge.finish_children();
            for client in &mut self.clients {
                is_over &= !client.read_all(&mut self.edge);
                client.close_idle(&mut self.edge);
            }
            self.edge.check();
            for index in 0..self.clients.len() {
                let mut shared = Shared {
                    edge: &mut self.edge,
                    random: &mut self.random,
                    number: &mut self.number,
                };
                is_over &= !self.clients[index].collect(&mut shared);
            }
            // Some calls wait for a child that others have left in the midst of a question.
            let mut sockets = self.edge.sockets.values();
            let is_postponed = sockets.any(|socket| socket.is_postponed);
            let has_calls = self.edge.engine.gauges().calls > 0 && patience > 0;
            if is_over && (is_postponed || has_calls) {
                patience -= u32::from(!is_postponed);
                let then = self.edge.now + Duration::from_secs(1);
                self.edge.wait_until(then, false);
            } else if is_over {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Everyone leaves, and all windows close.
    fn end(&mut self) {
        for mut client in std::mem::take(&mut self.clients) {
            client.leave(&mut self.edge);
        }
        while let Some(id) = self.edge.sockets.keys().next().copied() {
            self.edge.notice(id);
        }
        let hours = Duration::from_secs(3 * 3600);
        let then = self.edge.now + hours;
        self.edge.wait_until(then, false);
        while !self.edge.commands.is_empty() {
            self.edge.finish(0);
        }
        let then = self.edge.now + hours;
        self.edge.wait_until(then, false);
        self.end_children();
        self.edge.check();
        // What upstreams offer is kept, and `check` knows whose each byte is.
        let mut left = self.edge.engine.gauges();
        assert!(left.budget_bytes <= self.edge.natures.len() * LISTING_BYTES_MAX);
        left.budget_bytes = 0;
        assert_eq!(left, Default::default(), "something was left");
    }

    /// Children that nobody uses end.
    fn end_children(&mut self) {
        // One that could not be started is tried again and again.
        for nature in &mut self.edge.natures {
            nature.rudeness = 0;
        }
        for _ in 0..1000 {
            self.edge.finish_children();
            self.edge.settle();
            if self.edge.processes.is_empty() && self.edge.engine.gauges().deadlines == 0 {
                return;
            }
            let next = self.edge.engine.poll_timeout();
            let then = next.unwrap_or(self.edge.now + Duration::from_secs(1));
            self.edge.wait_until(then, false);
        }
        let gauges = self.edge.engine.gauges();
        panic!("children are left: {:#?} {gauges:?}", self.edge.processes);
    }

    /// The server begins to stop.
    fn drain(&mut self) {
        let now = self.edge.now;
        self.edge.engine.drain(now);
        self.edge.settle();
        for _ in 0..200 {
            self.step();
        }
    }
}

/// Every client has one of two tokens; a third one belongs to nobody's session.
fn access() -> Access {
    let token = |holder: u8| Token {
        name: format!("token-{holder}"),
        role: RoleIndex::MASTER,
        sha256: parse_digest(&client::token(holder).sha256).expect("it was just written"),
    };
    Access {
        tokens: (0..=client::STRANGER).map(token).collect(),
        anonymous: None,
        ..Access::open()
    }
}

/// Some worlds have room for all, some for hardly anyone.
fn limits(random: &mut Random) -> Limits {
    if random.percent(40) {
        return Limits::default();
    }
    let mut limits = Limits {
        memory_bytes_max: 0,
        connections_max: random.pick(&[3, 16, 200]),
        sessions_max: random.pick(&[1, 8, 100]),
        calls_max: random.pick(&[1, 3, 20]),
        tasks_max: random.pick(&[1, 2, 8]),
        children_max: 4,
        body_bytes_max: 2000,
        replay_bytes_max: random.pick(&[300, 1000, 20_000]),
        output_bytes_max: 500,
    };
    let needed = Memory::of(&limits)
        .expect_err("nothing is too little")
        .needed;
    limits.memory_bytes_max = needed + random.pick(&[0, 3_000, 100_000]);
    limits
}

/// Up to three upstreams of every kind; for a crowd there is one.
fn natures(random: &mut Random, kind: Kind) -> Vec<Nature> {
    use children::Speaks::{Both, Handshake, Stateless};
    let nature = |random: &mut Random| Nature {
        per: random.pick(&[Per::Server, Per::Server, Per::Session, Per::Principal]),
        speaks: random.pick(&[Handshake, Stateless, Both]),
        rudeness: random.pick(&[0, 0, 10, 30]),
        is_interactive: random.percent(30),
        era_is_known: random.percent(30),
    };
    let count = match kind {
        Kind::Any => random.below(4),
        Kind::Crowd => 1,
    };
    (0..count).map(|_| nature(random)).collect()
}

/// `echo`, `system-info` and perhaps `sleep`.
fn tools(random: &mut Random, has_sleep: bool) -> Registry {
    let mut tools: Vec<Rc<dyn Tool>> = vec![
        Rc::new(builtin::Echo::new()),
        Rc::new(builtin::SystemInfo::new()),
        Rc::new(function::Asking::new()),
    ];
    let mut nap = support::command("nap");
    nap.background = true;
    tools.push(Rc::new(
        CommandTool::new(nap).expect("the command is sound"),
    ));
    if has_sleep {
        let mut sleep = support::command("sleep");
        sleep.limits.concurrency = random.pick(&[None, Some(1), Some(2), Some(10)]);
        sleep.limits.queue = random.pick(&[None, Some(0), Some(1), Some(5)]);
        tools.push(Rc::new(
            CommandTool::new(sleep).expect("the command is sound"),
        ));
    }
    Registry::new(tools).expect("the names differ")
}

fn catalogue() -> Catalogue {
    Catalogue {
        resources: vec![Resource::new("test://a", "a", Source::text("a"))],
        ..Catalogue::default()
    }
}

/// Lives a world through. Returns what happened in it.
fn live(seed: u64, kind: Kind) -> Happened {
    let mut world = World::new(seed, kind);
    let steps = world.random.below(match kind {
        Kind::Any => STEPS_MAX,
        Kind::Crowd => CROWD_STEPS_MAX,
    });
    let drains = world.random.percent(25);
    let mut step = 0;
    let mut rescued = 0;
    let mut news = 0;
    let run = AssertUnwindSafe(|| {
        while step < steps {
            world.step();
            step += 1;
        }
        if drains {
            world.drain();
        }
        world.quiesce();
        world.tell_news();
        for client in &world.clients {
            client.assert_nothing_is_owed();
            rescued += client.rescued;
            news += client.news;
        }
        assert_eq!(world.edge.engine.is_drained(), drains);
        world.end();
    });
    if let Err(panic) = catch_unwind(run) {
        eprintln!("\nSEED={seed} failed at step {step} of {steps}");
        eprintln!("children: {:#?}", world.edge.processes);
        eprintln!("{:?}", world.edge.engine.gauges());
        for view in world.edge.engine.upstreams() {
            let (name, state, calls) = (&view.spec.name, view.state, view.calls);
            eprintln!("{name} is {state}, {calls} calls: {:?}", view.last_failure);
        }
        std::panic::resume_unwind(panic);
    }
    let mut happened = happened(world.edge.engine.stats(), world.number);
    happened.append(&mut world.edge.happened);
    happened.insert("tasks that came to something", world.keeper.finished);
    happened.insert("answers that clients came back for", rescued);
    happened.insert("news that subscriptions were told", news);
    happened
}

/// What should happen often enough in all worlds together, by name.
type Happened = BTreeMap<&'static str, u64>;

fn happened(stats: &Stats, requests: u64) -> Happened {
    BTreeMap::from([
        ("requests of clients", requests),
        ("connections_shed", stats.connections_shed),
        ("connections_timed_out", stats.connections_timed_out),
        ("sessions", stats.sessions),
        ("sessions_refused", stats.sessions_refused),
        ("sessions_evicted", stats.sessions_evicted),
        ("sessions_expired", stats.sessions_expired),
        ("streams_cut", stats.streams_cut),
        ("resumed", stats.resumed),
        ("resume_gaps", stats.resume_gaps),
        ("blocked", stats.blocked),
        ("lagging", stats.lagging),
        ("events_shed", stats.events_shed),
        ("calls", stats.calls),
        ("calls_refused", stats.calls_refused),
        ("calls_cancelled", stats.calls_cancelled),
        ("calls_timed_out", stats.calls_timed_out),
        ("calls_evicted", stats.calls_evicted),
        ("calls_resumed", stats.calls_resumed),
        ("asks", stats.asks),
        ("asks_refused", stats.asks_refused),
        ("responses_unasked", stats.responses_unasked),
        ("tasks", stats.tasks),
        ("tasks_refused", stats.tasks_refused),
        ("tasks_evicted", stats.tasks_evicted),
        ("answers_unwanted", stats.answers_unwanted),
        ("memory_refusals", stats.memory_refusals),
        ("refusals", stats.refusals.total()),
    ])
}

#[test]
fn one() {
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let kind = match std::env::var_os("CROWD") {
        Some(_) => Kind::Crowd,
        None => Kind::Any,
    };
    println!("{:#?}", live(seed, kind));
}

/// Worlds in which nothing goes wrong prove nothing: everything that can happen has to.
#[test]
fn a_thousand_worlds() {
    let worlds = std::env::var("WORLDS").map_or(1000, |count| count.parse().expect("a number"));
    let mut all = Happened::new();
    for seed in 0..worlds {
        for (name, count) in live(seed, Kind::Any) {
            *all.entry(name).or_default() += count;
        }
    }
    println!("{all:#?}");
    for (name, count) in all {
        assert!(count * 10 >= worlds, "{name} hardly ever happens: {count}");
    }
}

/// Sixteen clients of all revisions, whose ids and tokens are the same, and one upstream: nobody
/// hears what is not meant for him, and nobody waits for ever.
#[test]
fn a_thousand_crowds_share_an_upstream() {
    let worlds = std::env::var("WORLDS").map_or(1000, |count| count.parse().expect("a number"));
    let mut all = Happened::new();
    for seed in 0..worlds {
        for (name, count) in live(seed, Kind::Crowd) {
            *all.entry(name).or_default() += count;
        }
    }
    let of_children = all
        .into_iter()
        .filter(|(name, _)| name.starts_with("child"));
    let of_children: Happened = of_children.collect();
    println!("{of_children:#?}");
    assert_eq!(of_children.len(), CHILDREN_DO);
    for (name, count) in of_children {
        assert!(count * 10 >= worlds, "{name} hardly ever happen: {count}");
    }
}

/// How many things children do that are counted.
const CHILDREN_DO: usize = 9;

/// Clients of a crowd.
const CROWD: usize = 16;

/// What is kept of what one upstream of this world offers.
const LISTING_BYTES_MAX: usize = 2000;

const STEPS_MAX: usize = 3000;

/// The same for a crowd.
const CROWD_STEPS_MAX: usize = 1000;
