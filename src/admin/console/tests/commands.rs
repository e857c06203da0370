//! Commands and who may give them.

use super::*;

#[tokio::test]
async fn the_welcome_reports_what_pgbouncer_reports() {
    locally(async {
        let heard = Talk::begin(Role::Stats).hear().await;
        let version = concat!("server_version=", env!("CARGO_PKG_VERSION"), "/bouncer");
        let expected = [
            version,
            "client_encoding=UTF8",
            "server_encoding=UTF8",
            "DateStyle=ISO",
            "TimeZone=GMT",
            "standard_conforming_strings=on",
            "is_superuser=on",
            "BackendKeyData",
        ];
        assert_eq!(heard, expected);
    })
    .await;
}

#[tokio::test]
async fn a_show_is_answered_with_columns_rows_and_its_tag() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Stats).await;
        let version = concat!("DataRow Tidegate ", env!("CARGO_PKG_VERSION"));
        let expected = ["RowDescription version", version, "CommandComplete SHOW"];
        for query in ["SHOW VERSION;", "show version", "-- x\nSELECT \"version\""] {
            assert_eq!(talk.ask(query).await, expected, "{query}");
        }
        let expected = [
            "RowDescription timezone",
            "DataRow GMT",
            "CommandComplete SHOW",
        ];
        assert_eq!(talk.ask("SHOW TimeZone").await, expected);
    })
    .await;
}

#[tokio::test]
async fn help_is_a_notice_without_rows() {
    locally(async {
        let heard = Talk::welcomed(Role::Stats).await.ask("SHOW HELP").await;
        assert!(
            heard[0].starts_with("NOTICE 00000 Console usage"),
            "{heard:?}"
        );
        assert_eq!(heard[1..], ["CommandComplete SHOW"]);
    })
    .await;
}

#[tokio::test]
async fn mistakes_are_told_in_pgbouncers_words_and_the_session_goes_on() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Admin).await;
        for (query, message) in [
            ("SHOW ME;", "invalid command 'SHOW ME;', use SHOW HELP;"),
            ("SELECT 1", "invalid command 'SELECT 1', use SHOW HELP;"),
            (
                "SET max_client_conn = 5",
                "SET failed Settings are changed in the configuration, and taken with RELOAD.",
            ),
            ("KILL_CLIENT", "invalid client pointer supplied"),
            ("KILL_CLIENT x", "invalid client pointer supplied"),
            ("KILL_CLIENT 99", "client not found"),
            (&format!("SHOW {}", "x".repeat(64)), "bad arguments"),
        ] {
            assert_eq!(talk.ask(query).await, [format!("ERROR 08P01 {message}")]);
        }
        assert_eq!(talk.ask("").await, ["EmptyQueryResponse"]);
        assert_eq!(talk.ask("-- ping").await, ["EmptyQueryResponse"]);
    })
    .await;
}

#[tokio::test]
async fn admin_cmd_authz_matrix_cve_2026_6667() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Stats).await;
        let client = format!("KILL_CLIENT {}", sample::CLIENT);
        for action in Action::all() {
            let query = match action {
                Action::Show(topic) => format!("SHOW {}", topic.word()),
                Action::ShowRoute => "SHOW ROUTE acme 'select 1'".to_owned(),
                Action::SetIgnored => "SET timezone = 'x'".to_owned(),
                Action::Set => "SET max_client_conn = 5".to_owned(),
                Action::Reload => "RELOAD".to_owned(),
                Action::KillClient => client.clone(),
            };
            let heard = talk.ask(&query).await;
            if action.least_role() == Some(Role::Stats) {
                assert!(
                    heard.last().unwrap().starts_with("CommandComplete"),
                    "{heard:?}"
                );
                continue;
            }
            let refused = ["ERROR 08P01 admin access needed"];
            assert_eq!(heard, refused, "{query}");
            let extended = run(&query);
            assert_eq!(talk.say(&extended).await[2..], refused, "{query}");
        }
        assert!(talk.orders.try_recv().is_err(), "nothing was ordered");
    })
    .await;
}

