//! Prepared statements of clients that share servers: each client has its own names, wherever its
//! next transaction runs, and hears what a server of its own would say.
#![cfg(test)]

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_proto::backend::tag;
use tidegate_proto::frontend;

fn pool_of(size: u32) -> impl FnOnce(&mut PoolerConfig) {
    move |config| config.pool = format!("pool_size = {size}")
}

/// Two servers, and the clients that are needed to choose between them.
struct Two {
    // Dropped first: the pooler waits for clients in transactions.
    blocker: Wire,
    pooled: PooledDatabase,
    servers: [String; 2],
}

impl Two {
    fn start() -> Option<Self> {
        let pooled = PooledDatabase::start(pool_of(2)).unwrap()?;
        let (mut first, mut blocker) = (pooled.connect().unwrap(), pooled.connect().unwrap());
        first.query("begin").unwrap();
        blocker.query("begin").unwrap();
        let servers = [&mut first, &mut blocker].map(process_id);
        first.query("commit").unwrap();
        blocker.query("commit").unwrap();
        Some(Self {
            blocker,
            pooled,
            servers,
        })
    }

    /// Whoever says something next is lent this server.
    fn use_server(&mut self, number: usize) {
        self.free();
        // The blocker takes the one that was used last, or that one is what is wanted.
        self.blocker.query("begin").unwrap();
        if process_id(&mut self.blocker) == self.servers[number] {
            let mut other = self.pooled.connect().unwrap();
            other.query("begin").unwrap();
            self.blocker.query("commit").unwrap();
            self.blocker = other;
        }
        assert_ne!(process_id(&mut self.blocker), self.servers[number]);
    }

    fn free(&mut self) {
        self.blocker.query("commit").unwrap();
    }
}

fn process_id(client: &mut Wire) -> String {
    client.query("select pg_backend_pid()").unwrap()
}

fn round(client: &mut Wire, messages: &[Vec<u8>]) -> Result<String, WireError> {
    client.send(&messages.concat()).unwrap();
    client.send(&wire::sync()).unwrap();
    client.rows()
}

fn parse(client: &mut Wire, name: &str, sql: &str) -> Result<String, WireError> {
    round(client, &[wire::parse(name, sql).unwrap()])
}

fn run(client: &mut Wire, name: &str, values: &[&str]) -> Result<String, WireError> {
    let messages = [
        wire::bind("", name, values).unwrap(),
        wire::execute("").unwrap(),
    ];
    round(client, &messages)
}

fn close(name: &str) -> Vec<u8> {
    let mut message = Vec::new();
    let close = frontend::Close {
        target: frontend::Target::Statement(name.as_bytes()),
    };
    close.encode(&mut message).unwrap();
    message
}

fn sqlstate(result: Result<String, WireError>) -> String {
    result.unwrap_err().sqlstate().to_owned()
}

#[test]
fn a_named_statement_follows_its_client() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    two.use_server(0);
    let sql = "select pg_backend_pid() || ' ' || $1::text";
    parse(&mut client, "s", sql).unwrap();
    for number in [0, 1, 0, 1, 1, 0] {
        two.use_server(number);
        let expected = format!("{} canary {number}", two.servers[number]);
        let row = run(&mut client, "s", &[&format!("canary {number}")]).unwrap();
        assert_eq!(row, expected);
    }
}

#[test]
fn a_statement_is_described_wherever_its_client_is() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    two.use_server(0);
    parse(&mut client, "s", "select $1::int as one, 'two' as two").unwrap();
    let mut describe = Vec::new();
    let message = frontend::Describe {
        target: frontend::Target::Statement(b"s"),
    };
    message.encode(&mut describe).unwrap();
    let described = |client: &mut Wire| {
        client
            .send(&[describe.clone(), wire::sync()].concat())
            .unwrap();
        let messages = client.until(tag::READY_FOR_QUERY).unwrap();
        wire::trace(&messages).unwrap()
    };
    let at_home = described(&mut client);
    two.use_server(1);
    assert_eq!(described(&mut client), at_home);
}

