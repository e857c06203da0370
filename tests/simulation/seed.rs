//! One seed: a world from its first client to its last, and what was found in it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Once;
use std::time::Duration;

use tidegate::config::PoolSettings;
use tidegate::config::ServerTlsMode;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;

use crate::life;
use crate::nature::Nature;
use crate::random::Random;
use crate::weather::Weather;
use crate::world;
use crate::world::Tenants;
use crate::world::World;

/// No world lasts longer, in virtual time: whoever is still there then hangs.
pub(crate) const DEADLINE: Duration = Duration::from_mins(20);

/// What came of a world.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What should not have happened, and what happened before; empty if nothing did.
    pub(crate) findings: Vec<String>,
    /// Two worlds share it only if the same happened in both.
    pub(crate) hash: u64,
}

/// Lives through the world of a seed.
pub(crate) fn run(seed: u64) -> Outcome {
    in_a_world(async move {
        let mut random = Random::new(seed);
        let weather = Weather::of(&mut random);
        let tenants = tenants(&mut random, &weather);
        let nature = Nature::new(weather, random.fork());
        nature.note(format_args!("seed {seed} {:?}", nature.weather));
        let world = World::new(nature, tenants);
        populate(&world, random).await;
        world
    })
}

/// Runs a world, which `make` makes and brings to its last client, on a clock of its own.
pub(crate) fn in_a_world(make: impl Future<Output = Rc<World>> + 'static) -> Outcome {
    count_panics();
    PANICS.set(0);
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let world = make.await;
        world.check_end().await;
        if PANICS.get() > 0 {
            world.nature.find(format!("{} tasks panic", PANICS.get()));
        }
        Outcome {
            findings: world.nature.findings(),
            hash: world.nature.hash(),
        }
    })
}

async fn populate(world: &Rc<World>, mut random: Random) {
    let going_round = tokio::task::spawn_local(Rc::clone(world).go_round());
    let meddling = tokio::task::spawn_local(Rc::clone(world).meddle());
    let tenants: Vec<String> = world.tenants.borrow().keys().cloned().collect();
    let mut lives = Vec::new();
    for _ in 0..random.between(2, 12) {
        let tenant = random.pick(&tenants).clone();
        let life = life::live(Rc::clone(world), random.fork(), tenant);
        lives.push(tokio::task::spawn_local(life));
    }
    let all = async {
        for life in lives {
            // Panics are counted.
            drop(life.await);
        }
    };
    if tokio::time::timeout(DEADLINE, all).await.is_err() {
        let clients = world.clients();
        let clients = clients
            .iter()
            .map(|client| (client.id(), client.state.get()));
        let clients: Vec<_> = clients.collect();
        world.nature.find(format!("some clients hang; {clients:?}"));
    }
    world.is_over.set(true);
    drop((going_round.await, meddling.await));
}

fn tenants(random: &mut Random, weather: &Weather) -> Tenants {
    let mut tenants = Tenants::new();
    for name in ["acme", "bolt", "cold"].iter().take(random.below(3) + 1) {
        let pool_size = u32::try_from(random.between(1, 3)).unwrap();
        let seconds = |random: &mut Random| Duration::from_secs(random.between(1, 600));
        let pool = PoolSettings {
            pool_size,
            min_pool_size: if random.chance(200) { pool_size } else { 0 },
            reserve_pool_size: u32::from(random.chance(200)),
            reserve_pool_timeout: Duration::from_millis(300),
            query_wait_timeout: weather.wait_timeout.unwrap_or_default(),
            query_timeout: weather.patience.unwrap_or_default(),
            transaction_timeout: weather.patience.unwrap_or_default(),
            idle_transaction_timeout: weather.patience.unwrap_or_default(),
            client_idle_timeout: weather.patience.unwrap_or_default(),
            client_lifetime: weather.patience.unwrap_or_default() * 10,
            server_lifetime: seconds(random),
            server_idle_timeout: seconds(random),
            server_login_retry: Duration::from_secs(1),
            share_unnamed_statements: random.chance(500),
            ..PoolSettings::default()
        };
        let mut tenant = world::tenant(name, &pool);
        if random.chance(250) {
            tenant.max_db_connections = u32::try_from(random.between(1, 4)).unwrap();
        }
        if weather.has_server_tls {
            let endpoint = Arc::make_mut(&mut tenant.endpoints[0]);
            endpoint.tls.mode = ServerTlsMode::Require;
        }
        tenants.insert((*name).to_owned(), Arc::new(tenant));
    }
    tenants
}

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// A task that panics is lost without a word: its thread counts it.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let known = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            known(panic);
        }));
    });
}
