//! The log of a real process in JSON: one object a line, whatever clients call themselves.
#![cfg(test)]

use serde_json::Value;
use tidegate_harness::PooledDatabase;
use tidegate_harness::wire;
use tidegate_harness::wire::BEHIND_A_BALANCER;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::proxied;

/// The lines that connections ended with, and a check that all lines are objects.
fn ends(pooled: &PooledDatabase) -> Vec<Value> {
    let parsed = |line: String| -> Value {
        let value: Value = serde_json::from_str(&line).expect(&line);
        for field in ["timestamp", "level", "message"] {
            assert!(value[field].is_string(), "{field}: {line}");
        }
        value
    };
    let lines = pooled.pooler.log_lines().into_iter().map(parsed);
    let ends = lines.filter(|line| line["target"] == "tidegate::connection");
    ends.collect()
}

#[test]
fn every_line_is_an_object_and_an_end_names_tenant_client_and_reason() {
    let started = PooledDatabase::start(|config| {
        config.log = "format = \"json\"".to_owned();
        config.listener = BEHIND_A_BALANCER.to_owned();
        config.tenant = "network.allow = [\"203.0.113.0/24\"]".to_owned();
    });
    let Some(pooled) = started.unwrap() else {
        return;
    };
    let from = |address: &str| pooled.login().behind(proxied(address).unwrap());
    let mut leaving = Wire::connect(&from("203.0.113.1")).unwrap();
    leaving.query("select 1").unwrap();
    leaving.send(&wire::terminate()).unwrap();
    leaving.until_closed().unwrap();
    drop(Wire::connect(&from("203.0.113.2")).unwrap());
    Wire::connect(&from("203.0.113.3").with_password("wrong")).unwrap_err();
    Wire::connect(&from("198.51.100.4")).unwrap_err();
    let forged = "eve\"}\n{\"forged\": \"\u{1b}[2J\u{2028}\\";
    Wire::connect(&from("203.0.113.5").as_user(&format!("{forged}.acme"))).unwrap_err();
    Wire::connect(&from("203.0.113.6").with("options", "-ctenant=nobody")).unwrap_err();

    for (client, tenant, reason) in [
        ("203.0.113.1", Some("acme"), "terminated"),
        ("203.0.113.2", Some("acme"), "client_gone"),
        ("203.0.113.3", Some("acme"), "authentication"),
        ("198.51.100.4", Some("acme"), "network"),
        ("203.0.113.5", Some("acme"), "authentication"),
        ("203.0.113.6", None, "tenant_unknown"),
    ] {
        let client = format!("{client}:40000");
        pooled.pooler.wait_for_log(&client).unwrap();
        let ends = ends(&pooled);
        let of_client: Vec<_> = ends
            .iter()
            .filter(|line| line["client"] == client.as_str())
            .collect();
        let [end] = of_client[..] else {
            panic!("{client} has not one line but {of_client:?}");
        };
        assert_eq!(end["tenant"].as_str(), tenant, "{end}");
        assert_eq!(end["reason"], reason, "{end}");
    }
    assert!(ends(&pooled).iter().all(|line| line["forged"].is_null()));
}
