//! Rows of tens of megabytes, compared byte by byte: whatever reads them, whoever goes in the middle,
//! and whether the kernel moves them or there is no pipe for that.
#![cfg(test)]

use std::fs;
use std::io::ErrorKind;
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::free_port;
use tidegate_harness::http_get;
use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;
use tidegate_proto::backend::tag;

const LIMIT: Duration = Duration::from_mins(1);

/// What the sockets on the way hardly take at once. Of twice as much, something always waits.
const MEBIBYTES: usize = 32;

/// Two descriptors for each, on two workers; and no tenant has more than half of what a worker has.
const PIPE_ENDS_OF_A_TENANT_MAX: usize = 2 * 2 * 8;

/// A text, each piece of which is different.
const TABLE: &str = "create table huge as select string_agg(md5(i::text), '') as line";

const ROW: &str = "select line from huge";

const TWICE: &str = "select repeat(line, 2) from huge";

/// Rows that are moved, rows that are copied, and what is between.
const ROWS: &str = "select left(line, case i % 4 when 0 then 3 when 1 then 131072 \
                    else i * 1048576 + i end) from huge, generate_series(1, 12) i";

const COPY: &str = "copy (select line from huge, generate_series(1, 2)) to stdout";

struct World {
    pooled: PooledDatabase,
    /// Ends of pipes that the process has from the beginning.
    ends_before: usize,
    pid: u32,
}

impl World {
    fn start(configure: impl FnOnce(&mut PoolerConfig)) -> Option<Self> {
        let mut pooled = PooledDatabase::start(configure).unwrap()?;
        let pid = pooled.pooler.process().pid();
        let mut world = Self {
            pooled,
            ends_before: 0,
            pid,
        };
        let pieces = MEBIBYTES * 32 * 1024;
        let table = format!("{TABLE} from generate_series(1, {pieces}) i");
        world.direct().query(&table).unwrap();
        world.ends_before = world.pipe_ends();
        Some(world)
    }

    /// How many ends of pipes the process has, more than at first.
    fn pipe_ends(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap();
        let names = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        let pipes = names.filter(|name| name.to_string_lossy().starts_with("pipe:"));
        pipes.count() - self.ends_before
    }

    fn direct(&self) -> Wire {
        Wire::connect(&self.pooled.direct_login()).unwrap()
    }

    /// What Postgres itself answers, to the last byte.
    fn answer(&self, sql: &str) -> Vec<u8> {
        let mut direct = self.direct();
        asked(&mut direct, sql);
        direct.record();
        direct.until(tag::READY_FOR_QUERY).unwrap();
        direct.recorded().to_vec()
    }

    /// A client that has asked, and does not read.
    fn deaf(&self, sql: &str) -> Wire {
        let mut client = self.pooled.connect().unwrap();
        asked(&mut client, sql);
        client
    }

    /// So many servers at least cannot say all that they have to say.
    fn until_servers_wait(&self, count: usize) {
        let sql = "select count(*) from pg_stat_activity where datname = current_database() \
                   and wait_event = 'ClientWrite'";
        let is_it = || self.pooled.admin(sql).unwrap().parse::<usize>().unwrap() >= count;
        polling::until_true(&format!("{count} servers that wait"), LIMIT, is_it).unwrap();
    }

    /// The server is nobody's and well.
    fn serves_another(&self) {
        let mut next = self.pooled.connect().unwrap();
        assert_eq!(next.query("select 'next'").unwrap(), "next");
    }
}

fn asked(client: &mut Wire, sql: &str) {
    client.send(&wire::query(sql).unwrap()).unwrap();
}

/// As many bytes as `wanted` has, read in pieces of these sizes, are the same.
#[track_caller]
fn reads(mut socket: &TcpStream, wanted: &[u8], pieces: &[usize]) {
    let mut piece = vec![0; pieces.iter().copied().max().unwrap()];
    let mut at = 0;
    for size in pieces.iter().cycle() {
        if at == wanted.len() {
            return;
        }
        let size = (*size).min(wanted.len() - at);
        let count = match socket.read(&mut piece[..size]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            count => count.unwrap(),
        };
        assert!(count > 0, "the end at {at}");
        // No megabytes are printed.
        let is_same = piece[..count] == wanted[at..at + count];
        assert!(is_same, "another byte behind {at}");
        at += count;
    }
}

fn moves_whatever_comes(configure: impl FnOnce(&mut PoolerConfig)) {
    let Some(world) = World::start(configure) else {
        return;
    };
    let mut client = world.pooled.connect().unwrap();
    for sql in [ROW, ROWS, COPY] {
        let wanted = world.answer(sql);
        for pieces in [&[1 << 20][..], &[1, 4095, 70_001, 2], &[3000]] {
            asked(&mut client, sql);
            reads(client.socket(), &wanted, pieces);
            assert_eq!(client.query("select 'after it'").unwrap(), "after it");
        }
        world.serves_another();
    }
    assert!(world.pipe_ends() > 0, "nothing was moved by the kernel");
}

