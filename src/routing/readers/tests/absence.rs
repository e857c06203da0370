//! Those that fail, and those that come back.

use std::sync::Arc;

use crate::limits::WARM_IN;
use crate::routing::Past;
use crate::routing::Reader;
use crate::routing::Target;
use crate::routing::Wish;
use crate::routing::readers::tests::MS;
use crate::routing::readers::tests::Node;
use crate::routing::readers::tests::SECOND;
use crate::routing::readers::tests::SESSION;

#[test]
fn one_that_comes_back_gets_a_share_that_grows() {
    let mut node = Node::new(&[MS * 90, MS * 10, MS * 10]);
    let endpoint = Arc::clone(&node.tenant.endpoints[2]);
    node.topology
        .failed(&endpoint, String::new(), false, node.now);
    node.now += SECOND * 3;
    node.look(&[MS * 90, MS * 10, MS * 10]);
    let early = node.shares(&[])[2];
    let back = node.now;
    while node.now < back + WARM_IN / 2 {
        node.look(&[MS * 90, MS * 10, MS * 10]);
    }
    let middle = node.shares(&[])[2];
    while node.now < back + WARM_IN {
        node.look(&[MS * 90, MS * 10, MS * 10]);
    }
    let late = node.shares(&[])[2];
    assert!(
        early < 150 && (150..400).contains(&middle) && late > 400,
        "{early} {middle} {late}"
    );
}

#[test]
fn the_only_one_that_comes_back_shares_with_the_primary() {
    let mut node = Node::new(&[MS * 90, MS * 10]);
    node.sightings[1].started += 1;
    node.look(&[MS * 90, MS * 10]);
    let shares = node.shares(&[]);
    assert!(shares[0] > 700 && shares[1] > 20, "{shares:?}");
    let demanded = Wish {
        is_replica_demanded: true,
        ..SESSION
    };
    for _ in 0..100 {
        let choice = node.choose(&demanded, &mut Past::default());
        assert_eq!(choice.target, Target::Replica(1));
    }
}

#[test]
fn one_that_has_just_come_back_takes_all_reads_of_a_primary_that_is_lost() {
    let mut node = Node::new(&[MS * 90, MS * 10]);
    node.sightings[1].started += 1;
    node.look(&[MS * 90, MS * 10]);
    assert!(node.shares(&[])[0] > 700);
    let primary = Arc::clone(&node.tenant.endpoints[0]);
    node.topology
        .failed(&primary, String::new(), false, node.now);
    node.refresh();
    assert_eq!(node.shares(&[]), [0, 1000]);
}

#[test]
fn at_the_start_nobody_comes_back() {
    let node = Node::new(&[MS * 90, MS * 10]);
    let fresh = |reader: &Reader| reader.warm_since.is_none();
    assert!(node.readers.iter().all(fresh));
}

#[test]
fn one_whose_servers_fail_is_left_out_for_a_while_and_the_others_stay() {
    let mut node = Node::new(&[MS * 90, MS * 10, MS * 10, MS * 10]);
    let blame = |node: &mut Node, number: usize| {
        let endpoint = Arc::clone(&node.tenant.endpoints[number]);
        node.topology
            .blame(&endpoint, format!("no {number}"), node.now);
        node.refresh();
    };
    blame(&mut node, 1);
    assert!(node.readers.get(1).unwrap().ejected_until.is_some());
    let shares = node.shares(&[]);
    assert_eq!([shares[0], shares[1]], [0, 0]);
    blame(&mut node, 2);
    blame(&mut node, 3);
    let left_out = |node: &Node| -> Vec<bool> {
        let left_out = |reader: &Reader| reader.ejected_until.is_some();
        node.readers.iter().map(left_out).collect()
    };
    assert_eq!(
        left_out(&node),
        [false, true, false, false],
        "half of three is one"
    );
    let view = node.topology.view(node.now);
    assert_eq!(view[3].blame.as_deref(), Some("no 3"));
    blame(&mut node, 0);
    assert_eq!(
        left_out(&node),
        [false, true, false, false],
        "the primary stays"
    );
    node.now += SECOND * 2;
    node.saw(1);
    assert_eq!(left_out(&node), [false; 4]);
    assert!(node.shares(&[])[1] > 0);
    assert!(
        node.readers.get(1).unwrap().share(node.now) < 256,
        "it comes back"
    );
}
