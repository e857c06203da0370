//! Reads go to replicas, and nobody can tell but by how long they take. With real streaming
//! replication.
#![cfg(test)]

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::Database;
use tidegate_harness::Pooler;
use tidegate_harness::Ready;
use tidegate_harness::Version;
use tidegate_harness::free_port;
use tidegate_harness::polling;
use tidegate_harness::skip;
use tidegate_harness::wire;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;

const LIMIT: Duration = Duration::from_secs(20);

/// Which server answers: a parameter that the replica has another value of.
const WHO: &str = "show vacuum_cost_page_dirty";
const PRIMARY: &str = "20";
const REPLICA: &str = "21";

/// A primary, a standby, and a Tidegate in front of both.
struct World {
    primary: Cluster,
    standby: Cluster,
    _pooler: Pooler,
    database: Database,
    port: u16,
}

impl World {
    fn start(tenant: &str) -> Option<Self> {
        let primary = skip::unless(Cluster::start(Version::under_test()))?;
        let database = primary.database().unwrap();
        let standby = primary.standby().unwrap();
        let mark = format!("alter system set vacuum_cost_page_dirty = {REPLICA}");
        standby.psql(&mark).unwrap();
        standby.psql("select pg_reload_conf()").unwrap();
        let port = free_port().unwrap();
        let Database { user, password, .. } = &database;
        let text = format!(
            r#"
[node]
workers = 1
[[listener]]
name = "main"
address = "127.0.0.1:{port}"
default_tenant = "acme"
[[tenant]]
name = "acme"
{tenant}
[[tenant.endpoint]]
name = "primary"
host = "127.0.0.1"
port = {}
[[tenant.endpoint]]
name = "replica"
host = "127.0.0.1"
port = {}
role = "replica"
[[tenant.user]]
name = "{user}"
secret = "{password}"
"#,
            primary.port(),
            standby.port(),
        );
        let pooler = Pooler::start(&text, Ready::Port(port)).unwrap();
        Some(Self {
            primary,
            standby,
            _pooler: pooler,
            database,
            port,
        })
    }

    fn connect(&self) -> Wire {
        Wire::connect(&Login {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)),
            user: self.database.user.clone(),
            database: self.database.name.clone(),
            password: self.database.password.clone(),
            parameters: Vec::new(),
            before: Vec::new(),
            protocol_minor: 0,
        })
        .unwrap()
    }

    /// A client whose reads go to the replica by now.
    fn reader(&self) -> Wire {
        let mut client = self.connect();
        let is_there = || client.query(WHO).unwrap() == REPLICA;
        polling::until_true("a read at the replica", LIMIT, is_there).unwrap();
        client
    }
}

/// All worlds but those whose servers are stopped.
fn world() -> Option<&'static World> {
    static WORLD: OnceLock<Option<World>> = OnceLock::new();
    WORLD.get_or_init(|| World::start("")).as_ref()
}

/// Parses, binds and executes in one round.
fn round(statement: &str, sql: Option<&str>, values: &[&str]) -> Vec<u8> {
    let parse = sql.map(|sql| wire::parse(statement, sql).unwrap());
    [
        parse.unwrap_or_default(),
        wire::bind("", statement, values).unwrap(),
        wire::execute("").unwrap(),
        wire::sync(),
    ]
    .concat()
}

impl World {
    /// Changes something, and waits until the replica has it as well.
    fn prepare(&self, sql: &str) {
        let database = &self.database.name;
        self.primary.psql_in(database, sql).unwrap();
        let written = self
            .primary
            .psql("select pg_current_wal_insert_lsn()")
            .unwrap();
        let is_there = format!("select pg_last_wal_replay_lsn() >= '{written}'");
        polling::until_true("the replica to follow", LIMIT, || {
            self.standby.psql(&is_there).unwrap() == "t"
        })
        .unwrap();
    }
}

