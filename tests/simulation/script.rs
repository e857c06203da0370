//! What clients say: random statements and pipelines, each with a canary of its own.

use tidegate::config::PoolMode;
use tidegate::limits::STATEMENT_BYTES_MAX;
use tidegate_model::Backend;
use tidegate_proto::frontend::tag;

use crate::message::Message;
use crate::random::Random;
use crate::server::MARK;

/// Parameters that servers report, and some that they do not.
const SETTINGS: [&str; 6] = [
    "application_name",
    "TimeZone",
    "DateStyle",
    "search_path",
    "lock_timeout",
    "app.tenant",
];

/// Words that stand before the names of statements.
const NAMING: [&str; 3] = ["PREPARE", "EXECUTE", "DEALLOCATE"];

/// The texts that clients share: what is prepared of one may be the same statement as another's.
const SHARED: [&str; 3] = ["SELECT $1", "SELECT $1 3", "SELECT $1 40"];

/// One client's way of talking.
#[derive(Debug)]
pub(crate) struct Author {
    random: Random,
    client: u32,
    canaries: u32,
    mode: PoolMode,
    /// It asked for settings when it came.
    has_startup_settings: bool,
    /// Somebody in this world cancels statements: there should be something to cancel.
    is_canceled_at_times: bool,
    /// It says more at once than any buffer holds.
    is_wordy: bool,
}

impl Author {
    pub(crate) fn new(random: Random, client: u32, mode: PoolMode) -> Self {
        Self {
            random,
            client,
            canaries: 0,
            mode,
            has_startup_settings: false,
            is_canceled_at_times: false,
            is_wordy: false,
        }
    }

    pub(crate) fn with_startup_settings(self, has_startup_settings: bool) -> Self {
        Self {
            has_startup_settings,
            ..self
        }
    }

    pub(crate) fn who_sleeps_often(self, is_canceled_at_times: bool) -> Self {
        Self {
            is_canceled_at_times,
            ..self
        }
    }

    pub(crate) fn who_is_wordy(self, is_wordy: bool) -> Self {
        Self { is_wordy, ..self }
    }

    /// What it says next, to a server that stands so.
    pub(crate) fn utterance(&mut self, server: &Backend) -> Vec<Message> {
        if server.is_copying() {
            return self.copy_data(server);
        }
        if server.is_skipping() {
            return vec![Message::sync()];
        }
        let may_reset = self.has_startup_settings && !server.is_in_block();
        if may_reset && self.random.chance(100) {
            let resets = [
                "RESET TimeZone",
                "RESET search_path",
                "RESET ALL",
                "DISCARD ALL",
            ];
            let reset = *self.random.pick(&resets);
            return vec![Message::query(&self.marked(reset))];
        }
        match self.random.weighted(&[50, 45, 3]) {
            0 => {
                let count = self.random.weighted(&[60, 25, 10, 5]) + 1;
                let statements: Vec<_> = (0..count).map(|_| self.statement(server)).collect();
                let text = statements.join("; ");
                // Of a name that it does not know, a server cannot be told while a block has failed.
                let is_hopeless = text.contains("ROLLBACK TO") && text.contains("EXECUTE");
                // Nor of those in a text that is too long to be held back.
                let is_long = text.len() > STATEMENT_BYTES_MAX - 100;
                let is_hopeless =
                    is_hopeless || is_long && NAMING.iter().any(|word| text.contains(word));
                let text = self.marked(if is_hopeless { "FAIL" } else { &text });
                let mut messages = vec![Message::query(&text)];
                // Into a COPY, nothing else may be said.
                if !may_copy(&text) && self.random.chance(150) {
                    // Without waiting for the answer to the first.
                    let statement = self.statement(server);
                    messages.push(Message::query(&self.marked(&statement)));
                }
                messages
            },
            1 => self.pipeline(server),
            _ => vec![Message::plain(
                tag::FUNCTION_CALL,
                b"\0\0\0\x01\0\0\0\0\0\0",
            )],
        }
    }

