//! The tour: what a newcomer would try, in the order in which it makes sense.

use std::time::Duration;

use tidegate_harness::Failure;
use tidegate_harness::http_get;
use tidegate_harness::polling;

use super::failover;
use super::psql::endpoints;
use super::psql::psql;
use super::psql::session;
use super::psql::table;
use super::region::Region;
use super::scene::DATABASE;
use super::scene::ELSEWHERE;
use super::scene::Scene;
use super::scene::TENANT;
use super::session::milliseconds;
use super::site::READ;
use super::site::VAULT;
use super::step::Steps;
use super::step::demand;
use super::step::expect;

/// How often a read is repeated, once a second, until it comes from home again.
const READS_MAX: usize = 20;

/// How long a line may take to come into a log.
const LOG_LIMIT: Duration = Duration::from_secs(5);

/// Takes all steps.
///
/// # Errors
/// The first thing that was not as it should be.
pub(crate) fn take(scene: &mut Scene, steps: &mut Steps) -> Result<(), Failure> {
    client_address(scene, steps)?;
    read_at_home(scene, steps)?;
    read_after_write(scene, steps)?;
    refusal(scene, steps)?;
    console(scene, steps)?;
    failover::show(scene, steps)?;
    metrics(scene, steps)
}

fn client_address(scene: &Scene, steps: &mut Steps) -> Result<(), Failure> {
    steps.begin("Tidegate knows the client's own address, though HAProxy stands between them");
    let before = seen_by_haproxy(scene).len();
    let answer = steps.run(psql(scene, steps, "AMS", "select current_user, 6 * 7"))?;
    expect(&answer, &["app|42"])?;
    let address = polling::until("a line in HAProxy's log", LOG_LIMIT, || {
        Ok(seen_by_haproxy(scene).into_iter().nth(before))
    })?;
    let line = scene.ams.node.pooler.wait_for_log(&address)?;
    steps.show(&format!("HAProxy saw     {address}"));
    steps.show(&format!("Tidegate logged {line}"));
    expect(&line, &["session ended", &format!("client={address}")])
}

/// The clients that have left. HAProxy logs `127.0.0.1:40312 [date] front …` when one does.
fn seen_by_haproxy(scene: &Scene) -> Vec<String> {
    let log = scene.ams.haproxy.log();
    let lines = log.lines().filter(|line| line.contains(" front "));
    let addresses = lines.filter_map(|line| line.split(' ').next());
    addresses.map(str::to_owned).collect()
}

fn read_at_home(scene: &Scene, steps: &mut Steps) -> Result<(), Failure> {
    let far = Region::Syd.round_trip(Region::Fra).as_millis();
    steps.begin(&format!(
        "A read in syd is served by the replica in syd; the primary is {far} ms away"
    ));
    let mut session = steps.enter(session(scene, steps, "SYD"))?;
    steps.ask(&mut session, "\\timing")?;
    let read = format!("{READ};");
    let home = steps.ask(&mut session, &read)?;
    expect(&home, &["|syd"])?;
    // As `route = "primary"` of a user, or `SET tidegate.route`, for one statement.
    let away = steps.ask(&mut session, &format!("/* tidegate:primary */ {read}"))?;
    expect(&away, &["|fra"])?;
    let (home, away) = (milliseconds(&home)?, milliseconds(&away)?);
    steps.remark(&format!(
        "At home {home:.1} ms; at the primary, as with route = \"primary\", {away:.1} ms."
    ));
    let is_so = away >= Region::Syd.round_trip(Region::Fra).as_secs_f64() * 1000.0;
    demand(is_so, "the way to the primary was too short")?;
    demand(home < away / 2.0, "the read at home took too long")
}

fn read_after_write(scene: &Scene, steps: &mut Steps) -> Result<(), Failure> {
    steps.begin("A client sees what it has written, wherever its reads go");
    let mut session = steps.enter(session(scene, steps, "SYD"))?;
    let write = "insert into orders (item) values ('a clock') \
                 returning id, (select region from here);";
    let written = steps.ask(&mut session, write)?;
    expect(&written, &["101|fra"])?;
    let read = "select max(id), (select region from here) from orders;";
    let first = steps.ask(&mut session, read)?;
    expect(&first, &["101|"])?;
    if first.contains("syd") {
        steps.remark("The replica in syd was known to have the row by then: no need to go to fra.");
        return Ok(());
    }
    steps.remark("The replica in syd was not known to have the row yet: fra was asked. Later:");
    for _ in 0..READS_MAX {
        steps.ask(&mut session, "\\! sleep 1")?;
        let later = steps.ask(&mut session, read)?;
        expect(&later, &["101|"])?;
        if later.contains("syd") {
            return Ok(());
        }
    }
    demand(false, "reads did not come home again")
}

fn refusal(scene: &Scene, steps: &mut Steps) -> Result<(), Failure> {
    steps.begin(&format!(
        "The tenant {VAULT} says which networks its clients may come from"
    ));
    let sql = "select 6 * 7";
    let inside = steps.run(psql(scene, steps, "VAULT", sql))?;
    expect(&inside, &["42"])?;
    let told = steps.run_refused(psql(scene, steps, "STRANGER", sql))?;
    expect(&told, &["admits no connection from", ELSEWHERE])?;
    let line = scene.ams.node.pooler.wait_for_log(ELSEWHERE)?;
    steps.show(&format!("Tidegate logged {line}"));
    expect(&line, &[VAULT, "reason=\"network\""])
}

fn console(scene: &Scene, steps: &mut Steps) -> Result<(), Failure> {
    steps.begin("The operator's console tells what each endpoint is, and where a text would go");
    let shown = endpoints(scene, steps, "CONSOLE")?;
    expect(&shown, &["writable", "standby"])?;
    let read = format!("SHOW ROUTE {TENANT} {DATABASE} 'select count(*) from orders'");
    let shown = route(scene, steps, &read)?;
    demand(
        is_chosen(&shown, Region::Ams),
        "the read would not go to ams",
    )?;
    let write = format!("SHOW ROUTE {TENANT} {DATABASE} 'delete from orders'");
    let shown = route(scene, steps, &write)?;
    demand(
        is_chosen(&shown, Region::Fra),
        "the write would not go to fra",
    )
}

fn route(scene: &Scene, steps: &Steps, sql: &str) -> Result<String, Failure> {
    let columns = ["name", "chosen", "percent", "rule", "why", "rtt_us"];
    steps.run_table(table(scene, steps, "CONSOLE", sql), "", &columns)
}

/// Whether a table of routes has chosen this endpoint.
fn is_chosen(table: &str, region: Region) -> bool {
    let mut lines = table.lines().map(|line| line.split('|').map(str::trim));
    lines.any(|mut cells| cells.next() == Some(region.name()) && cells.next() == Some("yes"))
}

fn metrics(scene: &Scene, steps: &mut Steps) -> Result<(), Failure> {
    steps.begin("Where everything of the tenant went in syd, as Prometheus would collect it");
    let port = scene.syd.http_port;
    steps.typed(&format!(
        "curl -s http://127.0.0.1:{port}/metrics | grep '^tidegate_routes_total'"
    ));
    let (_status, body) = http_get(port, "/metrics")?;
    let of_routes =
        |line: &&str| line.starts_with("tidegate_routes_total") && !line.ends_with(" 0");
    let lines: Vec<&str> = body.lines().filter(of_routes).collect();
    steps.show(&lines.join("\n"));
    expect(&lines.join("\n"), &["endpoint=\"syd\"", "endpoint=\"fra\""])
}
