//! Nothing secret is ever written: every secret of a configuration is a canary here, everything that
//! can go wrong does, at the most talkative level, and nobody hears one.
#![cfg(test)]

use std::fs;

use tidegate_harness::Authority;
use tidegate_harness::Cluster;
use tidegate_harness::Folder;
use tidegate_harness::Pooler;
use tidegate_harness::Ready;
use tidegate_harness::SUPERUSER;
use tidegate_harness::SUPERUSER_PASSWORD;
use tidegate_harness::StopSignal;
use tidegate_harness::free_port;
use tidegate_harness::http_get;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;

/// In every secret. No word of the program has it.
const CANARY: &str = "s3cr3t-CANARY";

fn config(cluster: &Cluster, port: u16, http: u16) -> String {
    let postgres = cluster.port();
    format!(
        r#"
[node]
mock_key = "{CANARY}-mock"
login_failure_delay = 0

[log]
level = "trace"

[http]
address = "127.0.0.1:{http}"

[console]
admin_users = ["olga"]

[[console.user]]
name = "olga"
secret = "{CANARY}-olga"

[[listener]]
name = "main"
address = "127.0.0.1:{port}"
default_tenant = "acme"
console = true
tls = "allow"
tls_certificates = [{{ certificate = "server.crt", key = "server.key" }}]

[[tenant]]
name = "acme"
auth_query.user = "postgres"
auth_query.secret = "{SUPERUSER_PASSWORD}"

[[tenant.endpoint]]
host = "127.0.0.1"
port = {postgres}

[[tenant.user]]
name = "{SUPERUSER}"
secret = {{ file = "client.secret" }}
server_secret = "{SUPERUSER_PASSWORD}"

[[tenant.user]]
name = "misled"
secret = "{CANARY}-misled"
server_secret = "{CANARY}-server"
"#
    )
}

/// Clients that do everything: right and wrong, with names that are no names.
fn talk(login: &Login) -> Vec<String> {
    let canary = |what: &str| format!("{CANARY}-{what}");
    let mut heard = Vec::new();
    let logins = [
        login.clone(),
        login.clone().with_password(&canary("wrong")),
        login
            .clone()
            .as_user("misled")
            .with_password(&canary("misled")),
        login
            .clone()
            .as_user("unknown")
            .with_password(&canary("unknown")),
        login
            .clone()
            .as_user("x.unknown")
            .with_password(&canary("nowhere")),
        login
            .clone()
            .as_user("two\nlines\u{1b}[31m")
            .with_password(&canary("odd")),
        login.clone().with("password", &canary("parameter")),
        login
            .clone()
            .with("application_name", "two\r\nlines\u{1b}[31m"),
    ];
    for login in logins {
        match Wire::connect(&login) {
            Ok(mut client) => {
                // What a query says is nobody's business either.
                let sql = format!("select '{CANARY}-in-a-query', 1/0");
                client.query(&sql).unwrap_err();
                client.cancel().unwrap();
            },
            Err(error) => heard.push(error.to_string()),
        }
    }
    heard
}

/// Mistakes beside secrets, and in them.
fn broken(text: &str) -> [String; 7] {
    [
        text.replace("level = \"trace\"", "level = \"trace\"\nnonsense = 1"),
        text.replace("secret = \"s3cr3t", "secert = \"s3cr3t"),
        text.replace("-misled\"", "-misled"),
        text.replace("server_secret = \"s3", "server_secret = { fiel = \"s3")
            .replace("-server\"", "-server\" }"),
        text.replace(
            "mock_key = \"s3cr3t-CANARY-mock\"",
            "mock_key = [\"s3cr3t-CANARY-mock\"]",
        ),
        text.replace(
            "\"s3cr3t-CANARY-olga\"",
            "\"SCRAM-SHA-256$s3cr3t-CANARY-olga\"",
        ),
        text.replace(
            "\"s3cr3t-CANARY-olga\"",
            "\"${S3CRET_NOT_SET}s3cr3t-CANARY-olga\"",
        ),
    ]
}

/// The console of an operator, whose password is a canary as well.
fn console(login: &Login) -> Wire {
    let password = format!("{CANARY}-olga");
    let mut login = login.clone().as_user("olga").with_password(&password);
    "pgbouncer".clone_into(&mut login.database);
    Wire::connect(&login).unwrap()
}

#[test]
fn log_canary_scan() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let (port, http, folder) = (
        free_port().unwrap(),
        free_port().unwrap(),
        Folder::new().unwrap(),
    );
    let pair = Authority::new().unwrap().server(&["localhost"]).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("server.crt", &pair.certificate_pem);
    write("server.key", &pair.key_pem);
    write("client.secret", &format!("{CANARY}-file\n"));
    let text = config(cluster, port, http);
    let mut pooler = Pooler::start_in(folder, &text, Ready::Http(http)).unwrap();
    let login = Login {
        address: ([127, 0, 0, 1], port).into(),
        user: SUPERUSER.to_owned(),
        database: SUPERUSER.to_owned(),
        password: format!("{CANARY}-file"),
        parameters: Vec::new(),
        before: Vec::new(),
        protocol_minor: 0,
    };
    let mut heard = talk(&login);

    let mut console = console(&login);
    for command in [
        "CONFIG",
        "CLIENTS",
        "SERVERS",
        "POOLS",
        "DATABASES",
        "USERS",
        "STATS",
    ] {
        heard.push(console.query(&format!("SHOW {command}")).unwrap());
    }
    for broken in broken(&text) {
        fs::write(pooler.folder().join("tidegate.toml"), broken).unwrap();
        heard.push(console.query("RELOAD").unwrap_err().to_string());
    }
    fs::write(pooler.folder().join("tidegate.toml"), &text).unwrap();
    console.query("RELOAD").unwrap();
    heard.push(http_get(http, "/metrics").unwrap().1);
    pooler.process().signal(StopSignal::Interrupt).unwrap();
    pooler
        .process()
        .wait(std::time::Duration::from_mins(1))
        .unwrap();

    heard.extend(pooler.log_lines());
    let key = pair.key_pem.lines().nth(1).unwrap();
    for line in &heard {
        for secret in [CANARY, SUPERUSER_PASSWORD, key] {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
    // What a client calls itself is one piece of one line.
    for line in pooler.log_lines() {
        assert!(
            !line.contains('\u{1b}') && !line.starts_with("lines"),
            "{line:?}"
        );
    }
}
