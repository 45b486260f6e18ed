//! Children without a client: what becomes of what they write. `tests/daemon/children.rs` has those
//! with one.

use super::*;
use crate::edge::reaper::Orphans;
use crate::edge::sockets;
use crate::edge::tests::engine;
use crate::mcp::revision::Era;
use crate::tool::command::Output as Content;
use crate::upstream::spec::{Start, UpstreamSpec};
use smol::LocalExecutor;
use smol::future;

/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A world in which a server runs.
fn with_child<T>(argv: &[&str], body: impl AsyncFnOnce(Rc<World>) -> T) -> T {
    let line = CommandLine {
        argv: argv.iter().map(ToString::to_string).collect(),
        directory: None,
        environment: Vec::new(),
        environment_inherit: Vec::new(),
        stdin: None,
        output: Content::Text,
    };
    let mut spec = UpstreamSpec::new("shell", line);
    spec.start = Start::Eager;
    // It is not tried in another era when it has ended.
    spec.era = Some(Era::Handshake);
    let executor = Rc::new(LocalExecutor::new());
    let engine = engine().with_upstreams(vec![spec]);
    let world = World::new(engine, executor.clone(), Orphans::Left).expect("an epoll set");
    executor.spawn(reap(world.clone())).detach();
    world.settle();
    let deadline = async {
        Timer::after(DEADLINE).await;
        panic!("nothing happened for {DEADLINE:?}");
    };
    async_io::block_on(executor.run(future::or(body(world), deadline)))
}

/// Why the server was given up.
async fn failure(world: &World) -> String {
    loop {
        {
            let engine = world.engine.borrow();
            let failure = engine.upstreams().next().expect("one").last_failure;
            if let Some(failure) = failure {
                return failure.to_string();
            }
        }
        future::yield_now().await;
    }
}

#[test]
fn what_is_in_the_pipes_at_the_end_is_read_before_the_end_is_told() {
    // Nothing but the end itself has the pipes read here.
    let failure = with_child(
        &["sh", "-c", "echo last words >&2; exit 3"],
        async |world| failure(&world).await,
    );
    assert!(failure.ends_with("exit status 3: last words"), "{failure}");
}

#[test]
fn an_endless_line_leaves_turns_to_others() {
    let failure = with_child(&["cat", "/dev/zero"], async |world| {
        let sockets = world.executor.spawn(sockets::run(world.clone()));
        for _ in 0..10 {
            future::yield_now().await;
        }
        let key = world.child_at(0).expect("it runs");
        world.with_child(key, |place| place.group().kill());
        let failure = failure(&world).await;
        drop(sockets);
        failure
    });
    assert!(failure.contains("was ended by signal 9"), "{failure}");
}

#[test]
fn what_cannot_be_started_has_failed() {
    let failure = with_child(&["/no/such/program"], async |world| failure(&world).await);
    let reason = "/no/such/program could not be started: there is no such file";
    assert!(failure.contains(reason), "{failure}");
}

/// What was read of an output of nobody.
fn heard(world: &Rc<World>) -> Heard {
    Heard {
        key: Key::from_bits(7 << 32).expect("a key"),
        source: Source::Stdout,
        lines: Lines::new(10_000),
        held: world.hold(),
    }
}

#[test]
fn what_is_held_of_a_line_is_drawn_from_the_budget() {
    with_child(&["true"], async |world| {
        let mut heard = heard(&world);
        for (piece, held_bytes) in [
            ("abc\n", 0),
            ("abc", 3),
            ("def", 6),
            ("g\nh\nij", 2),
            ("k\n", 0),
        ] {
            heard.take(&world, piece.as_bytes());
            let held = (heard.held.bytes(), heard.lines.held_bytes());
            assert_eq!(held, (held_bytes, held_bytes), "{piece:?}");
        }
    });
}

#[test]
fn a_line_without_room_for_it_is_left_out() {
    with_child(&["true"], async |world| {
        let mut rest = world.hold();
        while rest.grow_by(1000) {}
        while rest.grow_by(1) {}
        let mut heard = heard(&world);
        for piece in ["abc", "def", "g\nabc", "d\nh\n"] {
            heard.take(&world, piece.as_bytes());
            assert_eq!((heard.held.bytes(), heard.lines.held_bytes()), (0, 0));
        }
        // There is room for the start of a line and not for more of it.
        rest.shrink_by(4);
        heard.take(&world, b"abcd");
        assert_eq!((heard.held.bytes(), heard.lines.held_bytes()), (4, 4));
        heard.take(&world, b"e");
        assert_eq!((heard.held.bytes(), heard.lines.held_bytes()), (0, 0));
    });
}
