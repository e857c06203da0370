//! Each rule of the ledger, as a conversation: `>` is what the client sends, `+` what the pooler
//! sends, `=` what it sends on the client's behalf, `*` a marked message of the client, `<` what the
//! server says; a letter is a message's tag, and `Z` is followed by its status.

use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::error::Violation;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Outcome;
use tidegate_proto::exchange::Owner;
use tidegate_proto::exchange::Verdict;

/// Takes a fresh ledger through a conversation. Returns it, and what the client was forwarded.
#[track_caller]
fn held(conversation: &str) -> (Ledger, String) {
    let (ledger, forwarded, violation) = tried(conversation);
    assert_eq!(violation, None, "{conversation}");
    (ledger, forwarded)
}

fn tried(conversation: &str) -> (Ledger, String, Option<Violation>) {
    let mut ledger = Ledger::new();
    let mut forwarded = String::new();
    for turn in conversation.split_whitespace() {
        let (speaker, messages) = turn.split_at(1);
        let mut messages = messages.chars();
        while let Some(message) = messages.next() {
            let tag = u8::try_from(message).unwrap();
            let verdict = match speaker {
                ">" => ledger.sent(tag, Owner::Client).map(|()| None),
                "+" => ledger.sent(tag, Owner::Pooler).map(|()| None),
                "=" => ledger.sent(tag, Owner::Behalf).map(|()| None),
                "*" => ledger.sent_marked(tag, Owner::Client).map(|()| None),
                _ if tag == backend::READY_FOR_QUERY => {
                    let status = u8::try_from(messages.next().unwrap()).unwrap();
                    ledger
                        .ready(TransactionStatus::from_byte(status).unwrap())
                        .map(Some)
                },
                _ => ledger.received(tag).map(Some),
            };
            match verdict {
                Ok(Some(Verdict::Forward)) => forwarded.push(message),
                Ok(Some(Verdict::Swallow) | None) => {},
                Err(violation) => return (ledger, forwarded, Some(violation)),
            }
        }
    }
    (ledger, forwarded, None)
}

#[track_caller]
fn is_clean(conversation: &str) -> bool {
    held(conversation).0.is_clean()
}

#[track_caller]
fn is_refused(conversation: &str) -> bool {
    tried(conversation).2.is_some()
}

#[test]
fn a_query_is_over_with_its_ready_for_query() {
    assert!(is_clean(""));
    assert!(!is_clean(">Q"));
    assert!(!is_clean(">Q <TDDC"));
    assert!(is_clean(">Q <TDDCZI"));
    assert!(is_clean(">Q <TDCTDCIZI"));
    assert!(!is_clean(">Q <CZT"));
    assert!(!is_clean(">Q <CZT >Q <EZE"));
    assert!(is_clean(">Q <CZT >Q <EZE >Q <CZI"));
}

#[test]
fn a_pipeline_is_over_with_its_sync() {
    assert!(!is_clean(">PBDES <12TDC"));
    assert!(is_clean(">PBDES <12TDCZI"));
    assert!(is_clean(">PDS <1tnZI >BES <2CZI"));
    assert!(is_clean(">PBES >PBES <12CZI <12CZI"));
    assert!(!is_clean(">PBES >PBES <12CZI"));
    assert!(is_clean(">PBEESC <12DsDsZI >S <3ZI"));
}

#[test]
fn a_pipeline_without_a_sync_is_not_over_though_all_is_answered() {
    assert!(!is_clean(">PBEH <12C"));
    assert!(held(">PBEH <12C").0.awaits_client());
    assert!(is_clean(">PBEH <12C >S <ZI"));
}

#[test]
fn a_pipeline_that_ends_without_its_sync_spoils_the_server() {
    // A server of version 18 says that it is idle, and is not.
    for conversation in [">PBEH <12C >Q <CZI", ">PBEH <12C >F <VZI", ">PBEQFS <1EZI"] {
        let (ledger, _) = held(conversation);
        assert!(ledger.is_spent() && !ledger.is_clean(), "{conversation}");
    }
    assert!(is_clean(">PBE <E >Q >S <ZI"), "it was discarded");
}

#[test]
fn an_error_skips_to_the_next_sync() {
    assert!(is_clean(">PBES <EZI"));
    assert!(is_clean(">PBES <1EZI"));
    assert!(!is_clean(">PBE <E"));
    assert!(is_clean(">PBE <E >PBE >Q >S <ZI"));
    let (ledger, _) = held(">PBES >PBES <1EZI");
    assert_eq!(ledger.owed(), 4, "the second pipeline is not skipped");
}

#[test]
fn an_error_in_a_query_or_a_sync_skips_nothing() {
    assert!(is_clean(">Q >Q <EZI <CZI"));
    assert!(is_clean(">S <EZI"));
    assert!(is_clean(">F >Q <EZI <CZI"));
}

#[test]
fn what_answers_the_pooler_is_swallowed() {
    assert_eq!(held("+Q >Q <SNTDCZI <SNTDCZI").1, "SNTDCZ");
    assert_eq!(held("+P >PBES <1 <12CZI").1, "12CZ");
    assert_eq!(held("+Q >Q <EZI <CZI").1, "CZ");
    assert!(is_clean("+Q >Q <CZI <CZI"));
}

