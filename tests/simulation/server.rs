//! A fake server: the model of a session behind a connection, which looks at whom it serves.
//!
//! Every text of a client begins with a comment that says whose it is. A server that hears another
//! client's must be outside of everything, and must belong to the same tenant, database and user.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tidegate_model::Backend;
use tidegate_model::Settings;
use tidegate_proto::backend::Authentication;
use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::backend::ReadyForQuery;
use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::Severity;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::error::Sender;
use tidegate_proto::fields::CancelKey;
use tidegate_proto::frame::Frame;
use tidegate_proto::frontend::tag as frontend;
use tidegate_proto::sqlstate::SqlState;
use tidegate_proto::startup::CancelRequest;
use tidegate_proto::startup::Replication;
use tidegate_proto::startup::StartupMessage;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::challenge::Applicant;
use crate::nature::Nature;
use crate::nature::Place;
use crate::nature::pass;
use crate::wire;
use crate::wire::Wire;

/// Begins every text of a client; its number follows.
pub(crate) const MARK: &str = "/* client ";

/// One session of a server.
#[derive(Debug)]
pub(crate) struct ServerSession {
    pub(crate) process_id: u32,
    pub(crate) place: Place,
    /// The port of its endpoint.
    pub(crate) port: u16,
    secret: [u8; 4],
    backend: RefCell<Backend>,
    /// Something happened to it from outside.
    stirred: Notify,
    /// The client that it heard last.
    owner: Cell<Option<u32>>,
    /// It has been outside of everything since then.
    was_idle: Cell<bool>,
}

/// When and how a server dies before its time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fate {
    /// Before it reads this message, counted from 0.
    pub(crate) at_message: Option<u32>,
    /// In place of this reply, counted from 0 after its login.
    pub(crate) at_reply: Option<u32>,
    /// This long after its login.
    pub(crate) at: Option<Duration>,
    /// It says why.
    pub(crate) has_last_words: bool,
    /// What it says last arrives in part.
    pub(crate) is_cut_short: bool,
}

impl Fate {
    fn of(nature: &Nature) -> Self {
        if let Some(fate) = nature.fates.borrow_mut().pop_front() {
            return fate;
        }
        if !nature.chance(nature.weather.server_deaths) {
            return Self::default();
        }
        let is_asleep = nature.chance(300);
        let millis = Duration::from_millis(nature.between(0, 1000));
        Self {
            at_reply: None,
            at_message: (!is_asleep).then(|| u32::try_from(nature.between(0, 30)).unwrap()),
            at: is_asleep.then_some(millis),
            has_last_words: nature.chance(500),
            is_cut_short: nature.chance(300),
        }
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(nature: Rc<Nature>, stream: DuplexStream, (tenant, port): (String, u16)) {
    let Some((mut stream, opening)) = wire::open(&nature, stream).await else {
        return;
    };
    if nature.chance(nature.weather.delays) {
        nature.dawdle().await;
    }
    if let Ok(request) = CancelRequest::decode(&opening) {
        if nature.chance(500) {
            // Until the signal is sent, the connection stays open.
            nature.dawdle().await;
        }
        cancel(&nature, &request);
        drop(stream.shutdown().await);
        return;
    }
    let (place, settings) = wish(&nature, tenant, &opening);
    let mut applicant = Applicant {
        nature: &nature,
        stream: &mut stream,
        user: &place.user,
    };
    if applicant.prove().await.is_err() {
        return;
    }
    let process_id = nature.number();
    let session = Rc::new(ServerSession {
        process_id,
        place,
        port,
        secret: u32::try_from(nature.between(0, 0xffff_ffff))
            .unwrap()
            .to_be_bytes(),
        backend: RefCell::new(Backend::new(Settings::new(&settings), false)),
        stirred: Notify::new(),
        owner: Cell::new(None),
        was_idle: Cell::new(true),
    });
    let (words, is_admitted) = greeting(&nature, &session);
    nature.note(format_args!("server {process_id} {:?}", session.place));
    let said = async {
        stream.write_all(&words).await?;
        stream.flush().await
    };
    if said.await.is_err() || !is_admitted {
        return;
    }
    nature
        .servers
        .borrow_mut()
        .insert(process_id, Rc::clone(&session));
    let fate = Fate::of(&nature);
    let mut work = Work {
        nature: &nature,
        session: &session,
        stream,
        unread: Vec::new(),
        unsent: Vec::new(),
        messages: 0,
        replies: 0,
        fate,
        dies_at: fate.at.map(|age| Instant::now() + age),
    };
    let end = work.live().await;
    nature.note(format_args!("server {process_id} ends: {end}"));
    nature.servers.borrow_mut().remove(&process_id);
}

/// Whom a `StartupMessage` wants the session to be for, and the settings that it begins with.
fn wish(nature: &Nature, tenant: String, opening: &[u8]) -> (Place, Vec<(String, String)>) {
    let startup = StartupMessage::decode(opening).unwrap();
    let text = |name: &str| {
        let value = startup.parameter(name.as_bytes()).unwrap_or_default();
        String::from_utf8(value.to_vec()).unwrap()
    };
    let place = Place {
        tenant,
        database: text("database"),
        user: text("user"),
        replication: startup.replication().unwrap_or_default(),
    };
    let own = |(name, value): (&[u8], &[u8])| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(name), text(value))
    };
    // Only a server that replicates is logged in to with a client's.
    let settings: Vec<_> = startup.settings().map(own).collect();
    if place.replication == Replication::None && !settings.is_empty() {
        nature.find(format!("a server of {place:?} begins with {settings:?}"));
    }
    (place, settings)
}