#[test]
fn a_read_goes_to_the_replica_and_a_client_sees_what_it_has_written() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.reader();
    client.query("create table written (number int)").unwrap();
    for number in 1..=50 {
        client
            .query(&format!("insert into written values ({number})"))
            .unwrap();
        let seen = client.query("select count(*) from written").unwrap();
        assert_eq!(seen, number.to_string());
    }
    let is_there = || client.query(WHO).unwrap() == REPLICA;
    polling::until_true("a read at the replica again", LIMIT, is_there).unwrap();
}

#[test]
fn what_only_a_replica_can_tell_to_write_is_done_by_the_primary_and_remembered() {
    let Some(world) = world() else {
        return;
    };
    world.prepare(
        "create sequence hidden; create view hides as select nextval('hidden') as number;\
         grant all on sequence hidden to public; grant all on hides to public",
    );
    let mut client = world.reader();
    let refusals = || world.standby.log().matches("from hides").count();
    assert_eq!(refusals(), 0);
    assert_eq!(client.query("select number from hides").unwrap(), "1");
    assert_eq!(refusals(), 1, "the replica was asked first");
    let mut client = world.reader();
    assert_eq!(client.query("select number from hides").unwrap(), "2");
    assert_eq!(refusals(), 1, "and never again");
    let mut client = world.reader();
    let sql = "select number + $1 from hides";
    for (statement, sql, values, expected) in [
        ("", Some(sql), "10", "13"),
        ("named", Some(sql), "20", "24"),
        ("named", None, "30", "35"),
    ] {
        client.send(&round(statement, sql, &[values])).unwrap();
        assert_eq!(client.rows().unwrap(), expected);
    }
    assert_eq!(refusals(), 2);
}

#[test]
fn a_named_statement_whose_round_is_taken_back_has_its_name_once() {
    let Some(world) = world() else {
        return;
    };
    world.prepare(
        "create sequence once; create view only_once as select nextval('once') as number;\
         grant all on sequence once to public; grant all on only_once to public",
    );
    let mut client = world.reader();
    let sql = "select number * $1::int from only_once";
    client.send(&round("mine", Some(sql), &["10"])).unwrap();
    assert_eq!(client.rows().unwrap(), "10");
    client.send(&round("mine", None, &["10"])).unwrap();
    assert_eq!(client.rows().unwrap(), "20");
    // The name is taken, as it is without a replica.
    client.send(&round("mine", Some(sql), &["10"])).unwrap();
    assert_eq!(client.rows().unwrap_err().sqlstate(), "42P05");
}

#[test]
fn rounds_in_one_write_are_answered_in_their_order_wherever_each_goes() {
    let Some(world) = world() else {
        return;
    };
    world.prepare("create table mixed (number int); grant all on mixed to public");
    let mut client = world.reader();
    let rounds = [
        wire::query(WHO).unwrap(),
        wire::query("insert into mixed values (7) returning number").unwrap(),
        round("", Some("select max(number) + $1 from mixed"), &["1"]),
        wire::query("begin; insert into mixed values (8); select 'in a block'").unwrap(),
        wire::query("select count(*) from mixed").unwrap(),
        wire::query("commit; select 'over'").unwrap(),
        round("", Some("select sum(number) from mixed"), &[]),
    ];
    client.send(&rounds.concat()).unwrap();
    let answers: Vec<_> = rounds.iter().map(|_| client.rows().unwrap()).collect();
    let expected = [REPLICA, "7", "8", "in a block", "2", "over", "15"];
    assert_eq!(answers, expected);
}

