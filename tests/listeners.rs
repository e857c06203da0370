//! Several listeners of one process at once, each on its own terms; and replication, which only some
//! of them can carry.
#![cfg(test)]

use std::fs;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::TcpListener;

use tidegate_harness::Authority;
use tidegate_harness::Cluster;
use tidegate_harness::Folder;
use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::SUPERUSER;
use tidegate_harness::SUPERUSER_PASSWORD;
use tidegate_harness::Version;
use tidegate_harness::free_port;
use tidegate_harness::skip;
use tidegate_harness::wire;
use tidegate_harness::wire::BEHIND_A_BALANCER;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::proxied;
use tidegate_proto::backend::tag;
use tidegate_proto::frontend::CopyDone;

const SERVER: &str = "select pg_backend_pid()";

/// A listener of this name at this address, with further lines.
fn listener(name: &str, address: &str, lines: &str) -> String {
    format!(
        "[[listener]]\nname = \"{name}\"\naddress = \"{address}\"\ndefault_tenant = \"acme\"\n{lines}\n"
    )
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn at(pooled: &PooledDatabase, port: u16) -> Login {
    let mut login = pooled.login();
    login.address.set_port(port);
    login
}

#[test]
fn each_listener_has_its_own_pool_mode() {
    let session = free_port().unwrap();
    let more = listener("session", &local(session), "pool_mode = \"session\"");
    let Some(pooled) = PooledDatabase::start(|config| config.more = more).unwrap() else {
        return;
    };
    let mut sharing = [pooled.connect().unwrap(), pooled.connect().unwrap()];
    let mut keeping = Wire::connect(&at(&pooled, session)).unwrap();
    let kept = keeping.query(SERVER).unwrap();
    let shared = sharing
        .each_mut()
        .map(|client| client.query(SERVER).unwrap());
    assert_eq!(shared[0], shared[1]);
    assert_ne!(shared[0], kept);
    assert_eq!(keeping.query(SERVER).unwrap(), kept);
}

#[test]
fn each_listener_has_its_own_proxy_policy() {
    let [v2, both] = [free_port().unwrap(), free_port().unwrap()];
    let versions = BEHIND_A_BALANCER.replace("\"v2\"", "\"v1+v2\"");
    let more =
        listener("v2", &local(v2), BEHIND_A_BALANCER) + &listener("both", &local(both), &versions);
    let Some(pooled) = PooledDatabase::start(|config| config.more = more).unwrap() else {
        return;
    };
    let header = proxied("203.0.113.7").unwrap();
    let text = b"PROXY TCP4 203.0.113.7 10.0.0.1 40000 5432\r\n".to_vec();
    for (port, header, is_in) in [
        (pooled.port(), vec![], true),
        (pooled.port(), header.clone(), false),
        (v2, header.clone(), true),
        (v2, text.clone(), false),
        (v2, vec![], false),
        (both, header, true),
        (both, text, true),
        (both, vec![], false),
    ] {
        let login = at(&pooled, port).behind(header);
        assert_eq!(Wire::connect(&login).is_ok(), is_in, "{login:?}");
    }
}

#[test]
fn a_unix_socket_and_both_families_of_tcp_lead_to_the_same_tenant() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let folder = Folder::new().unwrap();
    let socket = folder.path().join(".s.PGSQL.1");
    let [dual, six] = [free_port().unwrap(), free_port().unwrap()];
    let has_v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let mut more = listener("unix", &socket.display().to_string(), "");
    if has_v6 {
        more += &listener("dual", &format!("[::]:{dual}"), "");
        more += &listener("six", &format!("[::1]:{six}"), "");
    }
    let config = PoolerConfig {
        tenant: "network.deny = [\"127.0.0.2\"]".to_owned(),
        more,
        ..PoolerConfig::default()
    };
    let database = cluster.database().unwrap();
    let pooled = PooledDatabase::with(cluster, database, config, folder).unwrap();
    let by_socket = format!("host={} port=1", pooled.pooler.folder().display());
    let dsn = pooled.dsn().replace(
        &format!("host=127.0.0.1 port={}", pooled.port()),
        &by_socket,
    );
    assert_eq!(cluster.binaries().psql(&dsn, "select 1").unwrap(), "1");
    if !has_v6 {
        return skip::tell("IPv6");
    }
    for (address, is_there) in [
        (SocketAddr::from((Ipv6Addr::LOCALHOST, dual)), true),
        (SocketAddr::from(([127, 0, 0, 1], dual)), true),
        (SocketAddr::from((Ipv6Addr::LOCALHOST, six)), true),
        (SocketAddr::from(([127, 0, 0, 1], six)), false),
    ] {
        let mut login = pooled.login();
        login.address = address;
        assert_eq!(Wire::connect(&login).is_ok(), is_there, "{address}");
    }
    // An IPv4 client of the dual-stack socket is the IPv4 client that the log and the rules know.
    let line = pooled.pooler.wait_for_log("client=127.0.0.1").unwrap();
    assert!(line.contains("tidegate::connection"), "{line}");
    assert!(
        !pooled
            .pooler
            .log_lines()
            .iter()
            .any(|line| line.contains("::ffff:"))
    );
}

