//! How far the primary has come, learnt in the same write as what the client says there.
//!
//! Behind a round that leaves no transaction open the server is asked for the end of its write-ahead
//! log by a `FunctionCall`, which it need not parse or plan. Whatever the client has written or seen is
//! before that. Where it cannot be asked, the client's next reads go to the primary until a monitor
//! has asked it.
//!
//! See "Function Call",
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-FUNCTION-CALL>.

use std::rc::Rc;

use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::tag as frontend;

use crate::config::Consistency;
use crate::pool::Lease;
use crate::pool::Server;
use crate::pool::Settings;
use crate::routing::Lsn;
use crate::session::Client;
use crate::session::End;
use crate::session::reads::Reading;
use crate::session::reads::Stage;
use crate::session::reads::is_past;
use crate::session::reads::knowledge::Knowledge;
use crate::session::reads::round::Deed;
use crate::session::reads::round::Known;
use crate::session::reads::round::Round;
use crate::session::reads::round::Said;
use crate::session::run::Session;

/// `pg_current_wal_insert_lsn()`, by the number that it has in every version, with a binary result: what
/// is inserted may be ahead of what is written, and of a commit that did not wait for that.
const QUESTION: [u8; 15] = *b"F\0\0\0\x0e\0\0\x0b\x24\0\0\0\0\0\x01";

/// The body of the answer: its length, and the LSN.
pub(in crate::session) const ANSWER_BYTES: usize = 12;

/// What tells a client the place that it must not fall behind.
const PARAMETER: &str = "tidegate.lsn";
/// Where its two words part.
const PARAMETER_DOT: usize = 8;

/// In a block only what may end it is looked at: `COMMIT`, `END`, `ROLLBACK`.
const BEGINNINGS_OF_ENDS: &[u8] = b"cCeErR";

impl Session {
    /// Whether the primary is to be asked how far it has come behind what the client says now.
    pub(in crate::session) fn asks_position(&mut self, bytes: &[u8]) -> bool {
        let (Some(lease), Some(reading)) = (&self.lease, &mut self.reading) else {
            return false;
        };
        // What stands behind the first round, nobody has looked at.
        let deed = reading.deed.take().filter(|_| reading.left == bytes.len());
        let Stage::Primary {
            has_seen,
            has_written,
            asked,
            told,
        } = &mut reading.stage
        else {
            return false;
        };
        *has_seen |= deed != Some(Deed::Sets);
        *has_written |= !matches!(deed, Some(Deed::Sets | Deed::Reads));
        *asked = false;
        *told = None;
        let ledger = &lease.ledger;
        let is_free = !ledger.is_busy() && !ledger.is_open() && !ledger.is_doubtful();
        let Some(reads) = self.client.pool.reads().filter(|_| is_free) else {
            return false;
        };
        let matters = matches!(
            reading.consistency(&self.client),
            Consistency::Session | Consistency::Tenant
        );
        if !matters || reads.is_mute(self.client.now()) {
            return false;
        }
        let is_idle = ledger.status() == TransactionStatus::Idle;
        match deed {
            Some(Deed::Reads | Deed::Writes) => is_idle,
            Some(_) => false,
            None if is_idle || !may_end(bytes) => false,
            None => {
                let knowledge = Knowledge::of(&self.client, self.statements.as_deref(), &reads);
                let said = Round::read(bytes, &knowledge);
                knowledge.ask_for_missed();
                matches!(said, Said::Round(round) if round.deed == Deed::Ends && round.bytes == bytes.len())
            },
        }
    }

    /// What of a client's words at the primary goes there now, and what stays until that is answered.
    pub(super) fn before_wish<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let whole = (bytes, &[][..]);
        let Some(reading) = &mut self.reading else {
            return whole;
        };
        let parts_at = reading.parts_at.take();
        let parts = parts_at.and_then(|at| bytes.split_at_checked(at));
        let holds = |behind: &[u8]| reading.wants_lsn || !behind.is_empty();
        reading.holds_wish = parts.is_some_and(|(_, behind)| holds(behind));
        parts.unwrap_or(whole)
    }

    /// Tells a server what its client's `SHOW tidegate.lsn` is to show, in the same write: what the client
    /// has seen, or all that there is, if that is not known. For whoever has it next it is a setting like
    /// others, and gone.
    ///
    /// # Errors
    ///
    /// [`End`]: the server is in no state to be told.
    pub(in crate::session) fn place_position(
        &self,
        lease: &mut Lease,
        injected: &mut Vec<u8>,
    ) -> Result<(), End> {
        let Some(reading) = self.reading.as_ref().filter(|reading| reading.wants_lsn) else {
            return Ok(());
        };
        let past = &reading.past;
        let is_known = past.floor > Lsn(0) && is_past(past, past.floor);
        let value = if is_known {
            format!("'{}'", past.floor)
        } else {
            "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text".to_owned()
        };
        let mut settings = Settings::clone(&lease.settings);
        if settings.set(PARAMETER, &value).is_err() {
            // It would not be forgotten.
            return Ok(());
        }
        lease.settings = Rc::new(settings);
        let query = format!("SELECT pg_catalog.set_config('{PARAMETER}',{value},false)");
        let query = query.as_bytes();
        Query { query }.encode(injected)?;
        let sent = lease.ledger.sent(frontend::QUERY, Owner::Pooler);
        sent.map_err(End::ClientViolation)?;
        lease.card.own_rounds.begin();
        lease.prepared.reads_query();
        Ok(())
    }

    /// Puts the question behind what is sent.
    ///
    /// # Errors
    ///
    /// [`End`]: the server is in no state to be asked.
    pub(in crate::session) fn ask_position(&mut self, out: &mut Vec<u8>) -> Result<(), End> {
        let (Some(lease), Some(reading)) = (&mut self.lease, &mut self.reading) else {
            return Ok(());
        };
        if let Stage::Primary { asked, .. } = &mut reading.stage {
            *asked = true;
        }
        out.extend_from_slice(&QUESTION);
        let statements = self.statements.get_or_insert_default();
        statements.await_position();
        let sent = lease
            .ledger
            .sent_marked(frontend::FUNCTION_CALL, Owner::Pooler);
        sent.map_err(End::ClientViolation)
    }
}

