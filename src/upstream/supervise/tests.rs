use super::*;

const STATES: [State; 9] = [
    State::Down,
    State::Queued,
    State::Starting,
    State::Up,
    State::Leaving,
    State::Closing,
    State::Terminating,
    State::Killing,
    State::Failed,
];

const EVENTS: [Event; 10] = [
    Event::Wanted,
    Event::Turn,
    Event::Ready,
    Event::Unfit,
    Event::Expired,
    Event::Exited,
    Event::Hung,
    Event::Noisy,
    Event::Retired,
    Event::Stopped,
];

/// All pairs that lead somewhere or need something; every other one changes nothing.
const TABLE: &str = "
Down wanted -> Queued: Enqueue
Queued turn -> Starting: Spawn
Queued retired -> Down: FailCalls
Queued stopped -> Down: FailCalls
Starting ready -> Up: Send
Starting unfit -> Closing: FailCalls BackOff CloseInput
Starting expired -> Terminating: FailCalls BackOff Terminate
Starting hung -> Terminating: FailCalls BackOff Terminate
Starting noisy -> Terminating: FailCalls BackOff Terminate
Starting exited -> Failed: FailCalls BackOff Forget
Starting retired -> Closing: FailCalls CloseInput
Starting stopped -> Closing: FailCalls CloseInput
Up expired -> Closing: CloseInput
Up exited -> Failed: FailCalls BackOff Forget
Up hung -> Terminating: FailCalls BackOff Terminate
Up noisy -> Terminating: FailCalls BackOff Terminate
Up retired -> Leaving:
Up stopped -> Closing: FailCalls CloseInput
Leaving wanted -> Leaving: Enqueue
Leaving expired -> Closing: FailCalls CloseInput
Leaving exited -> Down: FailCalls Forget
Leaving hung -> Terminating: FailCalls BackOff Terminate
Leaving noisy -> Terminating: FailCalls BackOff Terminate
Leaving stopped -> Closing: FailCalls CloseInput
Closing wanted -> Closing: Enqueue
Closing expired -> Terminating: Terminate
Closing exited -> Down: Forget
Terminating wanted -> Terminating: Enqueue
Terminating expired -> Killing: Kill
Terminating exited -> Down: Forget
Killing wanted -> Killing: Enqueue
Killing exited -> Down: Forget
Failed wanted -> Failed: Refuse
Failed expired -> Down:
";

#[test]
fn every_pair_leads_where_the_table_says() {
    for state in STATES {
        for event in EVENTS {
            let begin = format!("{state:?} {} -> ", format!("{event:?}").to_lowercase());
            let (next, actions) = step(state, event);
            let words: Vec<String> = actions.iter().map(|one| format!("{one:?}")).collect();
            let line = format!("{begin}{next:?}: {}", words.join(" "));
            match TABLE.lines().find(|line| line.starts_with(&begin)) {
                Some(expected) => assert_eq!(line.trim_end(), expected),
                None => assert_eq!((next, actions.len()), (state, 0), "{line}"),
            }
        }
    }
    let pairs = TABLE.lines().filter(|line| !line.is_empty());
    for pair in pairs {
        let mut words = pair.split([' ']);
        let (state, event) = (words.next().unwrap(), words.next().unwrap());
        assert!(
            STATES.iter().any(|one| format!("{one:?}") == state),
            "{pair}"
        );
        assert!(
            EVENTS
                .iter()
                .any(|one| format!("{one:?}").to_lowercase() == event),
            "{pair}"
        );
    }
}

#[test]
fn whatever_was_told_to_end_is_gone_after_two_graces_and_an_exit() {
    for state in STATES.into_iter().filter(|state| state.is_ending()) {
        let mut now = state;
        while now != State::Killing {
            now = step(now, Event::Expired).0;
        }
        assert_eq!(step(now, Event::Exited).0, State::Down, "{state:?}");
    }
}

#[test]
fn the_back_off_doubles_up_to_its_cap_and_is_spread() {
    let seconds = |failures, chance| back_off(failures, chance).as_secs_f64();
    let doubled = [1, 2, 3, 4, 5, 6, 7, 8, 100].map(|failures| seconds(failures, 0));
    assert_eq!(doubled, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]);
    let spread = back_off(1, 255);
    assert!(spread > back_off(1, 0) && spread < back_off(1, 0) * 5 / 4);
}
