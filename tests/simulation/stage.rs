//! A small world for single scenes: one tenant, whose pools have one server each.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use tidegate::config::PoolMode;
use tidegate::config::PoolSettings;

use tidegate_proto::startup::Replication;

use crate::client::Client;
use crate::message::Message;
use crate::nature::Nature;
use crate::nature::Place;
use crate::random::Random;
use crate::seed;
use crate::server::MARK;
use crate::weather::Weather;
use crate::world;
use crate::world::Introduction;
use crate::world::Tenants;
use crate::world::World;

/// What a client says, and waits for, one after the other.
pub(crate) type Conversation = Vec<Vec<Message>>;

/// A `Query` of a client, by its number.
pub(crate) fn query(client: u32, text: &str) -> Vec<Message> {
    vec![Message::query(&format!("{MARK}{client} */ {text}"))]
}

/// The same in the extended protocol, without a `Sync`.
pub(crate) fn statement(client: u32, name: &str, text: &str) -> Vec<Message> {
    vec![
        Message::parse(name, &format!("{MARK}{client} */ {text}")),
        Message::describe_statement(name),
        Message::bind("", name, &[]),
        Message::execute("", 0),
    ]
}

/// A world with one tenant, whose pools have one server each.
pub(crate) fn small_world(weather: Weather) -> Rc<World> {
    let pool = PoolSettings {
        pool_size: 1,
        ..PoolSettings::default()
    };
    let tenant = Arc::new(world::tenant("acme", &pool));
    let tenants = Tenants::from([("acme".to_owned(), tenant)]);
    World::new(Nature::new(weather, Random::new(1)), tenants)
}

/// A client of that tenant.
pub(crate) fn client<F: Future<Output = ()> + 'static>(
    world: &Rc<World>,
    number: u32,
    parameters: &[(&str, &str)],
    wrap: impl FnOnce(Pin<Box<dyn Future<Output = ()>>>) -> F,
) -> Client {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let introduction = Introduction {
        number,
        place: Place {
            tenant: "acme".to_owned(),
            database: "app".to_owned(),
            user: "alice".to_owned(),
            replication: Replication::None,
        },
        mode: PoolMode::Transaction,
        parameters: parameters.iter().map(owned).collect(),
    };
    let connection = world.connect(&introduction, wrap).unwrap();
    Client::new(
        world,
        (number, "acme"),
        connection,
        &introduction.parameters,
    )
}

/// Says everything, then goodbye.
pub(crate) async fn converse(client: &mut Client, conversation: &[Vec<Message>]) {
    for messages in conversation {
        if !client.is_over {
            client.exchange(messages).await;
        }
    }
    if !client.is_over {
        client.terminate().await;
    }
}

#[track_caller]
pub(crate) fn assert_nothing_found(outcome: &seed::Outcome, what: &str) {
    let findings = &outcome.findings;
    assert!(findings.is_empty(), "{what}:\n{}", findings.join("\n"));
}

/// Plays a scene in a world whose time goes by, and holds it to its end.
#[track_caller]
pub(crate) fn play<F: Future<Output = ()>>(
    weather: Weather,
    what: &str,
    scene: impl FnOnce(Rc<World>) -> F + 'static,
) {
    let outcome = seed::in_a_world(async move {
        let world = small_world(weather);
        let going_round = tokio::task::spawn_local(Rc::clone(&world).go_round());
        let played = Box::pin(scene(Rc::clone(&world)));
        if tokio::time::timeout(seed::DEADLINE, played).await.is_err() {
            world.nature.find("somebody hangs".to_owned());
        }
        world.is_over.set(true);
        drop(going_round.await);
        world
    });
    assert_nothing_found(&outcome, what);
}