#[test]
fn every_reader_gets_every_byte() {
    moves_whatever_comes(|config| config.pool = "pool_size = 1".to_owned());
}

#[test]
fn every_reader_gets_every_byte_from_a_server_on_a_unix_socket() {
    moves_whatever_comes(|config| {
        config.pool = "pool_size = 1".to_owned();
        let cluster = tidegate_harness::Cluster::shared();
        let folder = cluster.map(|cluster| cluster.socket_folder().display().to_string());
        config.endpoint_host = folder;
    });
}

#[test]
fn what_was_moved_is_counted() {
    let http = free_port().unwrap();
    let Some(world) = World::start(|config| {
        config.pool = format!("pool_size = 1\n[http]\naddress = \"127.0.0.1:{http}\"");
    }) else {
        return;
    };
    let sent = || {
        let (_, page) = http_get(http, "/metrics").unwrap();
        let name = "tidegate_sent_bytes_total{tenant=\"acme\"} ";
        let value = page.lines().find_map(|line| line.strip_prefix(name));
        value.map_or(0, |value| value.trim().parse::<usize>().unwrap())
    };
    let wanted = world.answer(ROW);
    let mut client = world.pooled.connect().unwrap();
    client.query("select 1").unwrap();
    let before = polling::until("the first answer", LIMIT, || {
        let sent = sent();
        Ok((sent > 0).then_some(sent))
    });
    asked(&mut client, ROW);
    reads(client.socket(), &wanted, &[1 << 20]);
    let all = before.unwrap() + wanted.len();
    polling::until_true("every byte in the counter", LIMIT, || sent() == all).unwrap();
}

#[test]
fn clients_that_do_not_read_do_not_have_all_pipes_and_all_of_them_get_their_rows() {
    const CLIENTS: usize = 24;
    let configure = |config: &mut PoolerConfig| config.pool = format!("pool_size = {CLIENTS}");
    let Some(world) = World::start(configure) else {
        return;
    };
    let wanted = world.answer(ROW);
    let clients: Vec<Wire> = (0..CLIENTS).map(|_| world.deaf(ROW)).collect();
    // What sockets take may be all of a row.
    world.until_servers_wait(CLIENTS / 2);
    let ends = world.pipe_ends();
    assert!(
        (1..=PIPE_ENDS_OF_A_TENANT_MAX).contains(&ends),
        "{ends} ends"
    );
    for client in &clients {
        reads(client.socket(), &wanted, &[100_000]);
    }
    for mut client in clients {
        assert_eq!(client.query("select 'after it'").unwrap(), "after it");
    }
}

#[test]
fn what_a_client_leaves_in_a_pipe_reaches_nobody() {
    let Some(world) = World::start(|config| config.pool = "pool_size = 3".to_owned()) else {
        return;
    };
    let wanted = world.answer(ROW);
    for _ in 0..3 {
        let other = format!("select repeat('x', {})", MEBIBYTES << 21);
        let gone: Vec<Wire> = (0..3).map(|_| world.deaf(&other)).collect();
        world.until_servers_wait(3);
        assert!(world.pipe_ends() > 0, "nothing was moved by the kernel");
        drop(gone);
        let staying = world.deaf(ROW);
        reads(staying.socket(), &wanted, &[70_000]);
    }
}

#[test]
fn a_client_gets_what_its_server_said_before_it_died() {
    let Some(world) = World::start(|config| config.pool = "pool_size = 1".to_owned()) else {
        return;
    };
    let wanted = world.answer(TWICE);
    let mut client = world.deaf(TWICE);
    world.until_servers_wait(1);
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and wait_event = 'ClientWrite'";
    assert_eq!(world.pooled.admin(sql).unwrap(), "t");
    let said = client.until_closed().unwrap();
    assert!(said.len() > 1 << 20 && said.len() < wanted.len());
    assert!(
        said == wanted[..said.len()],
        "another byte, or a message inside of another"
    );
    // Another server has another client's rows.
    let next = world.deaf(TWICE);
    reads(next.socket(), &wanted, &[70_000]);
}

#[test]
fn rows_are_copied_where_there_is_no_descriptor_for_a_pipe() {
    let configure = |config: &mut PoolerConfig| {
        config.node =
            "client_login_timeout = \"10m\"\nmax_unauthenticated_per_address = 1000".to_owned();
        config.pool = "pool_size = 1".to_owned();
        config.surroundings.descriptors_max = Some(96);
    };
    let Some(world) = World::start(configure) else {
        return;
    };
    let wanted = world.answer(ROW);
    let mut client = world.pooled.connect().unwrap();
    client.query("select 1").unwrap();
    let address = world.pooled.login().address;
    let silent: Vec<Wire> = (0..200).map(|_| Wire::open(address).unwrap()).collect();
    let log = world.pooled.pooler.wait_for_log("Too many open files");
    log.unwrap();
    for _ in 0..2 {
        asked(&mut client, ROW);
        reads(client.socket(), &wanted, &[70_000]);
    }
    assert_eq!(world.pipe_ends(), 0);
    drop(silent);
    assert_eq!(client.query("select 'after it'").unwrap(), "after it");
}
