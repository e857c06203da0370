//! How a connection comes to be encrypted, byte for byte, in a real process.
#![cfg(test)]

mod tls_client;

use std::fs;
use std::time::Duration;

use rustls::version::TLS12;
use rustls::version::TLS13;
use tidegate_harness::Authority;
use tidegate_harness::Cluster;
use tidegate_harness::Folder;
use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;
use tidegate_proto::backend::tag;
use tidegate_proto::startup::GssencRequest;
use tidegate_proto::startup::SslRequest;

use crate::tls_client::Offer;
use crate::tls_client::TlsClient;
use crate::tls_client::ask;
use crate::tls_client::plain;
use crate::tls_client::rest;

const LIMIT: Duration = Duration::from_mins(1);

const TLS: &str = "tls = \"allow\"\n\
                   tls_certificates = [{ certificate = \"server.crt\", key = \"server.key\" }]";

const POSTGRESQL: &[u8] = b"postgresql";

/// A Tidegate with TLS that asks for passwords in clear over it, and what a client of it offers.
fn start() -> Option<(PooledDatabase, Offer)> {
    let cluster = Cluster::shared()?;
    let folder = Folder::new().unwrap();
    let authority = Authority::new().unwrap();
    let server = authority.server(&["127.0.0.1"]).unwrap();
    fs::write(folder.path().join("server.crt"), server.certificate_pem).unwrap();
    fs::write(folder.path().join("server.key"), server.key_pem).unwrap();
    let config = PoolerConfig {
        listener: TLS.to_owned(),
        tenant: "auth_type = \"plain\"".to_owned(),
        ..PoolerConfig::default()
    };
    let database = cluster.database().unwrap();
    let pooled = PooledDatabase::with(cluster, database, config, folder).unwrap();
    let offer = Offer {
        authority_pem: authority.certificate_pem(),
        versions: vec![&TLS13, &TLS12],
        alpn: vec![POSTGRESQL],
    };
    Some((pooled, offer))
}

/// Whether a client with direct TLS is served.
fn is_served_directly(pooled: &PooledDatabase, offer: &Offer) -> bool {
    let Ok(mut client) = TlsClient::handshake(plain(pooled.port()), offer) else {
        return false;
    };
    // With TLS 1.3 a client hears of a refusal only when it reads on.
    client.log_in(&pooled.login()).is_ok() && client.is_served()
}

/// Whether a client that asks for TLS first is served.
fn is_served_on_request(pooled: &PooledDatabase, offer: &Offer) -> bool {
    let mut stream = plain(pooled.port());
    assert_eq!(ask(&mut stream, &SslRequest::BYTES), b'S');
    let Ok(mut client) = TlsClient::handshake(stream, offer) else {
        return false;
    };
    client.log_in(&pooled.login()).is_ok() && client.is_served()
}

#[test]
fn direct_tls_is_served_in_both_versions_to_who_names_the_protocol() {
    let Some((pooled, offer)) = start() else {
        return;
    };
    for version in [&TLS12, &TLS13] {
        let versions = vec![version];
        let with = |alpn: Vec<&'static [u8]>| Offer {
            versions: versions.clone(),
            alpn,
            ..offer.clone()
        };
        let named = with(vec![b"h2", POSTGRESQL]);
        let client = TlsClient::handshake(plain(pooled.port()), &named).unwrap();
        assert_eq!(client.alpn(), Some(POSTGRESQL));
        assert!(is_served_directly(&pooled, &named));
        for wrong in [vec![], vec![b"http/1.1".as_slice()]] {
            assert!(
                !is_served_directly(&pooled, &with(wrong.clone())),
                "{wrong:?}"
            );
        }
        // Who asks first needs to name nothing, but must name nothing else.
        assert!(is_served_on_request(&pooled, &with(vec![])));
        assert!(is_served_on_request(&pooled, &named));
        assert!(!is_served_on_request(&pooled, &with(vec![b"http/1.1"])));
    }
}

#[test]
fn a_huge_row_is_the_same_with_tls_and_without_it_on_the_same_server() {
    let Some((mut pooled, offer)) = start() else {
        return;
    };
    pooled
        .reloaded(|config| {
            config.pool = "pool_size = 1".to_owned();
            config.tenant = String::new();
            config.listener = format!("{TLS}\nauth_type = \"trust\"");
        })
        .unwrap();
    let sql = "select string_agg(md5(i::text), '') from generate_series(1, 500000) i";
    let sql = wire::query(sql).unwrap();
    let mut without = pooled.connect().unwrap();
    let mut with = TlsClient::handshake(plain(pooled.port()), &offer).unwrap();
    with.log_in(&pooled.login()).unwrap();
    let mut direct = Wire::connect(&pooled.direct_login()).unwrap();
    direct.send(&sql).unwrap();
    let wanted = direct.until(tag::READY_FOR_QUERY).unwrap();
    let wanted = wanted.iter().find(|message| message.tag() == tag::DATA_ROW);
    let wanted = wanted.unwrap().body();
    for _ in 0..3 {
        without.send(&sql).unwrap();
        let row = without.until(tag::DATA_ROW).unwrap().pop().unwrap();
        assert!(row.body() == wanted, "another row without TLS");
        without.until(tag::READY_FOR_QUERY).unwrap();
        with.send(&sql);
        let rows = with.until_ready(tag::DATA_ROW);
        assert!(rows.len() == 1 && rows[0] == wanted, "another row with TLS");
    }
}

