//! The scenarios: what the clients do, how many they are, and what is shown of it.

use super::figures::Metric;
use super::options::Extent;
use super::options::Sizes;
use super::regions;
use super::regions::Routing;
use super::target::Target;

/// The most clients that get a server each.
const UNPOOLED_CLIENTS_MAX: u32 = 100;
/// The tenant that disturbs the other.
pub(crate) const NOISY: u32 = 1;
/// Bytes of a row that is one of many.
const LINE_BYTES: u64 = 1_000;

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

/// What the noisy tenant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// It reads huge results, and thousands of its clients wait for servers.
    Results,
    /// Its clients log in over TLS, one after the other.
    Logins,
}

/// What is shown of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Transactions, and what each costs.
    Transactions,
    /// Bytes, and what a gigabyte costs.
    Bytes,
    /// Memory for each client that is connected and says nothing.
    Memory,
    /// The latency of one tenant beside another that does this.
    Noise(Disturbance),
    /// What it costs to send reads to a replica.
    Routing,
    /// What it is worth.
    Distance,
}

impl Shape {
    /// The figures that are shown.
    pub(crate) fn columns(self) -> &'static [Metric] {
        match self {
            Self::Transactions => &[
                Metric::Throughput,
                Metric::Cpu,
                Metric::CpuUser,
                Metric::CpuSystem,
                Metric::CpuServers,
                Metric::SystemCalls,
                Metric::P50,
                Metric::P95,
                Metric::P99,
                Metric::P999,
            ],
            Self::Bytes => &[
                Metric::SecondsPerGigabyte,
                Metric::Megabytes,
                Metric::Growth,
            ],
            Self::Memory => &[Metric::IdleBytes],
            Self::Noise(_) => &[Metric::P99, Metric::P99Beside, Metric::NoiseRatio],
            Self::Routing => &[
                Metric::Throughput,
                Metric::Cpu,
                Metric::CpuUser,
                Metric::CpuSystem,
                Metric::CpuServers,
                Metric::SystemCalls,
                Metric::P50,
                Metric::P99,
                Metric::Nearest,
                Metric::Healed,
            ],
            Self::Distance => &[
                Metric::Throughput,
                Metric::P50,
                Metric::P99,
                Metric::WriteP50,
                Metric::WriteP99,
                Metric::Nearest,
                Metric::Healed,
            ],
        }
    }

    /// The one by which targets are compared.
    pub(crate) fn lead(self) -> Metric {
        match self {
            Self::Transactions => Metric::Cpu,
            Self::Bytes => Metric::SecondsPerGigabyte,
            Self::Memory => Metric::IdleBytes,
            Self::Noise(_) => Metric::NoiseRatio,
            Self::Routing => Metric::Cpu,
            Self::Distance => Metric::P50,
        }
    }
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
    /// Where replicas are.
    pub(crate) routing: Routing,
    /// Whether unnamed statements may be shared, where a pooler can.
    pub(crate) shares_unnamed: bool,
    /// Tenants, each with a pool of its own.
    pub(crate) tenants: u32,
    /// Servers of each pool.
    pub(crate) pool_size: u32,
    /// Clients that work.
    pub(crate) clients: u32,
    /// Clients that are connected besides, and say nothing.
    pub(crate) idle: u32,
    /// Whether system calls are counted, too.
    pub(crate) is_traced: bool,
    /// What the load generator is told besides.
    pub(crate) load: Vec<String>,
    /// Whether it is part of a quick run.
    pub(crate) is_quick: bool,
}

impl Scenario {
    /// The usual: a pool of 20, trusted clients, no TLS.
    pub(crate) fn new(name: &str, about: &'static str, clients: u32) -> Self {
        Self {
            name: name.to_owned(),
            about,
            backend: Backend::Postgres,
            way: Way::Plain,
            shape: Shape::Transactions,
            routing: Routing::Off,
            shares_unnamed: false,
            tenants: 1,
            pool_size: 20,
            clients,
            idle: 0,
            is_traced: false,
            load: Vec::new(),
            is_quick: false,
        }
    }

    /// Whether it says something of a target. The relay would only pass a handshake on, and with
    /// hundreds of clients it is PostgreSQL's processes that are measured.
    pub(crate) fn suits(&self, target: Target) -> bool {
        if self.routing != Routing::Off {
            return matches!(target, Target::Routed | Target::Unrouted);
        }
        let is_small = self.clients + self.idle <= UNPOOLED_CLIENTS_MAX && self.tenants == 1;
        match target {
            Target::Tidegate1 | Target::Tidegate2 | Target::PgBouncer => true,
            Target::Odyssey | Target::PgCat | Target::PgDog | Target::PgDoorman => {
                // They are configured for one database.
                self.tenants == 1
            },
            Target::Relay => is_small && self.way == Way::Plain,
            Target::Direct => is_small,
            Target::Routed | Target::Unrouted => false,
        }
    }

    /// Clients come in another way.
    fn by(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    pub(crate) fn telling(mut self, words: &[&str]) -> Self {
        self.load
            .extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    pub(crate) fn quick(mut self) -> Self {
        self.is_quick = true;
        self
    }
}

/// All of them.
pub(crate) fn all(sizes: &Sizes) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    queries(sizes, &mut scenarios);
    shared(sizes, &mut scenarios);
    logins(sizes, &mut scenarios);
    results(sizes, &mut scenarios);
    crowds(sizes, &mut scenarios);
    bottlenecks(sizes, &mut scenarios);
    regions::scenarios(sizes, &mut scenarios);
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
            let mut scenario = scenario.telling(&["--kind", kind]);
            scenario.is_traced = clients == 32;
            let is_quick = clients == 32 || clients == 1 && kind == "simple";
            scenarios.push(if is_quick { scenario.quick() } else { scenario });
        }
    }
}

