//! Plans: when they are made, kept and out of date.

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::wire;

use crate::two::Two;
use crate::two::close;
use crate::two::parse;
use crate::two::round;
use crate::two::run;
use crate::two::sqlstate;

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