#[test]
fn the_same_name_is_another_statement_for_another_client() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let mut clients: Vec<Wire> = (0..6).map(|_| pooled.connect().unwrap()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        parse(client, "s", &format!("select 'of client {number}'")).unwrap();
    }
    for _ in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            let row = run(client, "s", &[]).unwrap();
            assert_eq!(row, format!("of client {number}"));
        }
    }
}

#[test]
fn clients_that_say_the_same_share_one_statement_on_a_server() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut clients: Vec<Wire> = (0..8).map(|_| pooled.connect().unwrap()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let name = format!("name {number}");
        parse(client, &name, "select $1::text").unwrap();
        assert_eq!(run(client, &name, &["a"]).unwrap(), "a");
    }
    // The last name that was closed is closed when the next is parsed.
    parse(&mut clients[0], "other", "select 1").unwrap();
    let count = "select count(*) from pg_prepared_statements where statement like '%$1::text%'";
    assert_eq!(clients[0].query(count).unwrap(), "1");
}

#[test]
fn an_unnamed_statement_follows_its_client_and_is_nobody_elses() {
    let Some(mut two) = Two::start() else { return };
    let (mut first, mut second) = (two.pooled.connect().unwrap(), two.pooled.connect().unwrap());
    two.use_server(0);
    parse(&mut first, "", "select 'of the first'").unwrap();
    parse(&mut second, "", "select 'of the second'").unwrap();
    for number in [0, 1, 0] {
        two.use_server(number);
        assert_eq!(run(&mut first, "", &[]).unwrap(), "of the first");
        assert_eq!(run(&mut second, "", &[]).unwrap(), "of the second");
    }
    // A query drops it, and what another client has left there is none of this one's.
    second.query("select 1").unwrap();
    parse(&mut first, "", "select 'of the first'").unwrap();
    assert_eq!(sqlstate(run(&mut second, "", &[])), "26000");
    assert_eq!(run(&mut first, "", &[]).unwrap(), "of the first");
    let mut third = two.pooled.connect().unwrap();
    assert_eq!(sqlstate(run(&mut third, "", &[])), "26000");
}

#[test]
fn names_that_are_taken_or_unknown_are_refused_as_by_a_server() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    assert_eq!(sqlstate(run(&mut client, "s", &[])), "26000");
    parse(&mut client, "s", "select 'first'").unwrap();
    for number in [0, 1] {
        two.use_server(number);
        let taken = parse(&mut client, "s", "select 'second'").unwrap_err();
        assert_eq!(taken.sqlstate(), "42P05");
        let words = taken.report().map(|report| report.message.clone());
        assert_eq!(words.unwrap(), "prepared statement \"s\" already exists");
        assert_eq!(run(&mut client, "s", &[]).unwrap(), "first");
    }
    two.free();
    round(&mut client, &[close("s"), close("never there")]).unwrap();
    let unknown = run(&mut client, "s", &[]).unwrap_err();
    let words = unknown.report().map(|report| report.message.clone());
    assert_eq!(words.unwrap(), "prepared statement \"s\" does not exist");
    parse(&mut client, "s", "select 'third'").unwrap();
    assert_eq!(run(&mut client, "s", &[]).unwrap(), "third");
    // Nothing of it is left for others.
    let left = "select count(*) from pg_prepared_statements where name = 's'";
    assert_eq!(two.pooled.connect().unwrap().query(left).unwrap(), "0");
}

