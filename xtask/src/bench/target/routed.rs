//! Tidegate where there are replicas: with reads that go to the nearest, and without.

use std::cell::Cell;
use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use tidegate_harness::DelayingRelay;
use tidegate_harness::Failure;
use tidegate_harness::Folder;
use tidegate_harness::StopSignal;
use tidegate_harness::free_port;
use tidegate_harness::polling;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;

use super::Running;
use super::Stand;
use super::launch;
use crate::bench::ground::PASSWORD;
use crate::bench::ground::TRUSTED;
use crate::bench::regions;
use crate::bench::regions::Routes;
use crate::bench::regions::Routing;

/// How long it may take until reads go where they are to go.
const SETTLING_LIMIT: Duration = Duration::from_secs(40);

/// How often in a row they must have gone there.
const SETTLED_AFTER: usize = 10;

/// Where all are at hand, whatever delays the look at one of them on a busy machine must not make it far.
const NEAR: &str = "near_within = \"1s\"";

/// Where one of the servers is reached.
struct Way {
    place: usize,
    port: u16,
}

/// Starts Tidegate with one worker, and waits until reads go where they are to go.
///
/// # Errors
/// What it logged if it did not start.
pub(super) fn start(stand: &Stand<'_>, is_routed: bool) -> Result<Running, Failure> {
    let routing = stand.scenario.routing;
    let ports: Vec<u16> = stand.ground.ports().collect();
    let (wanted, alone) = match routing {
        _ if is_routed => (routing.nearest(), None),
        Routing::AtHand(only) => (only, Some(only)),
        Routing::Off | Routing::Far(_) => (0, None),
    };
    let (mut relays, mut ways) = (Vec::new(), Vec::new());
    for (place, (port, way)) in ports.iter().zip(routing.ways()).enumerate() {
        if alone.is_some_and(|only| only != place) {
            continue;
        }
        let mut port = *port;
        if !way.is_zero() {
            let relay = DelayingRelay::to(port, way)?;
            port = relay.port();
            relays.push(relay);
        }
        ways.push(Way { place, port });
    }
    let (folder, plain_port, http_port) = (Folder::new()?, free_port()?, free_port()?);
    let path = folder.path().join("tidegate.toml");
    let text = configuration(stand, is_routed, plain_port, http_port, &ways);
    fs::write(&path, text).map_err(Failure::io("write tidegate.toml"))?;
    let mut command = Command::new(&stand.programs.tidegate);
    command.arg(path).current_dir(folder.path());
    let process = launch(
        "tidegate",
        command,
        folder.path(),
        plain_port,
        StopSignal::Interrupt,
    )?;
    let routes = Routes {
        http_port,
        nearest: regions::name_of(routing.nearest()),
        is_open: Cell::default(),
    };
    let running = Running {
        process: Some(process),
        _folder: Some(folder),
        _relays: relays,
        routes: is_routed.then_some(routes),
        plain_port,
        scram_port: plain_port,
        tls_port: plain_port,
        tenant_user: "bench",
        tenant_database: "bench",
    };
    let port = ports.get(wanted).map(u16::to_string).unwrap_or_default();
    settle(running.plain_port, &port)?;
    Ok(running)
}

/// Waits until reads are answered by the server at this port.
fn settle(pooler: u16, server: &str) -> Result<(), Failure> {
    let odd = |error| Failure::Unexpected(format!("a read at {server}: {error}"));
    let login = login(pooler);
    polling::until("reads where they are to go", SETTLING_LIMIT, || {
        let mut client = Wire::connect(&login).map_err(odd)?;
        for _ in 0..SETTLED_AFTER {
            if client.query("select port from answers").map_err(odd)? != server {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
}

/// The trusted user of one that listens at this port.
pub(crate) fn login(pooler: u16) -> Login {
    Login {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, pooler)),
        user: TRUSTED.to_owned(),
        database: TRUSTED.to_owned(),
        password: PASSWORD.to_owned(),
        parameters: Vec::new(),
        before: Vec::new(),
        protocol_minor: 0,
    }
}

fn configuration(
    stand: &Stand<'_>,
    is_routed: bool,
    port: u16,
    http_port: u16,
    ways: &[Way],
) -> String {
    let pool_size = stand.scenario.pool_size;
    let route = if is_routed { "auto" } else { "primary" };
    let near = match stand.scenario.routing {
        Routing::AtHand(_) => NEAR,
        Routing::Off | Routing::Far(_) => "",
    };
    let mut text = format!(
        r#"[node]
workers = 1

[http]
address = "127.0.0.1:{http_port}"

[log]
level = "warn"

[pool]
pool_size = {pool_size}
route = "{route}"
consistency = "session"

[[listener]]
name = "plain"
address = "127.0.0.1:{port}"
default_tenant = "t0"
auth_type = "trust"

[[tenant]]
name = "t0"
{near}

[[tenant.user]]
name = "{TRUSTED}"
secret = "{PASSWORD}"
"#
    );
    // One that is alone is asked nothing, and may be a standby.
    let role = if ways.len() > 1 { "auto" } else { "primary" };
    for Way { place, port } in ways {
        let name = regions::name_of(*place);
        // Writing to a string cannot fail.
        write!(
            text,
            r#"
[[tenant.endpoint]]
name = "{name}"
host = "127.0.0.1"
port = {port}
role = "{role}"

[tenant.endpoint.server_tls]
mode = "disable"
"#
        )
        .ok();
    }
    text
}
