//! What is said against an endpoint is what the choice goes by.

use std::time::Duration;

use crate::config::Consistency;
use crate::routing::Lsn;
use crate::routing::Past;
use crate::routing::State;
use crate::routing::Target;
use crate::routing::Unfit;
use crate::routing::Verdict;
use crate::routing::Wish;
use crate::routing::readers::tests::MS;
use crate::routing::readers::tests::Node;
use crate::routing::readers::tests::SECOND;
use crate::routing::readers::tests::SESSION;
use crate::routing::readers::tests::past_of;
use crate::routing::readers::tests::region;
use crate::routing::readers::tests::weigh;

fn verdicts(node: &Node, wish: &Wish, past: &Past) -> Vec<Verdict> {
    let verdicts = node.readers.verdicts(wish, past, node.now);
    for _ in 0..100 {
        let choice = node.choose(wish, &mut past.clone());
        if let Target::Replica(index) = choice.target {
            assert_eq!(verdicts[index], Verdict::Fit, "{choice:?} {verdicts:?}");
        }
    }
    verdicts
}

#[test]
fn one_that_is_far_or_in_another_region_than_is_preferred_is_told_so() {
    let node = Node::new(&[MS * 90, MS, MS * 2, MS * 80]);
    let near = MS + Duration::from_millis(1);
    let told = verdicts(&node, &SESSION, &Past::default());
    assert_eq!(told[..3], [Verdict::Fit, Verdict::Fit, Verdict::Fit]);
    assert_eq!(
        told[3].to_string(),
        "it is 80.0 ms away, and near is up to 2.0 ms"
    );
    let distance = MS * 80;
    assert_eq!(told[3], Verdict::TooFar { distance, near });
    let node = Node::with(&[MS * 90, MS, MS * 80], |tenant| {
        tenant.prefer = vec!["syd".to_owned()];
        region(tenant, 2, "syd");
    });
    let told = verdicts(&node, &SESSION, &Past::default());
    assert_eq!(told[1..], [Verdict::LessPreferred, Verdict::Fit]);
}

#[test]
fn one_that_cannot_serve_a_client_is_told_why() {
    let mut node = Node::with(&[MS * 50, MS, MS, MS], |tenant| weigh(tenant, 3, 0));
    node.says(2, |sighting| {
        sighting.state = State::Writable { timeline: 1 }
    });
    node.says(1, |sighting| sighting.lsn = Lsn(60));
    let told = verdicts(&node, &SESSION, &past_of(100));
    assert_eq!(told[1], Verdict::Behind(40));
    assert_eq!(told[1].to_string(), "it is 40 bytes behind");
    assert_eq!(told[2], Verdict::Unfit(Unfit::NoStandby));
    assert_eq!(told[3], Verdict::Unfit(Unfit::NoWeight));
    let mut past = Past::default();
    past.spoke(node.now + SECOND);
    assert_eq!(verdicts(&node, &SESSION, &past)[1], Verdict::Unproven);
}

#[test]
fn one_that_may_be_too_old_is_told_how_old() {
    let mut node = Node::new(&[MS * 50, MS]);
    let wish = Wish {
        consistency: Consistency::Bounded,
        max_lag: SECOND,
        ..SESSION
    };
    assert_eq!(verdicts(&node, &wish, &Past::default())[1], Verdict::Fit);
    node.now += SECOND * 2;
    let [_, Verdict::Lagging(Some(lag))] = verdicts(&node, &wish, &Past::default())[..] else {
        panic!("it lags");
    };
    assert!(lag > wish.max_lag, "{lag:?}");
}
