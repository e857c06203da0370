//! Secrets: where they come from, and that they go nowhere.

use crate::config::SecretText;
use crate::config::tests::LISTENER;
use crate::config::tests::Sample;
use crate::config::tests::TENANT;

const CANARY: &str = "s3cr3t-CANARY";

const VERIFIER: &str = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn user(secret: &str) -> String {
    format!("{LISTENER}{TENANT}[[tenant.user]]\nname = \"app\"\nsecret = {secret}\n")
}

fn revealed(sample: Sample, secret: &str) -> Option<String> {
    let config = sample.load(&user(secret)).ok()?.config;
    let secret = config.tenants["acme"].users["app"].secret.clone();
    secret.as_ref().map(SecretText::reveal).map(str::to_owned)
}

#[test]
fn a_secret_is_the_text_a_file_or_a_variable() {
    let sample = || {
        Sample::default()
            .with_file("/etc/app.secret", &format!("{CANARY}\n"))
            .with_file("/elsewhere/app.secret", &format!("{CANARY}\r\n"))
            .with_variable("APP_SECRET", CANARY)
    };
    for secret in [
        &format!("\"{CANARY}\"") as &str,
        "{ file = \"app.secret\" }",
        "{ file = \"/elsewhere/app.secret\" }",
        "{ env = \"APP_SECRET\" }",
        "\"${APP_SECRET}\"",
    ] {
        assert_eq!(
            revealed(sample(), secret).as_deref(),
            Some(CANARY),
            "{secret}"
        );
    }
}

#[test]
fn a_scram_verifier_comes_through_as_it_is() {
    let verifier = VERIFIER;
    assert_eq!(
        revealed(Sample::default(), &format!("\"{verifier}\"")).as_deref(),
        Some(verifier)
    );
}

#[test]
fn a_broken_verifier_is_never_taken_for_a_password() {
    for broken in [
        "SCRAM-SHA-256$",
        "SCRAM-SHA-256$4096:c2FsdA==",
        "SCRAM-SHA-256$0:c2FsdA==$c3RvcmVk:c2VydmVy",
        &VERIFIER.replace("AAAA", ""),
    ] {
        let found = Sample::default().mistakes(&user(&format!("\"{broken}\"")));
        assert_eq!(found.len(), 1, "{broken}: {found:#?}");
        assert!(
            found[0].contains("begins like a SCRAM verifier, but is none"),
            "{found:#?}"
        );
    }
    let long = "x".repeat(crate::limits::SECRET_BYTES_MAX + 1);
    assert_eq!(
        Sample::default()
            .mistakes(&user(&format!("\"{long}\"")))
            .len(),
        1
    );
}

#[test]
fn a_verifier_does_not_log_in_to_a_server() {
    let secret = format!("\"x\"\nserver_secret = \"{VERIFIER}\"");
    assert_eq!(
        Sample::default().mistakes(&user(&secret)),
        [
            "11:17: tenant.user.server_secret: a SCRAM verifier cannot log in to a server; give the password"
        ]
    );
}

#[test]
fn a_secret_that_cannot_be_had_is_told_with_its_source() {
    let mistakes = |secret: &str| Sample::default().mistakes(&user(secret));
    assert_eq!(
        mistakes("{ file = \"app.secret\" }"),
        ["10:19: tenant.user.secret.file: cannot read /etc/app.secret: entity not found"]
    );
    assert_eq!(
        mistakes("{ env = \"APP_SECRET\" }"),
        ["10:18: tenant.user.secret.env: the environment variable APP_SECRET is not set"]
    );
    assert_eq!(
        mistakes("\"\""),
        ["10:10: tenant.user.secret: the secret is empty"]
    );
    assert_eq!(mistakes("{}").len(), 1);
    assert_eq!(mistakes("{ env = \"A\", file = \"b\" }").len(), 1);
    assert_eq!(mistakes("{ env = \"APP_SECRET\", fil = \"b\" }").len(), 2);
}

#[test]
fn a_secret_of_several_lines_is_refused() {
    for contents in ["one\ntwo\n", "one\n\n", "\n", "a\0b"] {
        let sample = Sample::default().with_file("/etc/app.secret", contents);
        let found = sample.mistakes(&user("{ file = \"app.secret\" }"));
        assert_eq!(found.len(), 1, "{contents:?} {found:#?}");
        assert!(found[0].contains("secret"), "{found:#?}");
    }
}

#[test]
fn no_secret_is_told_in_a_mistake() {
    for secret in [
        format!("5\n#{CANARY}"),
        format!("[\"{CANARY}\"]"),
        format!("\"{CANARY}\\n\""),
        format!("{{ file = \"a\", text = \"{CANARY}\" }}"),
        format!("\"{CANARY}"),
        format!("\"{CANARY}${{\""),
    ] {
        let found = Sample::default().mistakes(&user(&secret));
        assert!(!found.is_empty(), "{secret}");
        assert!(!found.join("\n").contains(CANARY), "{found:#?}");
    }
}

#[test]
fn no_secret_is_in_the_debug_output_or_the_console() {
    let text = format!(
        "[node]\nmock_key = \"{CANARY}1\"\n[console]\nadmin_users = [\"op\"]\n[[console.user]]\nname = \"op\"\nsecret = \"{CANARY}2\"\n\
         {LISTENER}console = true\n{TENANT}[tenant.auth_query]\nuser = \"a\"\nsecret = \"{CANARY}3\"\n\
         [[tenant.user]]\nname = \"app\"\nsecret = \"{CANARY}4\"\nserver_secret = \"{CANARY}5\"\n"
    );
    let config = Sample::default().config(&text);
    assert!(!format!("{config:?} {:?}", config.show()).contains(CANARY));
    let shown = config.show();
    let mock_key = shown
        .iter()
        .find(|row| row.key == "mock_key")
        .expect("a row");
    assert_eq!(mock_key.value, None);
}
