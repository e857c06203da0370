//! From `AuthenticationOk` to the first `ReadyForQuery`: the client hears the parameters of its
//! session, as a server reports them.
//!
//! See "Start-up", <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::ReadyForQuery;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend;
use tokio::time::Instant;

use crate::config::PoolMode;
use crate::pool;
use crate::pool::APPLICATION_NAME;
use crate::pool::Checkout;
use crate::pool::IN_HOT_STANDBY;
use crate::pool::Lease;
use crate::pool::Notices;
use crate::pool::Reported;
use crate::pool::Settings;
use crate::pool::Told;
use crate::pool::Welcome;
use crate::pool::injected;
use crate::session::Client;
use crate::session::ClientState;
use crate::session::End;
use crate::session::cancel_keys::CancelKey;
use crate::session::line::Line;
use crate::telemetry::Count;

/// Room for what most clients are told, in bytes: more than PostgreSQL 18 reports.
const WELCOME_BYTES: usize = 768;

/// What a client's startup packet came to.
#[derive(Debug)]
pub(super) struct Settled {
    welcome: Welcome,
    /// The application's name, if no server was asked what it makes of it.
    application_name: Option<String>,
    /// What servers raise at a login.
    notices: Rc<Notices>,
    /// In session mode, the server of the session.
    pub(super) lease: Option<Lease>,
}

/// Settles what the client's startup packet asked for. In session mode the client has its server
/// from here on: what it is told is what that server says, its process id included.
///
/// # Errors
///
/// [`End`]: no server could be had, or it refused a parameter, in its own words.
pub(super) async fn settle(
    client: &Client,
    line: &mut Line<'_>,
    parameters: &[(String, String)],
) -> Result<Settled, End> {
    if client.mode() == PoolMode::Session {
        return settle_on_one(client, line, parameters).await;
    }
    let (asked, application_name) = split(parameters)?;
    let welcome = learn(client, line, &asked).await?;
    Ok(Settled {
        welcome,
        application_name,
        notices: client.pool.welcomes.borrow().notices(),
        lease: None,
    })
}

/// The session's server, with the client's settings.
async fn settle_on_one(
    client: &Client,
    line: &mut Line<'_>,
    parameters: &[(String, String)],
) -> Result<Settled, End> {
    let mut asked = Settings::default();
    for (name, value) in parameters {
        asked.set(name, value)?;
    }
    let mut lease = server(client, line).await?;
    let said = Rc::clone(&lease.reported);
    let (lease, welcome) = match attended(client, line, try_out(&mut lease, &asked, &said)).await {
        Ok(welcome) => (lease, welcome),
        Err(end) => {
            pool::release(lease, Instant::now());
            return Err(end);
        },
    };
    lease.card.client.set(Some(client.id()));
    client.has(Some(&lease.card));
    client.pool.counters.add(Count::ServerAssignments, 1);
    Ok(Settled {
        welcome,
        application_name: None,
        notices: Rc::clone(&lease.notices),
        lease: Some(lease),
    })
}

impl Settled {
    /// The process id of the client's server, if it has one and that has an id.
    pub(super) fn process_id(&self) -> Option<u32> {
        let lease = self.lease.as_ref()?;
        Some(lease.card.key.process_id).filter(|id| *id != 0)
    }

    /// Makes the settings the client's own, and puts all that it is told behind `out`.
    ///
    /// # Errors
    ///
    /// [`End`]: a value cannot be sent.
    pub(super) fn words(
        &self,
        client: &Client,
        key: &CancelKey,
        out: &mut Vec<u8>,
    ) -> Result<(), End> {
        let mut settings = Rc::clone(&self.welcome.settings);
        if let Some(name) = &self.application_name {
            Rc::make_mut(&mut settings).set(APPLICATION_NAME, name)?;
            settings = client.pool.welcomes.borrow_mut().shared(settings);
        }
        let at_first = &client.facts.startup_settings;
        client.set(Rc::clone(at_first.get_or_init(|| settings)));
        // Growing step by step would copy it again and again, and to grow once costs the allocator more
        // than another place.
        let mut words = Vec::with_capacity(out.len() + WELCOME_BYTES);
        words.append(out);
        *out = words;
        out.extend_from_slice(self.notices.opening());
        let is_told_of_standby = client.is_told_of_standby();
        let own = |name: &str| {
            if name.eq_ignore_ascii_case(IN_HOT_STANDBY) {
                is_told_of_standby.then_some("on")
            } else {
                self.application_name.as_deref()
            }
        };
        self.welcome.told.tell(own, out)?;
        if let Some(secret) = key.secret() {
            BackendKeyData {
                process_id: key.process_id(),
                key: secret,
            }
            .encode(out)?;
        }
        let settings = client.settings();
        let least = settings.value("client_min_messages");
        self.notices.closing(least, out);
        ReadyForQuery {
            status: TransactionStatus::Idle,
        }
        .encode(out);
        let state = match self.lease {
            Some(_) => ClientState::Active,
            None => ClientState::Idle,
        };
        client.enter(state, Instant::now());
        Ok(())
    }
}

