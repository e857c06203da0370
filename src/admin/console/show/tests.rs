//! Every topic over a node of two fake workers: its columns with their types, and a row.

use std::sync::Arc;

use tokio::task::LocalSet;
use tokio::time::Instant;

use super::columns;
use super::show;
use crate::admin::Desk;
use crate::admin::Operator;
use crate::admin::Topic;
use crate::admin::console::table::Kind;
use crate::admin::console::table::Row;
use crate::admin::console::table::Value;
use crate::admin::sample;

async fn look(topic: Topic) -> Vec<String> {
    let looking = async {
        let (desk, _orders) = sample::desk(2);
        look_at(topic, &desk).await
    };
    LocalSet::new().run_until(looking).await
}

async fn look_at(topic: Topic, desk: &Desk) -> Vec<String> {
    let answer = show(topic, desk).await;
    let columns = columns(topic).unwrap();
    let text = |row: Row| {
        assert_eq!(row.len(), columns.len(), "{topic:?}");
        let values = row
            .into_iter()
            .zip(columns)
            .map(|(value, column)| match value {
                Value::Null => "NULL".to_owned(),
                Value::Text(text) => {
                    assert_eq!(column.kind, Kind::Text, "{}", column.name);
                    text
                },
                Value::Number(number) => {
                    assert_ne!(column.kind, Kind::Text, "{}", column.name);
                    number.to_string()
                },
            });
        values.collect::<Vec<_>>().join("|")
    };
    answer.rows.unwrap().map(text).collect()
}

/// The columns as PgBouncer 1.25 has them: name, and type if it is not text.
fn described(topic: Topic) -> String {
    let columns = columns(topic)
        .unwrap()
        .iter()
        .map(|column| match column.kind {
            Kind::Text => column.name.to_owned(),
            Kind::Int4 => format!("{}:int4", column.name),
            Kind::Int8 => format!("{}:int8", column.name),
            Kind::Numeric => format!("{}:numeric", column.name),
        });
    columns.collect::<Vec<_>>().join(" ")
}

fn numeric(names: &str) -> String {
    let names = names
        .split_whitespace()
        .map(|name| format!(" {name}:numeric"));
    format!("database{}", names.collect::<String>())
}

#[test]
fn the_columns_are_pgbouncers() {
    let sockets = "type user database replication state addr port:int4 local_addr \
        local_port:int4 connect_time request_time wait:int4 wait_us:int4 close_needed:int4 ptr \
        link remote_pid:int4 tls application_name prepared_statements:int4 id:int4";
    assert_eq!(described(Topic::Clients), sockets);
    assert_eq!(described(Topic::Servers), sockets);
    assert_eq!(
        described(Topic::Pools),
        "database user cl_active:int4 cl_waiting:int4 cl_active_cancel_req:int4 \
        cl_waiting_cancel_req:int4 sv_active:int4 sv_active_cancel:int4 sv_being_canceled:int4 \
        sv_idle:int4 sv_used:int4 sv_tested:int4 sv_login:int4 maxwait:int4 maxwait_us:int4 \
        pool_mode load_balance_hosts"
    );
    assert_eq!(
        described(Topic::Databases),
        "name host port:int4 database force_user pool_size:int4 min_pool_size:int4 \
        reserve_pool_size:int4 server_lifetime:int4 pool_mode load_balance_hosts \
        max_connections:int4 current_connections:int4 max_client_connections:int4 \
        current_client_connections:int4 paused:int4 disabled:int4"
    );
    assert_eq!(
        described(Topic::Users),
        "name pool_size reserve_pool_size pool_mode max_user_connections:int4 \
        current_connections:int4 max_user_client_connections:int4 \
        current_client_connections:int4"
    );
    assert_eq!(described(Topic::DnsHosts), "hostname ttl:int8 addrs");
    assert_eq!(described(Topic::Lists), "list items:int4");
    assert_eq!(described(Topic::Config), "key value default changeable");
    assert_eq!(described(Topic::State), "key value");
    assert_eq!(described(Topic::Version), "version");
    assert_eq!(described(Topic::Totals), "name value:numeric");
    assert_eq!(columns(Topic::Help), None);
}

