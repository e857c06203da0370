//! Everything that runs during the demo: a PostgreSQL in each of three regions, and a Tidegate
//! behind an HAProxy in two of them.
//!
//! One more HAProxy pretends that its clients come from elsewhere, which is the only way to meet a
//! network restriction without leaving loopback.

use tidegate_harness::Cluster;
use tidegate_harness::ClusterOptions;
use tidegate_harness::Database;
use tidegate_harness::Failure;
use tidegate_harness::HaProxy;
use tidegate_harness::HaProxyOptions;
use tidegate_harness::NODE_TENANT;
use tidegate_harness::SUPERUSER;
use tidegate_harness::SendProxy;
use tidegate_harness::Version;

use super::names::Names;
use super::names::url;
use super::region::Region;
use super::region::Way;
use super::site::Site;
use super::site::VAULT;

/// From where the HAProxy for strangers says that its clients come.
pub(crate) const ELSEWHERE: &str = "203.0.113.7";
/// The tenant whose data are in three regions.
pub(crate) const TENANT: &str = NODE_TENANT;
/// The database of both.
pub(crate) const DATABASE: &str = "shop";
const USER: &str = "app";
const PASSWORD: &str = "tide";

/// A standby that was away finds all that was written meanwhile, and a commit that was acknowledged
/// is not lost with its server.
const SETTINGS: &str = "wal_keep_size = '256MB'\nsynchronous_commit = on\n";

/// All of it. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Scene {
    // Dropped in this order: nobody is to see the servers go.
    /// Where clients of `ams` come in.
    pub(crate) ams: Site,
    /// Where clients of `syd` come in.
    pub(crate) syd: Site,
    elsewhere: HaProxy,
    /// Those that standbys follow their primary by.
    ways: Vec<Way>,
    clusters: [Cluster; 3],
}

impl Scene {
    /// Starts all of it, the PostgreSQL of the distribution if there is one, and waits until reads
    /// are served at home.
    ///
    /// # Errors
    /// What is missing or did not start, with its log.
    pub(crate) fn start() -> Result<Self, Failure> {
        let options = ClusterOptions {
            settings: SETTINGS,
            ..ClusterOptions::default()
        };
        let fra = Cluster::start_with(Version::under_test(), &options)?;
        let database = furnish(&fra)?;
        let to_ams = Way::new(Region::Ams, Region::Fra, &fra)?;
        let to_syd = Way::new(Region::Syd, Region::Fra, &fra)?;
        let ams = fra.standby_over(to_ams.port())?;
        let syd = fra.standby_over(to_syd.port())?;
        let clusters = [fra, ams, syd];
        tell_regions(&clusters)?;
        let ams = Site::open(Region::Ams, &clusters, &database)?;
        let syd = Site::open(Region::Syd, &clusters, &database)?;
        let stranger = format!("tcp-request connection set-src str({ELSEWHERE})");
        let stranger = HaProxyOptions {
            frontend_lines: &stranger,
            ..HaProxyOptions::to_port(ams.node.port(), SendProxy::V2)
        };
        let scene = Self {
            elsewhere: HaProxy::start(&stranger)?,
            ams,
            syd,
            ways: vec![to_ams, to_syd],
            clusters,
        };
        scene.ams.until_at_home()?;
        scene.syd.until_at_home()?;
        Ok(scene)
    }

    /// The PostgreSQL of a region.
    pub(crate) fn cluster(&self, region: Region) -> &Cluster {
        let [fra, ams, syd] = &self.clusters;
        match region {
            Region::Fra => fra,
            Region::Ams => ams,
            Region::Syd => syd,
        }
    }

    /// The same, to end it.
    pub(crate) fn cluster_mut(&mut self, region: Region) -> &mut Cluster {
        let [fra, ams, syd] = &mut self.clusters;
        match region {
            Region::Fra => fra,
            Region::Ams => ams,
            Region::Syd => syd,
        }
    }

