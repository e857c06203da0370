//! The step of the tour in which the primary dies, and a replica takes over.

use std::time::Duration;

use tidegate_harness::Failure;
use tidegate_harness::StopSignal;
use tidegate_harness::polling;

use super::psql::endpoints;
use super::psql::psql;
use super::psql::session;
use super::region::Region;
use super::scene::Scene;
use super::session::milliseconds;
use super::site::Site;
use super::step::Steps;
use super::step::expect;

/// How long anything here may take to show.
const LIMIT: Duration = Duration::from_secs(30);

const WRITE: &str = "insert into orders (item) values ('a boat') \
                     returning item, (select region from here);";

/// Columns of `SHOW ENDPOINTS`.
const NAME: usize = 1;
const STATE: usize = 6;
const PRIMARY: usize = 7;
const FAILURES: usize = 15;
const UNFIT: usize = 17;
const SERVERS_ACTIVE: usize = 21;
const SERVERS_IDLE: usize = 22;

/// Takes the step.
///
/// # Errors
/// The first thing that was not as it should be.
pub(crate) fn show(scene: &mut Scene, steps: &mut Steps) -> Result<(), Failure> {
    steps.begin("The primary dies, the replica in ams takes over, and a client goes on writing");
    let mut session = steps.enter(session(scene, steps, "AMS"))?;
    steps.ask(&mut session, "\\timing")?;
    let before = steps.ask(&mut session, WRITE)?;
    expect(&before, &["|fra"])?;
    // Replication is asynchronous here: what only the old primary has would be lost with it.
    scene
        .cluster(Region::Ams)
        .catch_up(scene.cluster(Region::Fra))?;

    let pid = scene.cluster_mut(Region::Fra).process().pid();
    steps.typed(&format!("kill -QUIT {pid}      # the primary, in fra"));
    scene.cluster_mut(Region::Fra).halt(StopSignal::Quit)?;
    // What is under way when a primary dies may be done or not: its client is told so, and ends.
    until_noticed(&scene.ams)?;
    steps.say_to(&mut session, WRITE)?;
    until_waiting(&scene.ams)?;
    steps.remark("It waits: there is no primary.");
    let promoted = steps.run(psql(scene, steps, "AMS_SERVER", "select pg_promote()"))?;
    expect(&promoted, &["t"])?;
    let after = steps.hear(&mut session)?;
    expect(&after, &["|ams"])?;
    steps.remark(&format!(
        "The same client, the same connection: its insert waited {:.1} s, and went to ams.",
        milliseconds(&after)? / 1000.0
    ));
    let count = steps.ask(&mut session, "select count(*) from orders;")?;
    expect(&count, &["103"])?;
    until_given_up(&scene.ams)?;
    steps.remark(
        "No row is lost. What each endpoint said last, and how often fra has failed since:",
    );
    let shown = endpoints(scene, steps, "CONSOLE")?;
    expect(&shown, &["writable", "standby"])?;

    steps.remark("Now syd is told to follow ams, and fra comes back as a standby of it.");
    scene.follow_ams()?;
    until_whole(&scene.ams)?;
    until_whole(&scene.syd)?;
    scene.syd.until_at_home()?;
    let shown = endpoints(scene, steps, "SYD_CONSOLE")?;
    expect(&shown, &["writable", "standby"])
}

/// Waits until a node has ams as the primary, and no answer from fra.
fn until_given_up(site: &Site) -> Result<(), Failure> {
    polling::until("a new primary", LIMIT, || {
        let known = of_tenant(site, &[NAME, PRIMARY, FAILURES])?;
        let is_gone = known
            .iter()
            .any(|row| row.starts_with("fra 0") && row != "fra 0 0");
        let is_there = known.iter().any(|row| row == "ams 1 0");
        Ok((is_gone && is_there).then_some(()))
    })
}

/// Waits until a node has no servers in fra any more, and no answer from there.
fn until_noticed(site: &Site) -> Result<(), Failure> {
    polling::until("the loss of the primary", LIMIT, || {
        let known = of_tenant(site, &[NAME, SERVERS_ACTIVE, SERVERS_IDLE, FAILURES])?;
        let mut rows = known.iter();
        let is_gone = rows.any(|row| row.starts_with("fra 0 0 ") && row != "fra 0 0 0");
        Ok(is_gone.then_some(()))
    })
}

/// Waits until a client of this node waits for a server.
fn until_waiting(site: &Site) -> Result<(), Failure> {
    polling::until("a client that waits", LIMIT, || {
        let pools = site.node.console("SHOW POOLS")?;
        let waiting = |line: &str| line.split('|').nth(3).is_some_and(|count| count != "0");
        Ok(pools.lines().any(waiting).then_some(()))
    })
}

/// Waits until this node knows ams as the primary, and both others as standbys to read from.
fn until_whole(site: &Site) -> Result<(), Failure> {
    polling::until("two standbys of ams", LIMIT, || {
        let known = of_tenant(site, &[NAME, STATE, PRIMARY, UNFIT])?;
        let wanted = ["fra standby 0 ", "ams writable 1 ", "syd standby 0 "];
        Ok((known == wanted).then_some(()))
    })
}

/// Columns of what a node shows of the tenant's endpoints.
fn of_tenant(site: &Site, columns: &[usize]) -> Result<Vec<String>, Failure> {
    let mut shown = site.node.endpoints(columns)?;
    // The other tenant's come behind them.
    shown.truncate(Region::ALL.len());
    Ok(shown)
}
