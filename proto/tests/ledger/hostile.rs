//! A server that answers anything, to a client that sends anything: the ledger says so, and does
//! nothing worse.

use proptest::prelude::*;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Owner;
use tidegate_proto::exchange::Verdict;
use tidegate_proto::fault::Fault;

#[derive(Debug, Clone, Copy)]
enum Op {
    Sent(u8, u8),
    Received(u8),
    Ready(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let frontend = prop_oneof![
        any::<u8>(),
        proptest::sample::select(b"BCDEFHPQSXcdf".to_vec())
    ];
    let backend = prop_oneof![
        any::<u8>(),
        proptest::sample::select(b"123ACDEGHINSTVWcdnst".to_vec())
    ];
    prop_oneof![
        (frontend, any::<u8>()).prop_map(|(tag, owner)| Op::Sent(tag, owner)),
        backend.prop_map(Op::Received),
        any::<u8>().prop_map(Op::Ready),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_sent_and_said_is_booked_or_refused(ops in proptest::collection::vec(op(), 0..100)) {
        let mut ledger = Ledger::new();
        let (mut marked, mut settled) = (0, 0);
        for op in ops {
            match op {
                Op::Sent(tag, owner) => {
                    let owners = [Owner::Client, Owner::Pooler, Owner::Behalf];
                    let owner = owners[usize::from(owner) % owners.len()];
                    match ledger.sent_marked(tag, owner) {
                        Ok(()) => marked += 1,
                        Err(violation) => prop_assert_eq!(violation.fault(), Fault::Client),
                    }
                },
                Op::Received(tag) => {
                    if let Err(violation) = ledger.received(tag) {
                        prop_assert_eq!(violation.fault(), Fault::Server);
                    }
                },
                Op::Ready(byte) => {
                    let statuses = [
                        TransactionStatus::Idle,
                        TransactionStatus::InTransaction,
                        TransactionStatus::Failed,
                    ];
                    let status = statuses[usize::from(byte) % statuses.len()];
                    if let Ok(_verdict) = ledger.ready(status) {
                        prop_assert!(ledger.status() == status || ledger.is_lost());
                    }
                },
            }
            settled += std::iter::from_fn(|| ledger.settled()).count();
            prop_assert!(settled <= marked);
            prop_assert!(!(ledger.is_clean() && ledger.is_busy()));
            prop_assert!(!(ledger.is_clean() && (ledger.is_spent() || ledger.is_lost())));
            prop_assert!(!(ledger.is_clean() && ledger.awaits_client()));
        }
    }
}

/// Messages that follow one another as they often do, whosever they are.
fn likely_op() -> impl Strategy<Value = Op> {
    let frontend = proptest::sample::select(b"QBESd".to_vec());
    let backend = proptest::sample::select(b"2TDCGE".to_vec());
    prop_oneof![
        (frontend, 0..4_u8).prop_map(|(tag, owner)| Op::Sent(tag, owner % 3)),
        backend.prop_map(Op::Received),
        Just(Op::Ready(0)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_row_for_the_client_is_booked_as_any_message_is(
        ops in proptest::collection::vec(likely_op(), 1..40)
    ) {
        let mut ledger = Ledger::new();
        for op in ops {
            // What is refused changes nothing that matters here.
            match op {
                Op::Sent(tag, owner) => {
                    let owner = [Owner::Client, Owner::Pooler, Owner::Behalf][usize::from(owner)];
                    ledger.sent(tag, owner).ok();
                },
                Op::Received(tag) => drop(ledger.received(tag)),
                Op::Ready(_) => drop(ledger.ready(TransactionStatus::Idle)),
            }
            let (mut short, mut long) = (ledger.clone(), ledger.clone());
            let expected = if short.forwards_row() {
                prop_assert!(matches!(long.received(b'D'), Ok(Verdict::Forward)));
                long
            } else {
                ledger.clone()
            };
            prop_assert_eq!(format!("{short:?}"), format!("{expected:?}"));
        }
    }
}

#[test]
fn rows_for_the_client_are_told_from_others() {
    for (tag, owner, expected) in [
        (b'Q', Owner::Client, true),
        (b'E', Owner::Client, true),
        (b'B', Owner::Client, false),
        (b'Q', Owner::Pooler, false),
        (b'E', Owner::Behalf, false),
    ] {
        let mut ledger = Ledger::new();
        ledger.sent(tag, owner).unwrap();
        assert_eq!(ledger.forwards_row(), expected, "{} {owner:?}", tag as char);
    }
    assert!(!Ledger::new().forwards_row());
}
