//! One client: it logs in, talks, and holds everything it hears against what it must hear.

use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;

use tidegate::session::CancelKey;
use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::ErrorResponse;
use tidegate_proto::backend::NoticeResponse;
use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::error::Sender;
use tidegate_proto::frame::Frame;
use tidegate_proto::frontend::Terminate;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::io::ReadHalf;
use tokio::io::WriteHalf;

use crate::expectation::Expectation;
use crate::expectation::shown;
use crate::message::Message;
use crate::nature::Nature;
use crate::network::Line;
use crate::world::Connection;
use crate::world::World;

/// One client, connected.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) world: Rc<World>,
    pub(crate) number: u32,
    pub(crate) tenant: String,
    pub(crate) expectation: Expectation,
    pub(crate) key: Option<CancelKey>,
    /// Whoever leaves without a word need not be told anything.
    pub(crate) has_left: bool,
    line: Rc<Line>,
    /// The parameters that it was told.
    told: BTreeMap<String, String>,
    /// Nothing more can be said or heard.
    pub(crate) is_over: bool,
    reader: ReadHalf<DuplexStream>,
    writer: Option<WriteHalf<DuplexStream>>,
    unread: Vec<u8>,
}

/// What came over the connection.
enum Heard {
    Message(Vec<u8>),
    End,
}

impl Client {
    pub(crate) fn new(
        world: &Rc<World>,
        (number, tenant): (u32, &str),
        connection: Connection,
        parameters: &[(String, String)],
    ) -> Self {
        let (reader, writer) = tokio::io::split(connection.stream);
        Self {
            world: Rc::clone(world),
            number,
            tenant: tenant.to_owned(),
            expectation: Expectation::new(parameters),
            key: None,
            has_left: false,
            line: connection.line,
            told: BTreeMap::new(),
            is_over: false,
            reader,
            writer: Some(writer),
            unread: Vec::new(),
        }
    }

    fn nature(&self) -> &Nature {
        &self.world.nature
    }

    fn find(&self, what: &str) {
        self.nature().find(format!("client {} {what}", self.number));
    }

    /// Hears everything up to the first `ReadyForQuery`.
    pub(crate) async fn log_in(&mut self) {
        while !self.is_over {
            let message = match self.read().await {
                Heard::Message(message) => message,
                Heard::End => {
                    // What the parameters are is looked at once all are known.
                    self.unread.clear();
                    return self.ended();
                },
            };
            let body = &message[5..];
            match message[0] {
                backend::PARAMETER_STATUS => self.is_told(body),
                backend::BACKEND_KEY_DATA => {
                    let data = BackendKeyData::decode(body).unwrap();
                    self.key = Some(CancelKey::new(data.process_id, data.key.as_bytes()));
                },
                backend::READY_FOR_QUERY => break,
                backend::ERROR_RESPONSE => return self.farewell(&message).await,
                other => self.find(&format!("hears {} at login", char::from(other))),
            }
        }
        self.check_told();
        self.nature()
            .note(format_args!("client {} is in", self.number));
    }

    fn is_told(&mut self, body: &[u8]) {
        let status = ParameterStatus::decode(body).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        self.told.insert(text(status.name), text(status.value));
    }

    /// What it was told last must be so.
    fn check_told(&self) {
        for (name, value) in self.expectation.settings().reported() {
            if self.told.get(name) != Some(&value) {
                let told = &self.told;
                self.find(&format!("is not told that {name} is {value}, but {told:?}"));
            }
        }
    }

    /// Says something, and hears all that it must.
    pub(crate) async fn exchange(&mut self, messages: &[Message]) {
        let mut bytes = Vec::new();
        for message in messages {
            let (tag, body) = (message.tag(), message.body());
            self.nature().note(format_args!(
                "client {} says {} {}",
                self.number,
                char::from(tag),
                shown(body.get(..80).unwrap_or(body))
            ));
            self.expectation.say(tag, body);
            bytes.extend_from_slice(&message.0);
        }
        let Some(mut writer) = self.writer.take() else {
            return;
        };
        // It listens while it talks: whoever does not is not heard to its end.
        let mut saying = pin!(async {
            // Whoever does not listen may have said why.
            drop(writer.write_all(&bytes).await);
            writer
        });
        while !self.is_over && (self.writer.is_none() || self.expectation.owes()) {
            let is_talking = self.writer.is_none();
            tokio::select! {
                biased;
                writer = &mut saying, if is_talking => self.writer = Some(writer),
                heard = self.read() => match heard {
                    Heard::Message(message) => self.hear(&message).await,
                    Heard::End => self.ended(),
                },
            }
        }
    }

    async fn hear(&mut self, message: &[u8]) {
        if is_unasked(message) {
            return;
        }
        if message[0] == backend::PARAMETER_STATUS && self.expectation.is_lenient {
            return self.is_told(&message[5..]);
        }
        let is_error = message[0] == backend::ERROR_RESPONSE;
        let mut tried = self.expectation.clone();
        match tried.hear(message) {
            Ok(()) => self.expectation = tried,
            Err(_) if is_error && is_fatal(message) => self.farewell(message).await,
            Err(what) => {
                self.find(&what);
                self.is_over = true;
            },
        }
        if self.expectation.server().is_ended() && !self.expectation.owes() {
            self.hear_the_end().await;
        }
    }

    /// It was told why it must go: was that so? Then it hears nothing more.
    async fn farewell(&mut self, message: &[u8]) {
        self.nature().note(format_args!(
            "client {} is told {}",
            self.number,
            shown(message)
        ));
        let error = ErrorResponse::decode(&message[5..]).unwrap();
        let code = error.report.sqlstate().map(|code| code.to_string());
        let text = error.report.message().unwrap_or_default();
        if !self.is_excused(code.as_deref().unwrap_or_default(), text) {
            self.find(&format!("is told without a reason: {}", shown(message)));
        }
        self.hear_the_end().await;
    }

