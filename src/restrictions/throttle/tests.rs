//! The throttle on a clock that the tests move.

use std::sync::Barrier;
use std::thread;

use super::*;
use crate::restrictions::test_clock::before;
use crate::restrictions::test_clock::start;

const SECOND: Duration = Duration::from_secs(1);

fn node(failures: u32, delay: Duration, delay_max: Duration) -> config::Node {
    config::Node {
        login_failures_before_delay: failures,
        login_failure_delay: delay,
        login_failure_delay_max: delay_max,
        ..config::Node::default()
    }
}

fn throttle() -> Throttle {
    Throttle::new(&node(3, SECOND, 60 * SECOND))
}

fn client(address: &str) -> ClientAddress {
    ClientAddress::from_proxy_source(format!("{address}:1").parse().unwrap())
}

fn eve() -> ClientAddress {
    client("192.0.2.66")
}

fn try_login(
    throttle: &Throttle,
    outcome: LoginOutcome,
    now: Instant,
) -> Result<Settled, Throttled> {
    let attempt = throttle.begin(eve(), "acme", now)?;
    Ok(throttle.settle(attempt, outcome, now))
}

fn fail(throttle: &Throttle, times: u32, now: Instant) {
    for _ in 0..times {
        assert_eq!(
            try_login(throttle, LoginOutcome::Failed, now),
            Ok(Settled::Failed)
        );
    }
}

#[test]
fn each_failure_doubles_the_wait_up_to_the_longest() {
    let throttle = throttle();
    let mut now = start();
    fail(&throttle, 2, now);
    for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
        fail(&throttle, 1, now);
        let refused = throttle.begin(eve(), "acme", now).unwrap_err();
        assert_eq!(refused.retry_after, expected * SECOND);
        let just_before = before(now + refused.retry_after, Duration::from_nanos(1));
        assert!(throttle.begin(eve(), "acme", just_before).is_err());
        now += refused.retry_after;
    }
}

#[test]
fn a_success_clears_the_pair() {
    let throttle = throttle();
    let now = start();
    fail(&throttle, 2, now);
    assert_eq!(
        try_login(&throttle, LoginOutcome::Proven, now),
        Ok(Settled::Proven)
    );
    assert_eq!(throttle.pairs(), 0);
    fail(&throttle, 2, now);
    assert!(throttle.begin(eve(), "acme", now).is_ok());
}

#[test]
fn other_addresses_and_other_tenants_are_not_affected() {
    let throttle = throttle();
    let now = start();
    fail(&throttle, 3, now);
    assert!(throttle.begin(eve(), "acme", now).is_err());
    assert!(throttle.begin(eve(), "globex", now).is_ok());
    assert!(throttle.begin(client("192.0.2.67"), "acme", now).is_ok());
    assert!(throttle.begin(client("[2001:db8::1]"), "acme", now).is_ok());
}

#[test]
fn the_addresses_of_one_slash_64_share_their_failures() {
    let throttle = throttle();
    let now = start();
    for number in 1..=3 {
        let address = client(&format!("[2001:db8::{number}]"));
        let attempt = throttle.begin(address, "acme", now).unwrap();
        assert_eq!(
            throttle.settle(attempt, LoginOutcome::Failed, now),
            Settled::Failed
        );
    }
    assert!(
        throttle
            .begin(client("[2001:db8::ffff]"), "acme", now)
            .is_err()
    );
    assert!(
        throttle
            .begin(client("[2001:db8:0:1::1]"), "acme", now)
            .is_ok()
    );
}

