//! What an unknown key was probably meant to be.

use crate::config::documentation;

/// Longer than any key and its slips; comparing takes time by the square of the length.
const KEY_BYTES_MAX: usize = 64;

/// Keys of PgBouncer that are called otherwise here, and where.
const RENAMED: [(&str, &str); 33] = [
    ("listen_addr", "`address` in [[listener]]"),
    ("listen_port", "`address` in [[listener]]"),
    (
        "unix_socket_dir",
        "`address` in [[listener]], with the path of the socket",
    ),
    ("default_pool_size", "`pool_size` in [pool]"),
    ("reserve_pool", "`reserve_pool_size` in [pool]"),
    (
        "max_db_client_connections",
        "`max_client_conn` in [[tenant]]",
    ),
    (
        "max_user_client_conn",
        "`max_user_client_connections` in [[tenant.user]]",
    ),
    ("auth_file", "[[tenant.user]]"),
    ("auth_hba_file", "[tenant.network]"),
    ("auth_user", "`user` in [tenant.auth_query]"),
    ("auth_dbname", "`database` in [tenant.auth_query]"),
    ("client_tls_sslmode", "`tls` in [[listener]]"),
    ("client_tls_key_file", "`tls_certificates` in [[listener]]"),
    ("client_tls_cert_file", "`tls_certificates` in [[listener]]"),
    ("client_tls_ca_file", "`tls_client_ca` in [[listener]]"),
    ("client_tls_protocols", "`tls_min_version` in [[listener]]"),
    (
        "server_tls_sslmode",
        "`server_tls` in [[tenant]] or [[tenant.endpoint]]",
    ),
    (
        "server_tls_ca_file",
        "`server_tls` in [[tenant]] or [[tenant.endpoint]]",
    ),
    (
        "server_tls_key_file",
        "`server_tls` in [[tenant]] or [[tenant.endpoint]]",
    ),
    (
        "server_tls_cert_file",
        "`server_tls` in [[tenant]] or [[tenant.endpoint]]",
    ),
    ("logfile", "standard error, which is where the log goes"),
    ("verbose", "`level` in [log]"),
    ("dbname", "[tenant.databases]"),
    ("sslmode", "`server_tls`"),
    ("password", "`secret`"),
    ("allow_list", "`allow` in [tenant.network]"),
    ("allowed", "`allow` in [tenant.network]"),
    ("addr", "`address`"),
    ("handshake_timeout", "`client_login_timeout` in [node]"),
    (
        "max_connections",
        "`max_client_conn` in [node] or [[tenant]]",
    ),
    ("scram_iterations", "`scram_iterations_max` in [pool]"),
    ("tls_cert", "`tls_certificates` in [[listener]]"),
    ("tls_key", "`tls_certificates` in [[listener]]"),
];

/// What to write instead of an unknown key, if something is near; `known` are the keys of its
/// table.
pub(in crate::config) fn for_key(unknown: &str, known: &[&str]) -> Option<String> {
    if unknown == "tenant" {
        return Some("a tenant's own file is written without [[tenant]]".to_owned());
    }
    if let Some(elsewhere) = documentation::sections_with(unknown) {
        return Some(format!("it belongs in {elsewhere}"));
    }
    if let Some((_theirs, ours)) = RENAMED.iter().find(|(theirs, _ours)| *theirs == unknown) {
        return Some(format!("here that is {ours}"));
    }
    near(unknown, known)
}

/// `did you mean` the nearest of the known names, if one is near.
pub(in crate::config) fn near(unknown: &str, known: &[&str]) -> Option<String> {
    if unknown.len() > KEY_BYTES_MAX {
        return None;
    }
    // A third of the letters wrong is still a slip; more is another word.
    let slips_max = unknown.len().div_ceil(3).min(3);
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .filter(|(slips, _name)| *slips <= slips_max)
        .min()
        .map(|(_slips, name)| format!("did you mean `{name}`?"))
}
