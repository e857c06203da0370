//! Any conversation with a conforming server, in any order of sending, answering and reading: see
//! the rules in [`Exchange`].

use proptest::prelude::*;
use tidegate_model::Exchange;
use tidegate_model::Op;

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => any::<u8>().prop_map(Op::Send),
        1 => any::<u8>().prop_map(Op::InjectWhenClean),
        6 => Just(Op::Work),
        6 => Just(Op::Receive),
        1 => Just(Op::Settle),
        1 => Just(Op::Cancel),
        1 => Just(Op::Notice),
    ]
}

/// The same, with messages of the pooler between those of the client.
fn mixed_op() -> impl Strategy<Value = Op> {
    prop_oneof![4 => op(), 1 => any::<u8>().prop_map(Op::Inject)]
}

/// Mostly COPY FROM STDIN, by both protocols, with everything that may be sent into it.
fn copy_op() -> impl Strategy<Value = Op> {
    let message = prop_oneof![
        2 => Just(0u8), 2 => Just(1), 4 => 2u8..6, 6 => 6u8..9, 3 => 9u8..16, 6 => 16u8..20, 1 => 20u8..40,
    ];
    prop_oneof![8 => message.prop_map(Op::Send), 3 => Just(Op::Work), 3 => Just(Op::Receive), 1 => Just(Op::Settle)]
}

fn sequence(op: impl Strategy<Value = Op>) -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(op, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_conversation_is_booked_as_the_server_holds_it(ops in sequence(op()), old in any::<bool>()) {
        Exchange::new(old).run(&ops);
    }

    #[test]
    fn messages_of_the_pooler_may_stand_anywhere(ops in sequence(mixed_op()), old in any::<bool>()) {
        Exchange::new(old).run(&ops);
    }

    #[test]
    fn a_copy_is_booked_whatever_is_sent_into_it(ops in sequence(copy_op()), old in any::<bool>()) {
        Exchange::new(old).run(&ops);
    }
}
