//! Everything that can end in the middle, at each of its moments: a session dropped at every poll, a
//! server dead at every message that it reads or would send. Whoever waits behind is served.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tidegate::config::PoolMode;
use tidegate::config::PoolSettings;
use tidegate_proto::frontend::tag;

use crate::client::Client;
use crate::dropped::DroppedAt;
use crate::message::Message;
use crate::nature::Nature;
use crate::nature::Place;
use crate::random::Random;
use crate::seed;
use crate::server::Fate;
use crate::server::MARK;
use crate::weather::Weather;
use crate::world;
use crate::world::Introduction;
use crate::world::Tenants;
use crate::world::World;

/// What a client says, and waits for, one after the other.
type Conversation = Vec<Vec<Message>>;

fn query(text: &str) -> Vec<Message> {
    vec![Message::query(&format!("{MARK}1 */ {text}"))]
}

fn statement(name: &str, text: &str) -> Vec<Message> {
    vec![
        Message::parse(name, &format!("{MARK}1 */ {text}")),
        Message::describe_statement(name),
        Message::bind("", name, &[]),
        Message::execute("", 0),
    ]
}

fn copy_data(end: u8) -> Vec<Message> {
    vec![
        Message::plain(tag::COPY_DATA, b"one line"),
        Message::plain(tag::COPY_DATA, b"and another"),
        Message::plain(end, if end == tag::COPY_FAIL { b"no\0" } else { b"" }),
    ]
}

/// Conversations in which everything occurs that a server may be in the middle of.
fn conversations() -> Vec<Conversation> {
    let sync = || vec![Message::sync()];
    vec![
        vec![query("SELECT 'a' 3"), query("FAIL; SELECT 'b'"), query("")],
        vec![
            query("BEGIN; SET TimeZone = 'here'; SAVEPOINT a"),
            query("NONSENSE"),
            query("ROLLBACK TO a; SELECT 'c' 2"),
            query("COMMIT"),
        ],
        vec![
            [
                statement("", "SELECT 'd' 2"),
                sync(),
                statement("", "FAIL"),
                sync(),
            ]
            .concat(),
            [statement("s", "SELECT 'e'"), vec![Message::flush()]].concat(),
            sync(),
            vec![
                Message::bind("", "s", &[]),
                Message::execute("", 1),
                Message::sync(),
            ],
        ],
        vec![
            query("COPY t FROM STDIN"),
            copy_data(tag::COPY_DONE),
            query("COPY t FROM STDIN; SELECT 'f'"),
            copy_data(tag::COPY_FAIL),
            query("COPY t TO STDOUT 3"),
        ],
        vec![
            [statement("", "COPY t FROM STDIN 2"), vec![Message::flush()]].concat(),
            [copy_data(tag::COPY_DONE), sync()].concat(),
            query("SLEEP 'g'"),
            query("CREATE TEMPORARY TABLE t; SET search_path = 'there'"),
            query("SELECT 'h' FROM t; SHOW search_path"),
            query("DROP TABLE t"),
        ],
    ]
}

/// A world with one tenant, whose pools have one server each.
fn small_world(weather: Weather) -> Rc<World> {
    let pool = PoolSettings {
        pool_size: 1,
        ..PoolSettings::default()
    };
    let tenant = Arc::new(world::tenant("acme", &pool));
    let tenants = Tenants::from([("acme".to_owned(), tenant)]);
    World::new(Nature::new(weather, Random::new(1)), tenants)
}

fn introduction(number: u32, parameters: &[(&str, &str)]) -> Introduction {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Introduction {
        number,
        place: Place {
            tenant: "acme".to_owned(),
            database: "app".to_owned(),
            user: "alice".to_owned(),
        },
        mode: PoolMode::Transaction,
        parameters: parameters.iter().map(owned).collect(),
    }
}

/// The first client, with a session that lives for so many polls.
async fn first(world: Rc<World>, conversation: Conversation, polls: u32, is_done: Rc<Cell<bool>>) {
    let introduction = introduction(1, &[("TimeZone", "startup"), ("search_path", "startup")]);
    let dropping = |session| DroppedAt::new(session, polls, &is_done);
    let connection = world.connect(&introduction, dropping).unwrap();
    let parameters = &introduction.parameters;
    let mut client = Client::new(&world, (1, "acme"), connection, parameters);
    client.has_left = polls < u32::MAX;
    client.log_in().await;
    converse(&mut client, &conversation).await;
}

