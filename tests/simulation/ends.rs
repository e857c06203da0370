//! Everything that can end in the middle, at each of its moments: a session dropped at every poll, a
//! server dead at every message that it reads or would send. Whoever waits behind is served.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tidegate_proto::frontend::tag;

use crate::dropped::DroppedAt;
use crate::message::Message;
use crate::seed;
use crate::server::Fate;
use crate::stage;
use crate::stage::Conversation;
use crate::stage::assert_nothing_found;
use crate::stage::converse;
use crate::stage::query;
use crate::stage::small_world;
use crate::stage::statement;
use crate::weather::Weather;
use crate::world::World;

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
        vec![
            query(1, "SELECT 'a' 3"),
            query(1, "FAIL; SELECT 'b'"),
            query(1, ""),
        ],
        vec![
            query(1, "BEGIN; SET TimeZone = 'here'; SAVEPOINT a"),
            query(1, "NONSENSE"),
            query(1, "ROLLBACK TO a; SELECT 'c' 2"),
            query(1, "COMMIT"),
        ],
        vec![
            [
                statement(1, "", "SELECT 'd' 2"),
                sync(),
                statement(1, "", "FAIL"),
                sync(),
            ]
            .concat(),
            [statement(1, "s", "SELECT 'e'"), vec![Message::flush()]].concat(),
            sync(),
            vec![
                Message::bind("", "s", &[]),
                Message::execute("", 1),
                Message::sync(),
            ],
        ],
        vec![
            query(1, "COPY t FROM STDIN"),
            copy_data(tag::COPY_DONE),
            query(1, "COPY t FROM STDIN; SELECT 'f'"),
            copy_data(tag::COPY_FAIL),
            query(1, "COPY t TO STDOUT 3"),
        ],
        vec![
            [
                statement(1, "", "COPY t FROM STDIN 2"),
                vec![Message::flush()],
            ]
            .concat(),
            [copy_data(tag::COPY_DONE), sync()].concat(),
            query(1, "SLEEP 'g'"),
            query(1, "CREATE TEMPORARY TABLE t; SET search_path = 'there'"),
            query(1, "SELECT 'h' FROM t; SHOW search_path"),
            query(1, "DROP TABLE t"),
        ],
    ]
}

/// The first client, with a session that lives for so many polls.
async fn first(world: Rc<World>, conversation: Conversation, polls: u32, is_done: Rc<Cell<bool>>) {
    let parameters = [("TimeZone", "startup"), ("search_path", "startup")];
    let dropping = |session| DroppedAt::new(session, polls, &is_done);
    let mut client = stage::client(&world, 1, &parameters, dropping);
    client.has_left = polls < u32::MAX;
    client.log_in().await;
    converse(&mut client, &conversation).await;
}

/// The second, which waits for the same server.
async fn second(world: Rc<World>) {
    let mut client = stage::client(&world, 2, &[], |session| session);
    client.log_in().await;
    let shows = query(2, "SHOW TimeZone; SHOW search_path");
    let uses = query(2, "SELECT 'second' FROM t; EXECUTE s");
    converse(&mut client, &[shows, uses, query(2, "SELECT 'second' 2")]).await;
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