/// A hundred guesses in flight at once, the right one among them: as many as may fail are heard,
/// and all that end later get one and the same answer.
#[test]
fn throttle_parallel_guess_refused_after_auth() {
    for right in [3, 4, 50, 99] {
        let throttle = throttle();
        let now = start();
        let attempts: Vec<_> = (0..100)
            .map(|_| throttle.begin(eve(), "acme", now).unwrap())
            .collect();
        let mut heard = 0;
        let mut later = Vec::new();
        for (number, attempt) in attempts.into_iter().enumerate() {
            let outcome = if number == right {
                LoginOutcome::Proven
            } else {
                LoginOutcome::Failed
            };
            match throttle.settle(attempt, outcome, now) {
                Settled::Failed => heard += 1,
                settled @ (Settled::Proven | Settled::Throttled(_)) => later.push(settled),
            }
        }
        assert_eq!(heard, 3);
        let same = Settled::Throttled(Throttled {
            retry_after: SECOND,
        });
        assert_eq!(later, vec![same; 97], "right guess at {right}");
    }
}

#[test]
fn parallel_guesses_on_eight_threads_are_heard_no_more_often() {
    let throttle = throttle();
    let now = start();
    let barrier = Barrier::new(8);
    let heard: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let attempts: Vec<_> = (0..50)
                        .map(|_| throttle.begin(eve(), "acme", now).unwrap())
                        .collect();
                    barrier.wait();
                    attempts
                        .into_iter()
                        .map(|attempt| throttle.settle(attempt, LoginOutcome::Failed, now))
                        .filter(|settled| *settled == Settled::Failed)
                        .count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(heard, 3);
}

#[test]
fn a_slow_attempt_does_not_outlive_the_wait_it_was_overtaken_by() {
    let throttle = throttle();
    let now = start();
    let slow = throttle.begin(eve(), "acme", now).unwrap();
    fail(&throttle, 3, now);
    let later = now + 30 * SECOND;
    assert_eq!(
        throttle.settle(slow, LoginOutcome::Proven, later),
        Settled::Throttled(Throttled {
            retry_after: Duration::ZERO
        })
    );
    assert_eq!(
        try_login(&throttle, LoginOutcome::Proven, later),
        Ok(Settled::Proven)
    );
}

#[test]
fn an_attempt_that_is_dropped_counts_for_nothing() {
    let throttle = throttle();
    let now = start();
    for _ in 0..10 {
        drop(throttle.begin(eve(), "acme", now).unwrap());
    }
    assert_eq!(throttle.pairs(), 0);
}

#[test]
fn old_failures_are_forgotten() {
    let throttle = throttle();
    let now = start();
    fail(&throttle, 2, now);
    let memory = 60 * SECOND * THROTTLE_MEMORY_FACTOR;
    fail(&throttle, 2, now + memory);
    assert!(throttle.begin(eve(), "acme", now + memory).is_ok());
    let just_before = before(now + memory + memory, Duration::from_nanos(1));
    fail(&throttle, 1, just_before);
    assert!(throttle.begin(eve(), "acme", just_before).is_err());
}

#[test]
fn a_delay_of_zero_turns_it_off() {
    let throttle = throttle();
    let now = start();
    fail(&throttle, 3, now);
    throttle.reload(&node(3, Duration::ZERO, 60 * SECOND));
    fail(&throttle, 10, now);
    assert_eq!(throttle.pairs(), 0);
}

#[test]
fn memory_is_bounded_under_a_million_addresses() {
    let throttle = throttle();
    let now = start();
    fail(&throttle, 3, now);
    for address in 0..1_000_000_u32 {
        let source = std::net::SocketAddr::new(std::net::Ipv4Addr::from(address).into(), 1);
        let client = ClientAddress::from_proxy_source(source);
        let attempt = throttle.begin(client, "acme", now).unwrap();
        assert_eq!(
            throttle.settle(attempt, LoginOutcome::Failed, now),
            Settled::Failed
        );
    }
    assert!(throttle.pairs() <= THROTTLE_ENTRIES_MAX);
    assert!(throttle.pairs() > THROTTLE_ENTRIES_MAX / 2);
    // Somebody who must wait is not washed out by those who need not.
    assert!(throttle.begin(eve(), "acme", now).is_err());
}

#[test]
fn an_entry_is_as_small_as_the_limit_assumes() {
    let bytes = size_of::<Failures>() + size_of::<(Pair, usize)>();
    assert!(bytes <= 120, "{bytes}");
}
