//! What is known of a client's conversation with the server that it has at the moment, and what of
//! the client that server keeps.

use std::rc::Rc;

use crate::config::PoolMode;
use crate::limits::TOUCHED_COUNT_MAX;
use crate::pool::Lease;
use crate::pool::PoolError;
use crate::pool::Settings;
use crate::session::Client;
use crate::session::End;
use crate::session::learning;
use crate::session::learning::Question;
use crate::session::statement_text::StatementText;
use crate::sql::Leaves;
use crate::sql::Touch;
use crate::sql::Usage;

/// What is known of the conversation with the server of the moment.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// The client has state that only this server has.
    is_pinned: bool,
    /// The client has given names to statements by SQL.
    pub(super) has_names_of_sql: bool,
    /// The client waits for a statement to be prepared, or for what it has reset: what it said
    /// meanwhile is held.
    pub(super) waits: bool,
    /// Something was reset since the server was last asked: what follows the end of a round must
    /// wait until the client has its own settings again.
    resets: bool,
    /// That is what it waits for.
    pub(super) waits_for_ready: bool,
    /// It waits for the answer to the question.
    waits_for_answer: bool,
    /// It waits until the server can be told apart from one in doubt, or has gone.
    pub(super) waits_for_certainty: bool,
    /// What was held wants another server.
    pub(super) restarts: bool,
    /// What was held may go on.
    pub(super) resumes: bool,
    /// The statement that it waited for takes or returns something else by now.
    pub(super) is_stale: bool,
    /// The next error is one that the pooler has provoked for that reason.
    pub(super) hides_error: bool,
    /// The server has answered the question.
    pub(super) is_answered: bool,
    /// Something in this round makes it uncertain whether what was sent took effect, or lasts.
    pub(super) is_doubtful: bool,
    /// Something that pins was sent after the last `DISCARD ALL`.
    is_pinned_since: bool,
    /// The server has discarded everything in this round.
    has_discarded: bool,
    /// What the server still has of the client is not known: it must be reset before it is lent.
    pub(super) needs_reset: bool,
    /// What statements mean may be another thing once the transaction is over.
    pub(super) has_changed_catalog: bool,
    /// What a function does may be another thing then.
    pub(super) has_changed_functions: bool,
    /// The last thing that the server said to the client was why it ends.
    pub(super) is_error_open: bool,
    /// The server takes nothing more.
    pub(super) is_server_deaf: bool,
    /// The client said `Terminate`.
    pub(super) is_over: bool,
    matters: Option<Box<Matters>>,
}

/// What most conversations have nothing of.
#[derive(Debug, Default)]
struct Matters {
    /// Parameters that the client may have changed since the server was last asked for them.
    touched: Vec<Touched>,
    /// What the server is asked for at the moment.
    question: Option<Question>,
    /// How many `DISCARD ALL` were sent in this round and not answered yet.
    discards: u32,
    /// A message's body that has not arrived whole.
    reading: Option<Box<StatementText>>,
    /// The client's settings, if the server reported a change.
    changed: Option<Rc<Settings>>,
    /// The server refused what was injected.
    refused: Option<PoolError>,
}

/// A parameter that the client may have changed.
#[derive(Debug)]
struct Touched {
    touch: Touch,
    /// A `DISCARD ALL` was sent after it.
    is_discarded: bool,
}

impl Conversation {
    /// Whether the client must keep the server that it has.
    pub(super) fn keeps_server(&self) -> bool {
        self.is_pinned
    }