#[test]
fn what_a_failed_pipeline_skipped_did_not_happen() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    parse(&mut client, "kept", "select 'kept'").unwrap();
    let failing = [
        wire::parse("bad", "select nonsense").unwrap(),
        wire::parse("skipped", "select 1").unwrap(),
        close("kept"),
    ];
    assert_eq!(sqlstate(round(&mut client, &failing)), "42703");
    assert_eq!(run(&mut client, "kept", &[]).unwrap(), "kept");
    for name in ["bad", "skipped"] {
        assert_eq!(sqlstate(run(&mut client, name, &[])), "26000", "{name}");
        parse(&mut client, name, &format!("select '{name}'")).unwrap();
        assert_eq!(run(&mut client, name, &[]).unwrap(), name);
    }
    // The same across the unnamed statement.
    parse(&mut client, "", "select 'old'").unwrap();
    let failing = [
        wire::bind("", "nonsense", &[]).unwrap(),
        wire::parse("", "select 'new'").unwrap(),
    ];
    assert_eq!(sqlstate(round(&mut client, &failing)), "26000");
    assert_eq!(run(&mut client, "", &[]).unwrap(), "old");
    assert_eq!(sqlstate(parse(&mut client, "", "select nonsense")), "42703");
    assert_eq!(sqlstate(run(&mut client, "", &[])), "26000");
}

#[test]
fn statements_are_deallocated_by_name_and_all_at_once() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    for (all, number) in [
        ("deallocate all", 0),
        ("discard all", 1),
        ("DEALLOCATE PREPARE ALL", 0),
    ] {
        for name in ["a", "B"] {
            parse(&mut client, name, &format!("select '{name}'")).unwrap();
        }
        two.use_server(number);
        client.query("DEALLOCATE a").unwrap();
        assert_eq!(sqlstate(client.query("deallocate a")), "26000");
        assert_eq!(sqlstate(run(&mut client, "a", &[])), "26000");
        assert_eq!(run(&mut client, "B", &[]).unwrap(), "B");
        client.query("deallocate prepare \"B\";").unwrap();
        assert_eq!(sqlstate(run(&mut client, "B", &[])), "26000");
        parse(&mut client, "a", "select 'again'").unwrap();
        client.query(all).unwrap();
        assert_eq!(sqlstate(run(&mut client, "a", &[])), "26000", "{all}");
    }
    // In a failed transaction nothing is deallocated.
    parse(&mut client, "a", "select 'a'").unwrap();
    client.query("begin").unwrap();
    client.query("select 1/0").unwrap_err();
    assert_eq!(sqlstate(client.query("deallocate a")), "25P02");
    client.query("rollback").unwrap();
    assert_eq!(run(&mut client, "a", &[]).unwrap(), "a");
    // What is parsed behind it, in the same write, stays.
    let pipelined = [
        wire::query("deallocate all").unwrap(),
        wire::parse("b", "select 'b'").unwrap(),
        wire::sync(),
    ];
    client.send(&pipelined.concat()).unwrap();
    client.rows().unwrap();
    client.rows().unwrap();
    two.use_server(1);
    assert_eq!(run(&mut client, "b", &[]).unwrap(), "b");
}

#[test]
fn sql_and_the_protocol_know_the_same_names() {
    let Some(mut two) = Two::start() else { return };
    for number in [0, 1] {
        let mut client = two.pooled.connect().unwrap();
        two.use_server(0);
        parse(&mut client, "s", "select 'by the protocol', $1::text").unwrap();
        parse(&mut client, "t", "select 't'").unwrap();
        two.use_server(number);
        let execute = client.query("execute s('a')").unwrap();
        assert_eq!(execute, "by the protocol|a");
        assert_eq!(run(&mut client, "s", &["b"]).unwrap(), "by the protocol|b");
        assert_eq!(sqlstate(client.query("prepare T as select 1")), "42P05");
        client.query("prepare u as select 'by sql'").unwrap();
        assert_eq!(run(&mut client, "u", &[]).unwrap(), "by sql");
        assert_eq!(sqlstate(parse(&mut client, "u", "select 1")), "42P05");
        client.query("deallocate s; select 1").unwrap();
        assert_eq!(sqlstate(client.query("execute s('a')")), "26000");
        client.query("deallocate t").unwrap();
        assert_eq!(sqlstate(client.query("execute t")), "26000");
        parse(&mut client, "t", "select 'again'").unwrap();
        assert_eq!(client.query("execute t").unwrap(), "again");
        assert_eq!(run(&mut client, "t", &[]).unwrap(), "again");
        client.query("discard all").unwrap();
        assert_eq!(sqlstate(run(&mut client, "t", &[])), "26000");
        assert_eq!(sqlstate(client.query("execute u")), "26000");
    }
}