impl Reading {
    /// The primary has told how far it has come: the body of a `FunctionCallResponse`.
    pub(in crate::session) fn told_position(
        &mut self,
        client: &Client,
        server: &Server,
        body: &[u8],
    ) {
        if let Stage::Primary {
            asked: true, told, ..
        } = &mut self.stage
            && let Some(bytes) = body.last_chunk::<8>()
            && body.len() == ANSWER_BYTES
        {
            let lsn = Lsn(u64::from_be_bytes(*bytes));
            let Some(reads) = client.pool.reads() else {
                return;
            };
            reads.position_told(true, client.now());
            // What a server says that nobody vouches for may be a place on another timeline.
            if !reads.vouch_for_primary(server.card.connected_at, client.now()) {
                return;
            }
            *told = Some(lsn);
            if let Some(unproven) = self.unproven.take() {
                unproven.proven(lsn.end_of_record());
            }
        }
    }
}

/// Where a client's words, of which this round is the first, part because a server is told what a
/// `SHOW tidegate.lsn` is to show when its client gets it: behind such a round, and in front of one that
/// stands behind something else, which begins anew when that is answered.
pub(super) fn parts_at(bytes: &[u8], first: &Round, known: &impl Known) -> Option<usize> {
    if first.wants_lsn {
        return Some(first.bytes);
    }
    let mut at = first.bytes;
    if !may_wish(bytes.get(at..)?) {
        return None;
    }
    while let Said::Round(round) = Round::read(bytes.get(at..)?, known) {
        if round.wants_lsn {
            return Some(at);
        }
        at += round.bytes;
    }
    None
}

/// The settings of a server that has reported those of its client: with what it was told to show.
pub(in crate::session) fn with_told(settings: &Rc<Settings>, before: &Settings) -> Rc<Settings> {
    let mut kept = Rc::clone(settings);
    if let Some(told) = before.value(PARAMETER)
        && settings.value(PARAMETER) != Some(told)
    {
        // What there is no room for was not told.
        Rc::make_mut(&mut kept).set(PARAMETER, told).ok();
    }
    kept
}

/// Whether the name of what may be asked for stands anywhere in this.
fn may_wish(bytes: &[u8]) -> bool {
    let (before, behind) = PARAMETER.split_at(PARAMETER_DOT);
    memchr::memchr_iter(b'.', bytes).any(|dot| {
        let (left, right) = bytes.split_at(dot);
        let end = left.last_chunk::<PARAMETER_DOT>();
        end.is_some_and(|end| end.eq_ignore_ascii_case(before.as_bytes()))
            && right
                .get(..behind.len())
                .is_some_and(|right| right.eq_ignore_ascii_case(behind.as_bytes()))
    })
}

/// Whether a text asks for what its client must not fall behind.
pub(super) fn is_wish(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let begins = |beginning: &[u8]| beginning.eq_ignore_ascii_case(b"show");
    if !text.get(..4).is_some_and(begins) {
        // As of nearly all.
        return false;
    }
    let text = text.strip_suffix(b";").unwrap_or(text).trim_ascii_end();
    let mut words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let is = |word: Option<&[u8]>, expected: &[u8]| {
        word.is_some_and(|word| word.eq_ignore_ascii_case(expected))
    };
    is(words.next(), b"show") && is(words.next(), PARAMETER.as_bytes()) && words.next().is_none()
}

/// Whether what a client says in a block may be the end of it.
pub(super) fn may_end(bytes: &[u8]) -> bool {
    may_begin_with(bytes, BEGINNINGS_OF_ENDS)
}

/// Whether the first text of what a client says may begin with one of these letters: it does, or is
/// named, or not there yet.
pub(super) fn may_begin_with(bytes: &[u8], letters: &[u8]) -> bool {
    match bytes.first() {
        Some(&(frontend::QUERY | frontend::PARSE)) => {
            let is_there = text_of_first(bytes).is_some_and(|text| !text.is_empty());
            !is_there || begins_with(bytes, letters)
        },
        Some(&frontend::BIND) => true,
        _ => false,
    }
}

/// Whether it does, as far as it can be told.
pub(super) fn begins_with(bytes: &[u8], letters: &[u8]) -> bool {
    let text = text_of_first(bytes).unwrap_or_default();
    text.first().is_some_and(|first| letters.contains(first))
}

/// The text of the first message, as much of it as is there.
fn text_of_first(bytes: &[u8]) -> Option<&[u8]> {
    let body = bytes.get(5..)?;
    let text = match *bytes.first()? {
        frontend::QUERY => body,
        frontend::PARSE => {
            let name = memchr::memchr(0, body)? + 1;
            body.get(name..)?
        },
        _ => return None,
    };
    Some(text.trim_ascii_start())
}
