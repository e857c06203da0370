//! Where reads go, and what they see.

use std::time::Duration;

use crate::config::Consistency;
use crate::config::Route;
use crate::config::TransactionRouting;
use crate::config::tests::LISTENER;
use crate::config::tests::TENANT;
use crate::config::tests::config;
use crate::config::tests::mistakes;
use crate::config::tests::tenant_mistakes;

#[test]
fn how_a_user_reads_is_inherited_from_its_tenant_and_from_all() {
    let config = config(&format!(
        "[pool]\nroute = \"replica\"\nmax_lag = \"3s\"\n{LISTENER}\
         [[tenant]]\nname = \"acme\"\nconsistency = \"bounded\"\n[[tenant.endpoint]]\nhost = \"::1\"\n\
         [[tenant.user]]\nname = \"app\"\nroute = \"primary\"\ncausal_wait = 0\n\
         [[tenant.user]]\nname = \"batch\"\n"
    ));
    let told = |user: &str| {
        let pool = &config.tenants["acme"].users[user].pool;
        (pool.route, pool.consistency, pool.max_lag, pool.causal_wait)
    };
    let (three, tenth) = (Duration::from_secs(3), Duration::from_millis(100));
    let app = (Route::Primary, Consistency::Bounded, three, Duration::ZERO);
    assert_eq!(told("app"), app);
    let batch = (Route::Replica, Consistency::Bounded, three, tenth);
    assert_eq!(told("batch"), batch);
}

#[test]
fn where_blocks_begin_that_do_not_say_what_they_do_a_user_may_say_otherwise_than_its_tenant() {
    let config = config(&format!(
        "{LISTENER}[[tenant]]\nname = \"acme\"\ntransaction_routing = \"first_statement\"\n\
         [[tenant.endpoint]]\nhost = \"::1\"\n\
         [[tenant.user]]\nname = \"app\"\n\
         [[tenant.user]]\nname = \"batch\"\ntransaction_routing = \"primary\"\n"
    ));
    let told = |user: &str| config.tenants["acme"].users[user].pool.transaction_routing;
    assert_eq!(told("app"), TransactionRouting::FirstStatement);
    assert_eq!(told("batch"), TransactionRouting::Primary);
    let mistakes = tenant_mistakes("transaction_routing = \"replica\"");
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
}

#[test]
fn unless_told_otherwise_a_client_reads_its_own_writes_at_the_nearest() {
    let config = config(&format!("{LISTENER}{TENANT}"));
    let tenant = &config.tenants["acme"];
    assert_eq!(tenant.pool.route, Route::Auto);
    let routing = tenant.pool.transaction_routing;
    assert_eq!(routing, TransactionRouting::Primary);
    assert_eq!(tenant.pool.consistency, Consistency::Session);
    assert_eq!(tenant.endpoints[0].pool_size, None);
    assert_eq!(config.listeners[0].route, Route::Auto);
}

#[test]
fn what_is_near_may_stand_with_all_and_with_a_tenant() {
    let config = config(&format!(
        "[pool]\nprefer = [\"ams\"]\nnear_percent = 5\nejected_percent_max = 10\n{LISTENER}\
         [[tenant]]\nname = \"a\"\nprefer = [\"fra\", \"ams\"]\navoid = [\"syd\"]\nnear_within = \"2ms\"\n\
         [[tenant.endpoint]]\nhost = \"::1\"\npool_size = 7\n\
         [[tenant]]\nname = \"b\"\n[[tenant.endpoint]]\nhost = \"::1\"\n"
    ));
    let (a, b) = (&config.tenants["a"], &config.tenants["b"]);
    assert_eq!(
        (&a.prefer[..], &b.prefer[..]),
        (
            &["fra".to_owned(), "ams".to_owned()][..],
            &["ams".to_owned()][..]
        )
    );
    assert_eq!((a.avoid.len(), b.avoid.len()), (1, 0));
    assert_eq!((a.near_percent, b.near_percent), (5, 5));
    let ms = Duration::from_millis;
    assert_eq!((a.near_within, b.near_within), (ms(2), ms(1)));
    assert_eq!((a.ejected_percent_max, b.ejected_percent_max), (10, 10));
    assert_eq!(
        (a.endpoints[0].pool_size, b.endpoints[0].pool_size),
        (Some(7), None)
    );
}

#[test]
fn a_region_is_not_preferred_and_avoided() {
    let found = mistakes(&format!(
        "{LISTENER}{}",
        TENANT.replace(
            "[[tenant.e",
            "prefer = [\"ams\"]\navoid = [\"syd\", \"ams\"]\n[[tenant.e"
        )
    ));
    assert_eq!(
        found,
        ["7:1: tenant.avoid: a region is both in prefer and in avoid"]
    );
}

#[test]
fn a_function_is_named_as_the_catalog_names_it() {
    let with = |names: &str| {
        let tenant = TENANT.replace(
            "[[tenant.e",
            &format!("write_functions = [{names}]\n[[tenant.e"),
        );
        mistakes(&format!("{LISTENER}{tenant}"))
    };
    assert_eq!(
        with("\"touch\", \"audit.touch\", \"Audit.Ümlaut\""),
        [""; 0]
    );
    for wrong in [
        "",
        ".",
        "a.",
        ".a",
        "a.b.c",
        "touch()",
        "\\\"Touch\\\"",
        "a b",
    ] {
        let found = with(&format!("\"{wrong}\""));
        assert_eq!(found.len(), 1, "{wrong}");
        assert!(found[0].contains("tenant.write_functions"), "{found:?}");
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    assert_eq!(
        tenant_mistakes("weight = 1001\npool_size = 100001").len(),
        2
    );
    let all = "[pool]\nnear_percent = 1001\nejected_percent_max = 101\ncausal_wait = \"2m\"\nroute = \"nearest\"\nconsistency = \"strong\"\n";
    assert_eq!(mistakes(&format!("{all}{LISTENER}{TENANT}")).len(), 5);
}