#[test]
fn a_plan_that_no_longer_fits_is_refused_everywhere_and_a_new_parse_helps() {
    let Some(mut two) = Two::start() else { return };
    let (mut first, mut second) = (two.pooled.connect().unwrap(), two.pooled.connect().unwrap());
    first
        .query("create table things (id int); insert into things values (1)")
        .unwrap();
    let sql = "select * from things";
    two.use_server(0);
    parse(&mut first, "s", sql).unwrap();
    assert_eq!(run(&mut first, "s", &[]).unwrap(), "1");
    // Past the pooler, which sees nothing of it.
    two.pooled
        .admin("alter table things add column name text default 'one'")
        .unwrap();
    // Where it is prepared, where it is not, and where the failed one was.
    for number in [0, 1, 1, 0] {
        two.use_server(number);
        let stale = run(&mut first, "s", &[]).unwrap_err();
        assert_eq!(stale.sqlstate(), "0A000", "on server {number}");
        let words = stale.report().map(|report| report.message.clone());
        assert_eq!(words.unwrap(), "cached plan must not change result type");
    }
    // A client that parses it now gets a plan of now, on every server.
    parse(&mut second, "t", sql).unwrap();
    for number in [0, 1, 0] {
        two.use_server(number);
        assert_eq!(run(&mut second, "t", &[]).unwrap(), "1|one");
        assert_eq!(sqlstate(run(&mut first, "s", &[])), "0A000");
    }
    round(&mut first, &[close("s"), wire::parse("s", sql).unwrap()]).unwrap();
    for number in [0, 1] {
        two.use_server(number);
        assert_eq!(run(&mut first, "s", &[]).unwrap(), "1|one");
    }
}

#[test]
fn a_statement_whose_table_is_made_anew_goes_on() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    let make = "create table things (id int); insert into things values (1)";
    client.query(make).unwrap();
    two.use_server(0);
    parse(&mut client, "s", "select id from things").unwrap();
    let dropped = "drop table things";
    two.free();
    client.query(dropped).unwrap();
    for number in [0, 1] {
        two.use_server(number);
        assert_eq!(sqlstate(run(&mut client, "s", &[])), "42P01");
    }
    two.free();
    client.query(make).unwrap();
    for number in [0, 1] {
        two.use_server(number);
        assert_eq!(run(&mut client, "s", &[]).unwrap(), "1");
    }
}