#[test]
fn of_what_is_sent_on_the_clients_behalf_only_an_error_is_the_clients() {
    assert_eq!(held("=PD >BES <1tn2CZI").1, "2CZ");
    assert_eq!(held("=PD >BES <SN1tn2CZI").1, "SN2CZ");
    assert_eq!(held("=PD >BES <EZI").1, "EZ");
    assert!(is_clean("=PD >BES <1EZI"));
    assert!(held("=PD <E").0.is_skipping());
}

#[test]
fn what_is_the_poolers_alone_is_clean_for_a_client() {
    let is_clean = |conversation: &str| held(conversation).0.is_clean_for_client();
    for conversation in ["", "+Q", "+Q +CS <CZI", ">Q <CZI +Q", ">PBES <12CZI"] {
        assert!(is_clean(conversation), "{conversation}");
    }
    for conversation in [
        ">Q",
        "+Q >Q",
        ">S +Q",
        ">Q <CZT",
        ">Q <CZT +Q",
        ">PH <1",
        "=P",
        ">P <E",
    ] {
        assert!(!is_clean(conversation), "{conversation}");
    }
}

#[test]
fn of_a_round_that_is_taken_back_the_client_hears_nothing_more() {
    let (mut ledger, _) = held("=C *B >DES <3E");
    ledger.take_back();
    assert_eq!(ledger.settled(), Some(Outcome::Failed));
    assert!(ledger.is_swallowing() && ledger.is_clean_for_client());
    assert_eq!(ledger.ready(TransactionStatus::Idle), Ok(Verdict::Swallow));
    assert!(ledger.is_clean());
}

#[test]
fn a_marked_message_is_settled_once_and_in_order() {
    use Outcome::Done;
    use Outcome::Failed;
    use Outcome::Skipped;
    let settled = |conversation: &str| {
        let (mut ledger, _) = held(conversation);
        std::iter::from_fn(move || ledger.settled()).collect::<Vec<_>>()
    };
    assert_eq!(settled("*P >S"), []);
    assert_eq!(settled("*P >S <1"), [Done]);
    assert_eq!(settled("*PC >S <13ZI"), [Done, Done]);
    assert_eq!(settled("*PC >S <E"), [Failed, Skipped]);
    assert_eq!(settled("*P >S *P >S <EZI1ZI"), [Failed, Done]);
    assert_eq!(settled(">PBE *P >S *P >S <12E"), [Skipped]);
    // What is sent after the error, before the Sync, is discarded.
    assert_eq!(settled(">P <E *P >S *P"), [Skipped]);
    assert_eq!(settled("*Q >Q <CZI"), [Done]);
    assert_eq!(settled("*Q >Q <CEZI"), [Failed]);
    // A COPY reads what was sent behind it.
    assert_eq!(settled(">PBE *P >S <12G"), [Skipped]);
    assert_eq!(settled(">Q <G *P"), [Skipped]);
}

#[test]
fn what_is_said_unasked_goes_to_the_client() {
    assert_eq!(held("<NSA").1, "NSA");
    assert!(is_clean("<NSA"));
}

#[test]
fn an_error_that_nothing_caused_makes_the_server_useless() {
    let (ledger, forwarded) = held("<E");
    assert_eq!(forwarded, "E");
    assert!(ledger.is_lost() && !ledger.is_clean());
}

#[test]
fn a_server_that_answers_what_was_not_asked_is_out_of_step() {
    for conversation in [
        "<ZI",
        "<C",
        "<1",
        ">Q <1",
        ">Q <s",
        ">PBES <2",
        ">PBES <1C",
        ">S <C",
        ">F <C",
        ">Q <CZIZI",
        ">Q <R",
        ">Q <K",
        ">PBES <12W",
        ">PBES <12ZI",
    ] {
        assert!(is_refused(conversation), "{conversation}");
    }
}

#[test]
fn a_client_that_sends_what_no_session_knows_is_refused() {
    assert!(is_refused(">p"));
    assert!(is_refused(">x"));
    assert!(is_refused(">\0"));
}

#[test]
fn a_copy_to_the_client_needs_nothing_from_it() {
    assert!(is_clean(">Q <HddcCZI"));
    assert!(is_clean(">PBES <12HddcCZI"));
    assert!(is_clean(">Q >Q <HdcCHdcCZI <CZI"));
}

#[test]
fn a_copy_from_the_client_is_over_when_the_client_says_so() {
    assert!(!is_clean(">Q <G >dd"));
    assert!(held(">Q <G").0.awaits_client());
    assert!(is_clean(">Q <G >ddc <CZI"));
    assert!(is_clean(">Q <G >ddf <EZI"));
    assert!(is_clean(">Qddc <GCZI"));
    assert!(is_clean(">PBE <12G >ddcS <CZI"));
    assert!(is_refused(">Q <G >d <C"), "the end was not sent yet");
    assert!(is_refused(">Q <G >dc <ZI"), "nobody said how it went");
}

