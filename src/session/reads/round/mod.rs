//! The first round of what a client has said, before any of it is sent: where it ends, and what it
//! does as a whole.
//!
//! A round is one `Query`, or the messages of the extended protocol up to their `Sync`: all that a
//! server answers with one `ReadyForQuery`.

#[cfg(test)]
mod tests;

use tidegate_proto::error::Sender;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::tag as frontend;

use crate::limits::ROUND_BYTES_MAX;
use crate::session::reads::position;
use crate::sql::reads::AccessKind;
use crate::sql::reads::Hint;

/// What a client has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// A round that is there whole.
    Round(Round),
    /// Its end is still to come.
    Part,
    /// Something that is no such round, or too long to be looked at.
    Other,
}

/// One round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Round {
    /// Its length.
    pub(super) bytes: usize,
    /// What it does.
    pub(super) deed: Deed,
    /// Where it wants to go.
    pub(super) hint: Option<Hint>,
    /// It asks what its client must not fall behind.
    pub(super) wants_lsn: bool,
    /// It executes one statement at most: once anything of its reply is there, nothing that comes after
    /// it is another statement's.
    pub(super) is_single: bool,
    /// It executes several statements one by one.
    pub(super) is_pipeline: bool,
    /// The first of its statements ends a transaction block.
    pub(super) ends_first: bool,
    /// A block that began like this wrote later.
    pub(super) precedes_writes: bool,
    /// It has a statement: it is more than a `Sync`, or what is said of something parsed before.
    pub(super) has_statement: bool,
}

/// What the statements of a round do, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// All of them certainly only read.
    Reads,
    /// It is the beginning of a transaction block that only reads.
    BeginsReadOnly,
    /// It is the beginning of one that does not say whether it does.
    Begins,
    /// The same, and behind it are statements that certainly only read.
    BeginsReads,
    /// It is the beginning of one that no standby can have: `READ WRITE`, `SERIALIZABLE`.
    BeginsWriting,
    /// It makes the block that it stands in one of these.
    SetsWriting,
    /// It ends a block.
    Ends,
    /// It sets a parameter, and neither reads nor writes anything else.
    Sets,
    /// It writes, or may, in the transaction that it is, or stands in, and leaves none open.
    Writes,
    /// Nobody can tell how it leaves the server.
    Unclear,
}

/// What is known of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) struct Facts {
    pub(super) deed: Deed,
    pub(super) hint: Option<Hint>,
    /// It is `SHOW tidegate.lsn`.
    pub(super) wants_lsn: bool,
    /// It is one statement.
    pub(super) is_single: bool,
    /// It is several, and the first ends a transaction block.
    pub(super) ends_first: bool,
    /// A block that began with it wrote later.
    pub(super) precedes_writes: bool,
}

/// What knows statements.
pub(super) trait Known {
    /// What a text does.
    fn text(&self, text: &[u8]) -> Facts;
    /// What a statement does that the client has parsed before, by its name.
    fn statement(&self, name: &[u8]) -> Option<Facts>;
    /// Whether a statement of this name can be taken from server to server: the name, and the text and
    /// types behind it.
    fn can_travel(&self, name: &[u8], rest: &[u8]) -> bool;
}

/// As many statements may get a name in one round and be used in it.
const PARSED_COUNT_MAX: usize = 4;

impl Round {
    /// Reads what a client has said from the beginning of a message.
    pub(super) fn read(bytes: &[u8], known: &impl Known) -> Said {
        let mut reading = Reading::default();
        let mut at = 0;
        while let Some((header, body)) = bytes.get(at..).and_then(message) {
            let is_too_long = at + header.length() as usize >= ROUND_BYTES_MAX;
            if is_too_long || !is_of_a_round(header.tag(), at == 0) {
                return Said::Other;
            }
            if body.len() < header.body_bytes() {
                return Said::Part;
            }
            at += FRAME_HEADER_BYTES + header.body_bytes();
            if reading.message(header.tag(), body, known).is_none() {
                return Said::Other;
            }
            if matches!(header.tag(), frontend::QUERY | frontend::SYNC) {
                return Said::Round(Self {
                    bytes: at,
                    deed: reading.deed(),
                    hint: reading.hint,
                    wants_lsn: reading.wants_lsn,
                    is_single: reading.executed <= 1 && !reading.has_several,
                    is_pipeline: reading.executed > 1,
                    ends_first: reading.ends_first,
                    precedes_writes: reading.precedes_writes,
                    has_statement: reading.deed.is_some(),
                });
            }
        }
        Said::Part
    }
}

