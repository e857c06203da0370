//! The messages that the pooler puts among a client's own, and the names in them.

use std::ops::Deref;

use tidegate_proto::error::Violation;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frontend::tag as frontend;

use crate::pool::Server;
use crate::session::statements::Pending;
use crate::session::statements::Statements;

/// The longest name of the pooler's: a prefix, ten digits and a zero byte.
const OWN_NAME_BYTES_MAX: usize = 40;

/// A missing statement is asked for under so long a name that the server's complaint has room for
/// any other.
pub(super) const MISSING_NAME: [u8; 200] = [b'?'; 200];

/// A `Parse` body's end without a text: no types.
pub(super) const EMPTY: &[u8] = b"\0\0\0";

/// Puts messages into the buffer that goes to a server, and books them.
pub(super) struct Injection<'a> {
    pub(super) server: &'a mut Server,
    pub(super) out: &'a mut Vec<u8>,
}

impl Injection<'_> {
    /// The pooler's name for a statement on this server, with its zero byte.
    pub(super) fn name(&self, number: u32) -> Name {
        Name::new(self.server.pool.home.statement_prefix(), number)
    }

    /// `Close` of what this server should forget.
    pub(super) fn closes(&mut self, statements: &mut Statements) -> Result<(), Violation> {
        for number in std::mem::take(&mut self.server.prepared.closing) {
            let name = self.name(number);
            put(self.out, frontend::CLOSE, &[b"S", &name]);
            self.server
                .ledger
                .sent_marked(frontend::CLOSE, Owner::Behalf)?;
            statements.pending.push_back(Pending::Evict(number));
        }
        Ok(())
    }

    /// `Parse` of a statement under a name of the pooler's.
    pub(super) fn parse(&mut self, name: &[u8], rest: &[u8]) -> Result<(), Violation> {
        put(self.out, frontend::PARSE, &[name, rest]);
        self.server
            .ledger
            .sent_marked(frontend::PARSE, Owner::Behalf)
    }

    /// `Parse` of a statement under its client's name. Where the client's pipeline is not under way
    /// it is over with it, whatever comes of it.
    pub(super) fn expose(&mut self, name: &[u8], rest: &[u8]) -> Result<(), Violation> {
        let is_open = self.server.ledger.is_open();
        let owner = if is_open {
            Owner::Behalf
        } else {
            Owner::Pooler
        };
        put(self.out, frontend::CLOSE, &[b"S", name]);
        self.server.ledger.sent(frontend::CLOSE, owner)?;
        put(self.out, frontend::PARSE, &[name, rest]);
        self.server.ledger.sent_marked(frontend::PARSE, owner)?;
        if !is_open {
            put(self.out, frontend::SYNC, &[]);
            self.server.ledger.sent(frontend::SYNC, owner)?;
            self.server.card.own_rounds.begin();
        }
        Ok(())
    }

    /// A text of the pooler's.
    pub(super) fn query(&mut self, text: &[u8], owner: Owner) -> Result<(), Violation> {
        put(self.out, frontend::QUERY, &[text, b"\0"]);
        self.server.card.own_rounds.begin();
        self.server.prepared.reads_query();
        self.server.ledger.sent(frontend::QUERY, owner)
    }

    /// The same, and it is known to fail.
    pub(super) fn query_that_fails(&mut self) -> Result<(), Violation> {
        put(self.out, frontend::QUERY, &[b"no statement\0"]);
        self.server.card.own_rounds.begin();
        self.server.prepared.reads_query();
        self.server
            .ledger
            .sent_marked(frontend::QUERY, Owner::Pooler)
    }

    /// `Describe` of a statement under a name of the pooler's.
    pub(super) fn describe(&mut self, name: &[u8]) -> Result<(), Violation> {
        put(self.out, frontend::DESCRIBE, &[b"S", name]);
        self.server
            .ledger
            .sent_marked(frontend::DESCRIBE, Owner::Behalf)
    }

    /// `Close` of the unnamed statement.
    pub(super) fn close_unnamed(&mut self) -> Result<(), Violation> {
        put(self.out, frontend::CLOSE, &[b"S\0"]);
        self.server
            .ledger
            .sent_marked(frontend::CLOSE, Owner::Behalf)
    }

    /// Something that changes nothing, whose answer comes after all others.
    pub(super) fn barrier(&mut self) -> Result<(), Violation> {
        let is_open = self.server.ledger.is_open();
        let owner = if is_open {
            Owner::Behalf
        } else {
            Owner::Pooler
        };
        let number = self.server.prepared.next_number();
        let name = self.name(number);
        put(self.out, frontend::CLOSE, &[b"S", &name]);
        self.server.ledger.sent_marked(frontend::CLOSE, owner)?;
        let end = if is_open {
            frontend::FLUSH
        } else {
            self.server.card.own_rounds.begin();
            frontend::SYNC
        };
        put(self.out, end, &[]);
        self.server.ledger.sent(end, owner)
    }

    /// `Flush`: the server is to answer now.
    pub(super) fn flush(&mut self) -> Result<(), Violation> {
        put(self.out, frontend::FLUSH, &[]);
        self.server.ledger.sent(frontend::FLUSH, Owner::Behalf)
    }

    /// A `Bind` that fails: the server skips to the client's `Sync`.
    pub(super) fn fail(&mut self) -> Result<(), Violation> {
        put(
            self.out,
            frontend::BIND,
            &[b"\0", &MISSING_NAME, b"\0\0\0\0\0\0\0"],
        );
        self.server.ledger.sent(frontend::BIND, Owner::Behalf)
    }

    /// Runs a command in the middle of the client's pipeline.
    pub(super) fn run(&mut self, command: &str) -> Result<(), Violation> {
        self.execute(command, Owner::Behalf)
    }

    /// Runs a command under names that nobody else uses.
    fn execute(&mut self, command: &str, owner: Owner) -> Result<(), Violation> {
        let number = self.server.prepared.next_number();
        let name = self.name(number);
        let messages: [(u8, &[&[u8]]); 5] = [
            (frontend::PARSE, &[&name, command.as_bytes(), EMPTY]),
            (frontend::BIND, &[&name, &name, b"\0\0\0\0\0\0"]),
            (frontend::EXECUTE, &[&name, b"\0\0\0\0"]),
            (frontend::CLOSE, &[b"P", &name]),
            (frontend::CLOSE, &[b"S", &name]),
        ];
        for (tag, parts) in messages {
            put(self.out, tag, parts);
            self.server.ledger.sent(tag, owner)?;
        }
        Ok(())
    }
}

