//! Which of those that could take a read does.

use std::sync::Arc;

use crate::config;
use crate::config::Endpoint;
use crate::config::Role;
use crate::routing::Choice;
use crate::routing::Past;
use crate::routing::Rule;
use crate::routing::Target;
use crate::routing::Unfit;
use crate::routing::Wish;
use crate::routing::readers::tests::MS;
use crate::routing::readers::tests::Node;
use crate::routing::readers::tests::SESSION;
use crate::routing::readers::tests::region;
use crate::routing::readers::tests::weigh;

#[test]
fn the_nearest_of_several_is_read_from() {
    let node = Node::new(&[MS * 50, MS * 30, MS * 10, MS * 20]);
    let choice = node.choose(&SESSION, &mut Past::default());
    assert_eq!(choice, Choice::replica(2, Rule::Nearest));
}

#[test]
fn those_that_are_near_share_by_weight_and_the_far_get_nothing() {
    let node = Node::with(&[MS * 90, MS * 10, MS * 11, MS * 13, MS * 10], |tenant| {
        weigh(tenant, 2, 3);
        weigh(tenant, 4, 0);
    });
    let shares = node.shares(&[]);
    assert_eq!([shares[0], shares[3], shares[4]], [0, 0, 0]);
    assert!((200..300).contains(&shares[1]), "{shares:?}");
    assert_eq!(node.rule(), Rule::Shared);
    assert_eq!(node.unfit(4), Some(Unfit::NoWeight));
}

#[test]
fn of_two_that_are_near_the_one_with_less_to_do_takes_it() {
    let node = Node::with(&[MS * 90, MS * 10, MS * 10], |tenant| weigh(tenant, 2, 2));
    assert_eq!(node.shares(&[0, 1, 1]), [0, 0, 1000]);
    assert_eq!(node.shares(&[0, 1, 3]), [0, 1000, 0]);
    let even = node.shares(&[0, 1, 2]);
    assert!((250..420).contains(&even[1]), "{even:?}");
}

#[test]
fn one_that_has_very_much_to_do_counts_as_far_away() {
    let node = Node::new(&[MS * 200, MS * 10, MS * 40]);
    assert_eq!(node.shares(&[0, 16, 0]), [0, 1000, 0]);
    assert_eq!(node.shares(&[0, 60, 0]), [0, 0, 1000]);
}

#[test]
fn the_primary_reads_only_if_it_is_clearly_nearer() {
    let nearer = Node::new(&[MS * 10, MS * 13]);
    assert_eq!(nearer.rule(), Rule::PrimaryIsNearer);
    let near = Node::new(&[MS * 10, MS * 12]);
    assert_eq!(near.rule(), Rule::OnlyOne);
    assert_eq!(
        near.shares(&[0, 500]),
        [0, 1000],
        "load is not the primary's to take"
    );
    let demanded = Wish {
        is_replica_demanded: true,
        ..SESSION
    };
    let choice = nearer.choose(&demanded, &mut Past::default());
    assert_eq!(choice.target, Target::Replica(1));
    let spared = Node::with(&[MS * 10, MS * 90], |tenant| weigh(tenant, 0, 0));
    assert_eq!(spared.rule(), Rule::OnlyOne);
}

#[test]
fn regions_that_are_preferred_come_first_and_those_that_are_avoided_last() {
    let configure = |tenant: &mut config::Tenant| {
        for (number, name) in ["fra", "syd", "ams", "lhr"].into_iter().enumerate() {
            region(tenant, number, name);
        }
        tenant.prefer = vec!["ams".to_owned()];
        tenant.avoid = vec!["syd".to_owned()];
    };
    let mut node = Node::with(&[MS * 5, MS, MS * 90, MS * 2], configure);
    assert_eq!(node.shares(&[]), [0, 0, 1000, 0]);
    let endpoint = Arc::clone(&node.tenant.endpoints[2]);
    node.topology
        .failed(&endpoint, String::new(), false, node.now);
    node.refresh();
    assert_eq!(node.shares(&[]), [0, 0, 0, 1000]);
    let endpoint = Arc::clone(&node.tenant.endpoints[3]);
    node.topology
        .failed(&endpoint, String::new(), false, node.now);
    node.refresh();
    assert_eq!(node.rule(), Rule::PrimaryIsPreferred);
    let demanded = Wish {
        is_replica_demanded: true,
        ..SESSION
    };
    let choice = node.choose(&demanded, &mut Past::default());
    assert_eq!(choice.target, Target::Replica(1));
}

#[test]
fn before_there_are_measurements_the_region_is_the_guess() {
    let mut node = Node::with(&[], |tenant| {
        let endpoint = |number: u16, region: &str| {
            Arc::new(Endpoint {
                port: number,
                role: Role::Auto,
                region: region.to_owned(),
                ..Endpoint::default()
            })
        };
        tenant.endpoints = vec![endpoint(0, "ams"), endpoint(1, "fra"), endpoint(2, "ams")];
    });
    let full = Node::new(&[MS; 3]);
    node.sightings = full.sightings;
    node.connected_at = vec![node.now; 3];
    node.region = "fra";
    // The first answer of the near one takes long: its caches are cold.
    let first = [MS * 25, MS * 28, MS * 20];
    node.look(&first);
    node.look(&first);
    assert_eq!(node.shares(&[]), [0, 1000, 0]);
    for _ in 0..20 {
        node.look(&first);
    }
    assert_eq!(node.shares(&[]), [0, 0, 1000], "what is measured counts");
}

#[test]
fn of_two_that_are_near_the_one_in_the_own_region_is_read_from_while_nothing_else_differs() {
    let mut node = Node::with(&[MS * 90, MS * 10, MS * 10], |tenant| {
        region(tenant, 1, "ams");
        region(tenant, 2, "fra");
    });
    node.region = "fra";
    node.saw(0);
    assert_eq!(node.shares(&[]), [0, 0, 1000]);
    assert_eq!(node.shares(&[0, 0, 1]), [0, 1000, 0]);
}