#[test]
fn a_server_keeps_no_more_statements_than_it_may() {
    let configure = |config: &mut PoolerConfig| {
        config.pool = "pool_size = 1\nmax_prepared_statements = 3".to_owned();
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    for number in 0..10 {
        parse(
            &mut first,
            &format!("s{number}"),
            &format!("select {number}"),
        )
        .unwrap();
        parse(&mut second, "s", "select 'second'").unwrap();
        second.query("deallocate s").unwrap();
    }
    for number in [0, 9, 4, 4, 5, 6, 7, 0, 1] {
        let row = run(&mut first, &format!("s{number}"), &[]).unwrap();
        assert_eq!(row, number.to_string());
    }
    let count = first
        .query("select count(*) from pg_prepared_statements")
        .unwrap();
    assert!(count.parse::<u32>().unwrap() <= 4, "{count}");
    // Within one pipeline as well.
    let pipeline: Vec<Vec<u8>> = (0..10)
        .flat_map(|number| {
            let name = format!("s{number}");
            [
                wire::bind("", &name, &[]).unwrap(),
                wire::execute("").unwrap(),
            ]
        })
        .collect();
    assert_eq!(
        round(&mut first, &pipeline).unwrap().replace('\n', ""),
        "0123456789"
    );
}

#[test]
fn a_statement_means_what_it_meant_when_it_was_parsed() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    two.use_server(0);
    client.query("set datestyle = 'ISO, DMY'").unwrap();
    parse(&mut client, "s", "select '01/02/2003'::date").unwrap();
    client.query("set datestyle = 'ISO, MDY'").unwrap();
    for number in [1, 0, 1] {
        two.use_server(number);
        assert_eq!(run(&mut client, "s", &[]).unwrap(), "2003-02-01");
        assert_eq!(
            client.query("select '01/02/2003'::date").unwrap(),
            "2003-01-02"
        );
        assert_eq!(client.query("show datestyle").unwrap(), "ISO, MDY");
    }
    // Another client, who parses the same words under the other style, means something else.
    let mut other = two.pooled.connect().unwrap();
    parse(&mut other, "s", "select '01/02/2003'::date").unwrap();
    assert_eq!(run(&mut other, "s", &[]).unwrap(), "2003-01-02");
    assert_eq!(run(&mut client, "s", &[]).unwrap(), "2003-02-01");
}

#[test]
fn a_pipeline_that_needs_a_statement_on_the_way_is_one_transaction() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    client.query("create table things (id int)").unwrap();
    two.use_server(0);
    parse(&mut client, "insert", "insert into things values ($1::int)").unwrap();
    parse(&mut client, "divide", "select 1 / $1::int").unwrap();
    let pipeline = |divisor: &str| {
        [
            wire::parse("", "insert into things values (7)").unwrap(),
            wire::bind("", "", &[]).unwrap(),
            wire::execute("").unwrap(),
            wire::bind("", "insert", &["8"]).unwrap(),
            wire::execute("").unwrap(),
            wire::bind("", "divide", &[divisor]).unwrap(),
            wire::execute("").unwrap(),
        ]
    };
    let count = "select count(*) from things";
    two.use_server(1);
    assert_eq!(sqlstate(round(&mut client, &pipeline("0"))), "22012");
    assert_eq!(client.query(count).unwrap(), "0");
    round(&mut client, &pipeline("1")).unwrap();
    assert_eq!(client.query(count).unwrap(), "2");
}

#[test]
fn a_statement_too_long_to_be_kept_keeps_its_server() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let long = |word: &str| format!("select '{word}', length('{}')", "x".repeat(200_000));
    for name in ["s", ""] {
        parse(&mut first, name, &long("first")).unwrap();
        parse(&mut second, name, &long("second")).unwrap();
        for _ in 0..3 {
            assert_eq!(run(&mut first, name, &[]).unwrap(), "first|200000");
            assert_eq!(run(&mut second, name, &[]).unwrap(), "second|200000");
        }
    }
}

#[test]
fn a_statement_prepared_in_a_transaction_outlives_its_rollback() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    client.query("begin").unwrap();
    parse(&mut client, "s", "select 'kept'").unwrap();
    client.query("rollback").unwrap();
    for number in [0, 1] {
        two.use_server(number);
        assert_eq!(run(&mut client, "s", &[]).unwrap(), "kept");
    }
    // It is prepared within a transaction that has failed only to hear that.
    two.use_server(0);
    parse(&mut client, "t", "select 't'").unwrap();
    two.use_server(1);
    client.query("begin").unwrap();
    client.query("select 1/0").unwrap_err();
    assert_eq!(sqlstate(run(&mut client, "t", &[])), "25P02");
    client.query("rollback").unwrap();
    assert_eq!(run(&mut client, "t", &[]).unwrap(), "t");
}