    /// What brings it back to where a client may leave in peace.
    pub(crate) fn conclusion(&mut self, server: &Backend) -> Option<Vec<Message>> {
        if server.is_copying() {
            return Some(self.copy_data(server));
        }
        if server.is_skipping() {
            return Some(vec![Message::sync()]);
        }
        let end = *self.random.pick(&["COMMIT", "ROLLBACK"]);
        server
            .is_in_block()
            .then(|| vec![Message::query(&self.marked(end))])
    }

    /// A look at its settings.
    pub(crate) fn last_look(&self) -> Vec<Message> {
        vec![Message::query(
            &self.marked("SHOW TimeZone; SHOW application_name"),
        )]
    }

    fn marked(&self, text: &str) -> String {
        format!("{MARK}{} */ {text}", self.client)
    }

    /// A text that occurs nowhere else.
    fn canary(&mut self) -> String {
        self.canaries += 1;
        let padding = if self.random.chance(60) {
            "x".repeat(self.random.below(3000))
        } else if self.is_wordy && self.random.chance(10) {
            "x".repeat(self.random.below(150_000))
        } else {
            String::new()
        };
        format!("canary-{}-{}-{padding}", self.client, self.canaries)
    }

    fn rows(&mut self) -> String {
        let canary = self.canary();
        let many = if canary.len() > 200 { 3 } else { 60 };
        let count = *self.random.pick(&[1, 1, 2, 5, many]);
        format!("SELECT '{canary}' {count}")
    }

    fn statement(&mut self, server: &Backend) -> String {
        let is_in_block = server.is_in_block();
        if is_in_block && self.random.chance(250) {
            return (*self.random.pick(&["COMMIT", "ROLLBACK", "COMMIT"])).to_owned();
        }
        let sleeps = if self.is_canceled_at_times { 25 } else { 4 };
        match self.random.weighted(&[30, 12, 12, 10, 8, 6, 6, 6, sleeps]) {
            0 => self.rows(),
            1 => format!("SHOW {}", self.random.pick(&SETTINGS)),
            2 => self.set(),
            3 => self.transaction(is_in_block),
            4 => self.temporary(),
            5 => self.prepared(),
            6 => self.trouble(),
            7 => self.copy(),
            _ => {
                let canary = self.canary();
                format!("SLEEP '{canary}'")
            },
        }
    }

    fn set(&mut self) -> String {
        let name = *self.random.pick(&SETTINGS);
        // Some values are common, so that a server may seem to have them already.
        let value = if self.random.chance(400) {
            (*self.random.pick(&["startup-0", "startup-1"])).to_owned()
        } else {
            self.canary()
        };
        // A reset falls back to what the startup packet said, which the server is told of once the
        // transaction is over: until then, nobody may look.
        let can_reset = !self.has_startup_settings;
        match self.random.weighted(&[60, 20, 5, 5, 5, 5]) {
            1 => format!("SET LOCAL {name} = '{value}'"),
            2 if can_reset => format!("RESET {name}"),
            3 if can_reset => "RESET ALL".to_owned(),
            4 if can_reset => "DISCARD ALL".to_owned(),
            5 => format!("SELECT set_config('{name}', '{value}', true)"),
            _ => format!("SET {name} = '{value}'"),
        }
    }

    fn transaction(&mut self, is_in_block: bool) -> String {
        if self.mode == PoolMode::Statement {
            return self.rows();
        }
        if !is_in_block {
            return "BEGIN".to_owned();
        }
        let name = *self.random.pick(&["a", "b"]);
        let what = *self
            .random
            .pick(&["SAVEPOINT", "SAVEPOINT", "ROLLBACK TO", "RELEASE"]);
        format!("{what} {name}")
    }

    fn temporary(&mut self) -> String {
        let name = *self.random.pick(&["t", "u"]);
        match self.random.weighted(&[2, 1, 4]) {
            0 => format!("CREATE TEMPORARY TABLE {name}"),
            1 => format!("DROP TABLE {name}"),
            _ => format!("SELECT '{}' FROM {name}", self.canary()),
        }
    }

    fn prepared(&mut self) -> String {
        let name = *self.random.pick(&["s0", "s1", "s2"]);
        match self.random.weighted(&[4, 4, 2, 1]) {
            0 => {
                let rows = self.rows();
                format!("PREPARE {name} AS {rows}")
            },
            1 => format!("EXECUTE {name}"),
            2 => format!("DEALLOCATE {name}"),
            _ => "DEALLOCATE ALL".to_owned(),
        }
    }

