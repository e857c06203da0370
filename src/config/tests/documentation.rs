//! The files in `config/`: every setting is shown, and what is shown is true.

use crate::config::Config;
use crate::config::documented_file;
use crate::config::tests::Sample;

const DOCUMENTED: &str = include_str!("../../../config/tidegate.toml");
const MINIMAL: &str = include_str!("../../../config/minimal.toml");

/// The longest line of prose.
const COLUMNS_MAX: usize = 100;

#[test]
fn the_documented_file_is_what_the_settings_say() {
    assert_eq!(
        DOCUMENTED,
        documented_file(),
        "make it anew: tidegate settings > config/tidegate.toml"
    );
}

#[test]
fn the_documented_file_shows_the_defaults() {
    let loaded = Sample::default().load(DOCUMENTED).expect("accepted");
    assert_eq!(loaded.warnings, []);
    let Config {
        node,
        log,
        http,
        console,
        defaults,
        listeners,
        tenants,
    } = loaded.config;
    let default = Config::default();
    assert_eq!(
        (node, log, http, console),
        (default.node, default.log, None, None)
    );
    assert_eq!(defaults, default.defaults);
    let required = crate::config::Listener {
        name: "main".to_owned(),
        ..Default::default()
    };
    assert_eq!(*listeners[0], required);
    let tenant = &tenants["acme"];
    assert_eq!(tenant.pool, default.defaults.user.pool);
    let required = crate::config::User {
        name: "app".to_owned(),
        ..Default::default()
    };
    assert_eq!(*tenant.users["app"], required);
}

#[test]
fn the_examples_in_the_documented_file_are_accepted() {
    let uncommented = |line: &'static str| match line.strip_prefix('#') {
        Some(example) if !example.is_empty() && !example.starts_with(' ') => example,
        _ => line,
    };
    let text: Vec<&str> = DOCUMENTED.lines().map(uncommented).collect();
    let mut sample = Sample::default()
        .with_certificate("/etc/server-ca.crt", "/etc/unused.key")
        .with_certificate("/etc/client-ca.crt", "/etc/unused.key")
        .with_certificate("/etc/tidegate.crt", "/etc/tidegate.key")
        .with_file("/etc/acme-app.secret", "x\n")
        .with_file(
            "/etc/tenants/b.toml",
            "name = \"b\"\n[[endpoint]]\nhost = \"127.0.0.1\"\n",
        );
    for name in [
        "TIDEGATE_MOCK_KEY",
        "CONSOLE_SECRET",
        "ACME_AUTH_SECRET",
        "ACME_APP_SECRET",
    ] {
        sample = sample.with_variable(name, "x");
    }
    let config = sample.config(&text.join("\n"));
    assert!(config.http.is_some() && config.console.is_some());
    assert!(config.tenants["acme"].auth_query.is_some());
}

#[test]
fn the_documented_file_is_easy_to_read() {
    for line in DOCUMENTED.lines() {
        // One default is a query, which cannot be broken.
        let is_query = line.starts_with("#query = ");
        assert!(is_query || line.chars().count() <= COLUMNS_MAX, "{line}");
    }
}

#[test]
fn the_minimal_file_is_accepted_and_fits_on_a_screen() {
    assert!(MINIMAL.lines().count() <= 24);
    let loaded = Sample::default().load(MINIMAL).expect("accepted");
    assert_eq!(loaded.warnings, []);
    assert_eq!(
        loaded.config.tenants["acme"].users["app"].pool.pool_size,
        20
    );
}
