//! What became of the parameters that a client has set: the server is asked once the transaction is
//! over, because only it knows what was rolled back, refused, or spelt in another way.

use std::rc::Rc;

use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::error::EncodeError;

use crate::pool::Settings;
use crate::pool::TooManySettings;
use crate::pool::push_literal;
use crate::session::Client;
use crate::session::End;
use crate::sql::Touch;

/// Where a value comes from that was set in the session: `source` of `pg_settings`.
const SET_IN_SESSION: &str = "session";

/// What a server is asked for.
#[derive(Debug)]
pub(super) struct Question {
    touches: Vec<Touch>,
    /// Whether what was sent took effect is uncertain.
    is_doubtful: bool,
    /// A value for each, and the source of each that was reset, once it has answered.
    answers: Option<Vec<Option<Box<str>>>>,
}

/// What was learnt.
#[derive(Debug)]
pub(super) struct Learnt {
    /// The settings of the client.
    pub(super) client: Rc<Settings>,
    /// The settings that the server has.
    pub(super) server: Rc<Settings>,
    /// What the client must hear of it, as `ParameterStatus` messages.
    pub(super) told: Vec<u8>,
}

impl Question {
    pub(super) fn new(touches: Vec<Touch>, is_doubtful: bool) -> Self {
        Self {
            touches,
            is_doubtful,
            answers: None,
        }
    }

    /// The question, in SQL.
    pub(super) fn query(&self) -> String {
        let mut query = String::new();
        for touch in &self.touches {
            query.push_str(if query.is_empty() { "SELECT " } else { "," });
            query.push_str("pg_catalog.current_setting(");
            push_literal(&mut query, &touch.name);
            query.push_str(",true)");
            if touch.is_reset {
                query.push_str(
                    ",(SELECT source FROM pg_catalog.pg_settings \
                     WHERE pg_catalog.lower(name)=pg_catalog.lower(",
                );
                push_literal(&mut query, &touch.name);
                query.push_str("))");
            }
        }
        query
    }

    /// Reads the answer. One that is cut off, or no text, is none.
    pub(super) fn answered(&mut self, row: &[u8]) {
        let Ok(row) = DataRow::decode(row) else {
            return;
        };
        let text = |value: Option<&[u8]>| match value.map(std::str::from_utf8) {
            None => Some(None),
            Some(Ok(text)) => Some(Some(text.into())),
            Some(Err(_not_text)) => None,
        };
        let answers: Option<Vec<_>> = row.values.iter().map(text).collect();
        let resets = self.touches.iter().filter(|touch| touch.is_reset).count();
        self.answers = answers.filter(|answers| answers.len() == self.touches.len() + resets);
    }

    /// What the answer says of the settings of client and server; `None` if there is no answer.
    ///
    /// # Errors
    ///
    /// [`End::TooManySettings`]: the client's fault.
    pub(super) fn learn(
        &self,
        client: &Client,
        server: &Rc<Settings>,
    ) -> Result<Option<Learnt>, End> {
        let Some(answers) = &self.answers else {
            return Ok(None);
        };
        let before = client.settings();
        let at_first = client.startup_settings();
        let mut mine = Settings::clone(&before);
        let mut actual = Settings::clone(server);
        let mut told = Vec::new();
        let mut answers = answers.iter().map(Option::as_deref);
        for touch in &self.touches {
            let name = &*touch.name;
            let value = answers.next().flatten();
            let is_reset = touch.is_reset
                && match answers.next().flatten() {
                    Some(source) => source != SET_IN_SESSION,
                    // A parameter of somebody's own has none.
                    None => !(self.is_doubtful && value == before.value(name)),
                };
            let (own, servers) = if is_reset {
                (at_first.value(name), None)
            } else {
                (value, value)
            };
            replace(&mut mine, name, own)?;
            replace(&mut actual, name, servers)?;
            if let Some(own) = own {
                tell(client, name, own, value, &mut told)?;
            }
        }
        let mine = Rc::new(mine);
        let server = if *mine == actual {
            Rc::clone(&mine)
        } else {
            Rc::new(actual)
        };
        Ok(Some(Learnt {
            client: mine,
            server,
            told,
        }))
    }
}

/// Tells a client its own value of a parameter, if the server has reported another one.
pub(super) fn tell(
    client: &Client,
    name: &str,
    own: &str,
    reported: Option<&str>,
    told: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if reported != Some(own) && client.pool.welcomes.borrow().reports(name) {
        ParameterStatus {
            name: name.as_bytes(),
            value: own.as_bytes(),
        }
        .encode(told)?;
    }
    Ok(())
}

fn replace(
    settings: &mut Settings,
    name: &str,
    value: Option<&str>,
) -> Result<(), TooManySettings> {
    if let Some(value) = value {
        return settings.set(name, value);
    }
    *settings = std::mem::take(settings).without(name);
    Ok(())
}