    fn trouble(&mut self) -> String {
        match self.random.weighted(&[3, 2, 2, 1]) {
            0 => "FAIL".to_owned(),
            1 => format!("NOTICE '{}'", self.canary()),
            2 => "NONSENSE".to_owned(),
            _ => "DOOM".to_owned(),
        }
    }

    fn copy(&mut self) -> String {
        match self.random.weighted(&[2, 2, 1]) {
            0 => "COPY t FROM STDIN".to_owned(),
            1 => format!("COPY t TO STDOUT {}", self.random.between(0, 30)),
            _ => format!("COPY t FROM STDIN {}", self.random.between(1, 4)),
        }
    }

    fn copy_data(&mut self, server: &Backend) -> Vec<Message> {
        let count = self.random.below(6);
        let mut messages = Vec::new();
        for _ in 0..count {
            let line = self.canary();
            messages.push(Message::plain(tag::COPY_DATA, line.as_bytes()));
        }
        let end = self.random.weighted(&[8, 2, 1]);
        match end {
            0 => messages.push(Message::plain(tag::COPY_DONE, b"")),
            1 => messages.push(Message::plain(tag::COPY_FAIL, b"no more\0")),
            // There is more to come.
            _ => return messages,
        }
        if server.is_copying_extended() {
            messages.push(Message::sync());
        }
        messages
    }

    fn pipeline(&mut self, server: &Backend) -> Vec<Message> {
        let mut messages = Vec::new();
        if self.random.chance(250) {
            self.lone_unit(&mut messages);
            return messages;
        }
        for _ in 0..=self.random.below(3) {
            let has_copy = self.unit(server, &mut messages);
            if has_copy {
                // What is said next is read by it.
                messages.push(Message::flush());
                return messages;
            }
            if self.random.chance(150) {
                messages.push(Message::sync());
            } else if self.random.chance(100) {
                messages.push(Message::flush());
            }
        }
        messages.push(Message::sync());
        messages
    }

    /// A round of one unnamed statement, which others may have parsed before.
    fn lone_unit(&mut self, messages: &mut Vec<Message>) {
        let text = *self.random.pick(&SHARED);
        messages.push(Message::parse("", text));
        let canary = self.canary();
        messages.push(Message::bind("", "", &[&canary]));
        if self.random.chance(400) {
            messages.push(Message::describe_portal(""));
        }
        let limit = *self.random.pick(&[0, 0, 1]);
        messages.push(Message::execute("", limit));
        messages.push(Message::sync());
    }

    /// A statement in the extended protocol; whether it is a COPY FROM STDIN.
    fn unit(&mut self, server: &Backend, messages: &mut Vec<Message>) -> bool {
        let name = *self.random.pick(&["", "", "s0", "s1", "s2"]);
        let portal = *self.random.pick(&["", "", "p"]);
        let is_parsed = self.random.chance(500);
        let is_shared = self.random.chance(500);
        let text = if is_shared {
            (*self.random.pick(&SHARED)).to_owned()
        } else {
            let statement = self.statement(server);
            self.marked(&statement)
        };
        if is_parsed {
            if self.random.chance(300) {
                messages.push(Message::close_statement(name));
            }
            messages.push(Message::parse(name, &text));
            if self.random.chance(300) {
                messages.push(Message::describe_statement(name));
            }
        }
        let canary = self.canary();
        let values: &[&str] = if is_shared { &[&canary] } else { &[] };
        messages.push(Message::bind(portal, name, values));
        if self.random.chance(400) {
            messages.push(Message::describe_portal(portal));
        }
        let is_copy = may_copy(&text) && is_parsed;
        let limit = *self.random.pick(&[0, 0, 0, 1, 2]);
        messages.push(Message::execute(portal, limit));
        if limit > 0 && !is_copy {
            messages.push(Message::execute(portal, 0));
        }
        is_copy || !is_parsed
    }
}

/// Whether a statement may wait for data: what is said next would be read by it.
fn may_copy(text: &str) -> bool {
    text.contains("FROM STDIN") || text.contains("EXECUTE")
}