/// What of a message is there; `None` if not even its header is.
fn message(bytes: &[u8]) -> Option<(FrameHeader, &[u8])> {
    let header = FrameHeader::parse(Sender::Frontend, bytes).ok()??;
    let body = bytes.get(FRAME_HEADER_BYTES..)?;
    Some((header, body.get(..header.body_bytes()).unwrap_or(body)))
}

/// The messages of a round that is there whole.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (header, body) = message(bytes)?;
        bytes = bytes.get(FRAME_HEADER_BYTES + body.len()..)?;
        Some((header.tag(), body))
    })
}

/// Where the first `Execute` ends.
pub(super) fn end_of_execute(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    let mut messages = messages(bytes).map(|(tag, body)| {
        end += FRAME_HEADER_BYTES + body.len();
        (tag, end)
    });
    let found = messages.find(|(tag, _)| *tag == frontend::EXECUTE);
    found.map(|(_, end)| end)
}

/// Whether a message may be part of a round that is looked at.
fn is_of_a_round(tag: u8, is_first: bool) -> bool {
    match tag {
        frontend::QUERY => is_first,
        frontend::PARSE
        | frontend::BIND
        | frontend::DESCRIBE
        | frontend::EXECUTE
        | frontend::CLOSE
        | frontend::SYNC => true,
        _ => false,
    }
}

/// A round, while it is read.
#[derive(Debug, Default)]
struct Reading<'a> {
    deed: Option<Deed>,
    hint: Option<Hint>,
    wants_lsn: bool,
    /// How many statements it executes.
    executed: usize,
    /// One of its texts is several.
    has_several: bool,
    is_query: bool,
    ends_first: bool,
    /// How many portals it has bound, the first of them, and what that does.
    bound: usize,
    portal: &'a [u8],
    portal_deed: Option<Deed>,
    /// It begins a block before it does anything else, or has not done anything.
    begins_first: bool,
    precedes_writes: bool,
    /// Statements that the round itself has parsed, by name.
    parsed: [Option<(&'a [u8], Facts)>; PARSED_COUNT_MAX],
}

impl<'a> Reading<'a> {
    /// The next message, which is whole; `None` if nothing can be said of it.
    fn message(&mut self, tag: u8, body: &'a [u8], known: &impl Known) -> Option<()> {
        match tag {
            frontend::QUERY => {
                let facts = known.text(body.strip_suffix(b"\0")?);
                self.ends_first = facts.ends_first || facts.deed == Deed::Ends;
                self.begins_first = true;
                self.is_query = true;
                self.does(facts);
            },
            frontend::PARSE => {
                let (name, rest) = split_at_zero(body)?;
                if !known.can_travel(name, rest) {
                    return None;
                }
                let facts = known.text(split_at_zero(rest)?.0);
                self.parses(name, facts)?;
                self.does(facts);
            },
            frontend::BIND => {
                let bind = Bind::decode(body).ok()?;
                let facts = self.facts(bind.statement);
                let facts = facts.or_else(|| known.statement(bind.statement))?;
                if self.bound == 0 {
                    self.portal = bind.portal;
                    self.portal_deed = Some(facts.deed);
                }
                self.bound += 1;
                self.does(facts);
            },
            frontend::EXECUTE => self.executes(split_at_zero(body)?.0),
            // These do nothing that what they are about does not do.
            _ => {},
        }
        Some(())
    }

    fn parses(&mut self, name: &'a [u8], facts: Facts) -> Option<()> {
        let is_its =
            |place: &&mut Option<(&[u8], Facts)>| place.is_none_or(|(parsed, _)| parsed == name);
        *self.parsed.iter_mut().find(is_its)? = Some((name, facts));
        Some(())
    }

    fn facts(&self, name: &[u8]) -> Option<Facts> {
        let mut parsed = self.parsed.iter().flatten();
        let found = parsed.find(|(parsed, _)| *parsed == name)?;
        Some(found.1)
    }

    /// A portal is executed. What is only parsed or bound has no effect.
    fn executes(&mut self, portal: &[u8]) {
        if self.executed == 0 && self.bound == 1 && portal == self.portal {
            self.ends_first = self.portal_deed == Some(Deed::Ends);
            self.begins_first = self.portal_deed.is_some_and(Deed::begins);
        }
        self.executed += 1;
    }

    /// What it does as a whole.
    fn deed(&self) -> Deed {
        let Some(deed) = self.deed else {
            return Deed::Reads;
        };
        let is_first = if deed == Deed::Ends {
            self.ends_first
        } else {
            self.begins_first
        };
        if is_first || !(deed.begins() || deed == Deed::Ends) {
            deed
        } else if self.executed == 0 && !self.is_query {
            // It is only parsed, which neither reads nor writes anything.
            Deed::Sets
        } else {
            Deed::Unclear
        }
    }

    fn does(&mut self, facts: Facts) {
        self.precedes_writes |= facts.precedes_writes;
        self.deed = Some(match self.deed {
            None => facts.deed,
            // A statement is parsed, and then bound.
            Some(deed) if deed == facts.deed => deed,
            Some(Deed::BeginsReadOnly) if facts.deed == Deed::Reads => Deed::BeginsReadOnly,
            Some(Deed::Begins | Deed::BeginsReads) if facts.deed == Deed::Reads => {
                Deed::BeginsReads
            },
            Some(Deed::Reads | Deed::Writes) if facts.deed.is_of_one_transaction() => Deed::Writes,
            Some(_) => Deed::Unclear,
        });
        self.wants_lsn |= facts.wants_lsn;
        self.has_several |= !facts.is_single;
        // Two that disagree cancel each other.
        self.hint = match (self.hint, facts.hint) {
            (Some(one), Some(two)) if one != two => None,
            (one, two) => one.or(two),
        };
    }
}

impl Deed {
    /// What a text does, by its tokens.
    pub(super) fn of(kind: AccessKind, text: &[u8]) -> Self {
        match kind {
            AccessKind::Reads => Self::Reads,
            AccessKind::Begin(modes) if modes.is_read_only && !modes.is_serializable => {
                Self::BeginsReadOnly
            },
            AccessKind::Begin(modes) if modes.is_serializable || modes.is_read_write => {
                Self::BeginsWriting
            },
            AccessKind::Begin(_) => Self::Begins,
            AccessKind::SetTransaction(modes) if modes.is_serializable || modes.is_read_write => {
                Self::SetsWriting
            },
            AccessKind::EndBlock => Self::Ends,
            AccessKind::Primary(_) if is_one_plain_statement(text) => Self::Writes,
            AccessKind::Set => Self::Sets,
            AccessKind::Primary(_) | AccessKind::SetTransaction(_) | AccessKind::InBlock => {
                Self::Unclear
            },
        }
    }

    fn begins(self) -> bool {
        matches!(
            self,
            Self::Begins | Self::BeginsReadOnly | Self::BeginsReads | Self::BeginsWriting
        )
    }

    fn is_of_one_transaction(self) -> bool {
        matches!(self, Self::Reads | Self::Writes)
    }
}

/// How far what a client says in a transaction block is of that block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// As far as anybody can tell.
    All,
    /// So far: there the round ends that certainly ends it.
    Until(usize),
    /// So far: there a round begins that ends it and then goes on.
    GoesOnAt(usize),
    /// So far: what begins there may be one of these, and is not there whole.
    UnsaidAt(usize),
}

