//! The scenarios: what the clients do, how many they are, and what is shown of it.

use super::options::Sizes;
use super::target::Target;

/// The most clients that get a server each.
const UNPOOLED_CLIENTS_MAX: u32 = 100;

/// What stands behind the pooler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// PostgreSQL with the tables.
    Postgres,
    /// The PostgreSQL that costs nothing.
    Fake,
}

/// How clients come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Trusted, without TLS.
    Plain,
    /// With SCRAM, without TLS.
    Scram,
    /// Trusted, with TLS.
    Tls,
}

/// What is shown of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Transactions, and what each costs.
    Transactions,
}

/// One scenario.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scenario {
    /// What it is called.
    pub(crate) name: String,
    /// What it is, in a sentence.
    pub(crate) about: &'static str,
    /// What is behind the pooler.
    pub(crate) backend: Backend,
    /// How clients come in.
    pub(crate) way: Way,
    /// What is shown.
    pub(crate) shape: Shape,
    /// Tenants, each with a pool of its own.
    pub(crate) tenants: u32,
    /// Servers of each pool.
    pub(crate) pool_size: u32,
    /// Clients that work.
    pub(crate) clients: u32,
    /// What the load generator is told besides.
    pub(crate) load: Vec<String>,
    /// Whether it is part of a quick run.
    pub(crate) is_quick: bool,
}

impl Scenario {
    /// The usual: a pool of 20, trusted clients, no TLS.
    fn new(name: &str, about: &'static str, clients: u32) -> Self {
        Self {
            name: name.to_owned(),
            about,
            backend: Backend::Postgres,
            way: Way::Plain,
            shape: Shape::Transactions,
            tenants: 1,
            pool_size: 20,
            clients,
            load: Vec::new(),
            is_quick: false,
        }
    }

    /// Whether it says something of a target. The relay would only pass a handshake on, and with
    /// hundreds of clients it is PostgreSQL's processes that are measured.
    pub(crate) fn suits(&self, target: Target) -> bool {
        let is_small = self.clients <= UNPOOLED_CLIENTS_MAX && self.tenants == 1;
        match target {
            Target::Tidegate1 | Target::Tidegate2 | Target::PgBouncer => true,
            Target::Relay => is_small && self.way == Way::Plain,
            Target::Direct => is_small,
        }
    }

    /// Clients come in another way.
    fn by(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    fn telling(mut self, words: &[&str]) -> Self {
        self.load
            .extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    fn quick(mut self) -> Self {
        self.is_quick = true;
        self
    }
}

/// All of them.
pub(crate) fn all(sizes: &Sizes) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    queries(sizes, &mut scenarios);
    logins(sizes, &mut scenarios);
    scenarios
}

/// What it costs to come in, and TLS.
fn logins(sizes: &Sizes, scenarios: &mut Vec<Scenario>) {
    let clients = sizes.scaled(16);
    let about = "log in with SCRAM, one Query, leave";
    let login = Scenario::new("login-scram", about, clients).by(Way::Scram);
    // Ports of one address run out: a closed connection keeps its own for a minute.
    let words = ["--kind", "login", "--sources", "200"];
    scenarios.push(login.telling(&words).quick());
    let about = "log in over TLS without a password, one Query, leave";
    let login = Scenario::new("login-tls", about, clients).by(Way::Tls);
    scenarios.push(login.telling(&words).quick());
    let about = "one Query over TLS";
    let tls = Scenario::new("simple-tls", about, sizes.scaled(32)).by(Way::Tls);
    scenarios.push(tls.telling(&["--kind", "simple"]).quick());
}

/// The four ways to ask, each with one client, with more than servers, and with many more.
fn queries(sizes: &Sizes, scenarios: &mut Vec<Scenario>) {
    let kinds = [
        ("simple", "one Query"),
        ("extended", "Parse, Bind, Describe, Execute, Sync"),
        ("prepared", "Bind, Execute, Sync"),
        ("pipelined", "ten queries at once, one Sync"),
    ];
    for clients in [32, 1, 500] {
        for (kind, about) in kinds {
            let name = format!("{kind}-{clients}");
            let scenario = Scenario::new(&name, about, sizes.scaled(clients));
            let scenario = scenario.telling(&["--kind", kind]);
            let is_quick = clients == 32 || clients == 1 && kind == "simple";
            scenarios.push(if is_quick { scenario.quick() } else { scenario });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::options::BenchOptions;

    #[test]
    fn every_scenario_has_a_name_of_its_own() {
        use clap::Parser;

        #[derive(Parser)]
        struct Typed {
            #[command(flatten)]
            options: BenchOptions,
        }
        let typed = Typed::parse_from(["bench"]);
        let mut names: Vec<String> = all(&Sizes::of(&typed.options))
            .into_iter()
            .map(|scenario| scenario.name)
            .collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.contains(&"prepared-500".to_owned()));
    }
}
