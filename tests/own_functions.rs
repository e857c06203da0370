//! Functions that are not PostgreSQL's own, as a pool knows them, against the catalog of a real
//! PostgreSQL.
#![cfg(test)]

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tidegate::config;
use tidegate::config::Host;
use tidegate::config::Role;
use tidegate::config::SecretText;
use tidegate::config::ServerTlsMode;
use tidegate::limits::FUNCTIONS_AGE_MAX;
use tidegate::limits::FUNCTIONS_COUNT_MAX;
use tidegate::limits::FUNCTIONS_MISS_PAUSE;
use tidegate::limits::FUNCTIONS_OTHERS_PAUSE;
use tidegate::limits::FUNCTIONS_PAUSE_MIN;
use tidegate::pool::Catalogs;
use tidegate::pool::Home;
use tidegate::pool::Parcel;
use tidegate::pool::Pool;
use tidegate::pool::Post;
use tidegate::pool::Sockets;
use tidegate::pool::Surroundings;
use tidegate::sql::reads::FunctionEffect;
use tidegate::sql::reads::FunctionEffect::Reads;
use tidegate::sql::reads::FunctionEffect::ReadsNode;
use tidegate::sql::reads::FunctionEffect::Unknown;
use tidegate::sql::reads::FunctionEffect::Writes;
use tidegate::sql::reads::Functions;
use tidegate::telemetry::TenantSlot;
use tidegate::tenancy::NodeCounts;
use tidegate::tenancy::Tenant;
use tidegate_harness::Cluster;
use tidegate_harness::Database;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_mins(1);

/// No worker is beside this one.
#[derive(Debug)]
struct Nobody;

impl Post for Nobody {
    fn send(&self, _worker: usize, parcel: Parcel) -> Result<(), Parcel> {
        Err(parcel)
    }
}

/// A pool of a database whose tenant has a replica, and the time that it is told.
struct Node {
    database: Database,
    tenant: Arc<Tenant>,
    home: Rc<Home>,
    pool: Rc<Pool>,
    now: Instant,
}

impl Node {
    fn new(cluster: &Cluster, change: impl FnOnce(&mut config::Tenant)) -> Self {
        let database = cluster.database().unwrap();
        let mut config = tenant(&database);
        change(&mut config);
        let tenant = Arc::new(Tenant::new(TenantSlot::new(1), Arc::new(config)));
        let home = home(Arc::default());
        let pool = pool(&home, &tenant, &database);
        pool.clients.set(1);
        Self {
            database,
            tenant,
            home,
            pool,
            now: Instant::now(),
        }
    }

    /// What a call does, as far as is known at the moment.
    fn effect(&self, call: &str) -> FunctionEffect {
        let (schema, name) = match call.split_once('.') {
            Some((schema, name)) => (Some(schema.as_bytes()), name),
            None => (None, call),
        };
        self.pool.functions().effect(schema, name.as_bytes())
    }

