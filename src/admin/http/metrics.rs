//! What is on the page of metrics.
//!
//! Names begin with `tidegate_` and end with their unit. Counters are by tenant, and a tenant's
//! never shrink while it is configured; gauges are by pool. Labels with names that clients chose
//! (databases, users) live as long as a pool of that name.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::endpoints;
use super::exposition::Kind;
use super::exposition::Page;
use super::process;
use crate::admin::Desk;
use crate::admin::Picture;
use crate::admin::PoolFigures;
use crate::session::Depth;
use crate::telemetry::Count;
use crate::telemetry::RefusalReason;
use crate::telemetry::TenantSlot;
use crate::telemetry::WorkerTotals;
use crate::tenancy::Tenant;

/// The page of this moment.
pub(super) async fn page(desk: &Desk) -> String {
    let picture = desk.look(Depth::Pools).await;
    let mut page = Page::default();
    node(desk, &picture, &mut page);
    process::write(&mut page);
    let tenants = desk.directory.tenants();
    let mut tenants: Vec<&Arc<Tenant>> = tenants.values().collect();
    tenants.sort_by_key(|tenant| tenant.name());
    held(&tenants, &mut page);
    pools(&picture, &mut page);
    endpoints::write(desk, &tenants, &picture, &mut page);
    if picture.silent.is_empty() {
        counters(&tenants, &picture.totals(), &mut page);
        endpoints::write_routes(&tenants, &picture.routes(), &mut page);
    }
    // Without one worker the sums would shrink, and a reader take that for a restart.
    page.into_text()
}

fn node(desk: &Desk, picture: &Picture, page: &mut Page) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    page.family(
        Kind::Gauge,
        "tidegate_build_info",
        "The version that runs, as a label.",
    )
    .sample(&version, 1);
    let uptime = Instant::now().duration_since(desk.started_at).as_secs_f64();
    let mut gauge = |name, help, value: u64| page.single(Kind::Gauge, name, help, value);
    gauge(
        "tidegate_draining",
        "1 while the process takes no more clients.",
        u64::from(desk.is_draining()),
    );
    let counts = &desk.counts;
    gauge("tidegate_clients", "Clients.", u64::from(counts.clients()));
    gauge(
        "tidegate_clients_max",
        "The most clients (max_client_conn).",
        u64::from(counts.clients_max()),
    );
    gauge("tidegate_servers", "Servers.", u64::from(counts.servers()));
    gauge(
        "tidegate_servers_max",
        "The most servers (max_server_connections); 0 is no limit.",
        u64::from(counts.servers_max()),
    );
    gauge(
        "tidegate_unauthenticated_connections",
        "Connections that are not authenticated yet.",
        u64::from(desk.backlog.in_all()),
    );
    gauge(
        "tidegate_unauthenticated_addresses",
        "Addresses that they come from.",
        desk.backlog.addresses() as u64,
    );
    gauge(
        "tidegate_login_throttle_entries",
        "Pairs of address and tenant whose failed logins are remembered.",
        desk.throttle.pairs() as u64,
    );
    gauge(
        "tidegate_console_sessions",
        "Operators at the SQL console.",
        desk.roster.operators().len() as u64,
    );
    let help = "Time since the process came up.";
    page.single(Kind::Gauge, "tidegate_uptime_seconds", help, uptime);
    let help = "1 if the worker answered in time.";
    let mut workers = page.family(Kind::Gauge, "tidegate_worker_up", help);
    for worker in 0..desk.mailboxes.workers() {
        let is_up = !picture.silent.contains(&worker);
        workers.sample(&[("worker", &worker.to_string())], u8::from(is_up));
    }
}

fn held(tenants: &[&Arc<Tenant>], page: &mut Page) {
    let help = "Clients of a tenant.";
    let mut clients = page.family(Kind::Gauge, "tidegate_tenant_clients", help);
    for tenant in tenants {
        clients.sample(&[("tenant", tenant.name())], tenant.clients());
    }
    let help = "Servers of a tenant.";
    let mut servers = page.family(Kind::Gauge, "tidegate_tenant_servers", help);
    for tenant in tenants {
        servers.sample(&[("tenant", tenant.name())], tenant.servers());
    }
}

