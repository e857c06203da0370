//! What a server says at login, and what it makes of clients' startup parameters: learnt once,
//! told to every client that asks for the same.
//!
//! A client that logs in must hear the parameters of its session, in the server's own spelling,
//! before it has a server. So the first client that asks for a set of parameters has them tried on
//! a server; the answer is kept for the others.

use std::collections::VecDeque;
use std::rc::Rc;

use tidegate_proto::error::EncodeError;

use crate::limits::WELCOMES_COUNT_MAX;
use crate::pool::Notices;
use crate::pool::Settings;
use crate::pool::Told;

/// Parameters as a server reports them, in its order.
pub type Reported = Vec<(Box<str>, Box<str>)>;

/// What one set of startup parameters came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The settings of the session, in the server's spelling.
    pub settings: Rc<Settings>,
    /// Every parameter that the client must be told.
    pub told: Rc<Told>,
}

/// What one pool has learnt. Bounded: the set that was used longest ago is forgotten.
#[derive(Debug, Default)]
pub struct Welcomes {
    server: Option<Rc<Reported>>,
    /// The same as it is told to clients, once one has asked.
    told: Option<Rc<Told>>,
    /// The next servers may say something else. Clients that are here still live by what was said.
    is_past: bool,
    /// What the last server raised at its login.
    notices: Rc<Notices>,
    known: VecDeque<(Settings, Welcome)>,
    /// Those of a client that has set nothing.
    bare: Rc<Settings>,
    /// Settings of clients that have logged in: those who have the same share them.
    shared: VecDeque<Rc<Settings>>,
}

impl Welcomes {
    /// What a server without any settings reports; `None` before the first login.
    pub fn server(&self) -> Option<Rc<Reported>> {
        self.server.clone().filter(|_| !self.is_past)
    }

    /// What a server reported for a parameter when it was last heard.
    pub fn last_reported(&self, name: &str) -> Option<&str> {
        let mut reported = self.server.iter().flat_map(|reported| reported.iter());
        let found = reported.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    /// The settings of a client that has set nothing, which all such clients share.
    pub fn bare(&self) -> Rc<Settings> {
        Rc::clone(&self.bare)
    }

    /// What the asked-for settings come to, if that is known.
    ///
    /// # Errors
    ///
    /// What a server said at login cannot be told.
    pub fn known(&mut self, asked: &Settings) -> Result<Option<Welcome>, EncodeError> {
        if asked.is_empty() {
            return self.unasked();
        }
        let at = self.known.iter().position(|(known, _)| known == asked);
        let Some(found) = at.and_then(|at| self.known.remove(at)) else {
            return Ok(None);
        };
        let welcome = found.1.clone();
        self.known.push_front(found);
        Ok(Some(welcome))
    }

    /// What a client hears that asks for nothing.
    fn unasked(&mut self) -> Result<Option<Welcome>, EncodeError> {
        let Some(reported) = self.server() else {
            return Ok(None);
        };
        let told = match &self.told {
            Some(told) => Rc::clone(told),
            None => Rc::clone(self.told.insert(Rc::new(Told::of(&reported)?))),
        };
        Ok(Some(Welcome {
            settings: self.bare(),
            told,
        }))
    }

    /// The same settings, as another client has them if one was seen lately: they take no room of
    /// their own then, and a server that has them is seen to have them at a glance.
    pub fn shared(&mut self, settings: Rc<Settings>) -> Rc<Settings> {
        let at = self.shared.iter().position(|known| *known == settings);
        let settings = at.and_then(|at| self.shared.remove(at)).unwrap_or(settings);
        self.shared.truncate(WELCOMES_COUNT_MAX - 1);
        self.shared.push_front(Rc::clone(&settings));
        settings
    }

    /// Keeps what the asked-for settings came to.
    pub fn keep(&mut self, asked: Settings, welcome: Welcome) {
        self.known.truncate(WELCOMES_COUNT_MAX - 1);
        self.known.push_front((asked, welcome));
    }

    /// Takes over what a server said at login, and returns it. If it is not what the last one said,
    /// what was learnt from that one no longer holds.
    pub(super) fn learn(&mut self, reported: Reported) -> Rc<Reported> {
        let is_past = std::mem::take(&mut self.is_past);
        if let Some(known) = &self.server
            && !is_past
            && **known == reported
        {
            return Rc::clone(known);
        }
        self.known.clear();
        let reported = Rc::new(reported);
        self.server = Some(Rc::clone(&reported));
        self.told = None;
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

    /// Tells nobody any more what was learnt: the next servers may be others.
    pub(super) fn forget(&mut self) {
        self.is_past = true;
        self.known.clear();
    }

    /// Whether the servers report a parameter when it changes.
    pub fn reports(&self, name: &str) -> bool {
        self.last_reported(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_with_the_same_settings_share_them_and_nothing_is_kept_for_ever() {
        let settings = |name: &str| {
            let mut settings = Settings::default();
            settings.set("application_name", name).unwrap();
            Rc::new(settings)
        };
        let mut welcomes = Welcomes::default();
        let first = welcomes.shared(settings("a"));
        let other = welcomes.shared(settings("b"));
        assert!(Rc::ptr_eq(&welcomes.shared(settings("a")), &first));
        assert!(!Rc::ptr_eq(&first, &other));
        for number in 0..WELCOMES_COUNT_MAX {
            drop(welcomes.shared(settings(&number.to_string())));
        }
        assert_eq!(welcomes.shared.len(), WELCOMES_COUNT_MAX);
        assert!(!Rc::ptr_eq(&welcomes.shared(settings("a")), &first));
    }

    #[test]
    fn what_a_parameter_is_stays_known_while_the_next_servers_may_be_others() {
        let reported = || vec![("TimeZone".into(), "UTC".into())];
        let mut welcomes = Welcomes::default();
        welcomes.learn(reported());
        welcomes.forget();
        assert!(welcomes.server().is_none());
        assert!(welcomes.reports("timezone"));
        welcomes.learn(reported());
        assert!(welcomes.server().is_some());
    }

    #[test]
    fn what_the_last_server_said_is_told_and_nothing_of_those_before_it() {
        let reported = |zone: &str| vec![("TimeZone".into(), Box::from(zone))];
        let mut welcomes = Welcomes::default();
        let asked = Settings::default();
        assert_eq!(welcomes.known(&asked), Ok(None));
        for zone in ["UTC", "Europe/Vienna"] {
            welcomes.learn(reported(zone));
            let first = welcomes.known(&asked).unwrap().unwrap().told;
            assert_eq!(Ok(&*first), Told::of(&reported(zone)).as_ref());
            let again = welcomes.known(&asked).unwrap().unwrap().told;
            assert!(Rc::ptr_eq(&first, &again), "it is written once");
        }
    }
}