    /// Has the database asked, if something was missed, and waits for the answer. False if there was
    /// no need or it is too soon.
    async fn ask(&self) -> bool {
        if !self.pool.functions().has_missed() {
            return false;
        }
        let tasks = Rc::strong_count(&self.pool);
        self.pool.missed_function(self.now);
        let is_asking = Rc::strong_count(&self.pool) > tasks;
        let answered = async {
            while Rc::strong_count(&self.pool) > tasks {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, answered).await.unwrap();
        is_asking
    }

    fn psql(&self, cluster: &Cluster, sql: &str) {
        cluster.psql_in(&self.database.name, sql).unwrap();
    }
}

fn tenant(database: &Database) -> config::Tenant {
    let endpoint = |(name, role): (&str, Role)| {
        let mut endpoint = config::Endpoint {
            name: name.to_owned(),
            host: Host::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: database.port,
            role,
            ..config::Endpoint::default()
        };
        endpoint.tls.mode = ServerTlsMode::Disable;
        Arc::new(endpoint)
    };
    let user = config::User {
        name: database.user.clone(),
        secret: Some(SecretText::new(database.password.clone())),
        ..config::User::default()
    };
    config::Tenant {
        name: "acme".to_owned(),
        endpoints: [("one", Role::Primary), ("two", Role::Replica)]
            .map(endpoint)
            .into(),
        users: [(user.name.clone(), Arc::new(user))].into(),
        ..config::Tenant::default()
    }
}

fn home(catalogs: Arc<Catalogs>) -> Rc<Home> {
    let surroundings = Surroundings {
        random: |bytes| bytes.fill(7),
        dial: Box::new(Sockets::default()),
        post: Box::new(Nobody),
        statement_prefix: "tidegate_07070707_".into(),
        topologies: Arc::default(),
        catalogs,
        sleepers: Arc::default(),
        region: Arc::default(),
    };
    let node = NodeCounts::new(&config::Node::default());
    Home::new(0, Arc::new(node), surroundings)
}

fn pool(home: &Rc<Home>, tenant: &Arc<Tenant>, database: &Database) -> Rc<Pool> {
    let user = tenant.config().user(&database.user);
    home.pool(tenant, &database.name, &user)
}

fn login(database: &Database) -> Login {
    Login {
        address: (Ipv4Addr::LOCALHOST, database.port).into(),
        user: database.user.clone(),
        database: database.name.clone(),
        password: database.password.clone(),
        parameters: Vec::new(),
        before: Vec::new(),
        protocol_minor: 0,
    }
}

fn run(test: impl Future<Output = ()>) {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(test);
}

/// One of each kind.
const KINDS: &str = "\
    create schema app; create schema other; \
    create function pure(int) returns int immutable language sql as 'select 1'; \
    create function seen() returns int stable security definer language plpgsql as 'begin return 1; end'; \
    create function pays() returns int language plpgsql as 'begin return 1; end'; \
    create function app.pays(int) returns int stable language sql as 'select 1'; \
    create function app.total(int) returns int stable language sql as 'select 1'; \
    create function app.total(text) returns int volatile language sql as 'select 1'; \
    create function other.total(int) returns int stable language sql as 'select 1'; \
    create function \"Quoted\"() returns int stable language sql as 'select 1'; \
    create procedure does() language sql as 'select 1'; \
    create function fires() returns trigger language plpgsql as 'begin return new; end'; \
    create function adds(int, int) returns int volatile language sql as 'select $1 + $2'; \
    create aggregate quiet(int) (sfunc = int4pl, stype = int, initcond = '0'); \
    create aggregate loud(int) (sfunc = adds, stype = int, initcond = '0'); \
    create aggregate late(int) (sfunc = int4pl, stype = int, finalfunc = ends); \
    create function nth(int) returns bigint stable window language internal as 'window_row_number'; \
    create function lower(point) returns text volatile language sql as 'select 1::text'; \
    create function upper(point) returns text stable language sql as 'select 1::text'; \
    create function pg_backend_pid(point) returns int stable language sql as 'select 1'; \
    create function table_to_xml(point) returns int stable language sql as 'select 1'; \
    create function pg_catalog.md5(point) returns text volatile language sql as 'select 1::text'; \
    create function pg_catalog.extra() returns int stable language sql as 'select 1';";

#[test]
fn functions_of_all_kinds_are_what_the_catalog_says_of_all_of_their_name() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    run(async {
        let node = Node::new(cluster, |_| {});
        let ends = "create function ends(int) returns int volatile language sql as 'select $1';";
        node.psql(cluster, &format!("{ends} {KINDS}"));
        let mut other = Wire::connect(&login(&node.database)).unwrap();
        let passing =
            "create function pg_temp.passing() returns int stable language sql as 'select 1'";
        other.query(passing).unwrap();
        for call in ["lower", "pure", "public.pure", "pg_catalog.lower"] {
            assert_eq!(node.effect(call), Unknown, "{call}");
        }
        assert!(node.ask().await);
        for (call, expected) in [
            ("pure", Reads),
            ("public.pure", Reads),
            ("app.pure", Unknown),
            ("seen", Reads),
            ("pays", Writes),
            ("app.pays", Reads),
            ("total", Writes),
            ("app.total", Writes),
            ("other.total", Reads),
            ("Quoted", Reads),
            ("quoted", Unknown),
            ("does", Writes),
            ("fires", Writes),
            ("quiet", Reads),
            ("loud", Writes),
            ("late", Writes),
            ("nth", Reads),
            ("lower", Writes),
            ("pg_catalog.lower", Reads),
            ("upper", Reads),
            ("pg_backend_pid", ReadsNode),
            ("table_to_xml", Unknown),
            ("public.table_to_xml", Reads),
            ("md5", Writes),
            ("pg_catalog.md5", Writes),
            ("extra", Reads),
            ("pg_catalog.extra", Reads),
            ("passing", Unknown),
            ("count", Reads),
            ("nextval", Writes),
        ] {
            assert_eq!(node.effect(call), expected, "{call}");
        }
    });
}

