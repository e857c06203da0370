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
//! can be cut in two. Last, where unnamed statements are shared, in one write and repeatedly.
#![cfg(test)]

mod transcripts {
    pub(crate) mod disconnects;
    pub(crate) mod replay;
    pub(crate) mod script;
    pub(crate) mod spelling;
    pub(crate) mod stage;
}

use std::collections::BTreeSet;
use std::fs;

use transcripts::disconnects;
use transcripts::replay;
use transcripts::replay::Cut;
use transcripts::replay::Player;
use transcripts::script::Script;
use transcripts::stage::SHARING;
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
    a_binary_cursor_answers_a_simple_query_in_binary
    a_binary_value_is_bound
    a_binary_value_of_the_wrong_size_is_refused
    a_bind_of_a_portal_that_exists_is_refused
    a_bind_of_a_value_that_is_no_number_tells_which
    a_bind_with_too_few_values_is_refused
    a_block_begins_and_ends_in_a_pipeline
    a_block_begins_in_the_middle_of_a_query_string
    a_block_of_code_runs
    a_block_that_fails_in_a_pipeline_stays_failed_after_the_sync
    a_chained_transaction_goes_on
    a_changed_parameter_is_reported
    a_changed_table_changes_what_a_statement_means
    a_close_takes_place_in_its_order
    a_comment_before_a_statement_changes_nothing
    a_commit_by_the_extended_protocol_rolls_a_failed_transaction_back
    a_commit_in_the_middle_of_a_pipeline_keeps_what_was_before
    a_copy_in_a_block_is_followed_by_a_savepoint
    a_copy_in_by_the_extended_protocol_is_repeated
    a_copy_in_is_followed_by_more_before_its_sync
    a_copy_in_is_in_a_failed_transaction_refused
    a_copy_in_may_lack_its_last_newline
    a_copy_in_of_broken_text_is_refused
    a_copy_in_of_nothing_is_complete
    a_copy_in_of_one_large_row_arrives_whole
    a_copy_in_raises_notices
    a_copy_in_stands_between_other_statements
    a_copy_in_takes_csv_with_quotes_and_nulls
    a_copy_in_that_breaks_a_constraint_is_refused
    a_copy_in_that_fails_ends_its_query_string
    a_copy_out_in_binary_of_several_types
    a_copy_out_is_limited_by_nothing
    a_copy_out_of_large_rows_arrives_whole
    a_copy_out_of_nothing_is_complete
    a_copy_out_that_fails_ends_its_query_string
    a_cursor_is_fetched_step_by_step
    a_cursor_moves_and_counts
    a_cursor_of_sql_is_a_portal
    a_cursor_outside_a_block_is_refused
    a_deallocate_by_the_extended_protocol_counts
    a_deallocate_in_a_rolled_back_transaction_counts
    a_deferred_constraint_fails_the_commit
    a_failed_bind_skips_to_the_sync
    a_failed_parse_skips_to_the_sync
    a_failed_transaction_refuses_everything_until_its_end
    a_failed_transaction_refuses_the_extended_protocol_too
    a_flush_brings_an_error_and_the_sync_recovers
    a_flush_brings_the_answer_without_the_sync
    a_flush_stands_between_all_messages
    a_function_call_is_answered
    a_function_call_is_one_of_many_messages
    a_function_call_takes_binary_values
    a_function_call_that_fails_fails_its_transaction
    a_function_call_with_the_wrong_arguments_is_refused
    a_function_that_gives_rows_cannot_be_called_so
    a_goodbye_after_a_query_ends_the_session
    a_goodbye_after_an_error_ends_the_session
    a_goodbye_after_two_queries_ends_the_session
    a_goodbye_alone_ends_the_session
    a_goodbye_before_the_sync_ends_the_session
    a_goodbye_in_a_block_ends_the_session
    a_goodbye_in_a_failed_block_ends_the_session
    a_goodbye_while_a_portal_is_suspended_ends_the_session
    a_goodbye_within_a_copy_in_ends_the_session
    a_goodbye_within_an_extended_copy_in_ends_the_session
    a_holdable_cursor_outlives_its_transaction
    a_large_object_is_written_and_read_by_function_calls
    a_large_query_and_a_large_value_arrive_whole
    a_listener_is_notified
    a_lock_that_is_taken_twice_is_no_deadlock
    a_long_query_arrives_whole
    a_name_is_parsed_and_closed_many_times_in_one_write
    a_name_is_parsed_anew_after_its_close
    a_name_of_an_application_may_be_odd
    a_named_statement_has_binary_results_in_one_round_only
    a_named_statement_lives_across_rounds
    a_notice_comes_between_rows
    a_notice_comes_within_a_pipeline
    a_notification_comes_once_for_the_same_words
    a_notification_comes_within_a_pipeline
    a_null_parameter_stays_null
    a_parameter_that_is_reset_is_reported_again
    a_parameter_that_is_rolled_back_is_reported_again
    a_parse_of_an_unknown_type_is_refused
    a_parse_of_two_statements_is_refused
    a_parse_that_fails_leaves_no_unnamed_statement
    a_parse_whose_types_cannot_be_told_is_refused
    a_parse_with_some_types_infers_the_others
    a_pipeline_is_a_transaction_of_its_own
    a_pipeline_of_several_syncs_recovers_after_each
    a_pipeline_waits_for_nothing_but_its_end
    a_portal_in_binary_is_described_so
    a_portal_is_described_before_and_after_its_rows
    a_portal_is_fetched_by_sql
    a_portal_is_gone_after_its_transaction
    a_portal_is_gone_after_the_rollback_to_a_savepoint_before_it
    a_portal_is_suspended_at_its_row_limit
    a_portal_of_an_insert_runs_once
    a_portal_outlives_the_close_of_its_statement
    a_portal_that_failed_cannot_be_run_again
    a_portal_that_is_done_gives_no_more_rows
    a_prepared_statement_of_sql_is_executed
    a_procedure_commits_within
    a_query_after_an_error_is_skipped_like_the_rest
    a_query_goes_on_with_a_pipeline
    a_query_of_broken_text_is_refused
    a_query_of_three_thousand_statements_is_answered
    a_query_string_is_one_transaction
    a_query_inside_a_copy_fails_it
    a_query_string_may_hold_several_statements
    a_query_that_cancels_itself_is_told_so
    a_quoted_semicolon_ends_no_statement
    a_read_only_transaction_refuses_writes
    a_role_is_taken_and_given_back
    a_row_is_updated_where_the_cursor_stands
    a_row_limit_that_is_met_exactly_suspends_the_portal
    a_row_of_five_megabytes_arrives_whole
    a_row_of_many_nulls_and_long_fields
    a_row_of_six_hundred_columns
    a_savepoint_of_the_extended_protocol_saves_the_block
    a_savepoint_saves_a_failed_transaction
    a_schema_is_made_and_dropped
    a_sequence_remembers_its_last_value
    a_session_variable_of_its_own_is_kept
    a_setting_follows_its_savepoint
    a_setting_is_made_by_the_extended_protocol
    a_setting_of_a_failed_query_string_is_taken_back
    a_simple_query_drops_the_unnamed_statement
    a_simple_query_returns_its_rows
    a_statement_follows_the_search_path
    a_statement_has_three_hundred_parameters
    a_statement_is_named_once
    a_statement_is_prepared_once_by_sql
    a_statement_of_sql_is_bound_by_the_protocol
    a_statement_of_the_protocol_is_executed_by_sql
    a_statement_outside_a_block_is_told_so
    a_statement_prepared_in_a_failed_pipeline_stays
    a_statement_prepared_in_a_rolled_back_transaction_stays
    a_statement_that_needs_no_block_is_refused_in_one
    a_statement_that_returns_nothing_has_no_data
    a_statement_timeout_cancels_a_copy
    a_statement_timeout_cancels_a_pipeline
    a_statement_timeout_cancels_the_statement
    a_statement_waits_for_its_table_to_come_back
    a_suspended_portal_goes_on_within_its_transaction
    a_sync_alone_is_answered
    a_syntax_error_leaves_the_session_usable
    a_temporary_table_hides_another
    a_temporary_table_is_dropped_on_commit
    a_temporary_table_lives_across_queries
    a_terminated_pipeline_is_told_why
    a_terminated_session_is_told_why
    a_terminated_transaction_is_told_why
    a_transaction_block_reports_its_status
    a_transaction_has_its_modes
    a_two_phase_commit_is_refused_where_it_is_off
    an_advisory_lock_is_held_and_released
    an_empty_query_is_answered
    an_empty_statement_is_described_bound_and_executed
    an_error_at_the_sync_is_told_before_ready
    an_error_between_syncs_fails_only_its_own_transaction
    an_error_ends_a_query_string
    an_error_in_a_pipeline_skips_to_the_sync
    an_error_of_a_function_shows_its_context
    an_error_tells_its_detail_hint_and_place
    an_error_within_rows_comes_after_them
    an_extended_query_with_a_description
    an_idle_transaction_that_takes_too_long_is_told_why
    an_insert_with_returning_is_taken_row_by_row
    an_unnamed_portal_is_replaced_at_will
    an_unnamed_statement_is_bound_in_several_rounds
    an_unnamed_statement_is_replaced_at_will
    another_client_encoding_is_spoken
    arrays_come_in_text_and_in_binary
    binary_values_of_many_types_come_back
    composite_and_range_values_come_as_text
    copies_in_and_out_stand_in_one_query_string
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
    deallocate_all_forgets_every_statement
    discard_all_forgets_everything
    discard_all_is_refused_within_a_block
    discard_plans_keeps_the_statements
    errors_have_their_codes
    every_kind_of_statement_is_described
    explain_shows_its_rows
    many_queries_in_one_write_are_answered_in_order
    many_rows_arrive_in_order
    many_statements_are_prepared_in_one_write
    notices_arrive_where_they_were_raised
    notices_of_every_level_arrive
    results_come_in_binary_when_asked
    returning_gives_rows_and_a_count
    rounds_of_a_named_statement_and_transactions_mix
    rows_come_and_go_with_their_counts
    savepoints_nest_and_are_released
    savepoints_outside_a_block_are_refused
    set_config_reports_as_set_does
    simple_and_extended_queries_mix
    statements_have_names_of_any_kind
    statistics_and_plans_are_shown
    stray_copy_messages_are_ignored
    stray_messages_within_a_skipped_pipeline_are_skipped
    the_same_text_has_two_meanings_by_its_types
    the_same_text_has_two_names
    two_copies_in_one_query_string
    two_portals_take_turns
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
        // A text is shared from its second appearance on, and then parsed once.
        let whole = [Cut::Nowhere; 3];
        let cuts = if mode == SHARING { &whole } else { &*cuts };
        for cut in cuts {
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

#[test]
fn a_client_may_leave_at_any_message_in_transaction_mode() {
    let count = disconnects::leave("transaction mode", LISTED);
    assert!(count.is_none_or(|count| count > 500), "{count:?}");
}

#[test]
fn a_client_may_leave_at_any_message_where_statements_are_shared() {
    let count = disconnects::leave(SHARING, LISTED);
    assert!(count.is_none_or(|count| count > 500), "{count:?}");
}

#[test]
fn a_client_may_leave_at_any_message_in_session_mode() {
    let count = disconnects::leave("session mode", LISTED);
    assert!(count.is_none_or(|count| count > 500), "{count:?}");
}
