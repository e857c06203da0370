//! Reads that wait for a replica.

use std::time::Duration;

use crate::routing::Choice;
use crate::routing::Lsn;
use crate::routing::Rule;
use crate::routing::Target;
use crate::routing::Wish;
use crate::routing::readers::tests::MS;
use crate::routing::readers::tests::Node;
use crate::routing::readers::tests::SESSION;
use crate::routing::readers::tests::past_of;

const PATIENT: Wish = Wish {
    causal_wait: Duration::from_millis(100),
    ..SESSION
};

/// Both move on: 100 bytes a second.
fn moving(round_trips: &[Duration]) -> Node {
    let mut node = Node::new(round_trips);
    for second in 2..5 {
        for sighting in &mut node.sightings {
            sighting.lsn = Lsn(second * 100);
        }
        node.look(round_trips);
    }
    node
}

#[test]
fn a_near_replica_that_is_nearly_there_is_waited_for() {
    let node = moving(&[MS * 90, MS * 5]);
    let choice = node.choose(&PATIENT, &mut past_of(402));
    let expected = Target::Await {
        index: 1,
        floor: Lsn(402),
        limit: MS * 85,
    };
    assert_eq!((choice.target, choice.rule), (expected, Rule::AwaitsReplay));
    let impatient = node.choose(&SESSION, &mut past_of(402));
    assert_eq!(impatient.rule, Rule::AllBehind);
    let short = Wish {
        causal_wait: MS * 20,
        ..SESSION
    };
    let choice = node.choose(&short, &mut past_of(402));
    assert!(matches!(choice.target, Target::Await { limit, .. } if limit == MS * 20));
}

#[test]
fn nobody_waits_longer_than_the_way_to_the_primary_is() {
    let node = moving(&[MS * 12, MS * 5]);
    assert_eq!(
        node.choose(&PATIENT, &mut past_of(402)).rule,
        Rule::AllBehind
    );
    let node = moving(&[MS * 90, MS * 5]);
    // The first second has passed since it was asked; the second takes longer than the way.
    assert_eq!(
        node.choose(&PATIENT, &mut past_of(600)).rule,
        Rule::AllBehind
    );
}

#[test]
fn nobody_waits_for_one_that_stands_still() {
    let mut node = moving(&[MS * 90, MS * 5]);
    for second in 5..9 {
        node.sightings[0].lsn = Lsn(second * 100);
        node.look(&[MS * 90, MS * 5]);
    }
    assert_eq!(
        node.choose(&PATIENT, &mut past_of(402)).rule,
        Rule::AllBehind
    );
}

#[test]
fn nobody_waits_for_one_that_is_farther_than_one_that_is_ready() {
    let mut node = moving(&[MS * 90, MS * 5, MS * 15]);
    node.says(2, |sighting| sighting.lsn = Lsn(402));
    let choice = node.choose(&PATIENT, &mut past_of(402));
    assert_eq!(
        choice,
        Choice::replica(2, Rule::OnlyOne),
        "5 and 15 are no 15"
    );
    let mut node = moving(&[MS * 90, MS * 5, MS * 60]);
    node.says(2, |sighting| sighting.lsn = Lsn(402));
    let choice = node.choose(&PATIENT, &mut past_of(402));
    assert!(matches!(choice.target, Target::Await { index: 1, limit, .. } if limit > MS * 40));
}

#[test]
fn who_demands_a_replica_waits_for_it() {
    let node = moving(&[MS * 2, MS * 5]);
    let demanding = Wish {
        is_replica_demanded: true,
        ..PATIENT
    };
    let choice = node.choose(&demanding, &mut past_of(402));
    assert!(matches!(choice.target, Target::Await { limit, .. } if limit == MS * 100));
}