/// What a server says to a login; and whether it admits it.
fn greeting(nature: &Nature, session: &ServerSession) -> (Vec<u8>, bool) {
    let mut words = Vec::new();
    if nature.chance(nature.weather.login_refusals) {
        nature.failed_logins.set(nature.failed_logins.get() + 1);
        let text = "sorry, too many clients already";
        ReportText::new(Severity::Fatal, SqlState::TOO_MANY_CONNECTIONS, text)
            .encode_error(&mut words);
        return (words, false);
    }
    Authentication::Ok.encode(&mut words).unwrap();
    for (name, value) in session.backend.borrow().settings().reported() {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        ParameterStatus { name, value }.encode(&mut words).unwrap();
    }
    let key = BackendKeyData {
        process_id: session.process_id,
        key: CancelKey::new(&session.secret).unwrap(),
    };
    key.encode(&mut words).unwrap();
    let status = TransactionStatus::Idle;
    ReadyForQuery { status }.encode(&mut words);
    (words, true)
}

fn cancel(nature: &Nature, request: &CancelRequest<'_>) {
    let found = nature.servers.borrow().get(&request.process_id).cloned();
    let Some(session) = found.filter(|session| session.secret == request.key.as_bytes()) else {
        return;
    };
    nature.note(format_args!("server {} is canceled", session.process_id));
    if session.backend.borrow().is_busy() {
        nature.cancels.set(nature.cancels.get() + 1);
    }
    session.backend.borrow_mut().cancel();
    session.stirred.notify_one();
}

/// A server at work.
struct Work<'a> {
    nature: &'a Nature,
    session: &'a ServerSession,
    stream: Wire,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    messages: u32,
    replies: u32,
    fate: Fate,
    dies_at: Option<Instant>,
}

impl ServerSession {
    fn read(&self, tag: u8, body: &[u8]) {
        let mut backend = self.backend.borrow_mut();
        backend.enqueue(0, tag, body);
        backend.work();
    }
}

/// Why a server ends.
type Why = &'static str;

