//! TLS and logins to a real Postgres, and to those who only pretend to be one: what is configured is
//! what happens, or nothing.
#![cfg(test)]

mod impostor;

use std::fs;
use std::num::NonZeroU32;
use std::sync::LazyLock;

use tidegate_harness::Authority;
use tidegate_harness::Cluster;
use tidegate_harness::ClusterOptions;
use tidegate_harness::Folder;
use tidegate_harness::KeyPair;
use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::Version;
use tidegate_harness::skip;
use tidegate_harness::wire::ServerReport;
use tidegate_harness::wire::Wire;
use tidegate_proto::scram::ScramSecret;

use self::impostor::Between;
use self::impostor::Impostor;

/// Whether this session's server speaks TLS, and with whose certificate.
const TLS: &str =
    "select ssl, coalesce(client_dn, '') from pg_stat_ssl where pid = pg_backend_pid()";

/// The roles whose login is not the usual one. Others prove themselves with SCRAM.
const HBA: &str = "\
hostssl all by_certificate 127.0.0.1/32 cert
host all by_password 127.0.0.1/32 password
host all by_md5 127.0.0.1/32 md5
";

/// A Postgres with TLS, whose certificate is for `localhost` and not for 127.0.0.1.
struct World {
    authority: Authority,
    server: KeyPair,
    client: KeyPair,
    cluster: Cluster,
}

static WORLD: LazyLock<Option<World>> = LazyLock::new(|| {
    let authority = Authority::new().unwrap();
    let server = authority.server(&["localhost"]).unwrap();
    let client = authority.client("by_certificate").unwrap();
    let pem = authority.certificate_pem();
    let options = ClusterOptions {
        settings: "log_connections = on\n",
        hba: HBA,
        tls: Some(&server),
        client_authority_pem: Some(&pem),
    };
    let cluster = skip::unless(Cluster::start_with(Version::Distribution, &options))?;
    cluster.psql("create role by_certificate login").unwrap();
    cluster
        .psql("create role by_password login password 'pencil'")
        .unwrap();
    let md5 = "set password_encryption = 'md5'; create role by_md5 login password 'pencil'";
    cluster.psql(md5).unwrap();
    Some(World {
        authority,
        server,
        client,
        cluster,
    })
});

fn world() -> Option<&'static World> {
    let world = WORLD.as_ref();
    if world.is_none() {
        skip::tell("PostgreSQL with TLS");
    }
    world
}

/// A Tidegate that reaches the world's Postgres under this name, with these lines for the endpoint
/// and whatever else. Its folder has `ca.crt`, `other-ca.crt`, `client.crt` and `client.key`.
fn pooled(
    world: &'static World,
    host: &str,
    tls: &str,
    configure: impl FnOnce(&mut PoolerConfig),
) -> PooledDatabase {
    let folder = Folder::new().unwrap();
    let other = Authority::new().unwrap();
    let files = [
        ("ca.crt", world.authority.certificate_pem()),
        ("other-ca.crt", other.certificate_pem()),
        ("client.crt", world.client.certificate_pem.clone()),
        ("client.key", world.client.key_pem.clone()),
    ];
    for (name, pem) in files {
        fs::write(folder.path().join(name), pem).unwrap();
    }
    let mut config = PoolerConfig {
        endpoint_host: Some(host.to_owned()),
        endpoint: format!("server_tls = {{ {tls} }}"),
        ..PoolerConfig::default()
    };
    configure(&mut config);
    let database = world.cluster.database().unwrap();
    PooledDatabase::with(&world.cluster, database, config, folder).unwrap()
}

/// What a client hears whose server cannot be had.
fn refusal(pooled: &PooledDatabase) -> ServerReport {
    let error = pooled.connect().unwrap_err();
    error.report().unwrap_or_else(|| panic!("{error}")).clone()
}

fn assert_refused(pooled: &PooledDatabase, cause: &str) {
    let told = refusal(pooled);
    assert_eq!(told.sqlstate, "08006", "{told}");
    assert!(told.detail.contains(cause), "{told} has no {cause}");
    assert!(!told.hint.is_empty(), "{told}");
}