/// The second, which waits for the same server.
async fn second(world: Rc<World>) {
    let introduction = introduction(2, &[]);
    let connection = world.connect(&introduction, |session| session).unwrap();
    let mut client = Client::new(&world, (2, "acme"), connection, &[]);
    client.log_in().await;
    let text = |text: &str| vec![Message::query(&format!("{MARK}2 */ {text}"))];
    let shows = text("SHOW TimeZone; SHOW search_path");
    let uses = text("SELECT 'second' FROM t; EXECUTE s");
    converse(&mut client, &[shows, uses, text("SELECT 'second' 2")]).await;
}

async fn converse(client: &mut Client, conversation: &[Vec<Message>]) {
    for messages in conversation {
        if !client.is_over {
            client.exchange(messages).await;
        }
    }
    if !client.is_over {
        client.terminate().await;
    }
}

/// Lives through a conversation and one that waits behind it. Returns the world after it.
async fn two_clients(world: Rc<World>, conversation: Conversation, polls: u32) -> bool {
    let is_done = Rc::new(Cell::new(false));
    let going_round = tokio::task::spawn_local(Rc::clone(&world).go_round());
    let one = first(Rc::clone(&world), conversation, polls, Rc::clone(&is_done));
    let (one, two) = (Box::pin(one), Box::pin(second(Rc::clone(&world))));
    let both = async { tokio::join!(one, two) };
    if tokio::time::timeout(seed::DEADLINE, both).await.is_err() {
        world.nature.find("somebody hangs".to_owned());
    }
    world.is_over.set(true);
    drop(going_round.await);
    is_done.get()
}

#[track_caller]
fn assert_nothing_found(outcome: &seed::Outcome, what: &str) {
    let findings = &outcome.findings;
    assert!(findings.is_empty(), "{what}:\n{}", findings.join("\n"));
}

/// Drops a session after each number of polls, until it needs no more.
fn is_dropped(pipe_bytes: usize) {
    for (number, conversation) in conversations().into_iter().enumerate() {
        let is_done = Arc::new(AtomicBool::new(false));
        for polls in 0.. {
            let (conversation, done) = (conversation.clone(), Arc::clone(&is_done));
            let weather = Weather {
                pipe_bytes,
                ..Weather::calm()
            };
            let outcome = seed::in_a_world(async move {
                let world = small_world(weather);
                let is_done = two_clients(Rc::clone(&world), conversation, polls).await;
                done.store(is_done, Ordering::Relaxed);
                world
            });
            let what = format!("conversation {number}, dropped after {polls} polls");
            assert_nothing_found(&outcome, &what);
            if is_done.load(Ordering::Relaxed) {
                assert!(polls > 10, "{what}");
                break;
            }
        }
    }
}

#[test]
fn a_session_dropped_at_any_poll_leaves_nothing_behind_and_the_next_client_is_served() {
    is_dropped(4096);
}

#[test]
fn the_same_while_everybody_waits_for_everybody_to_read() {
    is_dropped(9);
}

fn dies(fate: impl Fn(u32) -> Fate) {
    for (number, conversation) in conversations().into_iter().enumerate() {
        for at in 0.. {
            let (conversation, fate) = (conversation.clone(), fate(at));
            let is_alive = Arc::new(AtomicBool::new(false));
            let alive = Arc::clone(&is_alive);
            let outcome = seed::in_a_world(async move {
                let world = small_world(Weather::calm());
                world.nature.fates.borrow_mut().push_back(fate);
                two_clients(Rc::clone(&world), conversation, u32::MAX).await;
                let is_alive = world.nature.deaths.get() == 0;
                alive.store(is_alive, Ordering::Relaxed);
                world
            });
            let what = format!("conversation {number}, {fate:?}");
            assert_nothing_found(&outcome, &what);
            if is_alive.load(Ordering::Relaxed) {
                assert!(at > 5, "{what}");
                break;
            }
        }
    }
}

#[test]
fn whoever_loses_a_server_at_any_of_its_messages_is_told_why_and_the_next_client_is_served() {
    for has_last_words in [false, true] {
        dies(|at| Fate {
            at_message: Some(at),
            has_last_words,
            ..Fate::default()
        });
    }
}

#[test]
fn whoever_loses_a_server_at_any_of_its_replies_is_told_why_and_the_next_client_is_served() {
    for has_last_words in [false, true] {
        dies(|at| Fate {
            at_reply: Some(at),
            has_last_words,
            ..Fate::default()
        });
    }
}
