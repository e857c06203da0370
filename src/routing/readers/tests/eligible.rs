//! Which replicas can be read from at all, and by a client that has seen this much.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Endpoint;
use crate::config::Role;
use crate::limits::SIGHTING_AGE_MAX;
use crate::routing::Choice;
use crate::routing::Lsn;
use crate::routing::Past;
use crate::routing::Preferences;
use crate::routing::Readers;
use crate::routing::Rule;
use crate::routing::Seen;
use crate::routing::Sighting;
use crate::routing::State;
use crate::routing::Target;
use crate::routing::Unfit;
use crate::routing::readers::tests::MS;
use crate::routing::readers::tests::Node;
use crate::routing::readers::tests::SESSION;
use crate::routing::readers::tests::past_of;

fn one_replica() -> Node {
    Node::new(&[MS * 50, MS])
}

#[test]
fn a_read_goes_to_the_replica_and_without_one_to_the_primary() {
    let node = one_replica();
    assert_eq!(node.rule(), Rule::OnlyOne);
    assert_eq!(Node::new(&[MS]).rule(), Rule::NoReplica);
    assert_eq!(
        Readers::new()
            .choose(&SESSION, &mut Past::default(), |_| 0, 0, node.now)
            .rule,
        Rule::NoReplica
    );
}

#[test]
fn one_that_is_behind_what_the_client_has_seen_is_not_read_from() {
    let mut node = one_replica();
    assert_eq!(node.choose(&SESSION, &mut past_of(100)).rule, Rule::OnlyOne);
    assert_eq!(
        node.choose(&SESSION, &mut past_of(101)).rule,
        Rule::AllBehind
    );
    node.says(1, |sighting| sighting.lsn = Lsn(101));
    assert_eq!(node.choose(&SESSION, &mut past_of(101)).rule, Rule::OnlyOne);
}

#[test]
fn after_a_talk_with_the_primary_it_must_have_been_asked_how_far_it_was() {
    let mut node = one_replica();
    node.sightings[0].lsn = Lsn(150);
    let mut past = Past::default();
    past.spoke(node.now);
    assert_eq!(node.choose(&SESSION, &mut past).rule, Rule::Unproven);
    node.saw(0);
    assert_eq!(node.choose(&SESSION, &mut past).rule, Rule::AllBehind);
    assert_eq!((past.floor, past.spoke_at), (Lsn(150), None));
    node.says(1, |sighting| sighting.lsn = Lsn(150));
    assert_eq!(node.choose(&SESSION, &mut past).rule, Rule::OnlyOne);
}

#[test]
fn a_primary_that_was_asked_before_the_talk_says_nothing_of_it() {
    let mut node = one_replica();
    let asked_at = node.now;
    node.now += MS;
    let mut past = Past::default();
    past.spoke(node.now);
    node.now += MS;
    node.saw_at(0, asked_at);
    node.refresh();
    assert_eq!(node.choose(&SESSION, &mut past).rule, Rule::Unproven);
}

#[test]
fn whoever_read_at_one_standby_reads_at_another_only_if_it_is_known_to_have_come_as_far() {
    let mut node = Node::new(&[MS * 50, MS, MS * 20]);
    let life = |node: &Node, number: usize| node.readers.get(number).unwrap().life.unwrap();
    let mut past = Past::default();
    past.read_at(life(&node, 2), node.now);
    let choice = node.choose(&SESSION, &mut past);
    assert_eq!(
        choice,
        Choice::replica(2, Rule::OnlyOne),
        "its own is never behind"
    );
    node.says(2, |sighting| sighting.lsn = Lsn(120));
    let choice = node.choose(&SESSION, &mut past);
    assert_eq!(choice.target, Target::Replica(2));
    assert_eq!((past.seen, past.floor), (None, Lsn(120)));
    node.says(1, |sighting| sighting.lsn = Lsn(121));
    let choice = node.choose(&SESSION, &mut past);
    assert_eq!(choice.target, Target::Replica(1));
}

#[test]
fn one_that_was_restarted_is_another_and_the_primary_says_what_it_had_shown() {
    let mut node = one_replica();
    let life = node.readers.get(1).unwrap().life.unwrap();
    let mut past = Past::default();
    past.read_at(life, node.now);
    // A crash of one of its processes: the postmaster stays.
    node.connected_at[1] = node.now;
    node.says(1, |sighting| sighting.lsn = Lsn(90));
    assert_eq!(node.choose(&SESSION, &mut past).rule, Rule::Unproven);
    assert_eq!(past.seen.map(|seen| seen.life), Some(life));
    node.says(0, |sighting| sighting.lsn = Lsn(110));
    assert_eq!(node.choose(&SESSION, &mut past).rule, Rule::AllBehind);
    assert_eq!((past.floor, past.seen), (Lsn(110), None));
    node.says(1, |sighting| sighting.lsn = Lsn(110));
    assert_eq!(node.choose(&SESSION, &mut past).rule, Rule::OnlyOne);
}

#[test]
fn while_its_standby_lives_a_client_need_not_keep_up_with_the_primary() {
    let mut node = one_replica();
    let life = node.readers.get(1).unwrap().life.unwrap();
    let mut past = Past {
        seen: Some(Seen { life, at: node.now }),
        ..Past::default()
    };
    node.says(0, |sighting| sighting.lsn = Lsn(500));
    assert_eq!(node.choose(&SESSION, &mut past).rule, Rule::OnlyOne);
}