#[test]
fn every_mode_demands_what_it_says_and_no_more() {
    let Some(world) = world() else { return };
    let mut pooled = pooled(world, "127.0.0.1", "mode = \"disable\"", |_| {});
    let login = format!("connection authorized: user={} ", pooled.database.user);
    let logins = || world.cluster.log().matches(&login).count();
    for (host, tls, expected) in [
        ("127.0.0.1", "mode = \"disable\"", Ok("f|")),
        ("127.0.0.1", "mode = \"require\"", Ok("t|")),
        (
            "127.0.0.1",
            "mode = \"require\", ca = \"other-ca.crt\"",
            Ok("t|"),
        ),
        (
            "127.0.0.1",
            "mode = \"verify-ca\", ca = \"ca.crt\"",
            Ok("t|"),
        ),
        (
            "localhost",
            "mode = \"verify-full\", ca = \"ca.crt\"",
            Ok("t|"),
        ),
        // The system's authorities have not signed it, nor has the other.
        ("localhost", "mode = \"verify-full\"", Err("UnknownIssuer")),
        ("localhost", "mode = \"verify-ca\"", Err("UnknownIssuer")),
        (
            "localhost",
            "mode = \"verify-ca\", ca = \"other-ca.crt\"",
            Err("invalid peer certificate"),
        ),
        (
            "localhost",
            "mode = \"verify-full\", ca = \"other-ca.crt\"",
            Err("invalid peer certificate"),
        ),
        (
            "127.0.0.1",
            "mode = \"verify-full\", ca = \"ca.crt\"",
            Err("not valid for name"),
        ),
    ] {
        let change = |config: &mut PoolerConfig| {
            config.endpoint_host = Some(host.to_owned());
            config.endpoint = format!("server_tls = {{ {tls} }}");
        };
        pooled.reloaded(change).unwrap();
        match expected {
            Ok(row) => assert_eq!(pooled.psql(TLS).unwrap(), row, "{host} {tls}"),
            Err(cause) => {
                let before = logins();
                assert_refused(&pooled, cause);
                assert_eq!(logins(), before, "{host} {tls}: it logged in");
            },
        }
    }
}

#[test]
fn a_tenants_client_certificate_is_shown_to_its_servers() {
    let Some(world) = world() else { return };
    let as_certified = |config: &mut PoolerConfig| {
        config.user = "server_user = \"by_certificate\"".to_owned();
    };
    let shown = "mode = \"verify-full\", ca = \"ca.crt\", \
                 certificate = { certificate = \"client.crt\", key = \"client.key\" }";
    let with = pooled(world, "localhost", shown, as_certified);
    assert_eq!(with.psql(TLS).unwrap(), "t|/CN=by_certificate");
    assert_eq!(with.psql("select current_user").unwrap(), "by_certificate");
    let without = pooled(
        world,
        "localhost",
        "mode = \"verify-full\", ca = \"ca.crt\"",
        as_certified,
    );
    let told = refusal(&without);
    assert_eq!(told.sqlstate, "08006", "{told}");
    // The words are for whoever has configured the certificate.
    let words = "valid client certificate";
    without.pooler.wait_for_log(words).unwrap();
}

#[test]
fn a_cancel_request_goes_over_tls_too() {
    let Some(world) = world() else { return };
    let pooled = pooled(
        world,
        "localhost",
        "mode = \"verify-full\", ca = \"ca.crt\"",
        |_| {},
    );
    let mut client = pooled.connect().unwrap();
    client.query("create table t (id int)").unwrap();
    let pid = client.query("select pg_backend_pid()").unwrap();
    client
        .send(&tidegate_harness::wire::query("select pg_sleep(600)").unwrap())
        .unwrap();
    let asleep = format!("select wait_event = 'PgSleep' from pg_stat_activity where pid = {pid}");
    let limit = std::time::Duration::from_mins(1);
    let asleep = || pooled.admin(&asleep).unwrap() == "t";
    tidegate_harness::polling::until_true("a sleeper", limit, asleep).unwrap();
    client.cancel().unwrap();
    assert_eq!(client.rows().unwrap_err().sqlstate(), "57014");
}

#[test]
fn a_man_in_the_middle_whom_require_lets_in_cannot_use_the_login() {
    let Some(world) = world() else { return };
    // With channel binding, the proof is for the certificate that was seen: the impostor's.
    let impostors = Authority::new().unwrap().server(&["localhost"]).unwrap();
    for (shown, expected) in [(&impostors, false), (&world.server, true)] {
        let between = Between::start(shown, world.cluster.port());
        let pooled = pooled(world, "127.0.0.1", "mode = \"require\"", |config| {
            config.endpoint_port = Some(between.port());
        });
        if expected {
            assert_eq!(pooled.psql("select 1").unwrap(), "1");
        } else {
            let told = refusal(&pooled);
            assert_eq!(told.sqlstate, "28000", "{told}");
            assert!(told.message.contains("channel binding"), "{told}");
        }
        assert!(between.has_relayed());
    }
}