#[tokio::test]
async fn a_route_is_shown_for_a_tenant_and_a_database_that_there_are() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Stats).await;
        let heard = talk.ask("SHOW ROUTE acme 'insert into t values (1)'").await;
        assert_eq!(
            heard[1..],
            [
                "DataRow text null null writes it is no query but another command null null null",
                "DataRow primary yes 100 writes null null null null",
                "CommandComplete SHOW",
            ]
        );
        let heard = talk.ask("SHOW ROUTE acme store app 'select 1'").await;
        assert_eq!(
            heard[2],
            "DataRow primary yes 100 no_replica null null null null"
        );
        for (query, message) in [
            (
                "SHOW ROUTE globex 'select 1'",
                "tenant \"globex\" does not exist",
            ),
            (
                "SHOW ROUTE acme shop 'select 1'",
                "database \"shop\" does not exist",
            ),
        ] {
            assert_eq!(talk.ask(query).await, [format!("ERROR 08P01 {message}")]);
        }
    })
    .await;
}

#[tokio::test]
async fn an_ignored_set_says_so() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Stats).await;
        let expected = ["NOTICE 00000 SET ignored", "CommandComplete SET"];
        assert_eq!(talk.ask("SET extra_float_digits TO 3").await, expected);
    })
    .await;
}

#[tokio::test]
async fn a_client_and_an_operator_can_be_killed_by_their_numbers() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Admin).await;
        let killed = ["CommandComplete KILL_CLIENT"];
        assert_eq!(
            talk.ask(&format!("KILL_CLIENT {}", sample::CLIENT)).await,
            killed
        );
        let (operator, mut far) = sample::operator();
        let other = tokio::task::spawn_local(converse(operator, Arc::clone(&talk.desk)));
        let mut welcome = [0; 1];
        far.read_exact(&mut welcome).await.unwrap();
        let id = talk.desk.roster.operators().last().unwrap().id;
        assert_eq!(talk.ask(&format!("KILL_CLIENT {id}")).await, killed);
        let mut last_words = Vec::new();
        far.read_to_end(&mut last_words).await.unwrap();
        let last_words = text(&last_words);
        assert!(last_words.contains("FATAL\0"), "{last_words:?}");
        assert!(last_words.contains("57P01\0"), "{last_words:?}");
        other.await.unwrap();
        assert_eq!(talk.desk.roster.operators().len(), 1);
    })
    .await;
}

/// Answers the next order in the place of the main thread.
async fn obey(orders: &mut mpsc::Receiver<Order>, outcome: crate::admin::ReloadOutcome) {
    let Order::Reload(answer) = orders.recv().await.unwrap();
    answer.send(outcome).unwrap();
}

#[tokio::test]
async fn a_reload_is_done_by_the_main_thread_and_tells_what_it_refused() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Admin).await;
        let mut orders = std::mem::replace(&mut talk.orders, mpsc::channel(1).1);
        let (heard, ()) = tokio::join!(
            talk.ask("RELOAD;"),
            obey(&mut orders, Ok(Reloaded::default()))
        );
        assert_eq!(heard, ["CommandComplete RELOAD"]);

        let waiting = Reloaded {
            needs_restart: vec!["node: workers".to_owned()],
            ..Reloaded::default()
        };
        let (heard, ()) = tokio::join!(talk.ask("RELOAD"), obey(&mut orders, Ok(waiting)));
        let warning = "WARNING 01000 some changes wait for a restart node: workers";
        assert_eq!(heard, [warning, "CommandComplete RELOAD"]);

        let refused = ReloadRefused {
            mistakes: vec!["a.toml:1:1: node.workers: not a number".to_owned()],
        };
        let (heard, ()) = tokio::join!(talk.ask("RELOAD"), obey(&mut orders, Err(refused)));
        let failed = "ERROR F0000 RELOAD failed, see logs for additional details \
            a.toml:1:1: node.workers: not a number";
        assert_eq!(heard, [failed]);

        drop(orders);
        let heard = talk.ask("RELOAD").await;
        assert_eq!(heard, ["ERROR 08P01 pooler is shutting down"]);
    })
    .await;
}
