//! Whatever counts clients, servers and what they do, before the crowd and after it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::http_get;
use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::RowDescription;
use tidegate_proto::backend::tag;

use crate::SERVERS;

/// How long it may take until all is quiet.
const QUIET_LIMIT: Duration = Duration::from_mins(1);

/// Descriptors that a process may have more than before: its servers, and what the page of metrics
/// and the console hold.
const DESCRIPTORS_MORE_MAX: usize = SERVERS + 4;

pub(crate) struct Gauges<'a> {
    pooled: &'a PooledDatabase,
    console: Wire,
    http: u16,
    descriptors: usize,
}

type Row = BTreeMap<String, String>;

impl<'a> Gauges<'a> {
    pub(crate) fn before(pooled: &'a mut PooledDatabase, http: u16, console: &Login) -> Self {
        let pid = pooled.pooler.process().pid();
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        Self {
            pooled,
            console: Wire::connect(console).unwrap(),
            http,
            descriptors,
        }
    }

    /// Waits until all is quiet, and says what is not.
    pub(crate) fn must_be_as_before(mut self, pid: u32) {
        let mut loud = Vec::new();
        let is_quiet = polling::until_true("quiet", QUIET_LIMIT, || {
            loud = self.loud(pid);
            loud.is_empty()
        });
        assert!(is_quiet.is_ok(), "{loud:#?}");
    }

    fn loud(&mut self, pid: u32) -> Vec<String> {
        let mut loud = Vec::new();
        let mut servers = 0;
        for pool in self.show("show pools") {
            let idle: usize = pool["sv_idle"].parse().unwrap();
            servers += idle;
            let of_console = pool["database"] == "pgbouncer";
            for (name, value) in &pool {
                let counts = name.starts_with("cl_") || name.starts_with("sv_");
                let may_be = name == "sv_idle" || of_console && name == "cl_active";
                if counts && !may_be && value != "0" {
                    loud.push(format!("pool: {name} {value}"));
                }
            }
        }
        if servers > SERVERS {
            loud.push(format!("{servers} idle servers"));
        }
        let clients = self.show("show clients");
        let clients = clients.iter().filter(|row| row["database"] != "pgbouncer");
        loud.extend(clients.map(|row| format!("client: {row:?}")));
        let listed = self.show("show servers");
        let busy = listed.iter().filter(|row| row["state"] != "idle");
        loud.extend(busy.map(|row| format!("server: {row:?}")));
        loud.extend(self.of_metrics(servers));
        loud.extend(self.of_postgres(servers));
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        if descriptors > self.descriptors + DESCRIPTORS_MORE_MAX {
            loud.push(format!(
                "{descriptors} descriptors, {} before",
                self.descriptors
            ));
        }
        loud
    }

    fn of_metrics(&self, servers: usize) -> Vec<String> {
        let (_, page) = http_get(self.http, "/metrics").unwrap();
        let is_gauge = |line: &&str| {
            let names = [
                "tidegate_clients ",
                "tidegate_unauthenticated_",
                "tidegate_login_throttle_entries ",
                "tidegate_tenant_clients{",
                "tidegate_pool_clients{",
                "tidegate_pool_servers{",
            ];
            names.iter().any(|name| line.starts_with(name)) && !line.contains("state=\"idle\"")
        };
        let gauges = page.lines().filter(is_gauge);
        let loud = gauges.filter(|line| !line.ends_with(" 0"));
        let wrong = format!("tidegate_tenant_servers{{tenant=\"acme\"}} {servers}");
        let is_told = page.lines().any(|line| line == wrong);
        let missing = (!is_told).then(|| format!("metrics lack {wrong}"));
        loud.map(str::to_owned).chain(missing).collect()
    }

    fn of_postgres(&self, servers: usize) -> Vec<String> {
        let sql = "select state, count(*) from pg_stat_activity where datname = current_database() \
                   and pid <> pg_backend_pid() group by 1";
        let states = self.pooled.admin(sql).unwrap();
        let wanted = if servers == 0 {
            String::new()
        } else {
            format!("idle|{servers}")
        };
        let mut loud = Vec::new();
        if states != wanted {
            loud.push(format!("pg_stat_activity: {states} and not {wanted}"));
        }
        let locks = "select count(*) from pg_locks where locktype = 'advisory'";
        if self.pooled.admin(locks).unwrap() != "0" {
            loud.push("advisory locks".to_owned());
        }
        loud
    }

    fn show(&mut self, command: &str) -> Vec<Row> {
        self.console.send(&wire::query(command).unwrap()).unwrap();
        let messages = self.console.until(tag::READY_FOR_QUERY).unwrap();
        let mut columns = Vec::new();
        let mut rows = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for message in &messages {
            if message.tag() == tag::ROW_DESCRIPTION {
                let description = RowDescription::decode(message.body()).unwrap();
                columns = description
                    .columns()
                    .map(|column| text(column.name))
                    .collect();
            } else if message.tag() == tag::DATA_ROW {
                let row = DataRow::decode(message.body()).unwrap();
                let values = row
                    .values
                    .iter()
                    .map(|value| text(value.unwrap_or_default()));
                rows.push(columns.iter().cloned().zip(values).collect());
            }
        }
        rows
    }
}
