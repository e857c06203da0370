//! A server that answers anything, to a client that sends anything: the ledger says so, and does
//! nothing worse.

use proptest::prelude::*;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Owner;
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