#[test]
fn what_is_no_healthy_copy_of_the_primary_is_not_read_from() {
    let mut node = one_replica();
    let says = |node: &mut Node, change: &dyn Fn(&mut Sighting)| {
        let before = node.sightings[1];
        node.says(1, change);
        let found = (node.rule(), node.unfit(1));
        node.says(1, |sighting| *sighting = before);
        assert_eq!(node.rule(), Rule::OnlyOne);
        found
    };
    let none_fit = |unfit| (Rule::NoneFit, Some(unfit));
    let other = says(&mut node, &|sighting| sighting.system = Some(8));
    assert_eq!(other, none_fit(Unfit::OtherSystem));
    let unknown = says(&mut node, &|sighting| sighting.system = None);
    assert_eq!(unknown, none_fit(Unfit::OtherSystem));
    let timeline = says(&mut node, &|sighting| {
        (sighting.started, sighting.followed) = (9, None);
    });
    assert_eq!(timeline, none_fit(Unfit::OtherTimeline));
    let writes = State::Writable { timeline: 1 };
    let mut other = Node::with(&[MS * 50, MS], |tenant| {
        tenant.endpoints[0] = Arc::new(Endpoint {
            role: Role::Primary,
            ..Endpoint::clone(&tenant.endpoints[0])
        });
        tenant.endpoints[1] = Arc::new(Endpoint {
            role: Role::Replica,
            ..Endpoint::clone(&tenant.endpoints[1])
        });
    });
    other.says(1, |sighting| sighting.state = writes);
    assert_eq!((other.rule(), other.unfit(1)), none_fit(Unfit::NoStandby));
}

#[test]
fn nobody_is_read_from_who_stays_on_a_timeline_that_was_left() {
    let mut node = Node::new(&[MS * 50, MS, MS]);
    node.says(1, |sighting| {
        sighting.state = State::Writable { timeline: 2 }
    });
    assert_eq!(
        node.readers.get(1).map(|reader| reader.is_primary),
        Some(true)
    );
    assert_eq!(
        (node.rule(), node.unfit(2)),
        (Rule::NoneFit, Some(Unfit::OtherTimeline))
    );
    node.says(2, |sighting| sighting.followed = Some(2));
    assert_eq!(node.unfit(2), None);
    assert_eq!(
        node.unfit(0),
        Some(Unfit::NoStandby),
        "it thinks that it is the primary"
    );
}

#[test]
fn a_standby_that_has_followed_is_read_from_while_the_primary_is_away() {
    let mut node = Node::new(&[MS * 50, MS, MS]);
    node.says(1, |sighting| {
        sighting.state = State::Writable { timeline: 2 }
    });
    node.says(2, |sighting| sighting.followed = Some(2));
    // Nobody sends it anything any more, and it has made no restartpoint since.
    node.says(2, |sighting| sighting.followed = Some(1));
    assert_eq!(node.unfit(2), None);
    assert_eq!(node.rule(), Rule::OnlyOne);
    // In another life it may have begun before that.
    node.says(2, |sighting| sighting.started += 10);
    assert_eq!(node.unfit(2), Some(Unfit::OtherTimeline));
}

#[test]
fn a_standby_on_a_newer_timeline_than_the_primary_stops_all_reads_at_replicas() {
    let mut node = Node::new(&[MS * 50, MS, MS]);
    node.says(2, |sighting| sighting.followed = Some(2));
    assert_eq!(node.rule(), Rule::NoneFit);
    assert_eq!(
        (node.unfit(1), node.unfit(2)),
        (Some(Unfit::OtherTimeline), Some(Unfit::OtherTimeline))
    );
}

#[test]
fn one_that_is_silent_or_was_not_asked_for_long_is_not_read_from() {
    let mut node = one_replica();
    let endpoint = Arc::clone(&node.tenant.endpoints[1]);
    node.now += SIGHTING_AGE_MAX;
    assert_eq!(node.rule(), Rule::NoneFit);
    node.saw(1);
    assert_eq!(node.rule(), Rule::OnlyOne);
    node.topology.lost(&endpoint);
    node.refresh();
    assert_eq!(
        (node.rule(), node.unfit(1)),
        (Rule::NoneFit, Some(Unfit::Silent))
    );
    node.saw(1);
    assert_eq!(node.unfit(1), None);
    node.topology
        .failed(&endpoint, "no".to_owned(), false, node.now);
    node.refresh();
    assert_eq!(
        (node.rule(), node.unfit(1)),
        (Rule::NoneFit, Some(Unfit::Silent))
    );
}

#[test]
fn only_what_was_open_when_it_was_asked_shows_as_much_as_it_said() {
    let node = one_replica();
    let reader = node.readers.get(1).unwrap();
    let asked_at = reader.asked_at.unwrap();
    assert!(reader.vouches_for(asked_at - Duration::from_nanos(1)));
    assert!(!reader.vouches_for(asked_at));
}

#[test]
fn without_a_primary_reads_go_on_as_long_as_nothing_else_is_to_be_proven() {
    let mut node = one_replica();
    let primary = Arc::clone(&node.tenant.endpoints[0]);
    node.topology
        .failed(&primary, "no".to_owned(), false, node.now);
    node.says(0, |sighting| {
        sighting.state = State::ReadOnly { timeline: 1 }
    });
    assert_eq!(node.rule(), Rule::OnlyOne);
    let mut past = Past::default();
    past.spoke(node.now);
    assert_eq!(node.choose(&SESSION, &mut past).rule, Rule::Unproven);
}

#[test]
fn news_are_taken_over_once() {
    let mut node = one_replica();
    let preferences = Preferences::default();
    assert!(!node.readers.refresh(&node.topology, &preferences, node.now));
    node.saw(0);
    assert!(!node.readers.refresh(&node.topology, &preferences, node.now));
    node.topology
        .blame(&node.tenant.endpoints[1], String::new(), node.now);
    assert!(node.readers.refresh(&node.topology, &preferences, node.now));
}