    /// Hears why it must go, without having said anything.
    pub(crate) async fn hear_farewell(&mut self) {
        match self.read().await {
            Heard::Message(message) => self.hear(&message).await,
            Heard::End => self.ended(),
        }
    }

    pub(crate) async fn hear_the_end(&mut self) {
        match self.read().await {
            Heard::End => self.is_over = true,
            Heard::Message(message) => {
                self.find(&format!("hears {} after the last words", shown(&message)));
                self.is_over = true;
            },
        }
    }

    fn is_excused(&self, code: &str, text: &[u8]) -> bool {
        let nature = self.nature();
        let says = |words: &str| String::from_utf8_lossy(text).contains(words);
        match code {
            "57P01" if says("shutting down") => nature.is_draining.get(),
            "57P01" if says("client_lifetime") => nature.weather.patience.is_some(),
            "57P01" if nature.killed.borrow().contains(&self.number) => true,
            // All that waited for a server share the fate of its login.
            "08006" if says("the connection to the server broke") || says("TLS with") => {
                nature.deaths.get() > 0
            },
            "57P01" | "08006" => self.is_bereaved(),
            "57P03" | "53300" => nature.failed_logins.get() > 0,
            "28000" => nature.gone.borrow().contains(&self.tenant),
            "57014" if says("query_wait_timeout") => nature.weather.wait_timeout.is_some(),
            "57014" | "57P05" | "25P03" => nature.weather.patience.is_some(),
            _ => false,
        }
    }

    /// Whether a server died that may have been its own: each is mourned by one client.
    fn is_bereaved(&self) -> bool {
        let nature = self.nature();
        nature.bereaved.set(nature.bereaved.get() + 1);
        nature.bereaved.get() <= nature.deaths.get()
    }

    /// The connection ended without a word: may it?
    fn ended(&mut self) {
        self.is_over = true;
        let is_cut = self.line.is_cut.get() || self.has_left;
        let is_in_a_message = !self.unread.is_empty();
        let is_ended = self.nature().killed.borrow().contains(&self.number)
            || self.nature().gone.borrow().contains(&self.tenant)
            || self.nature().weather.patience.is_some();
        // The pooler's own last words may be cut as well.
        let is_farewell = (is_cut || is_ended) && self.unread.starts_with(b"E");
        let is_notice = self.nature().weather.notices > 0 && self.unread.starts_with(b"N")
            || self.expectation.is_lenient && self.unread.starts_with(b"S");
        let is_known =
            is_farewell || is_notice || self.expectation.begins_with(&self.unread.clone());
        if is_in_a_message && !is_known {
            self.find(&format!("hears in part: {}", shown(&self.unread)));
        }
        if !is_cut && !(is_in_a_message && (is_ended || self.is_bereaved())) {
            self.find("is left without a word");
        }
        self.nature()
            .note(format_args!("client {} is alone", self.number));
    }

    /// Says goodbye, and hears the end.
    pub(crate) async fn terminate(&mut self) {
        let Some(mut writer) = self.writer.take() else {
            return;
        };
        let mut bytes = Vec::new();
        Terminate.encode(&mut bytes);
        drop(writer.write_all(&bytes).await);
        self.nature()
            .note(format_args!("client {} terminates", self.number));
        let mut last = self.read().await;
        while let Heard::Message(message) = &last
            && (is_unasked(message) || self.expectation.is_lenient && message[0] == b'S')
        {
            if message[0] == backend::PARAMETER_STATUS {
                self.is_told(&message[5..]);
            }
            last = self.read().await;
        }
        match last {
            Heard::End => {
                self.is_over = true;
                let may_lack = self.line.is_cut.get() || self.has_left;
                if self.expectation.is_lenient
                    && !may_lack
                    && !self.expectation.server().is_in_block()
                {
                    self.check_told();
                }
            },
            Heard::Message(message) if is_fatal(&message) => self.farewell(&message).await,
            Heard::Message(message) => {
                self.find(&format!("hears {} after its goodbye", shown(&message)));
            },
        }
    }

    /// Closes its own direction, and hears what still comes.
    pub(crate) async fn half_close(&mut self) {
        self.has_left = true;
        if let Some(mut writer) = self.writer.take() {
            drop(writer.shutdown().await);
        }
        while !self.is_over {
            match self.read().await {
                Heard::Message(message) => self.hear(&message).await,
                Heard::End => self.ended(),
            }
        }
    }

    /// Hears one message.
    async fn read(&mut self) -> Heard {
        loop {
            let split = Frame::split(Sender::Backend, &self.unread);
            let Ok(found) = split else {
                self.find(&format!("hears nonsense: {}", shown(&self.unread)));
                return Heard::End;
            };
            if let Some((_, rest)) = found {
                let length = self.unread.len() - rest.len();
                return Heard::Message(self.unread.drain(..length).collect());
            }
            let mut piece = [0; 4096];
            match self.reader.read(&mut piece).await {
                Ok(count) if count > 0 => self.unread.extend_from_slice(&piece[..count]),
                Ok(_) | Err(_) => return Heard::End,
            }
        }
    }
}

/// Something that a server says when it likes.
fn is_unasked(message: &[u8]) -> bool {
    message[0] == backend::NOTICE_RESPONSE
        && NoticeResponse::decode(&message[5..])
            .is_ok_and(|notice| notice.report.message() == Some(b"something"))
}

fn is_fatal(message: &[u8]) -> bool {
    message[0] == backend::ERROR_RESPONSE
        && ErrorResponse::decode(&message[5..])
            .is_ok_and(|error| error.report.severity() == Some(b"FATAL"))
}
