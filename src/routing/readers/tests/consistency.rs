//! How old what a read sees may be.

use std::sync::Arc;

use crate::config::Consistency;
use crate::routing::Lsn;
use crate::routing::Past;
use crate::routing::Rule;
use crate::routing::Topology;
use crate::routing::Wish;
use crate::routing::readers::tests::MS;
use crate::routing::readers::tests::Node;
use crate::routing::readers::tests::SECOND;
use crate::routing::readers::tests::SESSION;
use crate::routing::readers::tests::past_of;

fn with(consistency: Consistency) -> Wish {
    Wish {
        consistency,
        ..SESSION
    }
}

#[test]
fn for_a_tenant_all_that_was_written_on_the_node_counts() {
    let mut node = Node::new(&[MS * 50, MS]);
    let wish = with(Consistency::Tenant);
    let choose = |node: &Node| node.choose(&wish, &mut Past::default()).rule;
    assert_eq!(choose(&node), Rule::OnlyOne);
    let write = node.topology.floor().wrote();
    assert_eq!(choose(&node), Rule::Unproven);
    assert_eq!(node.rule(), Rule::OnlyOne, "it was another session");
    write.proven(Lsn(140));
    assert_eq!(choose(&node), Rule::AllBehind);
    node.says(1, |sighting| sighting.lsn = Lsn(140));
    assert_eq!(choose(&node), Rule::OnlyOne);
}

#[test]
fn a_tenant_that_nobody_wrote_to_since_the_start_may_have_been_written_to_before() {
    let mut node = Node::new(&[MS * 50, MS]);
    let wish = with(Consistency::Tenant);
    node.topology = Arc::new(Topology::new(&node.tenant, Arc::default()));
    node.sightings[0].lsn = Lsn(130);
    node.saw(1);
    let rule = node.choose(&wish, &mut Past::default()).rule;
    assert_eq!(rule, Rule::Unproven);
    node.saw(0);
    let rule = node.choose(&wish, &mut Past::default()).rule;
    assert_eq!(rule, Rule::AllBehind);
}

#[test]
fn a_bound_counts_from_what_the_primary_had_written_and_by_the_clock() {
    let mut node = Node::new(&[MS * 50, MS]);
    let wish = with(Consistency::Bounded);
    let mut past = past_of(10_000);
    past.spoke(node.now);
    let choose = |node: &Node, past: &Past| node.choose(&wish, &mut past.clone()).rule;
    assert_eq!(
        choose(&node, &past),
        Rule::OnlyOne,
        "whatever the client saw"
    );
    for second in 0..12 {
        node.now += SECOND;
        node.says(0, |sighting| sighting.lsn = Lsn(200 + second));
        node.saw(1);
    }
    assert_eq!(choose(&node, &past), Rule::TooMuchLag);
    node.says(1, |sighting| sighting.replay_age = Some(SECOND * 9));
    assert_eq!(choose(&node, &past), Rule::OnlyOne);
    node.now += SECOND + MS;
    assert_eq!(choose(&node, &past), Rule::TooMuchLag, "it was a while ago");
    node.says(1, |sighting| sighting.lsn = Lsn(203));
    assert_eq!(choose(&node, &past), Rule::OnlyOne);
}

#[test]
fn any_age_is_any_age() {
    let mut node = Node::new(&[MS * 50, MS]);
    node.says(0, |sighting| sighting.lsn = Lsn(1 << 40));
    let mut past = past_of(1 << 40);
    past.spoke(node.now + SECOND);
    let choice = node.choose(&with(Consistency::Eventual), &mut past);
    assert_eq!(choice.rule, Rule::OnlyOne);
}