/// The settings that a server must look at, and the application's name if it needs no look.
fn split(parameters: &[(String, String)]) -> Result<(Settings, Option<String>), End> {
    let mut asked = Settings::default();
    for (name, value) in parameters {
        asked.set(name, value)?;
    }
    // Servers replace what is not printable ASCII; only then do they have to be asked.
    let is_plain = |name: &str| name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let own = asked.value(APPLICATION_NAME).filter(|name| is_plain(name));
    let own = own.map(str::to_owned);
    if own.is_some() {
        asked = asked.without(APPLICATION_NAME);
    }
    Ok((asked, own))
}

async fn learn(client: &Client, line: &mut Line<'_>, asked: &Settings) -> Result<Welcome, End> {
    loop {
        if let Some(known) = client.pool.welcomes.borrow_mut().known(asked)? {
            return Ok(known);
        }
        let mut lease = server(client, line).await?;
        let baseline = client.pool.welcomes.borrow().server();
        // A reload may have made the pool forget what its servers say since this one was lent; then
        // it will not be lent again.
        let Some(baseline) = baseline.filter(|_| !asked.is_empty()) else {
            pool::release(lease, Instant::now());
            continue;
        };
        let tried = attended(client, line, try_out(&mut lease, asked, &baseline)).await;
        pool::release(lease, Instant::now());
        let welcome = tried?;
        let mut welcomes = client.pool.welcomes.borrow_mut();
        if welcomes
            .server()
            .is_some_and(|now| Rc::ptr_eq(&now, &baseline))
        {
            welcomes.keep(asked.clone(), welcome.clone());
        }
        return Ok(welcome);
    }
}

/// A server, after as long a wait as a query would have.
async fn server(client: &Client, line: &mut Line<'_>) -> Result<Lease, End> {
    let waiting = match client.pool.checkout(Instant::now()) {
        Checkout::Ready(lease) => return Ok(lease),
        Checkout::Refused(error) => return Err(End::NoServer(error)),
        Checkout::Wait(waiting) => waiting,
    };
    let granted = poll_fn(|context| waiting.poll(context).map_err(End::NoServer));
    let lease = attended(client, line, granted).await?;
    let waited = waiting.since().elapsed().as_micros();
    let waited = u64::try_from(waited).unwrap_or(u64::MAX);
    client.pool.counters.add(Count::WaitMicroseconds, waited);
    Ok(lease)
}

/// Something that a login waits for, unless its client goes meanwhile or is ended.
async fn attended<T>(
    client: &Client,
    line: &mut Line<'_>,
    work: impl Future<Output = Result<T, End>>,
) -> Result<T, End> {
    let mut work = pin!(work);
    poll_fn(|context| {
        client.listen(context.waker());
        if let Some(ending) = client.ending() {
            return Poll::Ready(Err(End::Ended(ending)));
        }
        // First of all: whoever has gone takes no server from those who wait behind it.
        if let Err(end) = line.hear(context) {
            return Poll::Ready(Err(end));
        }
        let polled = work.as_mut().poll(context);
        if polled.is_pending()
            && let Err(end) = line.greet(context)
        {
            return Poll::Ready(Err(end));
        }
        polled
    })
    .await
}

/// Applies the settings to a server, and returns what it made of them. `baseline` is what servers
/// say without any.
async fn try_out(lease: &mut Lease, asked: &Settings, baseline: &Reported) -> Result<Welcome, End> {
    let before = Rc::clone(&lease.settings);
    let mut messages = Vec::new();
    let mut reported = Reported::new();
    if before.transition(asked, &mut String::new(), &mut messages)? {
        let sent = lease.ledger.sent(frontend::tag::QUERY, Owner::Pooler);
        sent.map_err(End::ClientViolation)?;
        let observed = injected::converse(lease, &messages, |tag, body| {
            if tag == tag::PARAMETER_STATUS
                && let Some((name, value)) = injected::parameter_status(body)
            {
                reported.push((name.into(), value.into()));
            }
        });
        observed.await.map_err(End::SettingsRefused)?;
    }
    // A server that reports a parameter is silent where nothing changed. Of the others it never says
    // how it spells them.
    let spelt = |name: &str, asked: &str| {
        let Some(at_first) = find(baseline, name) else {
            return asked.to_owned();
        };
        let now = find(&reported, name).or_else(|| before.value(name));
        now.unwrap_or(at_first).to_owned()
    };
    let mut settings = Settings::default();
    for (name, value) in asked.iter() {
        settings.set(name, &spelt(name, value))?;
    }
    let told = baseline.iter().map(|(name, value)| {
        let value = settings.value(name).unwrap_or(value);
        (name.clone(), value.into())
    });
    let told = Rc::new(Told::of(&told.collect())?);
    let settings = Rc::new(settings);
    lease.settings = Rc::clone(&settings);
    Ok(Welcome { settings, told })
}

fn find<'a>(reported: &'a Reported, name: &str) -> Option<&'a str> {
    // The last report of a name is the one that holds.
    let found = reported
        .iter()
        .rev()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| &**value)
}
