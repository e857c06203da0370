//! `SHOW SERVERS`: the servers of all pools. Servers that are being connected are counted by
//! `SHOW POOLS`; here they appear with their address, once they have one.

use std::sync::Arc;
use std::time::Duration;

pub(super) use super::clients::COLUMNS;

use super::Sight;
use super::clients::end_address;
use super::clients::end_port;
use super::clients::pointer;
use super::clients::replication;
use super::clients::shown_tls;
use super::database_name;
use super::flag;
use crate::admin::console::table::Row;
use crate::pool::ServerState;
use crate::session::PoolView;
use crate::session::ServerView;

pub(super) fn rows(sight: Sight<'_>) -> impl Iterator<Item = Row> + use<> {
    let began = sight.began();
    let views = sight.picture.views.into_iter();
    let mut pools: Vec<PoolView> = views.flat_map(|view| view.pools).collect();
    pools.sort_by(|one, other| order(one).cmp(&order(other)));
    pools.into_iter().flat_map(move |mut pool| {
        let mut servers = std::mem::take(&mut pool.servers);
        servers.sort_by_key(|server| (place(server.state), server.id));
        let pool = Arc::new(pool);
        servers
            .into_iter()
            .map(move |server| row(&pool, &server, began))
    })
}

fn order(pool: &PoolView) -> (&str, &str, &str) {
    (&pool.tenant, &pool.database, &pool.user)
}

/// The place of a state among the others, as PgBouncer goes through its lists.
const fn place(state: ServerState) -> u8 {
    match state {
        ServerState::Active => 0,
        ServerState::Idle => 1,
        ServerState::Tested => 2,
        ServerState::Login => 3,
        ServerState::BeingCanceled => 4,
    }
}

const fn word(state: ServerState) -> &'static str {
    match state {
        ServerState::Active => "active",
        ServerState::Idle => "idle",
        ServerState::Tested => "tested",
        ServerState::Login => "new",
        ServerState::BeingCanceled => "being_canceled",
    }
}

fn row(pool: &PoolView, server: &ServerView, began: impl Fn(Duration) -> String) -> Row {
    vec![
        "S".into(),
        pool.user.as_str().into(),
        database_name(&pool.tenant, &pool.database).into(),
        replication(pool.replication).into(),
        word(server.state).into(),
        end_address(server.remote).into(),
        end_port(server.remote).into(),
        end_address(server.local).into(),
        end_port(server.local).into(),
        began(server.age).into(),
        began(server.used).into(),
        0_u32.into(),
        0_u32.into(),
        flag(server.close_needed).into(),
        pointer(server.id).into(),
        server.client.map(pointer).unwrap_or_default().into(),
        server.process_id.into(),
        shown_tls(server.tls).into(),
        "".into(),
        server.statements.into(),
        server.id.into(),
    ]
}