/// Tells of a client whose server answers the request for TLS like this: nothing that it says is
/// passed on, and it learns nothing.
fn assert_impostor_refused(mode: &str, answer: &'static [u8], cause: &str) {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let impostor = Impostor::start(answer);
    let config = PoolerConfig {
        endpoint_port: Some(impostor.port()),
        endpoint: format!("server_tls.mode = \"{mode}\""),
        ..PoolerConfig::default()
    };
    let folder = Folder::new().unwrap();
    let database = cluster.database().unwrap();
    let pooled = PooledDatabase::with(cluster, database, config, folder).unwrap();
    assert_refused(&pooled, cause);
    let told = refusal(&pooled);
    // No number that a port may have in it.
    for words in ["call 555", "555-0100"] {
        assert!(!told.to_string().contains(words), "{told}");
    }
    let heard = impostor.heard();
    for secret in [&pooled.database.user, &pooled.database.password] {
        let mut parts = heard.windows(secret.len());
        let is_told = parts.any(|part| part == secret.as_bytes());
        assert!(!is_told, "{mode} {answer:?}: it heard {heard:?}");
    }
}

#[test]
fn upstream_n_reply_fails() {
    for mode in ["require", "verify-ca", "verify-full"] {
        assert_impostor_refused(mode, b"N", "the server offers no TLS");
    }
}

#[test]
fn upstream_error_before_tls_cve_2024_10977() {
    let error = b"E\0\0\0\x22SERROR\0C28000\0Mcall 555-0100\0\0";
    assert_impostor_refused("require", error, "is not one S or N");
    assert_impostor_refused("require", b"\0", "is not one S or N");
}

#[test]
fn upstream_ssl_injection_cve_2021_23222() {
    let logged_in = b"SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    assert_impostor_refused("require", logged_in, "handshake");
    assert_impostor_refused("require", b"", "handshake");
}

#[test]
fn scram_iterations_cve_2026_42198() {
    let Some(world) = world() else { return };
    for (cap, is_in) in [(4_999, false), (5_000, true)] {
        let pooled = pooled(world, "127.0.0.1", "mode = \"disable\"", |config| {
            config.pool = format!("scram_iterations_max = {cap}");
        });
        let iterations = NonZeroU32::new(5_000).unwrap();
        let password = pooled.database.password.as_bytes();
        let verifier = ScramSecret::from_password(password, b"sixteen of salt!", iterations);
        let verifier = verifier.unwrap().to_text();
        let user = &pooled.database.user;
        pooled
            .admin(&format!("alter role {user} password '{}'", &*verifier))
            .unwrap();
        if is_in {
            assert_eq!(pooled.psql("select 1").unwrap(), "1");
        } else {
            assert_refused(&pooled, "iterations");
        }
    }
}

#[test]
fn a_server_that_asks_for_the_password_itself_is_refused_unless_it_may() {
    let Some(world) = world() else { return };
    let with = |pool: &str, role: &str, tls: &str| {
        pooled(world, "localhost", tls, |config| {
            config.pool = pool.to_owned();
            config.user = format!("server_user = \"{role}\"\nserver_secret = \"pencil\"");
        })
    };
    let (plain, encrypted) = (
        "mode = \"disable\"",
        "mode = \"verify-full\", ca = \"ca.crt\"",
    );
    for tls in [plain, encrypted] {
        assert_refused(&with("", "by_password", tls), "password");
        let may = with("server_password_cleartext = true", "by_password", tls);
        assert_eq!(may.psql("select current_user").unwrap(), "by_password");
        let md5 = with("", "by_md5", tls);
        assert_eq!(md5.psql("select current_user").unwrap(), "by_md5");
    }
}

#[test]
fn a_verifier_alone_opens_the_server_by_what_the_client_proved() {
    let Some(world) = world() else { return };
    let database = world.cluster.database().unwrap();
    let stored = format!(
        "select rolpassword from pg_authid where rolname = '{}'",
        database.user
    );
    let verifier = world.cluster.psql(&stored).unwrap();
    let config = PoolerConfig {
        endpoint: "server_tls.mode = \"require\"".to_owned(),
        secret: Some(format!("'{verifier}'")),
        ..PoolerConfig::default()
    };
    let folder = Folder::new().unwrap();
    let pooled = PooledDatabase::with(&world.cluster, database, config, folder).unwrap();
    assert_eq!(pooled.psql(TLS).unwrap(), "t|");
    let wrong = pooled.login().with_password("wrong");
    assert_eq!(Wire::connect(&wrong).unwrap_err().sqlstate(), "28P01");
}