impl Work<'_> {
    async fn live(&mut self) -> Why {
        loop {
            let end = self.step().await;
            if let Err(end) = end {
                return end;
            }
        }
    }

    async fn step(&mut self) -> Result<(), Why> {
        let is_asleep = self.session.backend.borrow().is_asleep();
        if is_asleep {
            self.rest().await?;
        } else if let Some((tag, body)) = self.next_message() {
            if self.fate.at_message == Some(self.messages) {
                return Err(self.die().await);
            }
            self.messages += 1;
            self.look(tag, &body);
            if self.nature.chance(self.nature.weather.notices) {
                self.session.backend.borrow_mut().notice(0);
            }
            self.session.read(tag, &body);
            let is_asked = matches!(
                tag,
                frontend::QUERY | frontend::SYNC | frontend::FLUSH | frontend::FUNCTION_CALL
            );
            let is_urgent = self.collect();
            if is_asked || is_urgent || self.nature.chance(200) {
                self.flush().await?;
            }
        } else {
            self.listen().await?;
        }
        if self.fate.at_reply.is_some_and(|at| at < self.replies) {
            return Err(self.die().await);
        }
        if self.session.backend.borrow().is_ended() {
            self.flush().await?;
            return Err("its session is over");
        }
        Ok(())
    }

    /// Takes over what the session says; whether it is something that does not wait.
    fn collect(&mut self) -> bool {
        let mut is_urgent = false;
        let mut backend = self.session.backend.borrow_mut();
        while let Some(reply) = backend.reply() {
            is_urgent |= matches!(
                reply.tag(),
                backend::ERROR_RESPONSE | backend::COPY_IN_RESPONSE | backend::READY_FOR_QUERY
            );
            if self.fate.at_reply.is_none_or(|at| self.replies < at) {
                self.unsent.extend_from_slice(&reply.bytes);
            }
            self.replies += 1;
        }
        is_urgent
    }

    async fn flush(&mut self) -> Result<(), Why> {
        let bytes = std::mem::take(&mut self.unsent);
        let sent = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|_gone| "its connection is gone")
    }

    /// A statement that sleeps, until it is over or canceled.
    async fn rest(&mut self) -> Result<(), Why> {
        let millis = Duration::from_millis(self.nature.between(1, 80));
        tokio::select! {
            biased;
            () = self.session.stirred.notified() => {},
            () = pass(millis) => self.session.backend.borrow_mut().wake(),
        }
        self.collect();
        self.flush().await
    }

    async fn listen(&mut self) -> Result<(), Why> {
        let mut piece = [0; 4096];
        let death = async {
            match self.dies_at {
                Some(at) => pass(at.saturating_duration_since(Instant::now())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.session.stirred.notified() => {
                if self.collect() {
                    self.flush().await?;
                }
            },
            count = self.stream.read(&mut piece) => match count {
                Ok(count) if count > 0 => self.unread.extend_from_slice(&piece[..count]),
                Ok(_) | Err(_) => return Err("nobody talks to it"),
            },
            () = death => return Err(self.die().await),
        }
        Ok(())
    }

    async fn die(&mut self) -> Why {
        self.nature.deaths.set(self.nature.deaths.get() + 1);
        self.fate.at_reply = None;
        if self.fate.has_last_words {
            self.session.backend.borrow_mut().terminate();
            self.collect();
        }
        if self.fate.is_cut_short {
            let most = self.unsent.len() as u64;
            let kept = usize::try_from(self.nature.between(0, most)).unwrap();
            self.unsent.truncate(kept);
        }
        match self.flush().await {
            Ok(()) => "it dies",
            Err(why) => why,
        }
    }

    fn next_message(&mut self) -> Option<(u8, Vec<u8>)> {
        let split = Frame::split(Sender::Frontend, &self.unread);
        let Ok(found) = split else {
            self.nature
                .find(format!("server {} hears nonsense", self.session.process_id));
            self.unread.clear();
            return None;
        };
        let (frame, rest) = found?;
        let message = (frame.header.tag(), frame.body.to_vec());
        self.unread.drain(..self.unread.len() - rest.len());
        Some(message)
    }

    /// Looks at whose message it is.
    fn look(&self, tag: u8, body: &[u8]) {
        let (session, nature) = (self.session, self.nature);
        let process_id = session.process_id;
        nature.note(format_args!(
            "server {process_id} reads {} of {} bytes",
            char::from(tag),
            body.len()
        ));
        if tag == frontend::QUERY && body == b"\0" {
            nature.asked.set(nature.asked.get() + 1);
        }
        let backend = session.backend.borrow();
        if backend.is_idle() {
            session.was_idle.set(true);
        }
        let Some(client) = owner(tag, body) else {
            return;
        };
        let was_idle = session.was_idle.replace(false);
        let last = session.owner.replace(Some(client));
        if last == Some(client) {
            return;
        }
        if nature.places.borrow().get(&client) != Some(&session.place) {
            nature.find(format!(
                "server {process_id} of {:?} hears client {client}, who belongs elsewhere",
                session.place
            ));
        }
        if last.is_some() && session.place.replication != Replication::None {
            nature.find(format!(
                "server {process_id} replicates for client {last:?} and hears client {client}"
            ));
        }
        if !was_idle {
            nature.find(format!(
                "server {process_id} goes from client {last:?} to {client} in the middle"
            ));
        }
        if let Some(table) = backend.settings().tables().next() {
            nature.find(format!(
                "server {process_id} goes from client {last:?} to {client} with table {table}"
            ));
        }
    }
}

/// Whose text it is, if it is one of a client.
fn owner(tag: u8, body: &[u8]) -> Option<u32> {
    if !matches!(tag, frontend::QUERY | frontend::PARSE) {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once(MARK)?;
    let (number, _) = rest.split_once(' ')?;
    number.parse().ok()
}
