//! `SHOW LISTS`: how many there are of everything. What Tidegate does not keep (peers, free
//! objects, zones of DNS) it has none of.

use super::Sight;
use super::databases;
use super::users;
use crate::admin::PoolFigures;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;

pub(super) const COLUMNS: &[Column] = &[Column::text("list"), Column::int4("items")];

pub(super) fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let pools = sight.picture.pools();
    let clients: u32 = pools.values().map(PoolFigures::clients).sum();
    let servers: u32 = pools.values().map(PoolFigures::servers).sum();
    let lists: [(&str, usize); 14] = [
        ("databases", databases::rows(sight).len()),
        ("users", users::rows(sight).len()),
        ("peers", 0),
        // The console's among them.
        ("pools", pools.len() + 1),
        ("peer_pools", 0),
        ("free_clients", 0),
        (
            "used_clients",
            clients as usize + sight.desk.roster.operators().len(),
        ),
        ("login_clients", sight.desk.backlog.in_all() as usize),
        ("free_servers", 0),
        ("used_servers", servers as usize),
        ("dns_names", sight.desk.names.view(sight.now).len()),
        ("dns_zones", 0),
        ("dns_queries", sight.desk.names.pending()),
        ("dns_pending", 0),
    ];
    lists
        .into_iter()
        .map(|(list, items)| vec![list.into(), items.into()])
        .collect()
}
