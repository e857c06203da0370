//! Names of views and parameters that are about one server or one session.

use super::words::WordSet;

/// What a name of a table or a view tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// Nothing.
    Any,
    /// It shows what is another on each server.
    OfNode,
    /// It is a temporary table, or the schema of them.
    OfSession,
}

/// What a name, in lower case unless it was quoted, tells.
pub(super) fn relation(name: &[u8]) -> Relation {
    if name.starts_with(b"pg_temp") || name.starts_with(b"pg_toast_temp") {
        return Relation::OfSession;
    }
    let is_statistics = name.starts_with(b"pg_stat_") || name.starts_with(b"pg_statio_");
    if is_statistics || VIEWS.has(name) {
        Relation::OfNode
    } else {
        Relation::Any
    }
}

/// Whether a parameter is set for a server, or says what it is at the moment.
pub(super) fn is_parameter_of_node(name: &[u8]) -> bool {
    PARAMETERS.has(name)
}

static VIEWS: WordSet<64> = WordSet::of(
    "
    pg_aios pg_available_extension_versions pg_available_extensions pg_backend_memory_contexts
    pg_config pg_cursors pg_file_settings pg_hba_file_rules pg_ident_file_mappings pg_locks
    pg_prepared_statements pg_prepared_xacts pg_replication_origin_status pg_replication_slots
    pg_settings pg_shmem_allocations pg_shmem_allocations_numa pg_timezone_abbrevs
    pg_timezone_names pg_wait_events
    ",
);

static PARAMETERS: WordSet<64> = WordSet::of(
    "
    all cluster_name config_file data_directory external_pid_file hba_file hot_standby ident_file
    in_hot_standby listen_addresses port primary_conninfo primary_slot_name server_version
    server_version_num synchronous_standby_names transaction_read_only unix_socket_directories
    ",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_one_server_is_told_by_its_name() {
        for (name, expected) in [
            ("pg_stat_activity", Relation::OfNode),
            ("pg_statio_user_tables", Relation::OfNode),
            ("pg_locks", Relation::OfNode),
            ("pg_temp", Relation::OfSession),
            ("pg_temp_3", Relation::OfSession),
            ("pg_stats", Relation::Any),
            ("pg_statistic", Relation::Any),
            ("pg_class", Relation::Any),
            ("", Relation::Any),
        ] {
            assert_eq!(relation(name.as_bytes()), expected, "{name}");
        }
        assert!(is_parameter_of_node(b"transaction_read_only"));
        assert!(!is_parameter_of_node(b"default_transaction_read_only"));
    }
}