fn pools(picture: &Picture, page: &mut Page) {
    type States = [(&'static str, fn(&PoolFigures) -> u32)];
    const CLIENTS: &States = &[
        ("active", |figures| figures.clients_active),
        ("waiting", |figures| figures.clients_waiting),
    ];
    const SERVERS: &States = &[
        ("active", |figures| figures.servers_active),
        ("idle", |figures| figures.servers_idle),
        ("tested", |figures| figures.servers_tested),
        ("login", |figures| figures.servers_login),
        ("being_canceled", |figures| figures.servers_being_canceled),
    ];
    let pools = picture.pools();
    let mut by_state = |name, help, states: &States| {
        let mut family = page.family(Kind::Gauge, name, help);
        for (pool, figures) in &pools {
            let [tenant, database, user] = [&*pool.tenant, &pool.database, &pool.user];
            for (state, count) in states {
                let labels = [
                    ("tenant", tenant),
                    ("database", database),
                    ("user", user),
                    ("state", state),
                ];
                family.sample(&labels, count(figures));
            }
        }
    };
    by_state(
        "tidegate_pool_clients",
        "Clients of a pool, by state.",
        CLIENTS,
    );
    by_state(
        "tidegate_pool_servers",
        "Servers of a pool, by state.",
        SERVERS,
    );
    let mut each = |name, help, value: fn(&PoolFigures) -> f64| {
        let mut family = page.family(Kind::Gauge, name, help);
        for (pool, figures) in &pools {
            let [tenant, database, user] = [&*pool.tenant, &pool.database, &pool.user];
            let labels = [("tenant", tenant), ("database", database), ("user", user)];
            family.sample(&labels, value(figures));
        }
    };
    let help = "The most servers of a pool (pool_size); 0 is no limit.";
    each("tidegate_pool_servers_max", help, |figures| {
        f64::from(figures.pool_size)
    });
    let help = "How long the first client in the queue of a pool has waited.";
    each("tidegate_pool_wait_seconds", help, |figures| {
        figures.waited_max.as_secs_f64()
    });
}

fn counters(tenants: &[&Arc<Tenant>], totals: &WorkerTotals, page: &mut Page) {
    let names: HashMap<TenantSlot, &str> = tenants
        .iter()
        .map(|tenant| (tenant.slot(), tenant.name()))
        .collect();
    for count in Count::ALL {
        let name = format!("tidegate_{}", count.metric());
        let mut family = page.family(Kind::Counter, &name, help(count));
        for tenant in tenants {
            let counted = totals
                .tenants
                .get(&tenant.slot())
                .copied()
                .unwrap_or_default();
            family.sample(&[("tenant", tenant.name())], counted.count(count));
        }
    }
    let help = "Connections refused, by reason; without a tenant if they never named one.";
    let name = "tidegate_refused_connections_total";
    let mut family = page.family(Kind::Counter, name, help);
    for reason in RefusalReason::ALL {
        family.sample(
            &[("reason", reason.label())],
            totals.nameless.refused(reason),
        );
    }
    for (slot, counted) in &totals.tenants {
        let Some(tenant) = names.get(slot) else {
            continue;
        };
        // Most reasons never occur at most tenants.
        for reason in RefusalReason::ALL
            .into_iter()
            .filter(|reason| counted.refused(*reason) > 0)
        {
            let labels = [("tenant", *tenant), ("reason", reason.label())];
            family.sample(&labels, counted.refused(reason));
        }
    }
}

const fn help(count: Count) -> &'static str {
    match count {
        Count::Logins => "Clients that logged in.",
        Count::Cancels => "Cancel requests that reached a server.",
        Count::ServerAssignments => "Times that a server was assigned to a client.",
        Count::Transactions => "Transactions.",
        Count::Queries => "Queries.",
        Count::ReceivedBytes => "Bytes received from clients.",
        Count::SentBytes => "Bytes sent to clients.",
        Count::TransactionMicroseconds => "Microseconds that servers spent in transactions.",
        Count::QueryMicroseconds => "Microseconds that servers spent on queries.",
        Count::WaitMicroseconds => "Microseconds that clients waited for a server.",
        Count::ClientParses => "Parse messages of clients.",
        Count::ServerParses => "Parse messages sent to servers.",
        Count::Binds => "Bind messages of clients.",
        Count::ServersOpened => "Servers that were opened.",
        Count::ServerOpenFailures => "Servers that could not be opened.",
        Count::ServersDiscarded => {
            "Servers that were closed because they could not be proven clean."
        },
    }
}
