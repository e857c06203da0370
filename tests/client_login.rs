//! psql logs in to a real process by every method that a listener or a tenant may ask for, over TLS
//! and without.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tidegate_harness::Authority;
use tidegate_harness::Cluster;
use tidegate_harness::Folder;
use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::Version;
use tidegate_harness::free_port;
use tidegate_harness::skip;
use tidegate_harness::tools::Binaries;
use tidegate_proto::md5::Md5Secret;

const TLS: &str = "tls = \"allow\"\ntls_certificates = [{ certificate = \"server.crt\", key = \"server.key\" }]\n\
                   tls_client_ca = \"ca.crt\"\ntls_client_certificate = \"optional\"";

/// A Tidegate with TLS, and psql.
struct World {
    pooled: PooledDatabase,
    psql: Binaries,
}

impl World {
    fn start(configure: impl FnOnce(&mut PoolerConfig, &str, &Path)) -> Option<Self> {
        let cluster = Cluster::shared()?;
        let Some(psql) = skip::unless(Version::Distribution.binaries()) else {
            skip::tell("psql with TLS");
            return None;
        };
        let folder = Folder::new().unwrap();
        let database = cluster.database().unwrap();
        install(folder.path(), &database.user);
        let mut config = PoolerConfig {
            listener: TLS.to_owned(),
            ..PoolerConfig::default()
        };
        configure(&mut config, &database.user, folder.path());
        let pooled = PooledDatabase::with(cluster, database, config, folder).unwrap();
        Some(Self { pooled, psql })
    }

    /// What psql prints of one query, logged in like this.
    fn ask(&self, more: &str) -> Result<String, String> {
        let folder = self.pooled.pooler.folder().display();
        let more = more.replace("FOLDER", &folder.to_string());
        let dsn = self.pooled.dsn().replace("sslmode=disable", &more);
        self.psql
            .psql(&dsn, "select 6 * 7")
            .map_err(|failure| failure.to_string())
    }

    fn assert_in(&self, more: &str) {
        assert_eq!(self.ask(more).unwrap(), "42", "{more}");
    }

    fn assert_out(&self, more: &str, why: &str) {
        let said = self.ask(more).unwrap_err();
        assert!(said.contains(why), "{more}: {said}");
    }
}

/// A server's certificate, and clients' for this user and for somebody else.
fn install(folder: &Path, user: &str) {
    let authority = Authority::new().unwrap();
    let server = authority.server(&["127.0.0.1"]).unwrap();
    let (client, other) = (
        authority.client(user).unwrap(),
        authority.client("other").unwrap(),
    );
    let forged = Authority::new().unwrap().client(user).unwrap();
    for (name, pem) in [
        ("ca.crt", authority.certificate_pem()),
        ("server.crt", server.certificate_pem),
        ("server.key", server.key_pem),
        ("client.crt", client.certificate_pem),
        ("client.key", client.key_pem),
        ("other.crt", other.certificate_pem),
        ("other.key", other.key_pem),
        ("forged.crt", forged.certificate_pem),
        ("forged.key", forged.key_pem),
    ] {
        let path = folder.join(name);
        fs::write(&path, pem).unwrap();
        // libpq refuses a key that others may read.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

const VERIFIED: &str = "sslmode=verify-full sslrootcert=FOLDER/ca.crt";

fn with_certificate(name: &str) -> String {
    format!("{VERIFIED} sslcert=FOLDER/{name}.crt sslkey=FOLDER/{name}.key")
}

const REFUSED: &str = "password authentication failed";

#[test]
fn scram_is_bound_to_the_channel_where_there_is_tls() {
    let Some(world) = World::start(|_, _, _| {}) else {
        return;
    };
    world.assert_in(&format!("{VERIFIED} channel_binding=require"));
    world.assert_in(&format!("{VERIFIED} channel_binding=disable"));
    world.assert_in("sslmode=disable");
    world.assert_out("sslmode=disable channel_binding=require", "channel binding");
    world.assert_out(&format!("{VERIFIED} password=wrong"), REFUSED);
}

#[test]
fn md5_is_for_those_who_are_told_so() {
    let md5 = |config: &mut PoolerConfig, user: &str, _: &Path| {
        config.tenant = "auth_type = \"md5\"".to_owned();
        let digest = Md5Secret::from_password(b"pencil", user.as_bytes());
        config.secret = Some(format!("\"{}\"", digest.to_text().as_str()));
        let password = user.replace("user_", "password-");
        config.user = format!("server_secret = \"{password}\"");
    };
    let Some(world) = World::start(md5) else {
        return;
    };
    for mode in ["sslmode=disable", VERIFIED] {
        world.assert_in(&format!("{mode} password=pencil"));
        world.assert_out(&format!("{mode} password=pencils"), REFUSED);
    }
}

#[test]
fn a_password_itself_is_taken_over_tls_only() {
    let plain = |config: &mut PoolerConfig, _: &str, _: &Path| {
        config.tenant = "auth_type = \"plain\"".to_owned();
    };
    let Some(world) = World::start(plain) else {
        return;
    };
    world.assert_in(VERIFIED);
    world.assert_out(&format!("{VERIFIED} password=wrong"), REFUSED);
    world.assert_out("sslmode=disable", "TLS");
}

#[test]
fn a_certificate_names_the_user_and_nobody_else() {
    let cert = |config: &mut PoolerConfig, _: &str, _: &Path| {
        config.tenant = "auth_type = \"cert\"".to_owned();
    };
    let Some(world) = World::start(cert) else {
        return;
    };
    world.assert_in(&with_certificate("client"));
    for mode in [&with_certificate("other"), VERIFIED, "sslmode=disable"] {
        world.assert_out(mode, "FATAL");
    }
    // Signed by nobody whom the listener knows.
    world.assert_out(&with_certificate("forged"), "SSL error");
}

#[test]
fn trust_is_for_the_listener_that_says_so() {
    let port = free_port().unwrap();
    let trusting = |config: &mut PoolerConfig, _: &str, folder: &Path| {
        let socket = folder.join(format!(".s.PGSQL.{port}"));
        config.more = format!(
            "[[listener]]\nname = \"socket\"\naddress = \"{}\"\ndefault_tenant = \"acme\"\nauth_type = \"trust\"",
            socket.display()
        );
    };
    let Some(world) = World::start(trusting) else {
        return;
    };
    let socket = format!("host=FOLDER port={port} sslmode=disable password=wrong");
    world.assert_in(&socket);
    world.assert_out(&format!("{socket} user=nobody"), REFUSED);
    world.assert_out("sslmode=disable password=wrong", REFUSED);
}