impl Statements {
    /// Puts a question of the pooler's own to a server that its client wants nothing of, without
    /// touching the client's unnamed statement.
    pub(in crate::session) fn ask(
        &mut self,
        server: &mut Server,
        query: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        Injection {
            server: &mut *server,
            out,
        }
        .execute(query, Owner::Pooler)?;
        put(out, frontend::SYNC, &[]);
        server.card.own_rounds.begin();
        self.pending.push_back(Pending::Answer);
        server.ledger.sent_marked(frontend::SYNC, Owner::Pooler)
    }
}

/// A name of the pooler's for a statement, with its zero byte.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    bytes: [u8; OWN_NAME_BYTES_MAX],
    length: usize,
}

impl Name {
    pub(super) fn new(prefix: &str, number: u32) -> Self {
        let mut name = Self {
            bytes: [0; OWN_NAME_BYTES_MAX],
            length: 0,
        };
        name.push(prefix.as_bytes());
        let mut power = 10_u32.pow(number.checked_ilog10().unwrap_or(0));
        while power > 0 {
            // A digit fits into a byte.
            name.push(&[b'0' + u8::try_from(number / power % 10).unwrap_or(0)]);
            power /= 10;
        }
        name.push(b"\0");
        name
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
            self.length = end;
        }
    }
}

impl Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Appends a message. Its parts are bounded by the limits of what is kept.
pub(super) fn put(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    put_header(out, tag, parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Appends the header of a message whose body follows.
pub(super) fn put_header(out: &mut Vec<u8>, tag: u8, body_bytes: usize) {
    let length = FRAME_HEADER_BYTES - 1 + body_bytes;
    out.push(tag);
    // A body is never longer than one that a client may send and a name of ours.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_prefix_and_its_number() {
        for number in [0, 7, 10, 99, 100, 4_000_000_000, u32::MAX] {
            let expected = format!("tidegate_01234567_{number}\0");
            assert_eq!(
                *Name::new("tidegate_01234567_", number),
                *expected.as_bytes()
            );
        }
    }
}
