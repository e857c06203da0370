//! Two servers, clients that are lent the one or the other, and what they say.

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_proto::frontend;

pub(super) fn pool_of(size: u32) -> impl FnOnce(&mut PoolerConfig) {
    move |config| config.pool = format!("pool_size = {size}")
}

/// Two servers, and the clients that are needed to choose between them.
pub(super) struct Two {
    // Dropped first: the pooler waits for clients in transactions.
    pub(super) blocker: Wire,
    pub(super) pooled: PooledDatabase,
    pub(super) servers: [String; 2],
}

impl Two {
    pub(super) fn start() -> Option<Self> {
        Self::start_with(pool_of(2))
    }

    pub(super) fn start_with(configure: impl FnOnce(&mut PoolerConfig)) -> Option<Self> {
        let pooled = PooledDatabase::start(configure).unwrap()?;
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
    pub(super) fn use_server(&mut self, number: usize) {
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

    pub(super) fn free(&mut self) {
        self.blocker.query("commit").unwrap();
    }
}

pub(super) fn process_id(client: &mut Wire) -> String {
    client.query("select pg_backend_pid()").unwrap()
}

pub(super) fn round(client: &mut Wire, messages: &[Vec<u8>]) -> Result<String, WireError> {
    client.send(&messages.concat()).unwrap();
    client.send(&wire::sync()).unwrap();
    client.rows()
}

pub(super) fn parse(client: &mut Wire, name: &str, sql: &str) -> Result<String, WireError> {
    round(client, &[wire::parse(name, sql).unwrap()])
}

pub(super) fn run(client: &mut Wire, name: &str, values: &[&str]) -> Result<String, WireError> {
    let messages = [
        wire::bind("", name, values).unwrap(),
        wire::execute("").unwrap(),
    ];
    round(client, &messages)
}

pub(super) fn close(name: &str) -> Vec<u8> {
    let mut message = Vec::new();
    let close = frontend::Close {
        target: frontend::Target::Statement(name.as_bytes()),
    };
    close.encode(&mut message).unwrap();
    message
}

pub(super) fn flush() -> Vec<u8> {
    let mut message = Vec::new();
    frontend::Flush.encode(&mut message);
    message
}

pub(super) fn sqlstate(result: Result<String, WireError>) -> String {
    result.unwrap_err().sqlstate().to_owned()
}
