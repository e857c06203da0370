//! The life of one client: it comes, talks at random, and goes in one of many ways, a few times.

use std::rc::Rc;
use std::time::Duration;

use tidegate::config::PoolMode;

use tidegate_proto::startup::Replication;

use crate::client::Client;
use crate::dropped::DroppedAt;
use crate::nature::Place;
use crate::nature::pass;
use crate::random::Random;
use crate::script::Author;
use crate::world::Introduction;
use crate::world::World;

/// Utterances of one session.
const ROUNDS_MAX: u64 = 12;

/// Lives once, in as many sessions as it likes.
pub(crate) async fn live(world: Rc<World>, mut random: Random, tenant: String) {
    for _ in 0..random.between(1, 3) {
        if world.nature.is_draining.get() {
            return;
        }
        world.nature.dawdle().await;
        session(&world, &mut random, &tenant).await;
    }
}

async fn session(world: &Rc<World>, random: &mut Random, tenant: &str) {
    let nature = &world.nature;
    let introduction = introduction(world, random, tenant);
    let number = introduction.number;
    let is_dropped = nature.chance(nature.weather.drops);
    let polls = if is_dropped {
        u32::try_from(random.between(0, 200)).unwrap()
    } else {
        u32::MAX
    };
    let dropping = |session| DroppedAt::new(session, polls, &Rc::default());
    let Some(mut connection) = world.connect(&introduction, dropping) else {
        return;
    };
    nature.note(format_args!("client {number} is {introduction:?}"));
    let session = std::mem::replace(&mut connection.session, tokio::task::spawn_local(async {}));
    let parameters = &introduction.parameters;
    let mut client = Client::new(world, (number, tenant), connection, parameters);
    client.has_left = is_dropped;
    let vanishes = nature.chance(nature.weather.vanishings);
    let may_cancel = random.chance(500) && nature.weather.cancels > 0;
    let mut author = Author::new(random.fork(), number, introduction.mode)
        .with_startup_settings(!parameters.is_empty())
        .who_sleeps_often(nature.weather.cancels > 0)
        .who_is_wordy(
            nature
                .weather
                .pipe_bytes
                .min(nature.weather.segment_bytes_max)
                >= 512,
        );
    if vanishes && random.chance(500) {
        // In the middle of whatever it is at.
        let time = Duration::from_millis(random.between(0, 300));
        drop(tokio::time::timeout(time, talk(&mut client, &mut author, random, may_cancel)).await);
        nature.note(format_args!("client {number} vanishes"));
    } else {
        talk(&mut client, &mut author, random, may_cancel).await;
        leave(&mut client, &mut author, vanishes && random.chance(500)).await;
    }
    drop(client);
    if let Err(error) = session.await {
        nature.find(format!("the session of client {number} {error}"));
    }
}

fn introduction(world: &World, random: &mut Random, tenant: &str) -> Introduction {
    let number = world.nature.number();
    let mut parameters = Vec::new();
    if random.chance(300) {
        let name = *random.pick(&["TimeZone", "application_name", "search_path"]);
        // Few values, so that some clients ask for what others have asked for.
        let value = format!("startup-{}", random.below(3));
        parameters.push((name.to_owned(), value));
    }
    let modes = [
        PoolMode::Transaction,
        PoolMode::Transaction,
        PoolMode::Transaction,
        PoolMode::Session,
        PoolMode::Statement,
    ];
    let is_replicating = world.nature.chance(world.nature.weather.replications);
    let replication = if is_replicating {
        *random.pick(&[Replication::Physical, Replication::Logical])
    } else {
        Replication::None
    };
    Introduction {
        number,
        place: Place {
            tenant: tenant.to_owned(),
            // Most clients share a pool.
            database: (*random.pick(&["app", "app", "app", "billing"])).to_owned(),
            user: (*random.pick(&["alice", "alice", "alice", "bob"])).to_owned(),
            replication,
        },
        // The edge lets replication into session mode only.
        mode: if is_replicating {
            PoolMode::Session
        } else {
            *random.pick(&modes)
        },
        parameters,
    }
}

async fn talk(client: &mut Client, author: &mut Author, random: &mut Random, may_cancel: bool) {
    let world = Rc::clone(&client.world);
    let nature = &world.nature;
    client.log_in().await;
    for _ in 0..random.between(0, ROUNDS_MAX) {
        if client.is_over {
            return;
        }
        if may_cancel && random.chance(nature.weather.cancels) {
            client.expectation.may_be_canceled = true;
            cancel_soon(&world, client, random);
        }
        if nature.chance(nature.weather.kills) {
            kill_soon(&world, client, random);
        }
        let messages = author.utterance(client.expectation.server());
        client.exchange(&messages).await;
        if random.chance(300) {
            nature.dawdle().await;
        }
    }
}

fn cancel_soon(world: &Rc<World>, client: &Client, random: &mut Random) {
    let Some(key) = client.key.clone() else {
        return;
    };
    let time = Duration::from_micros(random.between(0, 90_000));
    let (world, number) = (Rc::clone(world), client.number);
    tokio::task::spawn_local(async move {
        pass(time).await;
        world.nature.note(format_args!("client {number} cancels"));
        world.cancel(&key);
    });
}

fn kill_soon(world: &Rc<World>, client: &Client, random: &mut Random) {
    let Some(key) = client.key.clone() else {
        return;
    };
    let time = Duration::from_micros(random.between(0, 60_000));
    let (world, number) = (Rc::clone(world), client.number);
    tokio::task::spawn_local(async move {
        pass(time).await;
        world.nature.note(format_args!("client {number} is killed"));
        world.nature.killed.borrow_mut().insert(number);
        world.kill(&key);
    });
}

async fn leave(client: &mut Client, author: &mut Author, only_half: bool) {
    if only_half {
        client.half_close().await;
        return;
    }
    while !client.is_over
        && let Some(messages) = author.conclusion(client.expectation.server())
    {
        client.exchange(&messages).await;
    }
    if !client.is_over && client.expectation.is_lenient {
        // What it must be told of its settings is told before the answer to this.
        let shows = author.last_look();
        client.exchange(&shows).await;
    }
    if !client.is_over {
        client.terminate().await;
    }
}
