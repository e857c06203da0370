//! What a server says at login, and what it makes of clients' startup parameters: learnt once,
//! told to every client that asks for the same.
//!
//! A client that logs in must hear the parameters of its session, in the server's own spelling,
//! before it has a server. So the first client that asks for a set of parameters has them tried on
//! a server; the answer is kept for the others.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::limits::WELCOMES_COUNT_MAX;
use crate::pool::Notices;
use crate::pool::Settings;

/// Parameters as a server reports them, in its order.
pub type Reported = Vec<(Box<str>, Box<str>)>;

/// What one set of startup parameters came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The settings of the session, in the server's spelling.
    pub settings: Rc<Settings>,
    /// Every parameter that the client must be told.
    pub reported: Rc<Reported>,
}

/// What one pool has learnt. Bounded: the set that was used longest ago is forgotten.
#[derive(Debug, Default)]
pub struct Welcomes {
    server: Option<Rc<Reported>>,
    /// What the last server raised at its login.
    notices: Rc<Notices>,
    known: VecDeque<(Settings, Welcome)>,
}

impl Welcomes {
    /// What a server without any settings reports; `None` before the first login.
    pub fn server(&self) -> Option<Rc<Reported>> {
        self.server.clone()
    }

    /// What the asked-for settings come to, if that is known.
    pub fn known(&mut self, asked: &Settings) -> Option<Welcome> {
        if asked.is_empty() {
            return self.server().map(|reported| Welcome {
                settings: Rc::default(),
                reported,
            });
        }
        let at = self.known.iter().position(|(known, _)| known == asked)?;
        let found = self.known.remove(at)?;
        let welcome = found.1.clone();
        self.known.push_front(found);
        Some(welcome)
    }

    /// Keeps what the asked-for settings came to.
    pub fn keep(&mut self, asked: Settings, welcome: Welcome) {
        self.known.truncate(WELCOMES_COUNT_MAX - 1);
        self.known.push_front((asked, welcome));
    }

    /// Takes over what a server said at login, and returns it. If it is not what the last one said,
    /// what was learnt from that one no longer holds.
    pub(super) fn learn(&mut self, reported: Reported) -> Rc<Reported> {
        if let Some(known) = &self.server
            && **known == reported
        {
            return Rc::clone(known);
        }
        self.known.clear();
        let reported = Rc::new(reported);
        self.server = Some(Rc::clone(&reported));
        reported
    }

    /// Takes over what a server raised at its login, and returns it.
    pub(super) fn hear(&mut self, notices: Notices) -> Rc<Notices> {
        if *self.notices != notices {
            self.notices = Rc::new(notices);
        }
        Rc::clone(&self.notices)
    }

    /// What a server raises at its login.
    pub fn notices(&self) -> Rc<Notices> {
        Rc::clone(&self.notices)
    }

    /// Forgets everything: the next servers may be others.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether the servers report a parameter when it changes.
    pub fn reports(&self, name: &str) -> bool {
        self.server.as_ref().is_some_and(|reported| {
            reported
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
        })
    }
}