#[test]
fn the_columns_of_the_statistics_are_pgbouncers() {
    assert_eq!(
        described(Topic::Stats),
        numeric(
            "total_server_assignment_count total_xact_count total_query_count total_received \
            total_sent total_xact_time total_query_time total_wait_time total_client_parse_count \
            total_server_parse_count total_bind_count avg_server_assignment_count avg_xact_count \
            avg_query_count avg_recv avg_sent avg_xact_time avg_query_time avg_wait_time \
            avg_client_parse_count avg_server_parse_count avg_bind_count"
        )
    );
    assert_eq!(
        described(Topic::StatsTotals),
        numeric(
            "server_assignment_count xact_count query_count bytes_received bytes_sent xact_time \
            query_time wait_time client_parse_count server_parse_count bind_count"
        )
    );
    assert_eq!(
        described(Topic::StatsAverages),
        numeric(
            "server_assignment_count xact_count query_count bytes_received bytes_sent xact_time \
            query_time wait_time avg_client_parse_count avg_server_parse_count avg_bind_count"
        )
    );
}

#[tokio::test]
async fn pools_of_all_workers_are_shown_once_and_the_console_last() {
    let expected = [
        "acme.shop|app|2|2|0|0|2|0|0|2|0|0|2|1|500250|transaction|NULL",
        "pgbouncer|pgbouncer|0|0|0|0|0|0|0|0|0|0|0|0|0|statement|NULL",
    ];
    assert_eq!(look(Topic::Pools).await, expected);
}

#[tokio::test(start_paused = true)]
async fn clients_are_shown_with_the_address_that_a_proxy_named() {
    let rows = look(Topic::Clients).await;
    assert_eq!(rows.len(), 4);
    let parts = |row: &str| -> Vec<String> { row.split('|').map(str::to_owned).collect() };
    let active = parts(&rows[0]);
    let before = [
        "C",
        "app",
        "acme.shop",
        "none",
        "active",
        "2001:db8::7",
        "5000",
    ];
    assert_eq!(active[..7], before);
    assert_eq!(active[7..9], ["10.0.0.2", "6432"]);
    assert!(active[9].ends_with(" UTC"), "{}", active[9]);
    assert!(
        active[9] < active[10],
        "connected before it last asked for something"
    );
    let after = ["0", "0", "0", "0xb", "0x15", "0", "", "psql", "0", "11"];
    assert_eq!(active[11..], after);
    let waiting = parts(&rows[2]);
    assert_eq!(waiting[4], "waiting");
    assert_eq!(
        waiting[11..],
        ["1", "500250", "0", "0xc", "", "0", "", "psql", "0", "12"]
    );
}

#[tokio::test]
async fn operators_are_clients_of_the_console() {
    let looking = async {
        let (desk, _orders) = sample::desk(1);
        let (operator, _far): (Operator, _) = sample::operator();
        let _place = desk.roster.enroll(&operator, 77, Instant::now()).unwrap();
        let clients = look_at(Topic::Clients, &desk).await;
        let last = clients.last().unwrap();
        assert!(
            last.starts_with("C|olga|pgbouncer|none|active|unix|0|unix|0|"),
            "{last}"
        );
        assert!(last.ends_with("|0|0|0|0x4d||815||psql|0|77"), "{last}");
        let pools = look_at(Topic::Pools, &desk).await;
        assert!(
            pools
                .last()
                .unwrap()
                .starts_with("pgbouncer|pgbouncer|1|0|"),
            "{pools:?}"
        );
    };
    LocalSet::new().run_until(looking).await;
}

#[tokio::test]
async fn servers_are_shown_with_their_clients() {
    let rows = look(Topic::Servers).await;
    assert_eq!(rows.len(), 4);
    let start = "S|app|acme.shop|none|active|192.0.2.10|5432|192.0.2.1|40000|";
    assert!(rows[0].starts_with(start), "{}", rows[0]);
    let end = "|0|0|0|0x15|0xb|4711|TLSv1.3/TLS13_AES_256_GCM_SHA384||0|21";
    assert!(rows[0].ends_with(end), "{}", rows[0]);
    assert!(
        rows[1].starts_with("S|app|acme.shop|none|idle|"),
        "{}",
        rows[1]
    );
    let end = "|0|0|1|0x16||4711|TLSv1.3/TLS13_AES_256_GCM_SHA384||0|22";
    assert!(rows[1].ends_with(end), "{}", rows[1]);
}

#[tokio::test]
async fn databases_are_those_of_the_configuration_with_what_their_pools_hold() {
    let expected = [
        "acme.store|db.example.com|5432|shop|NULL|20|0|0|3600|NULL|NULL|40|6|300|4|0|0",
        "pgbouncer|NULL|0|pgbouncer|pgbouncer|0|0|0|0|statement|NULL|0|0|64|0|0|0",
    ];
    assert_eq!(look(Topic::Databases).await, expected);
}

#[tokio::test]
async fn users_are_named_as_they_log_in() {
    assert_eq!(look(Topic::Users).await, ["app.acme|||NULL|7|0|0|0"]);
}