#[test]
fn a_transaction_that_says_it_only_reads_is_the_replicas_until_it_is_over() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.reader();
    let block = [
        wire::query("begin read only").unwrap(),
        wire::query(WHO).unwrap(),
        wire::query("select pg_is_in_recovery()").unwrap(),
    ];
    // A server that was opened a moment ago is not known well enough.
    polling::until_true("a block at the replica", LIMIT, || {
        client.send(&block.concat()).unwrap();
        let answers: Vec<_> = block.iter().map(|_| client.rows().unwrap()).collect();
        let is_there = answers == ["", REPLICA, "t"];
        if !is_there {
            assert_eq!(answers, ["", PRIMARY, "f"]);
            client.query("commit").unwrap();
        }
        is_there
    })
    .unwrap();
    let refused = client.query("create table no (number int)").unwrap_err();
    assert_eq!(refused.sqlstate(), "25006");
    client.query("rollback").unwrap();
    assert_eq!(client.query("select pg_is_in_recovery()").unwrap(), "f");
    // Any other block is the primary's.
    client.query("begin").unwrap();
    assert_eq!(client.query(WHO).unwrap(), PRIMARY);
    client.query("commit").unwrap();
}

#[test]
fn a_client_may_say_itself_where_it_wants_to_read() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.reader();
    assert_eq!(
        client
            .query(&format!("/* tidegate:primary */ {WHO}"))
            .unwrap(),
        PRIMARY
    );
    let there = "/* tidegate:replica */ select pg_is_in_recovery()";
    let is_there = || client.query(there).unwrap() == "t";
    polling::until_true("a question to the replica", LIMIT, is_there).unwrap();
    client.query("set tidegate.route = 'primary'").unwrap();
    assert_eq!(client.query(WHO).unwrap(), PRIMARY);
    client.query("set tidegate.route = 'replica'").unwrap();
    let is_there = || client.query("select pg_is_in_recovery()").unwrap() == "t";
    polling::until_true("a question to the replica", LIMIT, is_there).unwrap();
    let is_refused = || {
        let made = client.query("create temp table no (number int); drop table no");
        made.is_err_and(|refused| refused.sqlstate() == "25006")
    };
    polling::until_true("a write at the replica", LIMIT, is_refused).unwrap();
}

#[test]
fn what_follows_a_round_at_a_replica_survives_a_prepared_statement_there() {
    let Some(world) = world() else {
        return;
    };
    world.prepare("create table followed (number int); grant all on followed to public");
    let mut client = world.reader();
    // Prepared at the primary, and used where nobody knows it.
    client.query("begin").unwrap();
    client
        .send(&round(
            "s",
            Some("select $1::int + count(*) from followed"),
            &["1"],
        ))
        .unwrap();
    assert_eq!(client.rows().unwrap(), "1");
    client.query("commit").unwrap();
    let who = || client.query(WHO).unwrap() == REPLICA;
    polling::until_true("a read at the replica", LIMIT, who).unwrap();
    let rounds = [
        round("s", None, &["5"]),
        round("s", None, &["6"]),
        wire::query("insert into followed values (1) returning number").unwrap(),
        round("s", None, &["6"]),
    ];
    client.send(&rounds.concat()).unwrap();
    let answers: Vec<_> = rounds.iter().map(|_| client.rows().unwrap()).collect();
    assert_eq!(answers, ["5", "6", "1", "7"]);
}

#[test]
fn an_lsn_can_be_passed_on_to_whoever_must_see_the_same() {
    let Some(world) = world() else {
        return;
    };
    let (mut one, mut two) = (world.reader(), world.reader());
    one.query("create table passed (number int)").unwrap();
    one.query("insert into passed values (1)").unwrap();
    let lsn = one.query("SHOW tidegate.lsn;").unwrap();
    let (high, low) = lsn.split_once('/').unwrap();
    assert!(u32::from_str_radix(high, 16).is_ok() && u32::from_str_radix(low, 16).is_ok());
    one.send(&round("", Some("show tidegate.lsn"), &[]))
        .unwrap();
    assert_eq!(one.rows().unwrap(), lsn, "nothing has happened meanwhile");
    two.query(&format!("set tidegate.min_lsn = '{lsn}'"))
        .unwrap();
    assert_eq!(two.query("select number from passed").unwrap(), "1");
    two.query("set tidegate.min_lsn = 'FFFFFFFF/0'").unwrap();
    assert_eq!(two.query(WHO).unwrap(), PRIMARY);
}
