//! Single scenes, of what a seed may meet too rarely.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tidegate::auth::ClientKeys;
use tidegate::config::Tenant;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;

use crate::message::Message;
use crate::nature::pass;
use crate::server::Fate;
use crate::stage::client;
use crate::stage::converse;
use crate::stage::play;
use crate::stage::query;
use crate::stage::statement;
use crate::weather::Weather;
use crate::world::World;

/// Everything that goes over the network is late by up to 50 ms.
fn slow() -> Weather {
    Weather {
        delays: 1000,
        delay_max: Duration::from_millis(50),
        ..Weather::calm()
    }
}

/// The tenant's server moves elsewhere.
fn move_the_server(world: &World) {
    let mut tenants = world.tenants.borrow().clone();
    for tenant in tenants.values_mut() {
        let tenant = Arc::make_mut(tenant);
        Arc::make_mut(&mut tenant.endpoints[0]).port += 1;
    }
    world.reload(tenants);
}

#[test]
fn a_server_that_died_in_its_sleep_is_lent_to_nobody() {
    for has_last_words in [false, true] {
        play(
            Weather::calm(),
            "a server dies in its sleep",
            move |world| async move {
                world.nature.fates.borrow_mut().push_back(Fate {
                    at: Some(Duration::from_millis(20)),
                    has_last_words,
                    ..Fate::default()
                });
                let mut one = client(&world, 1, &[], |session| session);
                one.log_in().await;
                one.exchange(&query(1, "SELECT 'a'")).await;
                pass(Duration::from_millis(21)).await;
                assert_eq!(world.nature.deaths.get(), 1);
                one.exchange(&query(1, "SELECT 'b'")).await;
                converse(&mut one, &[]).await;
                assert_eq!(world.nature.bereaved.get(), 0);
            },
        );
    }
}

#[test]
fn what_clients_of_a_removed_user_have_proven_is_forgotten() {
    play(Weather::calm(), "a user is removed", |world| async move {
        let mut one = client(&world, 1, &[], |session| session);
        one.log_in().await;
        one.exchange(&query(1, "SELECT 'a'")).await;
        let pool = Rc::clone(&world.workers[0].home.pools()[0]);
        let key = format!("{}=", "A".repeat(43));
        let verifier = format!("SCRAM-SHA-256$1:c2FsdA==${key}:{key}");
        *pool.client_keys.borrow_mut() = Some(ClientKeys {
            keys: ScramKeys::derive(b"pencil", b"salt", NonZeroU32::MIN),
            secret: ScramSecret::parse(&verifier).unwrap(),
        });
        let reload = |change: fn(&mut Tenant)| {
            let mut tenants = world.tenants.borrow().clone();
            change(Arc::make_mut(tenants.get_mut("acme").unwrap()));
            world.reload(tenants);
            pool.client_keys.borrow().is_some()
        };
        assert!(reload(|tenant| drop(tenant.users.remove("bob"))));
        assert!(!reload(|tenant| drop(tenant.users.remove("alice"))));
        converse(&mut one, &[]).await;
    });
}

#[test]
fn after_the_machine_slept_an_idle_server_is_asked_before_it_is_lent() {
    play(Weather::calm(), "the machine sleeps", |world| async move {
        let mut one = client(&world, 1, &[], |session| session);
        one.log_in().await;
        let asked = || world.nature.asked.get();
        one.exchange(&query(1, "SELECT 'a'")).await;
        assert_eq!(asked(), 0);
        world.workers[0].home.resumed();
        one.exchange(&query(1, "SELECT 'b'")).await;
        assert_eq!(asked(), 1);
        one.exchange(&query(1, "SELECT 'c'")).await;
        assert_eq!(asked(), 1, "once is enough");
        converse(&mut one, &[]).await;
    });
}

