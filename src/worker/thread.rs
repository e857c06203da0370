//! One worker: a thread with a runtime of its own, and everything that lives on it.

use std::rc::Rc;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;

use crate::edge::Bound;
use crate::edge::ListenerRuntime;
use crate::limits::CANCELS_PER_SERVER_COUNT_MAX;
use crate::limits::TICK_INTERVAL;
use crate::pool;
use crate::pool::Home;
use crate::pool::Sockets;
use crate::pool::Surroundings;
use crate::session::Client;
use crate::session::Ending;
use crate::session::Letter;
use crate::session::Registry;
use crate::session::Requester;
use crate::session::Task;
use crate::session::WorkerView;
use crate::worker::home_coming;
use crate::worker::node::NodeState;
use crate::worker::suspension;
use crate::worker::suspension::Suspension;

/// What the tasks of one worker share.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) node: Arc<NodeState>,
    pub(super) home: Rc<Home>,
    pub(super) registry: Rc<Registry>,
}

/// What a worker is given to begin with.
#[derive(Debug)]
pub(super) struct Equipment {
    pub(super) number: usize,
    pub(super) sockets: Vec<(Bound, Arc<ListenerRuntime>)>,
    pub(super) letters: mpsc::Receiver<Letter>,
    pub(super) node: Arc<NodeState>,
}

/// The body of a worker's thread: until it is told to drain and the last client has gone.
pub(super) fn work(equipment: Equipment) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    match runtime {
        Ok(runtime) => runtime.block_on(live(equipment)),
        Err(error) => tracing::error!(%error, "a worker has no runtime"),
    }
}

async fn live(equipment: Equipment) {
    let Equipment {
        number,
        sockets,
        mut letters,
        node,
    } = equipment;
    let sockets_to_servers = Sockets {
        config: Some(Arc::clone(&node.config)),
        names: Some(Arc::clone(&node.names)),
    };
    let surroundings = Surroundings {
        random: node.gate.random,
        dial: Box::new(sockets_to_servers),
        post: Box::new(node.mailboxes.clone()),
        statement_prefix: Arc::clone(&node.statement_prefix),
        topologies: Arc::clone(&node.topologies),
        catalogs: Arc::clone(&node.catalogs),
        sleepers: Arc::clone(&node.sleepers),
        // It changes with a restart only.
        region: node.config.load().node.region.as_str().into(),
    };
    let home = Home::new(number, Arc::clone(&node.counts), surroundings);
    let registry = Registry::new(Arc::clone(&node.cancel_keys));
    let place = Rc::new(Place {
        node,
        home,
        registry: Rc::new(registry),
    });
    let mut accepting = Vec::new();
    for (bound, listener) in sockets {
        match accept_on(bound, listener, &place) {
            Ok(task) => accepting.push(task),
            Err(error) => tracing::error!(%error, "a listening socket cannot be used"),
        }
    }
    let mut suspension = Suspension::new(suspension::slept_since_start);
    let mut ticks = tokio::time::interval(TICK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut draining: Option<Draining> = None;
    loop {
        tokio::select! {
            letter = letters.recv() => match letter {
                Some(Letter::Drain) => {
                    accepting.drain(..).for_each(|task| task.abort());
                    draining = Some(Draining::new(&place));
                },
                Some(letter) => read(letter, &place),
                None => break,
            },
            _ = ticks.tick() => {
                if draining.is_some() {
                    // Whoever was logging in when the others were told has come meanwhile.
                    place.registry.end_all(Ending::ShuttingDown);
                }
                if let Some(slept) = suspension.noticed() {
                    let seconds = slept.as_secs();
                    tracing::info!(seconds, "the machine was asleep: idle servers are asked whether they live");
                    place.home.resumed();
                }
                tick(&place);
            },
        }
        let is_over = |draining: &Draining| draining.is_over(&place);
        if draining.as_ref().is_some_and(is_over) {
            break;
        }
    }
    place.home.close();
}

/// A shutdown that waits for clients to go.
struct Draining {
    /// Until when; without a limit if not given.
    until: Option<Instant>,
}

impl Draining {
    fn new(place: &Place) -> Self {
        let timeout = place.node.config.load().node.shutdown_timeout;
        Self {
            until: (!timeout.is_zero()).then(|| Instant::now() + timeout),
        }
    }

    fn is_over(&self, place: &Place) -> bool {
        place.registry.is_empty() || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

fn accept_on(
    bound: Bound,
    listener: Arc<ListenerRuntime>,
    place: &Rc<Place>,
) -> std::io::Result<JoinHandle<()>> {
    let mut socket = bound.register()?;
    let place = Rc::clone(place);
    // The task is aborted when the worker drains.
    Ok(tokio::task::spawn_local(async move {
        loop {
            let options = place.node.config.load().node.socket_options();
            let accepted = socket.accept(&options).await;
            let (listener, place) = (Arc::clone(&listener), Rc::clone(&place));
            let login = home_coming::receive(accepted, listener, place);
            tokio::task::spawn_local(Task::new(login));
        }
    }))
}

fn tick(place: &Place) {
    let now = Instant::now();
    for key in place.home.tick(now) {
        place.node.homes.forget(&key, place.home.worker);
    }
    place.registry.tick(&place.home, now);
}

fn read(letter: Letter, place: &Rc<Place>) {
    match letter {
        Letter::Arrival(arrival, seat) => {
            let login = home_coming::arrive(arrival, seat, Rc::clone(place));
            tokio::task::spawn_local(Task::new(login));
        },
        Letter::Cancel(id, requester) => {
            if let Some(client) = place.registry.client(id) {
                cancel(&client, requester);
            }
        },
        Letter::Reloaded => {
            place.home.reload(Instant::now());
            look_again(place);
        },
        Letter::View(depth, answer) => {
            // Whoever asked may have gone away meanwhile.
            let view = WorkerView::of(&place.home, &place.registry, depth, Instant::now());
            drop(answer.send(view));
        },
        Letter::Kill(id, answer) => {
            let client = place.registry.client(id);
            if let Some(client) = &client {
                client.end(Ending::Killed);
            }
            answer.send(client.is_some()).ok();
        },
        Letter::Parcel(parcel) => place.home.receive(parcel, Instant::now()),
        Letter::EndAll(ending) => place.registry.end_all(ending),
        // Read by the loop itself.
        Letter::Drain => {},
    }
}

/// Cancels what a client has a server do. A client without one has nothing to cancel, and one that
/// asks again and again has enough requests on their way.
fn cancel(client: &Client, requester: Requester) {
    if let Some(card) = client.server()
        && card.cancels.get() < CANCELS_PER_SERVER_COUNT_MAX
    {
        let pool = &client.pool;
        // It may be a replica's.
        let other = pool.has_reads().then(|| pool.home.pool_of(&card)).flatten();
        pool::cancel_server(other.as_ref().unwrap_or(pool), &card, requester);
    }
}

/// Holds every live session against the restrictions of the new configuration.
fn look_again(place: &Place) {
    for client in place.registry.clients() {
        let tenant = &client.pool.tenant;
        if tenant.is_gone() {
            client.end(Ending::TenantGone);
        } else if !tenant.config().may_have(client.pool.key.user()) {
            client.end(Ending::UserGone);
        } else if place
            .node
            .gate
            .admission
            .check_network(tenant, &client.facts.origin)
            .is_err()
        {
            client.end(Ending::NotAllowed);
        }
    }
}