/// What an application asks for that names no statement, where poolers may share what is parsed.
fn shared(sizes: &Sizes, scenarios: &mut Vec<Scenario>) {
    let about = "Parse, Bind, Describe, Execute, Sync, with share_unnamed_statements";
    let mut scenario = Scenario::new("shared-32", about, sizes.scaled(32));
    scenario.shares_unnamed = true;
    scenarios.push(scenario.telling(&["--kind", "extended"]).quick());
}

/// What costs by its bytes.
fn results(sizes: &Sizes, scenarios: &mut Vec<Scenario>) {
    let (bytes, rows) = (sizes.large_bytes, sizes.rows);
    let mut bulk = |name: &str, about, clients, query: String, count: u64, words: &[&str]| {
        let mut scenario = Scenario::new(name, about, clients);
        scenario.shape = Shape::Bytes;
        let count = count.to_string();
        let scenario = scenario.telling(&["--query", &query, "--rows", &count]);
        scenarios.push(scenario.telling(words));
    };
    let text = ["--kind", "text"];
    let query = format!("SELECT repeat('x', {bytes})");
    bulk("large-message", "one row of 10 MB", 4, query, 1, &text);
    let lines = bytes / LINE_BYTES;
    let query = format!("SELECT repeat('x', {LINE_BYTES}) FROM generate_series(1, {lines})");
    bulk(
        "large-rows",
        "rows of 1 kB, 10 MB of them",
        4,
        query,
        lines,
        &text,
    );
    let query = format!("SELECT generate_series(1, {rows})");
    bulk("many-rows", "a million small rows", 4, query, rows, &text);
    let lines = sizes.copy_bytes / LINE_BYTES;
    let query = format!(
        "COPY (SELECT repeat('x', {LINE_BYTES}) FROM generate_series(1, {lines})) TO STDOUT"
    );
    let words = ["--kind", "copy-out", "--once"];
    bulk(
        "copy-out",
        "COPY of 1 GB to the client",
        1,
        query,
        lines,
        &words,
    );
    let query = "COPY sink FROM STDIN WHERE false".to_owned();
    let sent = sizes.copy_bytes.to_string();
    let words = ["--kind", "copy-in", "--once", "--copy-bytes", &sent];
    bulk("copy-in", "COPY of 1 GB to the server", 1, query, 0, &words);
    for scenario in scenarios.iter_mut() {
        scenario.is_quick |= scenario.name.starts_with("large-");
    }
}

/// Many who are connected.
fn crowds(sizes: &Sizes, scenarios: &mut Vec<Scenario>) {
    let mut crowd = |name: &str, about, clients: u32, idle: u32, words: &[&str]| {
        let mut scenario = Scenario::new(name, about, sizes.scaled(clients));
        scenario.idle = sizes.scaled(idle);
        scenarios.push(scenario.telling(&["--sources", "20"]).telling(words));
    };
    let busy = "500 at work among 10,000";
    crowd("connected-10000", busy, 500, 9_500, &["--kind", "simple"]);
    let calm = "500 at work among 18,000, 5,000 transactions per second";
    let words = ["--kind", "simple", "--think-ms", "100"];
    crowd("connected-18000", calm, 500, 17_500, &words);
    crowd("idle", "10,000 who say nothing", 0, 10_000, &[]);
    crowd("idle-tls", "5,000 who say nothing, with TLS", 0, 5_000, &[]);
    for scenario in scenarios.iter_mut() {
        if scenario.name.starts_with("idle") {
            scenario.shape = Shape::Memory;
            scenario.is_quick = true;
            if sizes.extent == Extent::Quick {
                scenario.idle /= 4;
            }
        }
        if scenario.name == "idle-tls" {
            scenario.way = Way::Tls;
        }
    }
}

/// What the pooler alone decides: servers that cost nothing.
fn bottlenecks(sizes: &Sizes, scenarios: &mut Vec<Scenario>) {
    let mut faked = |name: &str, about, clients: u32, words: &[&str]| {
        let mut scenario = Scenario::new(name, about, sizes.scaled(clients));
        scenario.backend = Backend::Fake;
        scenario.is_quick = name == "bottleneck-burst";
        scenarios.push(scenario.telling(words));
    };
    let about = "servers that cost nothing";
    faked("bottleneck-simple", about, 32, &["--kind", "simple"]);
    let about = "servers that cost nothing, ten queries at once";
    faked("bottleneck-pipelined", about, 32, &["--kind", "pipelined"]);
    let about = "servers and clients that cost next to nothing, a hundred queries at once";
    faked("bottleneck-burst", about, 32, &["--kind", "burst"]);
    let about = "1,000 tenants with two clients and one server each";
    faked("tenants-1000", about, 2_000, &["--kind", "simple"]);
    let about =
        "8 clients of a quiet tenant beside huge results and 2,000 waiting clients of another";
    let words = ["--kind", "simple", "--think-ms", "5"];
    faked("noise", about, 8, &words);
    let about =
        "8 clients of a quiet tenant beside another whose clients log in over TLS and leave";
    faked("noise-logins", about, 8, &words);
    for scenario in scenarios.iter_mut() {
        match scenario.name.as_str() {
            "tenants-1000" => {
                scenario.tenants = scenario.clients / 2;
                scenario.pool_size = 1;
            },
            "noise" => {
                scenario.tenants = 2;
                scenario.shape = Shape::Noise(Disturbance::Results);
            },
            "noise-logins" => {
                scenario.tenants = 2;
                scenario.shape = Shape::Noise(Disturbance::Logins);
            },
            _ => {},
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
