//! What one client must hear: a server of its own, in its mind, that reads the same messages.

use std::collections::VecDeque;

use tidegate_model::Backend;
use tidegate_model::Reply;
use tidegate_model::Settings;
use tidegate_proto::backend::ErrorResponse;
use tidegate_proto::backend::tag;

/// What a canceled statement fails with.
const CANCELED: &[u8] = b"canceling statement due to user request";

/// A server of the client's own, in its mind. It works only as far as the client has heard, so
/// that a cancel request finds it where it found the real one.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    now: Backend,
    next: Option<Reply>,
    /// How it was when it had been heard last, if a cancel request may have found it there.
    before: Option<Backend>,
    /// What a reset falls back to is the client's own, and not the server's: the client may hear of
    /// the server's first. Then it only counts what it has heard last.
    pub(crate) is_lenient: bool,
    /// Its client has sent a cancel request, which may come late.
    pub(crate) may_be_canceled: bool,
}

impl Expectation {
    pub(crate) fn new(startup: &[(String, String)]) -> Self {
        Self {
            now: Backend::new(Settings::new(startup), false),
            next: None,
            before: None,
            is_lenient: !startup.is_empty(),
            may_be_canceled: false,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        self.now.settings()
    }

    /// The server, as far as it has worked.
    pub(crate) fn server(&self) -> &Backend {
        &self.now
    }

    /// The client says something.
    pub(crate) fn say(&mut self, tag: u8, body: &[u8]) {
        self.now.enqueue(0, tag, body);
        if let Some(before) = &mut self.before {
            before.enqueue(0, tag, body);
        }
    }

    /// Whether something must still be heard.
    pub(crate) fn owes(&mut self) -> bool {
        self.work();
        self.next.is_some() || self.now.is_asleep()
    }

    /// The client hears a message.
    pub(crate) fn hear(&mut self, message: &[u8]) -> Result<(), String> {
        let is_cancel = self.may_be_canceled && is_canceled(message);
        self.work();
        if self.next.is_none() && self.now.is_asleep() {
            if is_cancel {
                self.now.cancel();
            } else {
                self.now.wake();
            }
            self.work();
        }
        if is_cancel
            && self.next.as_ref().is_none_or(|next| next.bytes != message)
            && let Some(mut before) = self.before.take()
        {
            before.cancel();
            self.now = before;
            self.next = None;
            self.work();
        }
        let Some(next) = self.next.take() else {
            return Err(format!("hears {} unasked", shown(message)));
        };
        if next.bytes != message {
            let (heard, next) = (shown(message), shown(&next.bytes));
            return Err(format!("hears {heard} in place of {next}"));
        }
        self.before = None;
        Ok(())
    }

    /// Whether these bytes are the beginning of what must be heard next.
    pub(crate) fn begins_with(&mut self, bytes: &[u8]) -> bool {
        self.work();
        if self.next.is_none() && self.now.is_asleep() {
            self.now.wake();
            self.work();
        }
        let next = self.next.as_ref();
        next.is_some_and(|next| next.bytes.starts_with(bytes)) || self.may_be_canceled
    }

    fn work(&mut self) {
        while self.next.is_none() {
            self.next = self.now.reply();
            if self.is_lenient && self.next.as_ref().is_some_and(is_status) {
                self.next = None;
                continue;
            }
            if self.next.is_some() || self.now.is_asleep() {
                return;
            }
            if self.before.is_none() && self.now.is_busy() {
                self.before = Some(self.now.clone());
            }
            if !self.now.work() {
                return;
            }
        }
    }
}

fn is_status(reply: &Reply) -> bool {
    reply.tag() == tag::PARAMETER_STATUS
}

fn is_canceled(message: &[u8]) -> bool {
    let body = message.get(5..).unwrap_or_default();
    message.first() == Some(&b'E')
        && ErrorResponse::decode(body).is_ok_and(|error| error.report.message() == Some(CANCELED))
}

/// A message as text.
pub(crate) fn shown(message: &[u8]) -> String {
    let parts: VecDeque<String> = message
        .iter()
        .take(200)
        .map(|byte| byte.escape_ascii().to_string())
        .collect();
    parts.into_iter().collect()
}
