//! The sending side of the ledger: which replies a message will be owed.

use super::entry::Awaited;
use super::entry::Entry;
use super::entry::Outcome;
use super::entry::Owner;
use super::ledger::Doubt;
use super::ledger::Ledger;
use crate::error::Sender;
use crate::error::Violation;
use crate::frontend::tag as frontend;

impl Ledger {
    /// Enters a message that is about to be sent to the server, by its tag.
    ///
    /// # Errors
    ///
    /// [`Violation`], the client's fault, if no frontend message has this tag once a session is
    /// under way. The message must then not be sent.
    #[inline]
    pub fn sent(&mut self, tag: u8, owner: Owner) -> Result<(), Violation> {
        self.enter_message(tag, owner, false)
    }

    /// The same, for a message whose success somebody waits for: each is settled once, in the order
    /// of sending, and [`Ledger::settled`] tells how.
    ///
    /// # Errors
    ///
    /// As [`Ledger::sent`]; nothing is settled then.
    pub fn sent_marked(&mut self, tag: u8, owner: Owner) -> Result<(), Violation> {
        let owed = self.owed.len();
        self.enter_message(tag, owner, true)?;
        if self.owed.len() == owed {
            // It is not answered: discarded, or read by a COPY.
            self.settled.push_back(Outcome::Skipped);
        }
        Ok(())
    }

    #[inline]
    fn enter_message(&mut self, tag: u8, owner: Owner, is_marked: bool) -> Result<(), Violation> {
        let entry = |awaited| Entry {
            awaited,
            owner,
            is_marked,
        };
        match tag {
            frontend::QUERY => {
                self.spoil();
                self.enter(entry(Awaited::Query));
                self.open = false;
            },
            frontend::PARSE => self.enter_extended(entry(Awaited::Parse)),
            frontend::BIND => self.enter_extended(entry(Awaited::Bind)),
            frontend::DESCRIBE => self.enter_extended(entry(Awaited::Describe)),
            frontend::EXECUTE => self.enter_extended(entry(Awaited::Execute)),
            frontend::CLOSE => self.enter_extended(entry(Awaited::Close)),
            frontend::SYNC => self.enter_sync(entry(Awaited::Sync)),
            frontend::FUNCTION_CALL => {
                self.spoil();
                self.enter(entry(Awaited::FunctionCall));
                self.open = false;
            },
            frontend::COPY_DONE | frontend::COPY_FAIL => {
                self.enter_copy_end(entry(Awaited::CopyEnd));
            },
            frontend::FLUSH | frontend::COPY_DATA | frontend::TERMINATE => {},
            unknown => return Err(Violation::out_of_place(Sender::Frontend, unknown)),
        }
        Ok(())
    }

    /// A pipeline is ended by something else than its `Sync`.
    #[inline]
    fn spoil(&mut self) {
        self.is_spoiled |= self.open && !self.skipping && !self.copy.is_in();
    }

    #[inline]
    fn enter_extended(&mut self, entry: Entry) {
        self.enter(entry);
        self.open = true;
    }

    #[inline]
    fn enter(&mut self, entry: Entry) {
        if self.skipping {
            // If the skipping has ended already, this is answered.
            if self.doubt == Doubt::Syncs {
                self.doubt = Doubt::Lost;
            }
        } else if self.copy.is_in() {
            // The COPY reads this message in place of data and fails on it: an ErrorResponse for
            // the COPY follows, and none for this message.
            self.intrude(entry.owner);
        } else {
            self.push(entry);
        }
    }

    #[inline]
    fn enter_sync(&mut self, entry: Entry) {
        if self.copy.is_in() {
            self.absorb_sync(entry.owner);
            return;
        }
        self.skipping = false;
        self.open = false;
        self.push(entry);
    }

    fn enter_copy_end(&mut self, entry: Entry) {
        if self.copy.is_in() {
            self.copy.closes();
        } else if !self.owed.is_empty() {
            self.push(entry);
        }
    }

    #[inline]
    fn push(&mut self, entry: Entry) {
        // What comes unexpectedly is the client's; of the pooler's messages, none may be near.
        let is_doubtful = matches!(self.doubt, Doubt::Syncs | Doubt::Parting);
        if entry.owner != Owner::Client && is_doubtful {
            self.doubt = Doubt::Lost;
        }
        self.owed.push_back(entry);
    }

    pub(super) fn intrude(&mut self, owner: Owner) {
        self.copy.is_intruded();
        if owner != Owner::Client {
            self.doubt = Doubt::Lost;
        }
    }

    pub(super) fn absorb_sync(&mut self, owner: Owner) {
        self.copy.absorbs_sync();
        // Nothing of the pooler's belongs into a client's COPY: its reply could not be told apart.
        if owner != Owner::Client {
            self.doubt = Doubt::Lost;
        }
    }
}
