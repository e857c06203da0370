//! What the console shows: one topic a file, each with its columns and its rows.
//!
//! Names, order and types of the columns are PgBouncer's, to the letter: exporters break on any
//! other. What Tidegate does not have is zero or null where PgBouncer has it so when unused, and
//! nothing is made up.
//!
//! See <https://www.pgbouncer.org/usage.html#show-commands>.

mod clients;
mod config;
mod databases;
mod dns_hosts;
mod endpoints;
mod figures;
mod help;
mod lists;
mod parameter;
mod pools;
pub(super) mod route;
mod servers;
mod state;
mod stats;
mod stats_averages;
mod stats_totals;
mod time_of_day;
mod totals;
mod users;
mod version;

use std::time::Duration;
use std::time::SystemTime;

use tokio::time::Instant;

use self::time_of_day::time_of_day;
use super::answer::Answer;
use super::answer::Notice;
use super::table::Column;
use crate::admin::Desk;
use crate::admin::Picture;
use crate::admin::Topic;
use crate::session::Depth;

/// What a topic is made of: the node as it is now.
struct Sight<'a> {
    desk: &'a Desk,
    picture: Picture,
    now: Instant,
    /// The same moment on the clock on the wall.
    time: SystemTime,
}

impl Sight<'_> {
    /// Writes the time of day when something of some age began.
    fn began(&self) -> impl Fn(Duration) -> String + Copy + use<> {
        let time = self.time;
        move |age| time_of_day(time.checked_sub(age).unwrap_or(time))
    }
}

/// The database of operators, as PgBouncer shows it.
const CONSOLE: &str = "pgbouncer";

/// The columns of a topic; none if it has no rows.
pub(super) const fn columns(topic: Topic) -> Option<&'static [Column]> {
    Some(match topic {
        Topic::Clients => clients::COLUMNS,
        Topic::Config => config::COLUMNS,
        Topic::Databases => databases::COLUMNS,
        Topic::DnsHosts => dns_hosts::COLUMNS,
        Topic::Endpoints => endpoints::COLUMNS,
        Topic::Help => return None,
        Topic::Lists => lists::COLUMNS,
        Topic::Pools => pools::COLUMNS,
        Topic::Servers => servers::COLUMNS,
        Topic::State => state::COLUMNS,
        Topic::Stats => stats::COLUMNS,
        Topic::StatsAverages => stats_averages::COLUMNS,
        Topic::StatsTotals => stats_totals::COLUMNS,
        Topic::Totals => totals::COLUMNS,
        Topic::Users => users::COLUMNS,
        Topic::Version => version::COLUMNS,
        Topic::ClientEncoding => parameter::CLIENT_ENCODING,
        Topic::DateStyle => parameter::DATESTYLE,
        Topic::DefaultTransactionIsolation => parameter::DEFAULT_TRANSACTION_ISOLATION,
        Topic::StandardConformingStrings => parameter::STANDARD_CONFORMING_STRINGS,
        Topic::TimeZone => parameter::TIMEZONE,
    })
}

/// How much of the workers a topic needs; none if nothing.
const fn depth(topic: Topic) -> Option<Depth> {
    match topic {
        Topic::Clients => Some(Depth::Clients),
        Topic::Databases
        | Topic::Endpoints
        | Topic::Lists
        | Topic::Pools
        | Topic::Servers
        | Topic::Stats
        | Topic::StatsAverages
        | Topic::StatsTotals
        | Topic::Totals => Some(Depth::Pools),
        Topic::Config
        | Topic::DnsHosts
        | Topic::Help
        | Topic::State
        | Topic::Users
        | Topic::Version
        | Topic::ClientEncoding
        | Topic::DateStyle
        | Topic::DefaultTransactionIsolation
        | Topic::StandardConformingStrings
        | Topic::TimeZone => None,
    }
}

/// Shows a topic. If a worker does not answer, what the others have is shown, with a warning.
#[expect(
    clippy::disallowed_methods,
    reason = "an operator is shown the time of day"
)]
pub(super) async fn show(topic: Topic, desk: &Desk) -> Answer {
    let picture = match depth(topic) {
        Some(depth) => desk.look(depth).await,
        None => Picture::default(),
    };
    let silent = picture.silent.clone();
    let sight = Sight {
        desk,
        picture,
        now: Instant::now(),
        time: SystemTime::now(),
    };
    let answer = rows(topic, sight);
    if silent.is_empty() {
        return answer;
    }
    let silent: Vec<_> = silent.iter().map(usize::to_string).collect();
    let silent = silent.join(", ");
    answer.with(Notice::warning(format!(
        "no answer from worker {silent}: what lives there is missing"
    )))
}

fn rows(topic: Topic, sight: Sight<'_>) -> Answer {
    match topic {
        Topic::Clients => Answer::rows(clients::rows(sight)),
        Topic::Config => Answer::rows(config::rows(&sight)),
        Topic::Databases => Answer::rows(databases::rows(&sight).into_iter()),
        Topic::DnsHosts => Answer::rows(dns_hosts::rows(&sight).into_iter()),
        Topic::Endpoints => Answer::rows(endpoints::rows(&sight).into_iter()),
        Topic::Help => Answer::done("SHOW").with(help::notice()),
        Topic::Lists => Answer::rows(lists::rows(&sight).into_iter()),
        Topic::Pools => Answer::rows(pools::rows(&sight)),
        Topic::Servers => Answer::rows(servers::rows(sight)),
        Topic::State => Answer::rows(state::rows()),
        Topic::Stats => Answer::rows(stats::rows(&sight)),
        Topic::StatsAverages => Answer::rows(stats_averages::rows(&sight)),
        Topic::StatsTotals => Answer::rows(stats_totals::rows(&sight)),
        Topic::Totals => Answer::rows(totals::rows(&sight)),
        Topic::Users => Answer::rows(users::rows(&sight).into_iter()),
        Topic::Version => Answer::rows(version::rows()),
        Topic::ClientEncoding => Answer::rows(parameter::row("UTF8")),
        Topic::DateStyle => Answer::rows(parameter::row("ISO")),
        Topic::DefaultTransactionIsolation => Answer::rows(parameter::row("read committed")),
        Topic::StandardConformingStrings => Answer::rows(parameter::row("on")),
        Topic::TimeZone => Answer::rows(parameter::row("GMT")),
    }
}

/// How a database is shown: tenants may have databases of the same name, and readers tell rows
/// apart by this column. A tenant's name has no dot, so the first one is where it ends.
fn database_name(tenant: &str, database: &str) -> String {
    format!("{tenant}.{database}")
}

/// How a user is shown where no database is next to it: as it is given at login.
fn user_name(user: &str, tenant: &str) -> String {
    format!("{user}.{tenant}")
}

/// How PgBouncer writes a yes or a no as a number.
const fn flag(is_so: bool) -> u32 {
    if is_so { 1 } else { 0 }
}

#[cfg(test)]
mod tests;
