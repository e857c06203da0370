//! Names under a clock that moves when it is told to, and a resolver that answers when it is told to.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::advance;

use crate::config;
use crate::limits::ADDRESS_REMEMBERED_FOR;
use crate::limits::ADDRESS_SHUNNED_FOR;
use crate::limits::LOOKUPS_PER_TENANT_COUNT_MAX;
use crate::limits::NAME_FORGOTTEN_AFTER;
use crate::limits::NAME_KEPT_FOR;
use crate::limits::NAME_REFRESH_WAIT;
use crate::pool::Lookup;
use crate::pool::Names;
use crate::pool::Question;
use crate::telemetry::TenantSlot;

const TTL: Duration = Duration::from_secs(15);
const ASKER: TenantSlot = TenantSlot::new(1);

/// A resolver that answers when it is told to. The clones are one.
#[derive(Debug, Clone, Default)]
struct Resolver(Arc<Mutex<VecDeque<Question>>>);

impl Lookup for Resolver {
    fn begin(&self, question: Question) {
        self.0.lock().unwrap().push_back(question);
    }
}

impl Resolver {
    fn asked(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Answers the question that was asked first.
    fn answer(&self, addresses: &[&str]) {
        let question = self.0.lock().unwrap().pop_front().unwrap();
        question.answer(Ok(addresses.iter().map(|text| address(text, 0)).collect()));
    }

    fn fail(&self) {
        let question = self.0.lock().unwrap().pop_front().unwrap();
        question.answer(Err(io::Error::other("it fails")));
    }
}

fn address(text: &str, port: u16) -> SocketAddr {
    SocketAddr::new(text.parse().unwrap(), port)
}

fn names() -> (Arc<Names>, Resolver) {
    let node = config::Node {
        dns_max_ttl: TTL,
        ..config::Node::default()
    };
    let resolver = Resolver::default();
    (
        Arc::new(Names::new(Box::new(resolver.clone()), &node)),
        resolver,
    )
}

type Answer = io::Result<Vec<SocketAddr>>;

/// Somebody who has asked.
enum Asked {
    Waits(Pin<Box<dyn Future<Output = Answer>>>),
    Has(Answer),
}

impl Asked {
    async fn answer(self) -> Answer {
        match self {
            Self::Waits(asked) => asked.await,
            Self::Has(answer) => answer,
        }
    }
}

/// Somebody asks, and comes to where the answer is waited for.
async fn ask(names: &Arc<Names>, name: &str, asker: TenantSlot) -> Asked {
    let (names, name) = (Arc::clone(names), name.to_owned());
    let mut asked = Box::pin(async move { names.resolve(&name, 5432, asker).await });
    let first = std::future::poll_fn(|context| Poll::Ready(asked.as_mut().poll(context)));
    match first.await {
        Poll::Ready(answer) => Asked::Has(answer),
        Poll::Pending => Asked::Waits(asked),
    }
}

/// What it came to, without the port.
async fn found(asked: Asked) -> Vec<String> {
    let found = asked.answer().await.unwrap();
    found
        .iter()
        .map(|address| address.ip().to_string())
        .collect()
}

/// What is known of `db` at once, with no question.
async fn known(names: &Arc<Names>, resolver: &Resolver) -> Vec<String> {
    let before = resolver.asked();
    let asked = ask(names, "db", ASKER).await;
    assert_eq!(resolver.asked(), before, "it is asked again");
    assert!(matches!(asked, Asked::Has(_)), "it waits");
    found(asked).await
}

#[tokio::test(start_paused = true)]
async fn a_name_that_many_ask_for_at_a_time_is_looked_up_once() {
    let (names, resolver) = names();
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(ask(&names, "db", ASKER).await);
    }
    assert_eq!(resolver.asked(), 1);
    resolver.answer(&["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
    for asked in all {
        let found = asked.answer().await.unwrap();
        assert_eq!(found, ["10.0.0.1", "10.0.0.2"].map(|ip| address(ip, 5432)));
    }
    advance(TTL * 9 / 10).await;
    assert_eq!(known(&names, &resolver).await, ["10.0.0.1", "10.0.0.2"]);
    advance(TTL / 10).await;
    let asked = ask(&names, "db", ASKER).await;
    assert_eq!(resolver.asked(), 1, "it is old");
    resolver.answer(&["10.0.0.3"]);
    assert_eq!(found(asked).await, ["10.0.0.3"]);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_hangs_for_one_tenant_answers_the_others() {
    let (names, resolver) = names();
    let mut hanging = Vec::new();
    for number in 0..50 {
        hanging.push(ask(&names, &format!("bad-{number}"), ASKER).await);
    }
    assert_eq!(resolver.asked(), LOOKUPS_PER_TENANT_COUNT_MAX);
    assert_eq!(names.pending(), 50);
    let other = ask(&names, "good", TenantSlot::new(2)).await;
    assert_eq!(resolver.asked(), LOOKUPS_PER_TENANT_COUNT_MAX + 1);
    resolver.0.lock().unwrap().rotate_right(1);
    resolver.answer(&["10.0.0.1"]);
    assert_eq!(found(other).await, ["10.0.0.1"]);
    assert_eq!(resolver.asked(), LOOKUPS_PER_TENANT_COUNT_MAX);
    for _ in 0..50 {
        resolver.answer(&["10.0.0.2"]);
    }
    for asked in hanging {
        assert_eq!(found(asked).await, ["10.0.0.2"], "its turn came");
    }
    assert_eq!(names.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_name_of_two_tenants_does_not_wait_for_the_others_of_one() {
    let (names, resolver) = names();
    let mut hanging = Vec::new();
    for number in 0..LOOKUPS_PER_TENANT_COUNT_MAX {
        hanging.push(ask(&names, &format!("bad-{number}"), ASKER).await);
    }
    let one = ask(&names, "shared", ASKER).await;
    assert_eq!(resolver.asked(), LOOKUPS_PER_TENANT_COUNT_MAX, "it waits");
    let other = ask(&names, "shared", TenantSlot::new(2)).await;
    assert_eq!(resolver.asked(), LOOKUPS_PER_TENANT_COUNT_MAX + 1);
    resolver.0.lock().unwrap().rotate_right(1);
    resolver.answer(&["10.0.0.1"]);
    for asked in [one, other] {
        assert_eq!(found(asked).await, ["10.0.0.1"]);
    }
    assert_eq!(names.pending(), LOOKUPS_PER_TENANT_COUNT_MAX);
    drop(hanging);
}

#[tokio::test(start_paused = true)]
async fn whoever_needs_an_old_name_waits_for_the_resolver_once_and_not_for_long() {
    let (names, resolver) = names();
    let first = ask(&names, "db", ASKER).await;
    resolver.answer(&["10.0.0.1"]);
    first.answer().await.unwrap();
    advance(TTL).await;
    let begun = Instant::now();
    let second = ask(&names, "db", ASKER).await;
    assert_eq!(found(second).await, ["10.0.0.1"]);
    assert_eq!(begun.elapsed(), NAME_REFRESH_WAIT);
    let third = ask(&names, "db", ASKER).await;
    assert_eq!(found(third).await, ["10.0.0.1"]);
    assert_eq!(begun.elapsed(), NAME_REFRESH_WAIT, "it still hangs");
    assert_eq!(resolver.asked(), 1);
    resolver.answer(&["10.0.0.2"]);
    assert_eq!(known(&names, &resolver).await, ["10.0.0.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_fails_leaves_the_last_addresses_for_a_while() {
    let (names, resolver) = names();
    let never = ask(&names, "db", ASKER).await;
    resolver.fail();
    let error = never.answer().await.unwrap_err();
    assert_eq!(error.to_string(), "it fails");
    let again = ask(&names, "db", ASKER).await;
    assert_eq!(resolver.asked(), 0, "it has just failed");
    again.answer().await.unwrap_err();
    advance(TTL).await;
    let asked = ask(&names, "db", ASKER).await;
    resolver.answer(&["10.0.0.1"]);
    asked.answer().await.unwrap();
    let version = names.version_of("db");

    for answer in [None, Some([])] {
        advance(TTL).await;
        let asked = ask(&names, "db", ASKER).await;
        match answer {
            None => resolver.fail(),
            Some(nothing) => resolver.answer(&nothing),
        }
        assert_eq!(found(asked).await, ["10.0.0.1"]);
    }
    let left = names.has_left("db", address("10.0.0.1", 0).ip(), Instant::now());
    assert!(!left, "nobody knows of another one");
    assert_eq!(names.version_of("db"), version);
    advance(NAME_KEPT_FOR).await;
    let asked = ask(&names, "db", ASKER).await;
    drop(resolver.0.lock().unwrap().pop_front());
    let error = asked.answer().await.unwrap_err();
    assert_eq!(error.to_string(), "nobody could look it up");
}

/// One answer after the other, with no time between them but what makes each old.
async fn answers(names: &Arc<Names>, resolver: &Resolver, all: &[&str]) {
    for text in all {
        advance(TTL).await;
        let asked = ask(names, "db", ASKER).await;
        resolver.answer(&[text]);
        assert_eq!(found(asked).await, [*text]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_moves_leaves_an_address_and_one_whose_answers_take_turns_does_not() {
    let (names, resolver) = names();
    let has_left = |text: &str| names.has_left("db", address(text, 0).ip(), Instant::now());
    answers(&names, &resolver, &["10.0.0.1"]).await;
    let version = names.version();
    assert!(!has_left("10.0.0.1"));
    answers(&names, &resolver, &["10.0.0.2"]).await;
    assert!(has_left("10.0.0.1"));
    assert_eq!(names.version(), version + 1);
    answers(&names, &resolver, &["10.0.0.2"]).await;
    assert_eq!(names.version(), version + 1, "nothing has changed");
    // There and back again is two moves.
    answers(&names, &resolver, &["10.0.0.1"]).await;
    assert!(has_left("10.0.0.2"));
    answers(&names, &resolver, &["10.0.0.2", "10.0.0.1", "10.0.0.3"]).await;
    assert!(!has_left("10.0.0.1"), "each answer is a part of it");
    assert!(!has_left("10.0.0.2"));
    assert!(has_left("10.0.0.9"), "it never had this one");
    advance(ADDRESS_REMEMBERED_FOR).await;
    assert!(has_left("10.0.0.2"), "it did not come back");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_takes_no_connection_comes_last_for_a_while() {
    let (names, resolver) = names();
    let asked = ask(&names, "db", ASKER).await;
    resolver.answer(&["10.0.0.1", "10.0.0.2"]);
    asked.answer().await.unwrap();
    let tried = |is_reached| {
        let address = address("10.0.0.1", 0).ip();
        names.tried("db", address, is_reached, Instant::now());
    };
    tried(false);
    assert_eq!(known(&names, &resolver).await, ["10.0.0.2", "10.0.0.1"]);
    tried(true);
    assert_eq!(known(&names, &resolver).await, ["10.0.0.1", "10.0.0.2"]);
    tried(false);
    advance(ADDRESS_SHUNNED_FOR).await;
    let asked = ask(&names, "db", ASKER).await;
    resolver.answer(&["10.0.0.1", "10.0.0.2"]);
    assert_eq!(found(asked).await, ["10.0.0.1", "10.0.0.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_in_use_is_looked_up_again_and_one_that_is_not_is_forgotten() {
    let (names, resolver) = names();
    let mut due = names.keep_fresh("db", ASKER, Instant::now());
    assert_eq!(resolver.asked(), 1);
    resolver.answer(&["10.0.0.1"]);
    for _ in 0..3 {
        advance(due - Instant::now()).await;
        due = names.keep_fresh("db", ASKER, Instant::now());
        due = due.max(names.keep_fresh("db", ASKER, Instant::now()));
        if resolver.asked() > 0 {
            resolver.answer(&["10.0.0.2"]);
        }
    }
    assert_eq!(known(&names, &resolver).await, ["10.0.0.2"]);
    let shown = |names: &Names| -> BTreeMap<String, usize> {
        let names = names.view(Instant::now()).into_iter();
        names
            .map(|name| (name.name, name.addresses.len()))
            .collect()
    };
    assert_eq!(shown(&names), BTreeMap::from([("db".to_owned(), 1)]));
    advance(NAME_FORGOTTEN_AFTER).await;
    drop(ask(&names, "other", ASKER).await);
    assert_eq!(shown(&names), BTreeMap::from([("other".to_owned(), 0)]));
}

/// A resolver that answers nothing until it is told to go, and from then on drops what it is asked at once.
#[derive(Debug, Clone, Default)]
struct Gone(Arc<Mutex<Going>>);

#[derive(Debug, Default)]
struct Going {
    is_gone: bool,
    held: Vec<Question>,
    asked: usize,
    /// Questions that it is being asked, one within the other, and the most that were.
    depth: usize,
    depth_max: usize,
}

impl Gone {
    fn locked(&self) -> MutexGuard<'_, Going> {
        self.0.lock().unwrap()
    }
}

impl Lookup for Gone {
    fn begin(&self, question: Question) {
        {
            let mut going = self.locked();
            going.asked += 1;
            if !going.is_gone {
                going.held.push(question);
                return;
            }
            going.depth += 1;
            going.depth_max = going.depth_max.max(going.depth);
        }
        drop(question);
        self.locked().depth -= 1;
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_nobody_can_look_up_fail_one_after_the_other() {
    const NAMES: usize = 3000;
    let gone = Gone::default();
    let lookup = Box::new(gone.clone());
    let names = Arc::new(Names::new(lookup, &config::Node::default()));
    for name in 0..NAMES {
        names.keep_fresh(&name.to_string(), ASKER, Instant::now());
    }
    assert_eq!(names.pending(), NAMES);
    let first = {
        let mut going = gone.locked();
        assert_eq!(going.asked, LOOKUPS_PER_TENANT_COUNT_MAX);
        going.is_gone = true;
        going.held.pop().unwrap()
    };
    drop(first);
    assert_eq!(names.pending(), LOOKUPS_PER_TENANT_COUNT_MAX - 1);
    let held = std::mem::take(&mut gone.locked().held);
    drop(held);
    assert_eq!(names.pending(), 0);
    let going = gone.locked();
    assert_eq!((going.asked, going.depth_max), (NAMES, 1));
}