#[test]
fn a_server_that_was_reset_gets_its_next_client_s_settings_though_its_last_had_the_same() {
    play(Weather::calm(), "a server is reset", |world| async move {
        for number in 1..3 {
            let parameters = [("TimeZone", "startup")];
            let mut one = client(&world, number, &parameters, |session| session);
            one.log_in().await;
            let shows = query(number, "SHOW TimeZone; SHOW search_path");
            let sets = query(number, "SET search_path = 'mine'");
            converse(&mut one, &[shows, sets]).await;
        }
    });
}

#[test]
fn whoever_may_finish_a_transaction_goes_at_once_when_its_tenant_does() {
    let goes = |world: Rc<World>, in_the_queue: bool| async move {
        let mut one = client(&world, 1, &[], |session| session);
        let mut two = client(&world, 2, &[], |session| session);
        one.log_in().await;
        two.log_in().await;
        one.exchange(&query(1, "BEGIN")).await;
        let ending = async {
            pass(Duration::from_millis(1)).await;
            world.drain();
            pass(Duration::from_millis(1)).await;
            world.reload(BTreeMap::new());
        };
        if in_the_queue {
            let asks = query(2, "SELECT 'a'");
            tokio::join!(two.exchange(&asks), ending);
        } else {
            ending.await;
            two.hear_farewell().await;
        }
        one.hear_farewell().await;
        assert!(one.is_over && two.is_over);
    };
    for in_the_queue in [false, true] {
        play(Weather::calm(), "a tenant goes in a drain", move |world| {
            goes(world, in_the_queue)
        });
    }
}

#[test]
fn what_a_client_ran_is_canceled_when_it_vanishes() {
    play(Weather::calm(), "a client vanishes", |world| async move {
        let mut one = client(&world, 1, &[], |session| session);
        one.log_in().await;
        let nap = query(1, "SLEEP 'a'");
        let some_time = Duration::from_micros(100);
        tokio::time::timeout(some_time, one.exchange(&nap))
            .await
            .unwrap_err();
        drop(one);
        let mut two = client(&world, 2, &[], |session| session);
        two.log_in().await;
        converse(&mut two, &[query(2, "SELECT 'b'")]).await;
        pass(Duration::from_millis(200)).await;
        assert_eq!(world.nature.cancels.get(), 1);
    });
}

#[test]
fn a_login_hears_its_parameters_though_a_reload_comes_at_any_moment_of_it() {
    for millis in 0..400 {
        let what = format!("a reload after {millis} ms");
        play(slow(), &what, move |world| async move {
            let reloading = {
                let world = Rc::clone(&world);
                async move {
                    pass(Duration::from_millis(millis)).await;
                    move_the_server(&world);
                }
            };
            let talking = async {
                let parameters = [("TimeZone", "startup")];
                for number in 1..3 {
                    let mut one = client(&world, number, &parameters, |session| session);
                    one.log_in().await;
                    converse(&mut one, &[query(number, "SHOW TimeZone")]).await;
                }
            };
            tokio::join!(reloading, talking);
        });
    }
}

#[test]
fn an_unnamed_statement_outlives_a_discard_all_before_it() {
    for millis in 0..20 {
        let mut weather = slow();
        weather.delay_max = Duration::from_millis(millis);
        play(weather, "DISCARD ALL in a pipeline", |world| async move {
            let mut one = client(&world, 1, &[], |session| session);
            one.log_in().await;
            let unnamed = || Message::parse("", "SELECT $1");
            let used = |value| vec![Message::bind("", "", &[value]), Message::execute("", 0)];
            let sync = || vec![Message::sync()];
            let pipeline = [
                statement(1, "", "DISCARD ALL"),
                sync(),
                vec![unnamed()],
                used("a"),
                sync(),
            ];
            one.exchange(&pipeline.concat()).await;
            let parsed = [
                statement(1, "", "DISCARD ALL"),
                sync(),
                vec![unnamed()],
                sync(),
            ];
            one.exchange(&parsed.concat()).await;
            one.exchange(&[used("b"), sync()].concat()).await;
            converse(&mut one, &[]).await;
        });
    }
}
