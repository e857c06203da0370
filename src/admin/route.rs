//! Where a text would go of a client that has seen nothing and set nothing, and why: for the console and
//! the command line.
//!
//! It is asked of what the node knows, by the rules of the sessions and of the choice; nobody's pool,
//! client or server has to do with it.

use std::time::Duration;

use tokio::time::Instant;

use crate::config;
use crate::config::Role;
use crate::config::Route;
use crate::pool::RouteRule;
use crate::routing::EndpointView;
use crate::routing::Past;
use crate::routing::Preferences;
use crate::routing::Reader;
use crate::routing::Readers;
use crate::routing::Rule;
use crate::routing::State;
use crate::routing::Target;
use crate::routing::Topology;
use crate::routing::Unfit;
use crate::routing::Verdict;
use crate::session::Explained;
use crate::session::explain;
use crate::sql::reads::AccessKind;
use crate::sql::reads::KnownFunctions;
use crate::sql::reads::Reason;

/// How often a place is chosen, to see how reads are shared out.
const DRAWS: u32 = 256;

/// What a text is held against.
#[derive(Debug)]
pub struct RouteQuestion<'a> {
    /// Whose client says it.
    pub tenant: &'a config::Tenant,
    /// As which user.
    pub user: &'a config::User,
    /// Where the node runs; empty if nobody says.
    pub region: &'a str,
    /// What is known of the tenant's endpoints; none if nobody looks at them.
    pub topology: Option<&'a Topology>,
    /// What is known of the functions of its database.
    pub functions: &'a KnownFunctions,
    /// What the client says.
    pub text: &'a str,
}

/// One line of the answer: of the text itself, which is the first, or of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteLine {
    /// The endpoint's name; `text`.
    pub name: String,
    /// Whether the text would go there; none if nobody knows.
    pub is_chosen: Option<bool>,
    /// How many in a hundred of such texts would.
    pub percent: Option<u32>,
    /// The rule that would send it there; what the text does.
    pub rule: Option<&'static str>,
    /// Why it would not go there; why the text does that.
    pub why: Option<String>,
    /// What a standby has not replayed yet of what the primary had written when it was last asked, in
    /// bytes.
    pub behind_bytes: Option<u64>,
    /// How old what a standby shows may be.
    pub lag: Option<Duration>,
    /// The smoothed round trip.
    pub round_trip: Option<Duration>,
}

/// Where a text would go.
pub fn route(question: &RouteQuestion<'_>, now: Instant) -> Vec<RouteLine> {
    let explained = explain(question.text.as_bytes(), question.user, question.functions);
    let text = RouteLine {
        name: "text".to_owned(),
        rule: Some(explained.access.kind.as_str()),
        why: Some(why(question, &explained)),
        ..RouteLine::default()
    };
    let mut lines = vec![text];
    match question.topology {
        Some(topology) => lines.extend(of_known(question, topology, &explained, now)),
        None => lines.extend(of_unknown(question, &explained)),
    }
    lines
}

/// Why a text does what it does, and where it is wanted.
fn why(question: &RouteQuestion<'_>, explained: &Explained) -> String {
    let kind = explained.access.kind;
    let mut why = kind.why().to_owned();
    if let Some(function) = &explained.function {
        why.push_str(": ");
        why.push_str(function);
    }
    if kind == AccessKind::Primary(Reason::UnknownFunction)
        && question.functions.catalog().is_none()
    {
        why.push_str("; the functions of its database are not known yet");
    }
    if let Some(hint) = explained.access.hint {
        why.push_str("; its comment says ");
        why.push_str(hint.as_str());
    } else if explained.route != Route::Auto {
        why.push_str("; the configuration says ");
        why.push_str(explained.route.as_str());
    }
    why
}

/// Whether the tenant's reads may go anywhere else than to the primary.
fn has_replicas(tenant: &config::Tenant) -> bool {
    let mut endpoints = tenant.endpoints.iter();
    tenant.endpoints.len() > 1 && endpoints.any(|endpoint| endpoint.role != Role::Primary)
}

