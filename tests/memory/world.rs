//! A Tidegate with two tenants, one of which behaves; and how much memory the process has.

use std::fs;
use std::io::Read;
use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::polling;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;

/// How long it may take until something is so.
const LIMIT: Duration = Duration::from_mins(1);

/// By how much the process may grow at any moment, in KiB. What it really needs is a scratch buffer
/// a worker, what one connection holds back, and what the allocator keeps.
const GROWTH_KIB_MAX: u64 = 12 * 1024;

/// Set to run everything at its full size, which takes minutes.
const FULL_VARIABLE: &str = "TIDEGATE_MEMORY_FULL";

pub(crate) struct World {
    pub(crate) pooled: PooledDatabase,
    pid: u32,
    neighbour: Login,
    before_kib: u64,
}

/// The small number, or the large one where everything runs at its full size.
pub(crate) fn sized(small: usize, full: usize) -> usize {
    let is_full = std::env::var_os(FULL_VARIABLE).is_some();
    if is_full { full } else { small }
}

impl World {
    /// With so many servers for each tenant.
    pub(crate) fn start(servers: usize) -> Option<Self> {
        let started =
            PooledDatabase::start(|config| config.pool = format!("pool_size = {servers}"));
        let mut pooled = started.unwrap()?;
        let (port, user) = (pooled.database.port, pooled.database.user.clone());
        let password = pooled.database.password.clone();
        let neighbour = format!(
            "[[tenant]]\nname = \"globex\"\n[[tenant.endpoint]]\nhost = \"127.0.0.1\"\n\
             port = {port}\n[[tenant.user]]\nname = \"{user}\"\nsecret = \"{password}\""
        );
        pooled.reloaded(|config| config.more = neighbour).unwrap();
        let neighbour = pooled.login().as_user(&format!("{user}.globex"));
        let pid = pooled.pooler.process().pid();
        let mut world = Self {
            pooled,
            pid,
            neighbour,
            before_kib: 0,
        };
        // What the first clients of all need is not counted.
        for _ in 0..3 {
            world.pooled.connect().unwrap().query("select 1").unwrap();
            world.serves_the_neighbour();
        }
        world.before_kib = world.memory_kib("VmRSS");
        Some(world)
    }

    /// The other tenant's clients, old and new, are served meanwhile.
    pub(crate) fn serves_the_neighbour(&self) {
        let mut client = Wire::connect(&self.neighbour).unwrap();
        assert_eq!(client.query("select 'served'").unwrap(), "served");
    }

    /// At no moment did the process take much more than at first.
    #[track_caller]
    pub(crate) fn has_stayed_flat(&self) {
        self.has_grown_by_at_most(GROWTH_KIB_MAX);
    }

    #[track_caller]
    pub(crate) fn has_grown_by_at_most(&self, limit_kib: u64) {
        let (before, peak) = (self.before_kib, self.memory_kib("VmHWM"));
        println!("{before} KiB before, {peak} KiB at most");
        assert!(peak <= before + limit_kib, "{before} KiB, then {peak} KiB");
    }

    fn memory_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let digits = line
            .unwrap()
            .trim_matches(|letter: char| !letter.is_ascii_digit());
        digits.parse().unwrap()
    }

    /// Waits until so many servers of the misbehaving tenant's and the neighbour's user are in this
    /// state or wait for this.
    pub(crate) fn until_servers(&self, condition: &str, count: usize) {
        let sql = format!(
            "select count(*) from pg_stat_activity where datname = current_database() \
             and pid <> pg_backend_pid() and {condition}"
        );
        let wanted = count.to_string();
        let is_it = || self.pooled.admin(&sql).unwrap() == wanted;
        polling::until_true(&format!("{count} servers with {condition}"), LIMIT, is_it).unwrap();
    }
}

/// Reads so many bytes and throws them away.
pub(crate) fn swallow(client: &Wire, bytes: usize) {
    let copied = std::io::copy(
        &mut client.socket().take(bytes as u64),
        &mut std::io::sink(),
    );
    assert_eq!(copied.unwrap(), bytes as u64);
}
