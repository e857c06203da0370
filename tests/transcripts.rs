//! Wire behaviour as transcripts: the same bytes go to Postgres and through Tidegate, and every reply
//! must be the same.
//!
//! A transcript is a text file under `tests/transcripts/`: what the client says, and below it what
//! Postgres answers, as PQtrace text. To add one, write the client's lines, list the file below and
//! run `TIDEGATE_RECORD=1 cargo test --test transcripts NAME`, which fills in the answers of the
//! Postgres under test; then read them. `tests/transcripts/README.md` has the format.
//!
//! Each transcript runs straight to Postgres (which must say what the file says), then through a
//! listener in transaction mode and one in session mode, with the client's bytes in one write and
//! cut into pieces that Tidegate reads one by one; a short one once more for each place where its bytes
//! can be cut in two.
#![cfg(test)]

mod transcripts {
    pub(crate) mod replay;
    pub(crate) mod script;
    pub(crate) mod spelling;
    pub(crate) mod stage;
}

use std::collections::BTreeSet;
use std::fs;

use transcripts::replay;
use transcripts::replay::Cut;
use transcripts::replay::Player;
use transcripts::script::Script;
use transcripts::stage::Stage;

/// One test for each file, which has the test's name.
macro_rules! transcripts {
    ($($a_behaviour:ident)*) => {
        const LISTED: &[&str] = &[$(stringify!($a_behaviour)),*];
        $(
            #[test]
            fn $a_behaviour() {
                replays(stringify!($a_behaviour));
            }
        )*
    };
}

transcripts! {
    a_block_begins_and_ends_in_a_pipeline
    a_chained_transaction_goes_on
    a_changed_parameter_is_reported
    a_cursor_is_fetched_step_by_step
    a_deferred_constraint_fails_the_commit
    a_failed_bind_skips_to_the_sync
    a_failed_parse_skips_to_the_sync
    a_failed_transaction_refuses_everything_until_its_end
    a_flush_brings_an_error_and_the_sync_recovers
    a_flush_brings_the_answer_without_the_sync
    a_function_call_is_answered
    a_holdable_cursor_outlives_its_transaction
    a_large_object_is_written_and_read_by_function_calls
    a_listener_is_notified
    a_long_query_arrives_whole
    a_named_statement_lives_across_rounds
    a_null_parameter_stays_null
    a_parameter_that_is_reset_is_reported_again
    a_parameter_that_is_rolled_back_is_reported_again
    a_pipeline_is_a_transaction_of_its_own
    a_pipeline_of_several_syncs_recovers_after_each
    a_portal_is_suspended_at_its_row_limit
    a_prepared_statement_of_sql_is_executed
    a_query_string_may_hold_several_statements
    a_read_only_transaction_refuses_writes
    a_row_of_five_megabytes_arrives_whole
    a_row_of_six_hundred_columns
    a_savepoint_saves_a_failed_transaction
    a_simple_query_drops_the_unnamed_statement
    a_simple_query_returns_its_rows
    a_statement_is_named_once
    a_statement_outside_a_block_is_told_so
    a_statement_that_returns_nothing_has_no_data
    a_statement_timeout_cancels_the_statement
    a_suspended_portal_goes_on_within_its_transaction
    a_sync_alone_is_answered
    a_syntax_error_leaves_the_session_usable
    a_temporary_table_lives_across_queries
    a_terminated_session_is_told_why
    a_transaction_block_reports_its_status
    an_empty_query_is_answered
    an_error_ends_a_query_string
    an_error_in_a_pipeline_skips_to_the_sync
    an_error_tells_its_detail_hint_and_place
    an_extended_query_with_a_description
    an_unnamed_statement_is_replaced_at_will
    another_client_encoding_is_spoken
    copy_in_binary
    copy_in_by_the_extended_protocol
    copy_in_by_the_extended_protocol_in_one_write
    copy_in_by_the_extended_protocol_is_failed_by_the_client
    copy_in_by_the_extended_protocol_is_failed_by_the_server
    copy_in_ignores_a_sync_and_a_flush_inside
    copy_in_is_failed_by_the_client
    copy_in_is_failed_by_the_server
    copy_in_takes_lines_that_are_cut_anywhere
    copy_in_takes_rows
    copy_in_that_never_began_ignores_the_rows
    copy_in_with_many_rows
    copy_in_within_a_block_is_rolled_back
    copy_in_without_waiting
    copy_out_by_the_extended_protocol
    copy_out_gives_rows
    copy_out_that_fails_halfway
    discard_all_forgets_everything
    explain_shows_its_rows
    many_queries_in_one_write_are_answered_in_order
    many_rows_arrive_in_order
    notices_arrive_where_they_were_raised
    results_come_in_binary_when_asked
    returning_gives_rows_and_a_count
    simple_and_extended_queries_mix
    stray_copy_messages_are_ignored
    two_copies_in_one_query_string
    unknown_names_are_refused_as_postgres_does
    utf_8_passes_unchanged
}

/// Replays one transcript everywhere.
fn replays(name: &str) {
    let Some(stage) = Stage::shared() else { return };
    let mut script = Script::load(name);
    if !script.suits(stage.major_version()) {
        return;
    }
    let postgres = Player::at(stage.postgres()).play(&script, Cut::Nowhere);
    if std::env::var_os("TIDEGATE_RECORD").is_some() {
        script.record(&postgres);
    }
    let what = format!("{name}: Postgres itself");
    compare(&script.replies(), &postgres, &what);
    let pieces = replay::PIECES_BYTES.map(Cut::Every);
    let offsets = script.offsets().map(Cut::At);
    let cuts: Vec<Cut> = [Cut::Nowhere]
        .into_iter()
        .chain(pieces)
        .chain(offsets)
        .collect();
    for (mode, login) in stage.modes() {
        if !script.holds_in(mode) {
            continue;
        }
        let mut player = Player::at(login);
        for cut in &cuts {
            let found = player.play(&script, *cut);
            compare(&postgres, &found, &format!("{name}: {mode}, cut {cut:?}"));
        }
    }
}

/// Fails on the first step whose answers differ, and shows both.
fn compare(expected: &[String], found: &[String], what: &str) {
    assert_eq!(expected.len(), found.len(), "{what}: steps");
    for (step, (expected, found)) in expected.iter().zip(found).enumerate() {
        assert!(
            expected == found,
            "{what}: step {}\nexpected:\n{expected}\nfound:\n{found}",
            step + 1
        );
    }
}

#[test]
fn every_transcript_is_listed() {
    let files = fs::read_dir(transcripts::script::FOLDER).unwrap();
    let names = files.filter_map(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".txt").map(str::to_owned)
    });
    let found: BTreeSet<String> = names.collect();
    let listed: BTreeSet<String> = LISTED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, listed);
}
