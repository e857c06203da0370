//! Where transcripts play: one Postgres, and one Tidegate with a listener for each pool mode.

use std::env;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::thread;

use tidegate_harness::Cluster;
use tidegate_harness::Database;
use tidegate_harness::Folder;
use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::SUPERUSER;
use tidegate_harness::SUPERUSER_PASSWORD;
use tidegate_harness::free_port;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;

/// The fewest servers of the pool that transcripts share.
const POOL_SIZE_MIN: u32 = 4;

const OPERATOR: &str = "operator";

/// The mode in which unnamed statements are shared.
pub(crate) const SHARING: &str = "transaction mode, shared";

/// Few servers, so that transcripts meet those that others have left; and one more than there are tests
/// at a time, each of which may hold one while it waits for another.
fn pool_size() -> u32 {
    let wanted = env::var("RUST_TEST_THREADS").ok();
    let wanted = wanted.and_then(|wanted| wanted.parse().ok());
    let threads = wanted.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    u32::try_from(threads + 1).unwrap().max(POOL_SIZE_MIN)
}

/// What `SHOW POOLS` says of the one pool.
#[derive(Debug)]
pub(crate) struct Pools(Vec<u32>);

impl Pools {
    /// Whether no client is there and no server does anything.
    pub(crate) fn is_at_rest(&self, pool_size: u32) -> bool {
        let (busy, idle) = (&self.0[..7], self.0[7]);
        busy.iter().all(|count| *count == 0) && idle <= pool_size && self.0[8..] == [0, 0, 0]
    }
}

pub(crate) struct Stage {
    pooled: PooledDatabase,
    session_port: u16,
    sharing_port: u16,
    /// Past Tidegate, for what transcripts want to be there.
    superuser: Mutex<Wire>,
}

impl Stage {
    /// The one stage of this program; `None` if the machine has no Postgres.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Stage>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::with_servers(pool_size()))
            .as_ref()
    }

    /// A stage of a test's own.
    pub(crate) fn with_servers(pool_size: u32) -> Option<Self> {
        let (session_port, sharing_port) = (free_port().unwrap(), free_port().unwrap());
        let cluster = Cluster::shared()?;
        let database = cluster.database().unwrap();
        let mut config = PoolerConfig {
            pool: format!("pool_size = {pool_size}"),
            // All say how a client proves who it is by not asking: logins are not the matter here.
            listener: "auth_type = \"trust\"\npool_mode = \"transaction\"\nconsole = true"
                .to_owned(),
            more: format!(
                "[console]\nstats_users = [\"{OPERATOR}\"]\n\
                 [[console.user]]\nname = \"{OPERATOR}\"\nsecret = \"{OPERATOR}\"\n"
            ),
            ..PoolerConfig::default()
        };
        config.more += &listener("session", session_port, "acme");
        config.more += "pool_mode = \"session\"\n";
        config.more += &tenant_that_shares(&database);
        config.more += &listener("sharing", sharing_port, "sharing");
        let folder = Folder::new().unwrap();
        let pooled = PooledDatabase::with(cluster, database, config, folder).unwrap();
        let mut superuser = pooled.direct_login();
        superuser.user = SUPERUSER.to_owned();
        superuser.password = SUPERUSER_PASSWORD.to_owned();
        Some(Self {
            session_port,
            sharing_port,
            superuser: Mutex::new(Wire::connect(&superuser).unwrap()),
            pooled,
        })
    }

    pub(crate) fn major_version(&self) -> u32 {
        self.pooled.cluster().binaries().major()
    }

    /// Straight to Postgres.
    pub(crate) fn postgres(&self) -> Login {
        self.pooled.direct_login()
    }

    /// Through Tidegate, by the name of the pool mode. Where unnamed statements are shared, another
    /// tenant has the same database.
    pub(crate) fn modes(&self) -> [(&'static str, Login); 3] {
        let login = |port: Option<u16>| {
            let mut login = self.pooled.login();
            let port = port.unwrap_or(login.address.port());
            login.address = SocketAddr::new(login.address.ip(), port);
            login
        };
        [
            ("transaction mode", login(None)),
            ("session mode", login(Some(self.session_port))),
            (SHARING, login(Some(self.sharing_port))),
        ]
    }

    /// How many clients and servers there are, by what they do.
    pub(crate) fn pools(&self) -> Pools {
        let mut login = self.pooled.login();
        login.database = "pgbouncer".to_owned();
        login.user = OPERATOR.to_owned();
        login.password = OPERATOR.to_owned();
        let mut console = Wire::connect(&login).unwrap();
        let rows = console.query("show pools").unwrap();
        let (database, user) = (&self.pooled.database.name, &self.pooled.database.user);
        let own = |row: &&str| row.contains(database) && row.contains(user);
        let row = rows.lines().find(own).unwrap();
        let figures = row.split('|').skip(2).take(11);
        Pools(figures.map(|figure| figure.parse().unwrap()).collect())
    }

    /// Runs what a transcript wants to be there.
    pub(crate) fn set_up(&self, sql: &str) {
        let owner = &self.pooled.database.user;
        // A transcript that fails leaves the connection as good as it was.
        let mut superuser = self
            .superuser
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        superuser
            .query(&format!("set role {owner}; {sql}"))
            .unwrap();
    }
}

fn listener(name: &str, port: u16, tenant: &str) -> String {
    format!(
        "[[listener]]\nname = \"{name}\"\naddress = \"127.0.0.1:{port}\"\n\
         default_tenant = \"{tenant}\"\nauth_type = \"trust\"\n"
    )
}

fn tenant_that_shares(database: &Database) -> String {
    let (port, user, password) = (database.port, &database.user, &database.password);
    format!(
        "[[tenant]]\nname = \"sharing\"\nshare_unnamed_statements = true\n\
         [[tenant.endpoint]]\nhost = \"127.0.0.1\"\nport = {port}\n\
         [[tenant.user]]\nname = \"{user}\"\nsecret = \"{password}\"\n"
    )
}