impl Reach {
    /// How far what a client says is of the block that is open.
    pub(super) fn of(bytes: &[u8], known: &impl Known) -> Self {
        let mut at = 0;
        while let Some(rest @ [_, ..]) = bytes.get(at..) {
            let may_end = position::may_end(rest);
            match Round::read(rest, known) {
                Said::Round(round) if may_end && round.deed == Deed::Ends => {
                    return Self::Until(at + round.bytes);
                },
                Said::Round(round) if may_end && round.ends_first => return Self::GoesOnAt(at),
                Said::Round(round) => at += round.bytes,
                Said::Part if may_end && rest.len() < ROUND_BYTES_MAX => {
                    return Self::UnsaidAt(at);
                },
                Said::Part | Said::Other => return Self::All,
            }
        }
        Self::All
    }
}

/// Whether a text is certainly one statement: a semicolon that is part of a literal is taken for another
/// one.
pub(super) fn is_one_statement(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let text = text.strip_suffix(b";").unwrap_or(text);
    memchr::memchr(b';', text).is_none()
}

/// Whether a text is certainly one statement that neither begins, ends nor copies anything: behind
/// it the server is ready for whatever comes next.
fn is_one_plain_statement(text: &[u8]) -> bool {
    const PLAIN: [&[u8]; 7] = [
        b"select", b"insert", b"update", b"delete", b"merge", b"with", b"values",
    ];
    let text = text.trim_ascii();
    let text = text.strip_suffix(b";").unwrap_or(text);
    let end = text.iter().position(|byte| !byte.is_ascii_alphabetic());
    let first = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    let is_plain = PLAIN.iter().any(|word| first.eq_ignore_ascii_case(word));
    is_plain && is_one_statement(text)
}

/// What stands before the first zero byte, and what behind it.
pub(super) fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}