#[tokio::test(start_paused = true)]
async fn statistics_are_by_database_over_all_workers() {
    let looking = async {
        let (desk, _orders) = sample::desk(2);
        tokio::time::advance(std::time::Duration::from_mins(1)).await;
        desk.roster.count_command();
        let expected = [
            "acme.shop|0|120|240|8192|0|0|480000|0|0|0|0|0|2|4|136|0|0|2000|0|0|0|0",
            "pgbouncer|0|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0",
        ];
        assert_eq!(look_at(Topic::Stats, &desk).await, expected);
        let totals = look_at(Topic::StatsTotals, &desk).await;
        assert_eq!(totals[0], "acme.shop|0|120|240|8192|0|0|480000|0|0|0|0");
        let averages = look_at(Topic::StatsAverages, &desk).await;
        assert_eq!(averages[0], "acme.shop|0|2|4|136|0|0|2000|0|0|0|0");
        let node = look_at(Topic::Totals, &desk).await;
        assert_eq!(node.len(), 22);
        assert_eq!(node[2], "total_query_count|240");
        assert_eq!(node[3], "total_client_bytes|8192");
        assert_eq!(node[17], "avg_query_time|2000");
    };
    LocalSet::new().run_until(looking).await;
}

#[tokio::test]
async fn lists_count_what_there_is() {
    let expected = [
        "databases|2",
        "users|1",
        "peers|0",
        "pools|2",
        "peer_pools|0",
        "free_clients|0",
        "used_clients|4",
        "login_clients|0",
        "free_servers|0",
        "used_servers|6",
        "dns_names|0",
        "dns_zones|0",
        "dns_queries|0",
        "dns_pending|0",
    ];
    assert_eq!(look(Topic::Lists).await, expected);
}

#[tokio::test]
async fn the_configuration_is_shown_with_pgbouncers_names() {
    let rows = look(Topic::Config).await;
    for row in [
        "max_client_conn|1000|1000|yes",
        "max_user_connections|0|0|yes",
    ] {
        assert!(rows.iter().any(|shown| shown == row), "{row}: {rows:?}");
    }
    let mut keys: Vec<_> = rows
        .iter()
        .map(|row| row.split('|').next().unwrap())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), rows.len(), "each setting once");
}

#[tokio::test]
async fn state_and_version_are_shown() {
    let state = ["active|yes", "paused|no", "suspended|no"];
    assert_eq!(look(Topic::State).await, state);
    assert_eq!(
        look(Topic::Version).await,
        [concat!("Tidegate ", env!("CARGO_PKG_VERSION"))]
    );
}

#[tokio::test]
async fn a_database_of_any_name_is_shown_while_it_has_pools() {
    let looking = async {
        let (desk, _orders) = sample::desk(1);
        let mut config = crate::config::Config::clone(&desk.config.load());
        let acme = config.tenants.get_mut("acme").unwrap();
        Arc::make_mut(acme).databases = None;
        desk.directory.reload(&config.tenants);
        let rows = look_at(Topic::Databases, &desk).await;
        assert!(
            rows[0].starts_with("acme.shop|db.example.com|5432|shop|"),
            "{rows:?}"
        );
        assert_eq!(rows.len(), 2);
    };
    LocalSet::new().run_until(looking).await;
}

/// `pgbouncer_exporter` makes labels of these columns, and drops what is neither text nor a plain
/// integer; it refuses a scrape in which two rows have the same labels.
#[tokio::test]
async fn exporters_find_labels_that_they_can_read_and_that_are_unique() {
    for (topic, labels) in [
        (Topic::Pools, &["database", "user"][..]),
        (Topic::StatsTotals, &["database"]),
        (
            Topic::Databases,
            &[
                "name",
                "host",
                "port",
                "database",
                "force_user",
                "pool_mode",
            ],
        ),
        (Topic::Lists, &["list"]),
        (Topic::Config, &["key"]),
    ] {
        let columns = columns(topic).unwrap();
        let place = |label: &&str| {
            let found = columns.iter().position(|column| column.name == *label);
            let place = found.expect(label);
            assert_ne!(columns[place].kind, Kind::Numeric, "{label}");
            place
        };
        let places: Vec<usize> = labels.iter().map(place).collect();
        let rows = look(topic).await;
        let labels_of = |row: &String| -> Vec<String> {
            let fields: Vec<&str> = row.split('|').collect();
            places
                .iter()
                .map(|place| fields[*place].to_owned())
                .collect()
        };
        let unique: std::collections::BTreeSet<_> = rows.iter().map(labels_of).collect();
        assert_eq!(unique.len(), rows.len(), "{topic:?}: {rows:?}");
    }
}