#[test]
fn each_listener_has_its_own_tls_and_a_tenant_is_named_by_the_server_name() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let Some(psql) = skip::unless(Version::Distribution.binaries()) else {
        return skip::tell("psql with TLS");
    };
    let authority = Authority::new().unwrap();
    let pair = authority.server(&["*.db.test"]).unwrap();
    let folder = Folder::new().unwrap();
    fs::write(folder.path().join("root.crt"), authority.certificate_pem()).unwrap();
    fs::write(folder.path().join("server.crt"), pair.certificate_pem).unwrap();
    fs::write(folder.path().join("server.key"), pair.key_pem).unwrap();
    let port = free_port().unwrap();
    let lines = "tls = \"require\"\nsni_suffix = \"db.test\"\n\
                 tls_certificates = [{ certificate = \"server.crt\", key = \"server.key\" }]";
    let config = PoolerConfig {
        // Here, only the server name tells the tenant.
        more: listener("tls", &local(port), lines).replace("default_tenant = \"acme\"\n", ""),
        ..PoolerConfig::default()
    };
    let database = cluster.database().unwrap();
    let pooled = PooledDatabase::with(cluster, database, config, folder).unwrap();
    let root = pooled.pooler.folder().join("root.crt");
    let ask = |host: &str, user: &str| {
        let dsn = pooled.database.dsn_through(port, user);
        let name = format!("host={host} hostaddr=127.0.0.1");
        let verify = format!("sslmode=verify-full sslrootcert={}", root.display());
        let dsn = dsn
            .replace("host=127.0.0.1", &name)
            .replace("sslmode=disable", &verify);
        psql.psql(&dsn, "select 1")
            .map_err(|failure| failure.to_string())
    };
    let user = &pooled.database.user;
    assert_eq!(ask("acme.db.test", user).unwrap(), "1");
    assert_eq!(ask("acme.db.test", &format!("{user}.acme")).unwrap(), "1");
    let refused = ask("acme.db.test", &format!("{user}.globex")).unwrap_err();
    assert!(
        refused.contains("the connection names two tenants"),
        "{refused}"
    );
    let refused = ask("globex.db.test", user).unwrap_err();
    assert!(
        refused.contains("tenant \"globex\" admits no connection"),
        "{refused}"
    );
    let told = Wire::connect(&at(&pooled, port)).unwrap_err();
    assert!(
        told.to_string().contains("28000: TLS is required"),
        "{told}"
    );
    pooled.connect().unwrap();
}

#[test]
fn replication_is_refused_where_servers_are_shared_and_passed_where_they_are_not() {
    let session = free_port().unwrap();
    let more = format!(
        "[[tenant.user]]\nname = \"{SUPERUSER}\"\nsecret = \"{SUPERUSER_PASSWORD}\"\n{}",
        listener("session", &local(session), "pool_mode = \"session\"")
    );
    let Some(pooled) = PooledDatabase::start(|config| config.more = more).unwrap() else {
        return;
    };
    let with = |port, value: &str| {
        let login = at(&pooled, port)
            .as_user(SUPERUSER)
            .with_password(SUPERUSER_PASSWORD);
        login.with("replication", value)
    };
    for value in ["true", "on", "database"] {
        let told = Wire::connect(&with(pooled.port(), value)).unwrap_err();
        assert_eq!(told.sqlstate(), "0A000", "{told}");
        let mut client = Wire::connect(&with(session, value)).unwrap();
        let system = client.query("IDENTIFY_SYSTEM").unwrap();
        assert_eq!(system.split('|').count(), 4, "{system}");
    }
    // `false` is no replication, and anything else no value.
    let mut client = Wire::connect(&with(pooled.port(), "false")).unwrap();
    assert_eq!(client.query("select 1").unwrap(), "1");
    assert_eq!(
        Wire::connect(&with(session, "maybe"))
            .unwrap_err()
            .sqlstate(),
        "22023"
    );
}

#[test]
fn a_stream_of_changes_flows_both_ways_and_ends_in_order() {
    let session = free_port().unwrap();
    let more = format!(
        "[[tenant.user]]\nname = \"{SUPERUSER}\"\nsecret = \"{SUPERUSER_PASSWORD}\"\n{}",
        listener("session", &local(session), "pool_mode = \"session\"")
    );
    let Some(pooled) = PooledDatabase::start(|config| config.more = more).unwrap() else {
        return;
    };
    let login = at(&pooled, session)
        .as_user(SUPERUSER)
        .with_password(SUPERUSER_PASSWORD);
    let mut client = Wire::connect(&login.with("replication", "true")).unwrap();
    let system = client.query("IDENTIFY_SYSTEM").unwrap();
    let position = system.split('|').nth(2).unwrap();
    let start = format!("START_REPLICATION PHYSICAL {position}");
    client.send(&wire::query(&start).unwrap()).unwrap();
    client.until(tag::COPY_BOTH_RESPONSE).unwrap();
    pooled
        .admin("create table changes (id int); insert into changes values (1)")
        .unwrap();
    let change = client.until(tag::COPY_DATA).unwrap();
    assert!(!change.is_empty());
    let mut done = Vec::new();
    CopyDone.encode(&mut done);
    client.send(&done).unwrap();
    client.until(tag::COPY_DONE).unwrap();
    client.until(tag::READY_FOR_QUERY).unwrap();
    assert_eq!(
        client.query("IDENTIFY_SYSTEM").unwrap().split('|').count(),
        4
    );
}