#[test]
fn an_old_version_of_tls_is_refused_where_the_listener_says_so() {
    let Some((mut pooled, offer)) = start() else {
        return;
    };
    let with = |versions| Offer {
        versions,
        ..offer.clone()
    };
    let (old, new) = (with(vec![&TLS12]), with(vec![&TLS13]));
    assert!(is_served_directly(&pooled, &old) && is_served_on_request(&pooled, &old));
    let strict = format!("{TLS}\ntls_min_version = \"1.3\"");
    pooled.reloaded(|config| config.listener = strict).unwrap();
    assert!(!is_served_directly(&pooled, &old));
    assert!(!is_served_on_request(&pooled, &old));
    assert!(is_served_directly(&pooled, &new) && is_served_on_request(&pooled, &new));
    // Whoever offers both is served with the new one.
    assert!(is_served_directly(&pooled, &offer));
}

#[test]
fn a_gssenc_request_is_answered_n_and_the_connection_goes_on_as_its_client_likes() {
    let Some((mut pooled, offer)) = start() else {
        return;
    };
    // TLS behind it.
    let mut stream = plain(pooled.port());
    assert_eq!(ask(&mut stream, &GssencRequest::BYTES), b'N');
    assert_eq!(ask(&mut stream, &SslRequest::BYTES), b'S');
    let mut client = TlsClient::handshake(stream, &offer).unwrap();
    client.log_in(&pooled.login()).unwrap();
    assert!(client.is_served());
    // No TLS behind it.
    pooled
        .reloaded(|config| config.tenant = String::new())
        .unwrap();
    let login = pooled.login();
    let mut client = Wire::open(login.address).unwrap();
    client.send(&GssencRequest::BYTES).unwrap();
    client.until_answered().unwrap();
    assert_eq!(client.take_byte(), Some(b'N'));
    client.send(&login.startup().unwrap()).unwrap();
    client.prove(&login).unwrap();
    assert_eq!(client.query("select 'in clear'").unwrap(), "in clear");
    // It is asked for once.
    let mut stream = plain(pooled.port());
    assert_eq!(ask(&mut stream, &GssencRequest::BYTES), b'N');
    assert_eq!(ask(&mut stream, &GssencRequest::BYTES), b'E');
}

#[test]
fn what_stands_behind_a_request_for_encryption_closes_the_connection_unheard() {
    let Some((pooled, _)) = start() else { return };
    let startup = pooled.login().startup().unwrap();
    for request in [SslRequest::BYTES, GssencRequest::BYTES] {
        for behind in [&startup[..], b"\x16\x03\x01", b"\0"] {
            let mut stream = Wire::open(pooled.login().address).unwrap();
            stream.send(&[&request[..], behind].concat()).unwrap();
            assert_eq!(stream.until_closed().unwrap(), []);
        }
    }
    // TLS out of place: behind a request that was refused.
    let mut stream = plain(pooled.port());
    assert_eq!(ask(&mut stream, &GssencRequest::BYTES), b'N');
    std::io::Write::write_all(&mut stream, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03").unwrap();
    assert_eq!(rest(&mut stream), []);
}

#[test]
fn a_cancel_request_over_tls_ends_the_query_that_it_is_for() {
    let Some((pooled, offer)) = start() else {
        return;
    };
    let mut client = TlsClient::handshake(plain(pooled.port()), &offer).unwrap();
    client.log_in(&pooled.login()).unwrap();
    let mut is_direct = false;
    for _ in 0..2 {
        client.send(&wire::query("select pg_sleep(600)").unwrap());
        let sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' \
                        and datname = current_database()";
        let sleeps = || pooled.admin(sleeping).unwrap() == "1";
        polling::until_true("a query that sleeps", LIMIT, sleeps).unwrap();
        let mut stream = plain(pooled.port());
        if !is_direct {
            assert_eq!(ask(&mut stream, &SslRequest::BYTES), b'S');
        }
        let mut canceller = TlsClient::handshake(stream, &offer).unwrap();
        canceller.send(&client.cancel_request());
        assert_eq!(canceller.until_closed(), []);
        let errors = client.until_ready(tag::ERROR_RESPONSE);
        let said = String::from_utf8_lossy(&errors.concat()).into_owned();
        assert!(said.contains("C57014\0"), "{said}");
        is_direct = true;
    }
    assert!(client.is_served());
}