#[test]
fn a_query_may_hold_several_copies() {
    assert!(is_clean(">Q <G >dc <CG >dc <CZI"));
    assert!(is_clean(">Qdcdc <GCGCZI"));
    assert!(is_clean(">QdcdcQ <GCGCZI <CZI"));
    assert!(!is_clean(">Qdc <GCG"));
}

#[test]
fn what_belongs_to_a_copy_is_ignored_outside_of_it() {
    assert!(is_clean(">dcf"));
    assert!(is_clean(">QdcQ <EZI <CZI"));
    assert!(is_clean(">PcBES <12CZI"));
}

#[test]
fn a_sync_within_a_copy_is_not_answered() {
    assert!(is_clean(">PBES <12G >dcS <CZI"));
    assert!(!is_clean(">PBES <12G >dc <C"), "nothing has committed yet");
    assert!(!is_clean(">PBESc <12GC"), "nothing has committed yet");
    assert!(is_clean(">PBESdSHcS <12GCZI"));
    assert!(is_clean(">QSdSc <GCZI"));
}

#[test]
fn a_copy_that_fails_after_a_sync_leaves_a_doubt() {
    // It failed on its data: the Sync before these was read by it.
    let (ledger, forwarded) = held(">PBES <12G >dcS <EZI");
    assert_eq!(forwarded, "12GEZ");
    assert!(ledger.is_spent() && !ledger.is_clean() && !ledger.is_lost());
    // It failed before it read anything: both are answered.
    assert_eq!(held(">PBES <12G >dcS <EZIZI").1, "12GEZZ");
    assert!(held(">PBES <12GEZI").0.is_spent());
    assert!(held(">QS <GEZI").0.is_spent());
    assert_eq!(held(">QS <GEZIZI").1, "GEZZ");
}

#[test]
fn a_copy_that_fails_without_a_sync_leaves_none() {
    assert!(is_clean(">Q <G >dd <EZI >dc"));
    assert!(is_clean(">PBE <12G >d <E >dcS <ZI"));
    assert!(is_clean(">PBE <12G >dcS <EZI"));
}

#[test]
fn the_answer_to_what_was_sent_later_ends_the_doubt() {
    assert!(is_clean(">PBES <12G >dcS <EZI >Q <CZI"));
    assert!(is_clean(">PBES <12G >dcSQ <EZI <ZI <CZI"));
    assert!(is_clean(">PBES <12G >dcS >PBES <EZI <ZI <12CZI"));
    assert!(is_clean(">PBES <12G >dcS <EZI >F <VZI"));
    // A ReadyForQuery alone ends nothing: it may be the one that was in doubt.
    assert!(!is_clean(">PBES <12G >dcS <EZI >S <ZI"));
    assert!(!is_clean(">PBES <12G >dcSQ <EZI <ZI"));
}

#[test]
fn a_message_that_does_not_belong_into_a_copy_ends_it() {
    // A server says why it failed, why it ends then, and ends.
    for conversation in [">Q <G >dQ <E", ">QP <GE", ">PBESPBES <12GE"] {
        let (mut ledger, _) = held(conversation);
        assert!(ledger.is_parting() && !ledger.is_clean() && !ledger.is_spent());
        assert_eq!(ledger.received(b'E'), Ok(Verdict::Forward));
        // If not, the message was read by the COPY, or is answered: nobody can tell.
        assert!(ledger.is_parting());
        assert_eq!(ledger.received(b'C'), Ok(Verdict::Swallow));
        assert!(ledger.is_lost());
    }
    // In the extended protocol it is discarded in either case.
    assert!(is_clean(">PBEP <12GE >S <ZI"));
}

#[test]
fn nothing_of_the_pooler_may_stand_where_nobody_can_tell() {
    assert!(held(">PBES <12G >dcS <EZI +Q").0.is_lost());
    assert!(held(">PBE +S <12GE").0.is_lost());
    assert!(held(">Q +Q <GE").0.is_lost());
}

#[test]
fn replication_copies_both_ways() {
    assert!(!is_clean(">Q <W >dc <d"));
    assert!(held(">Q <W").0.awaits_client());
    assert!(is_clean(">Q <Wdd >dc <cCZI"));
    assert!(is_clean(">Q <WEZI"));
}

#[test]
fn a_cancel_finds_something_only_while_something_is_owed() {
    assert!(!held("").0.is_busy());
    assert!(held(">Q").0.is_busy());
    assert!(!held(">Q <CZT").0.is_busy());
}

#[test]
fn a_round_is_owed_once_its_end_was_sent() {
    let mut ledger = Ledger::new();
    for (tag, rounds) in [
        (b'P', 0),
        (b'B', 0),
        (b'E', 0),
        (b'S', 1),
        (b'Q', 2),
        (b'B', 2),
    ] {
        ledger.sent(tag, Owner::Client).unwrap();
        assert_eq!(ledger.rounds_owed(), rounds, "{}", tag as char);
    }
}
