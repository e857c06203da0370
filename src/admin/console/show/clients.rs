//! `SHOW CLIENTS`: the clients of all tenants, and the operators. Its columns are also those of
//! `SHOW SERVERS`.

use std::net::SocketAddr;
use std::time::Duration;

use tidegate_proto::startup::Replication;

use super::CONSOLE;
use super::Sight;
use super::database_name;
use crate::admin::Enrolled;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;
use crate::net::AgreedTls;
use crate::session::ClientState;
use crate::session::ClientView;
use crate::tenancy::ClientAddress;
use crate::tenancy::Origin;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("type"),
    Column::text("user"),
    Column::text("database"),
    Column::text("replication"),
    Column::text("state"),
    Column::text("addr"),
    Column::int4("port"),
    Column::text("local_addr"),
    Column::int4("local_port"),
    Column::text("connect_time"),
    Column::text("request_time"),
    Column::int4("wait"),
    Column::int4("wait_us"),
    Column::int4("close_needed"),
    Column::text("ptr"),
    Column::text("link"),
    Column::int4("remote_pid"),
    Column::text("tls"),
    Column::text("application_name"),
    Column::int4("prepared_statements"),
    Column::int4("id"),
];

pub(super) fn rows(sight: Sight<'_>) -> impl Iterator<Item = Row> + use<> {
    let operators = sight.desk.roster.operators();
    let began = sight.began();
    let operators: Vec<Row> = operators
        .iter()
        .map(|operator| operator_row(operator, began(sight.now.duration_since(operator.since))))
        .collect();
    let views = sight.picture.views.into_iter();
    let mut clients: Vec<ClientView> = views.flat_map(|view| view.clients).collect();
    clients.sort_by(|one, other| order(one).cmp(&order(other)));
    let clients = clients.into_iter().map(move |client| row(&client, began));
    clients.chain(operators)
}

/// By pool, then by state, then as they came.
fn order(client: &ClientView) -> (&str, &str, &str, u8, u64) {
    let state = match client.state {
        ClientState::Active | ClientState::Idle => 0,
        ClientState::Waiting | ClientState::Login => 1,
    };
    let ClientView {
        tenant,
        database,
        user,
        id,
        ..
    } = client;
    (tenant, database, user, state, *id)
}

fn row(client: &ClientView, began: impl Fn(Duration) -> String) -> Row {
    let (state, wait) = match client.state {
        ClientState::Active => ("active", Duration::ZERO),
        ClientState::Idle => ("idle", Duration::ZERO),
        // Somebody whose parameters are being settled waits for a server too.
        ClientState::Waiting | ClientState::Login => ("waiting", client.since),
    };
    let (address, port) = address(client.origin.client());
    vec![
        "C".into(),
        client.user.as_str().into(),
        database_name(&client.tenant, &client.database).into(),
        replication(client.replication).into(),
        state.into(),
        address.into(),
        port.into(),
        end_address(client.local).into(),
        end_port(client.local).into(),
        began(client.age).into(),
        began(client.since).into(),
        wait.as_secs().into(),
        wait.subsec_micros().into(),
        0_u32.into(),
        pointer(client.id).into(),
        client.server.map(pointer).unwrap_or_default().into(),
        process_id(&client.origin).into(),
        shown_tls(client.tls).into(),
        client.application_name.as_str().into(),
        client.statements.into(),
        client.id.into(),
    ]
}

fn operator_row(operator: &Enrolled, since: String) -> Row {
    let (address, port) = address(operator.origin.client());
    vec![
        "C".into(),
        operator.name.as_str().into(),
        CONSOLE.into(),
        "none".into(),
        "active".into(),
        address.into(),
        port.into(),
        end_address(operator.local).into(),
        end_port(operator.local).into(),
        since.clone().into(),
        since.into(),
        0_u32.into(),
        0_u32.into(),
        0_u32.into(),
        pointer(operator.id).into(),
        "".into(),
        process_id(&operator.origin).into(),
        shown_tls(operator.tls).into(),
        operator.application_name.as_str().into(),
        0_u32.into(),
        operator.id.into(),
    ]
}

/// What a connection replicates, in PgBouncer's words.
pub(super) const fn replication(wanted: Replication) -> &'static str {
    match wanted {
        Replication::None => "none",
        Replication::Physical => "physical",
        Replication::Logical => "logical",
    }
}

/// What TLS was agreed on, as `PgBouncer` prints it.
pub(super) fn shown_tls(agreed: Option<AgreedTls>) -> String {
    agreed.map_or(String::new(), |agreed| agreed.to_string())
}

/// What `ptr` and `link` hold: the same text for the same connection, and for no other.
pub(super) fn pointer(id: u64) -> String {
    format!("{id:#x}")
}

fn address(client: ClientAddress) -> (String, u16) {
    let address = client
        .ip()
        .map_or_else(|| "unix".to_owned(), |ip| ip.to_string());
    (address, client.port())
}

/// The address of one end of a connection, as PgBouncer writes it.
pub(super) fn end_address(end: Option<SocketAddr>) -> String {
    end.map_or_else(
        || "unix".to_owned(),
        |end| end.ip().to_canonical().to_string(),
    )
}

/// Its port; 0 on a unix socket, which has none.
pub(super) fn end_port(end: Option<SocketAddr>) -> u16 {
    end.map_or(0, |end| end.port())
}

/// The process at the other end of a unix socket; 0 for others, as in PgBouncer.
fn process_id(origin: &Origin) -> u32 {
    let process_id = origin.peer().unix().and_then(|peer| peer.process_id);
    process_id
        .and_then(|id| u32::try_from(id).ok())
        .unwrap_or(0)
}