#[test]
fn what_is_made_or_changed_later_is_seen_by_a_miss_a_hint_or_its_age() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    run(async {
        let mut node = Node::new(cluster, |_| {});
        let create = "create or replace function later() returns int";
        assert_eq!(node.effect("count"), Unknown);
        assert!(node.ask().await);
        assert_eq!(node.effect("count"), Reads);
        assert!(!node.ask().await, "nothing is missed");
        node.psql(
            cluster,
            &format!("{create} stable language sql as 'select 1'"),
        );
        assert_eq!(node.effect("later"), Unknown);
        assert!(!node.ask().await, "it has just been asked");
        let before = node.pool.functions();
        drop(node.home.tick(node.now));
        assert!(Rc::ptr_eq(&before, &node.pool.functions()));
        // A little more: that it has answered was later than it was asked.
        node.now += FUNCTIONS_MISS_PAUSE + LIMIT;
        drop(node.home.tick(node.now));
        let after = node.pool.functions();
        assert!(
            !Rc::ptr_eq(&before, &after),
            "what was missed is looked up anew"
        );
        assert_eq!(node.effect("later"), Unknown);
        assert!(node.ask().await);
        assert_eq!(node.effect("later"), Reads);
        node.psql(
            cluster,
            &format!("{create} volatile language sql as 'select 1'"),
        );
        assert_eq!(node.effect("later"), Reads);
        node.pool.functions_changed();
        assert_eq!(node.effect("later"), Unknown, "until it has been asked");
        node.now += FUNCTIONS_PAUSE_MIN;
        assert!(node.ask().await);
        assert_eq!(node.effect("later"), Writes);
        node.psql(cluster, "drop function later()");
        node.now += FUNCTIONS_AGE_MAX + LIMIT;
        assert!(!node.ask().await, "nobody has called anything");
        assert_eq!(node.effect("count"), Reads);
        assert!(!node.ask().await, "nor has a tick passed");
        drop(node.home.tick(node.now));
        let old = node.pool.functions();
        assert_eq!(node.effect("count"), Reads);
        drop(node.home.tick(node.now));
        assert!(
            Rc::ptr_eq(&old, &node.pool.functions()),
            "it is old already"
        );
        assert!(node.ask().await);
        assert_eq!(node.effect("later"), Unknown);
    });
}

#[test]
fn all_workers_know_what_one_of_them_has_asked_for() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    run(async {
        let node = Node::new(cluster, |config| {
            config.write_functions = vec!["count".to_owned()];
        });
        let catalogs = Arc::default();
        let homes = [home(Arc::clone(&catalogs)), home(catalogs)];
        let [one, two] = homes.map(|home| Node {
            pool: pool(&home, &node.tenant, &node.database),
            home,
            database: node.database.clone(),
            tenant: Arc::clone(&node.tenant),
            now: node.now,
        });
        assert_eq!((one.effect("sum"), two.effect("sum")), (Unknown, Unknown));
        assert!(one.ask().await);
        assert_eq!((one.effect("sum"), two.effect("sum")), (Reads, Reads));
        assert_eq!((one.effect("count"), two.effect("count")), (Writes, Writes));
        two.pool.functions_changed();
        assert_eq!((one.effect("sum"), two.effect("sum")), (Unknown, Unknown));
    });
}

#[test]
fn of_more_functions_than_are_kept_the_first_are_known() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    run(async {
        let node = Node::new(cluster, |_| {});
        let make = format!(
            "do $$ begin for i in 0..{FUNCTIONS_COUNT_MAX} loop execute format(\
             'create function f_%s() returns int stable language sql as ''select 1''', lpad(i::text, 6, '0')); \
             end loop; end $$; \
             create function upper(point) returns text volatile language sql as 'select 1::text'"
        );
        node.psql(cluster, &make);
        assert_eq!(node.effect("f_000000"), Unknown);
        assert!(node.ask().await);
        assert!(node.pool.functions().catalog().unwrap().is_cut());
        for (call, expected) in [
            ("upper", Writes),
            ("lower", Reads),
            ("f_000000", Reads),
            (&format!("f_{:06}", FUNCTIONS_COUNT_MAX - 2), Reads),
            (&format!("f_{FUNCTIONS_COUNT_MAX:06}"), Unknown),
        ] {
            assert_eq!(node.effect(call), expected, "{call}");
        }
    });
}

#[test]
fn a_tenant_without_replicas_is_not_asked_and_one_that_cannot_be_asked_is_left_alone_for_longer() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    run(async {
        let single = Node::new(cluster, |config| config.endpoints.truncate(1));
        assert_eq!(single.effect("count"), Unknown);
        assert!(!single.ask().await);
        let secret = Some(SecretText::new("wrong".to_owned()));
        let mut node = Node::new(cluster, |config| {
            for user in config.users.values_mut() {
                *user = Arc::new(config::User {
                    secret: secret.clone(),
                    ..config::User::clone(user)
                });
            }
        });
        assert_eq!(node.effect("count"), Unknown);
        assert!(node.ask().await);
        let before = node.pool.functions();
        drop(node.home.tick(node.now + FUNCTIONS_OTHERS_PAUSE));
        let after = node.pool.functions();
        assert!(!Rc::ptr_eq(&before, &after), "it is to be asked again");
        assert_eq!(node.effect("count"), Unknown);
        assert!(!node.ask().await, "it has just failed");
        node.now += FUNCTIONS_PAUSE_MIN + LIMIT;
        assert_eq!(node.effect("count"), Unknown);
        assert!(node.ask().await);
    });
}
