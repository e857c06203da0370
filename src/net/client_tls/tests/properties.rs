//! Whatever the sizes of writes, reads and pieces of the wire: what is said is what is heard.

use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::ProptestConfig;
use proptest::prelude::Strategy;
use proptest::prop_oneof;
use proptest::proptest;

use super::any_setup;
use super::pair::Pair;

/// Something that happens on one of the two sides, or between them.
#[derive(Debug, Clone)]
enum Step {
    FarSays(usize),
    NearSays(usize, usize),
    Deliver(usize),
    Receive(usize),
    NearHears(usize),
    NearFlushes,
    NewKeys,
    FarCloses,
    NearShutsDown,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0_usize..100,
        3 => 0_usize..5000,
        1 => 16_300_usize..16_500,
        1 => 0_usize..60_000,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => size().prop_map(Step::FarSays),
        4 => (size(), size()).prop_map(|(first, second)| Step::NearSays(first, second)),
        6 => size().prop_map(Step::Deliver),
        6 => size().prop_map(Step::Receive),
        6 => size().prop_map(Step::NearHears),
        2 => Just(Step::NearFlushes),
        1 => Just(Step::NewKeys),
        1 => Just(Step::FarCloses),
        1 => Just(Step::NearShutsDown),
    ]
}

/// Does what the steps say; whether each side has said that it will say no more.
fn act(pair: &mut Pair, steps: &[Step]) -> (bool, bool) {
    let mut context = Context::from_waker(Waker::noop());
    let (mut is_far_done, mut is_near_done) = (false, false);
    for step in steps {
        match *step {
            Step::FarSays(count) if !is_far_done => pair.far.say(count),
            Step::NewKeys if !is_far_done => pair.far.update_keys(),
            Step::FarCloses if !is_far_done => {
                pair.far.close();
                is_far_done = true;
            },
            Step::NearSays(first, second) if !is_near_done => {
                if let Poll::Ready(taken) = pair.say(first, second) {
                    assert!(taken > 0 || first + second == 0);
                }
            },
            Step::NearShutsDown => {
                is_near_done = true;
                if let Poll::Ready(ended) = pair.shut_down() {
                    ended.unwrap();
                }
            },
            Step::Deliver(most) => drop(pair.far.deliver(most, &mut context)),
            Step::Receive(most) => drop(pair.far.receive(most, &mut context)),
            Step::NearHears(room) => drop(pair.hear(room)),
            Step::NearFlushes => drop(pair.flush()),
            Step::FarSays(_) | Step::NewKeys | Step::FarCloses | Step::NearSays(..) => {},
        }
    }
    (is_far_done, is_near_done)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_one_side_says_the_other_hears(
        setup in any_setup(),
        pieces in vec(1_usize..3000, 1..8),
        steps in vec(step(), 0..60),
    ) {
        let mut pair = Pair::in_pieces(&setup, &pieces);
        let (is_far_done, _) = act(&mut pair, &steps);
        if !is_far_done {
            pair.far.close();
        }
        pair.settle();
        pair.assert_heard();
        assert!(matches!(pair.ended, Some(Ok(()))), "{:?}", pair.ended);
        while pair.shut_down().is_pending() {
            pair.settle();
        }
        pair.settle();
        pair.assert_heard();
        pair.assert_bare();
        assert!(pair.far.has_heard_end && !pair.far.is_broken);
    }

    #[test]
    fn a_wire_that_is_cut_ends_in_an_error_behind_what_came(
        setup in any_setup(),
        steps in vec(step(), 0..30),
        after in 0_usize..40_000,
    ) {
        let mut context = Context::from_waker(Waker::noop());
        let mut pair = Pair::new(&setup);
        let (is_far_done, is_near_done) = act(&mut pair, &steps);
        let delivered = pair.far.deliver(after, &mut context);
        let is_all_delivered = pair.far.outgoing.is_empty();
        pair.far.cut();
        while pair.ended.is_none() {
            pair.hear(1000);
        }
        assert!(super::text(0, pair.far.said).starts_with(&pair.heard), "{delivered}");
        match &pair.ended {
            Some(Ok(())) => assert!(is_far_done && pair.heard.len() == pair.far.said),
            ended => assert!(!is_far_done || !is_all_delivered || is_near_done, "{ended:?}"),
        }
    }
}