/// The endpoints of a tenant that nobody looks at.
fn of_unknown(question: &RouteQuestion<'_>, explained: &Explained) -> Vec<RouteLine> {
    let endpoints = &question.tenant.endpoints;
    let is_looked_at = endpoints.len() > 1 || has_replicas(question.tenant);
    let line = |endpoint: &std::sync::Arc<config::Endpoint>| {
        let name = endpoint.name.clone();
        if is_looked_at {
            let why = "nobody uses the tenant, and so nobody looks at its endpoints".to_owned();
            return RouteLine {
                name,
                why: Some(why),
                ..RouteLine::default()
            };
        }
        let rule = explained.rule.unwrap_or(RouteRule::Chosen(Rule::NoReplica));
        RouteLine {
            name,
            is_chosen: Some(true),
            percent: Some(100),
            rule: Some(rule.as_str()),
            ..RouteLine::default()
        }
    };
    endpoints.iter().map(line).collect()
}

/// How often each endpoint was chosen, and by which rule the last time.
type Chosen = Vec<(u32, Option<RouteRule>)>;

fn of_known(
    question: &RouteQuestion<'_>,
    topology: &Topology,
    explained: &Explained,
    now: Instant,
) -> Vec<RouteLine> {
    let mut readers = Readers::new();
    let preferences = Preferences::of(question.region, question.tenant);
    readers.refresh(topology, &preferences, now);
    let chosen = chosen(question, &readers, explained, now);
    let verdicts = readers.verdicts(&explained.wish, &Past::default(), now);
    let views = topology.view(now);
    let written = readers.iter().find(|reader| reader.is_primary);
    let written = written.map(|primary| primary.replayed);
    let line =
        |((reader, verdict), (times, rule)): ((&Reader, Verdict), (u32, Option<RouteRule>))| {
            let is_standby = reader.state == Some(State::Standby);
            let behind = written.filter(|_| is_standby);
            RouteLine {
                name: reader.endpoint.name.clone(),
                is_chosen: Some(times > 0),
                percent: Some(times * 100 / DRAWS),
                rule: rule.map(RouteRule::as_str),
                why: against(reader, verdict, &views).filter(|_| times == 0),
                behind_bytes: behind.map(|written| reader.replayed.behind(written)),
                lag: reader.lag(now).filter(|_| is_standby),
                round_trip: reader.round_trip.map(|trip| trip.smoothed),
            }
        };
    let lines = readers.iter().zip(verdicts).zip(chosen);
    lines.map(line).collect()
}

/// What speaks against an endpoint, with what it said itself if it cannot be asked.
fn against(reader: &Reader, verdict: Verdict, views: &[EndpointView]) -> Option<String> {
    if verdict == Verdict::Fit {
        return None;
    }
    let is_away = matches!(
        verdict,
        Verdict::Unfit(Unfit::Silent | Unfit::Stale | Unfit::Unseen)
    );
    let mut views = views.iter().filter(|_| is_away);
    let view = views.find(|view| view.endpoint == reader.endpoint);
    Some(match view.and_then(|view| view.error.as_deref()) {
        Some(error) => format!("{verdict}: {error}"),
        None => verdict.to_string(),
    })
}

fn chosen(
    question: &RouteQuestion<'_>,
    readers: &Readers,
    explained: &Explained,
    now: Instant,
) -> Chosen {
    let mut chosen = vec![(0, None); readers.iter().count()];
    let primary = readers.iter().position(|reader| reader.is_primary);
    let mut count = |index: Option<usize>, times, rule| {
        if let Some(place) = index.and_then(|index| chosen.get_mut(index)) {
            *place = (place.0 + times, Some(rule));
        }
    };
    let without_choice = (!has_replicas(question.tenant)).then_some(Rule::NoReplica);
    let rule = explained.rule.or(without_choice.map(RouteRule::Chosen));
    if let Some(rule) = rule {
        count(primary, DRAWS, rule);
        return chosen;
    }
    for random in 0..DRAWS {
        let mut past = Past::default();
        let choice = readers.choose(&explained.wish, &mut past, |_| 0, random, now);
        let index = match choice.target {
            Target::Primary => primary,
            Target::Replica(index) | Target::Await { index, .. } => Some(index),
        };
        count(index, 1, RouteRule::Chosen(choice.rule));
    }
    chosen
}