    /// `fra` and `syd` follow `ams` from now on, which was promoted.
    ///
    /// # Errors
    /// As [`Cluster::follow_over`] and [`Cluster::rejoin_over`].
    pub(crate) fn follow_ams(&mut self) -> Result<(), Failure> {
        let ams = self.cluster(Region::Ams);
        let from_syd = Way::new(Region::Syd, Region::Ams, ams)?;
        let from_fra = Way::new(Region::Fra, Region::Ams, ams)?;
        self.cluster(Region::Syd).follow_over(from_syd.port())?;
        let fra = self.cluster_mut(Region::Fra);
        fra.rejoin_over(from_fra.port())?;
        self.ways = vec![from_syd, from_fra];
        Ok(())
    }

    /// What psql is given in the demo, and how it is written there.
    pub(crate) fn names(&self) -> Names {
        let user = format!("{USER}.{TENANT}");
        let client = |front: &HaProxy| url(&user, PASSWORD, front.port(), DATABASE);
        let teller = format!("{USER}.{VAULT}");
        let teller = |front: &HaProxy| url(&teller, PASSWORD, front.port(), DATABASE);
        let server = self.cluster(Region::Ams);
        let socket = format!(
            "host={} port={} user={SUPERUSER}",
            server.socket_folder().display(),
            server.port()
        );
        let mut names = Names::default();
        let [ams, syd] = [&self.ams, &self.syd];
        names.add("AMS", client(&ams.haproxy), "a client in ams");
        names.add("SYD", client(&syd.haproxy), "a client in syd");
        names.add("VAULT", teller(&ams.haproxy), "a client of tenant vault");
        let from = format!("as if from {ELSEWHERE}");
        names.add("STRANGER", teller(&self.elsewhere), &from);
        names.add("CONSOLE", ams.console_url(), "the operator in ams");
        names.add("SYD_CONSOLE", syd.console_url(), "the operator in syd");
        names.add("AMS_SERVER", socket, "PostgreSQL in ams, superuser");
        names
    }

    /// What runs where, and how far away.
    pub(crate) fn picture(&self) -> String {
        let major = self.cluster(Region::Fra).binaries().major();
        let mut lines = vec![
            String::new(),
            format!("  PostgreSQL {major:<10}    round trip to    fra      ams      syd"),
        ];
        for region in Region::ALL {
            let role = if region == Region::Fra {
                "primary"
            } else {
                "standby"
            };
            let far = Region::ALL.map(|other| region.round_trip(other).as_millis());
            let [fra, ams, syd] = far;
            lines.push(format!(
                "  {}  :{:<5}  {role}                   {fra:>3} ms   {ams:>3} ms   {syd:>3} ms",
                region.name(),
                self.cluster(region).port(),
            ));
        }
        lines.push(String::new());
        for site in [&self.ams, &self.syd] {
            lines.push(format!(
                "  client in {} -> HAProxy :{} --PROXY v2--> Tidegate in {} :{} -> all three",
                site.region.name(),
                site.haproxy.port(),
                site.region.name(),
                site.node.port(),
            ));
        }
        lines.join("\n")
    }
}

/// A database with a table, and a user who may see how standbys are doing.
fn furnish(primary: &Cluster) -> Result<Database, Failure> {
    primary.psql(&format!("create role {USER} login password '{PASSWORD}'"))?;
    primary.psql(&format!("grant pg_read_all_stats to {USER}"))?;
    primary.psql(&format!("create database {DATABASE} owner {USER}"))?;
    let database = Database {
        name: DATABASE.to_owned(),
        user: USER.to_owned(),
        password: PASSWORD.to_owned(),
        port: primary.port(),
    };
    let schema = "create table orders (id serial primary key, item text);\
                  insert into orders (item) select 'a lamp' from generate_series(1, 100)";
    primary.binaries().psql(&database.dsn(), schema)?;
    Ok(database)
}

/// A view that tells the region of the server which answers. A text does not show what a view calls,
/// so that a read of it goes where every other goes.
fn tell_regions(clusters: &[Cluster; 3]) -> Result<(), Failure> {
    let [fra, ams, syd] = clusters;
    let view = format!(
        "create view here as select case pg_catalog.inet_server_port() \
         when {} then 'fra' when {} then 'ams' else 'syd' end as region;\
         grant select on here to public",
        fra.port(),
        ams.port()
    );
    fra.psql_in(DATABASE, &view)?;
    ams.catch_up(fra)?;
    syd.catch_up(fra)
}