    /// Whether something is to be done, or may go on, before the server has answered all.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        let matters = self.matters.as_deref();
        self.waits
            || self.is_answered
            || matters.is_some_and(|some| some.changed.is_some() || some.refused.is_some())
    }

    /// Whether nothing at all is known but what goes without saying, or goes with the end of a round.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        // No short cuts: most are, and then all of it is looked at.
        let is_held = self.is_pinned
            | self.has_names_of_sql
            | self.is_pinned_since
            | self.has_discarded
            | self.needs_reset
            | self.has_changed_catalog
            | self.has_changed_functions;
        let is_waiting = self.waits
            | self.resets
            | self.waits_for_ready
            | self.waits_for_answer
            | self.waits_for_certainty
            | self.restarts
            | self.resumes;
        let is_odd = self.is_stale
            | self.hides_error
            | self.is_answered
            | self.is_error_open
            | self.is_server_deaf
            | self.is_over;
        !(is_held | is_waiting | is_odd) && self.matters.is_none()
    }

    fn matters(&mut self) -> &mut Matters {
        self.matters.get_or_insert_default()
    }

    fn touched(&self) -> &[Touched] {
        self.matters.as_ref().map_or(&[], |some| &some.touched)
    }

    fn touched_mut(&mut self) -> &mut [Touched] {
        self.matters
            .as_mut()
            .map_or(&mut [], |some| &mut some.touched)
    }

    /// A message's body has not arrived whole.
    pub(super) fn keep_reading(&mut self, text: Box<StatementText>) {
        self.matters().reading = Some(text);
    }

    /// The message's body that had not arrived whole, if there is one.
    pub(super) fn take_reading(&mut self) -> Option<Box<StatementText>> {
        self.matters.as_mut()?.reading.take()
    }

    /// The client's settings, if the server reported a change.
    pub(super) fn changed(&self) -> Option<&Rc<Settings>> {
        self.matters.as_ref()?.changed.as_ref()
    }

    /// The server reported a change of the client's settings.
    pub(super) fn change(&mut self, settings: Settings) {
        self.matters().changed = Some(Rc::new(settings));
    }

    /// The client's settings, once, if the server reported a change.
    pub(super) fn take_changed(&mut self) -> Option<Rc<Settings>> {
        self.matters.as_mut()?.changed.take()
    }

    /// The server refused what was injected.
    pub(super) fn refuse(&mut self, error: PoolError) {
        self.matters().refused = Some(error);
    }

    /// Why the server refused what was injected, once, if it did.
    pub(super) fn take_refused(&mut self) -> Option<PoolError> {
        self.matters.as_mut()?.refused.take()
    }

    /// The server is asked this.
    pub(super) fn put(&mut self, question: Question) {
        self.matters().question = Some(question);
    }

    /// What the server was asked.
    pub(super) fn take_question(&mut self) -> Option<Question> {
        self.matters.as_mut()?.question.take()
    }

    /// Whether the server must be reset before somebody else may have it.
    pub(super) fn needs_reset(&self) -> bool {
        self.is_pinned || self.needs_reset || self.has_touched() || self.is_asking()
    }

    /// Whether the server is to be asked for parameters before the client may part from it.
    pub(super) fn has_touched(&self) -> bool {
        !self.touched().is_empty()
    }

    /// The same, now: whoever keeps its server only has to get back what its startup packet said of
    /// what it has reset.
    pub(super) fn must_ask(&self, client: &Client) -> bool {
        if !self.is_pinned {
            return self.has_touched();
        }
        let mut touched = self.touched().iter();
        let has_reset = touched.any(|touched| touched.touch.is_reset);
        has_reset && !client.startup_settings().is_empty()
    }

    pub(super) fn is_asking(&self) -> bool {
        let matters = self.matters.as_ref();
        matters.is_some_and(|some| some.question.is_some())
    }

    /// The server has learnt a name of the client's.
    pub(super) fn leave_name(&mut self) {
        self.needs_reset = true;
        self.is_pinned_since = true;
    }

    /// The client has state that only this server has.
    pub(super) fn pin(&mut self) {
        self.is_pinned = true;
        self.is_pinned_since = true;
    }

    /// The client has sent a text, which may leave something behind.
    #[inline]
    pub(super) fn leaves_behind(&mut self, client: &Client, leaves: &Leaves) {
        if !leaves.are_none() || self.matters.is_some() {
            self.leaves_something(client, leaves);
        }
    }

    /// The client has sent a text that leaves nothing behind.
    #[inline]
    pub(super) fn leaves_nothing_behind(&mut self, client: &Client) {
        if self.matters.is_some() {
            self.leaves_something(client, &Leaves::default());
        }
    }

    fn leaves_something(&mut self, client: &Client, leaves: &Leaves) {
        let Leaves {
            effects,
            touches,
            mentions,
        } = leaves;
        self.has_names_of_sql |= mentions
            .iter()
            .any(|mention| mention.usage == Usage::Prepared);
        self.is_doubtful |= effects.blocks;
        if effects.discards {
            self.matters().discards += 1;
            self.is_pinned_since = false;
            for touched in self.touched_mut() {
                touched.is_discarded = true;
            }
        } else if effects.resets {
            self.touch_all(client);
        }
        let is_reset = effects.discards || self.touched().iter().any(|known| known.touch.is_reset);
        let is_reset = is_reset || touches.iter().any(|touch| touch.is_reset);
        self.resets |= is_reset && !client.startup_settings().is_empty();
        for touch in touches {
            // Whoever keeps its server only has to know what a parameter falls back to.
            if client.mode() != PoolMode::Session || touch.is_reset {
                self.touch(touch.clone());
            }
        }
        if effects.pins {
            self.pin();
        }
    }

    /// `RESET ALL`: all that the client has set falls back to what it was at its login.
    fn touch_all(&mut self, client: &Client) {
        let (settings, at_first) = (client.settings(), client.startup_settings());
        let names = settings.iter().chain(at_first.iter()).map(|(name, _)| name);
        for name in names {
            self.touch(Touch {
                name: name.into(),
                is_reset: true,
            });
        }
        for touched in self.touched_mut() {
            touched.touch.is_reset = true;
        }
    }

    /// The server has reported a value that is too long to be kept, or no text: it is asked for that
    /// one. The client keeps it, if that does not help either.
    pub(super) fn reported_in_part(&mut self, client: &Client, body: &[u8]) {
        let mut strings = body.split(|byte| *byte == 0);
        match strings.next().map(std::str::from_utf8) {
            Some(Ok(name)) if client.mode() != PoolMode::Session => self.touch(Touch {
                name: name.into(),
                is_reset: false,
            }),
            _ => self.pin(),
        }
    }

    /// The server has reported something that nobody sets by its name: whose rights a session has may
    /// be others, though no text has said so.
    pub(super) fn reported_of_user(&mut self, client: &Client, name: &str) {
        match name {
            "session_authorization" => self.pin(),
            "is_superuser" if client.mode() != PoolMode::Session => self.touch(Touch {
                name: "role".into(),
                is_reset: false,
            }),
            _ => {},
        }
    }

    fn touch(&mut self, touch: Touch) {
        let all = &mut self.matters().touched;
        let known = all
            .iter_mut()
            .find(|known| known.touch.name.eq_ignore_ascii_case(&touch.name));
        match known {
            Some(known) => {
                known.touch.is_reset = touch.is_reset;
                known.is_discarded = false;
            },
            None => all.push(Touched {
                touch,
                is_discarded: false,
            }),
        }
        if all.len() > TOUCHED_COUNT_MAX {
            all.clear();
            self.pin();
        }
    }

    /// A message that ends a round was sent: whether those behind it must wait.
    pub(super) fn pauses(&mut self) -> bool {
        self.waits |= self.resets;
        self.waits_for_ready |= self.resets;
        self.resets
    }

    /// The client's messages wait for the answer to the question.
    pub(super) fn wait_for_answer(&mut self) {
        self.waits = true;
        self.waits_for_answer = true;
    }

    /// The question is answered. What was reset after it had been put waits for the next one.
    pub(super) fn ends_question(&mut self) {
        if std::mem::take(&mut self.waits_for_answer) {
            self.waits = false;
            self.resumes = true;
        } else if !self.resets {
            self.ends_pause();
        }
    }

    /// The client has its settings, or cannot have them before it says more: what was held goes on.
    pub(super) fn ends_pause(&mut self) {
        if std::mem::take(&mut self.waits_for_ready) {
            self.waits = false;
            self.resumes = true;
        }
    }

    /// The server is in no doubt: what waited for that goes on.
    pub(super) fn is_certain(&mut self) {
        if std::mem::take(&mut self.waits_for_certainty) {
            self.waits = false;
            self.resumes = true;
        }
    }

    /// The server has discarded all state of its session.
    pub(super) fn discarded(&mut self) {
        self.has_discarded = true;
        if let Some(matters) = &mut self.matters {
            matters.discards = matters.discards.saturating_sub(1);
            if matters.discards > 0 {
                return;
            }
            matters.touched.retain(|touched| !touched.is_discarded);
        }
        if !self.is_pinned_since {
            self.is_pinned = false;
            self.has_names_of_sql = false;
            self.needs_reset = false;
        }
    }

    /// The end of a round that is plain: nothing is owed and no transaction is open.
    #[inline]
    pub(super) fn settle_plain(&mut self) {
        self.is_doubtful = false;
    }

    /// The end of any other round. What was discarded is what
    /// it was at the login of each; what the client must hear of that is returned.
    ///
    /// # Errors
    ///
    /// [`End::Unwritable`]: ours.
    pub(super) fn settle(&mut self, client: &Client, lease: &mut Lease) -> Result<Vec<u8>, End> {
        let mut told = Vec::new();
        if let Some(matters) = &mut self.matters {
            matters.discards = 0;
            for touched in &mut matters.touched {
                touched.is_discarded = false;
            }
        }
        if std::mem::take(&mut self.has_discarded) {
            let at_first = client.startup_settings();
            let reported = client.settings();
            client.set(Rc::clone(&at_first));
            for (name, own) in at_first.iter() {
                learning::tell(client, name, own, reported.value(name), &mut told)?;
            }
            lease.settings = Rc::default();
        }
        if !self.has_touched() {
            self.is_doubtful = false;
            self.resets = false;
        }
        Ok(told)
    }

    /// What to ask the server for, once all is settled.
    pub(super) fn ask(&mut self) -> Question {
        self.resets = false;
        let touched = std::mem::take(&mut self.matters().touched);
        let touches = touched.into_iter().map(|touched| touched.touch);
        Question::new(touches.collect(), std::mem::take(&mut self.is_doubtful))
    }

    /// The answer to a question, if the row is one: the body of a `DataRow`.
    pub(super) fn answered(&mut self, row: &[u8]) {
        if let Some(matters) = &mut self.matters
            && let Some(question) = &mut matters.question
        {
            question.answered(row);
        }
    }

    /// The server has gone, and with it all that was only there.
    pub(super) fn left_server(&mut self) {
        let is_over = self.is_over;
        *self = Self {
            is_over,
            ..Self::default()
        };
    }
}
