//! From `AuthenticationOk` to the first `ReadyForQuery`: the client hears the parameters of its
//! session, as a server reports them.
//!
//! See "Start-up", <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::backend::ReadyForQuery;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend;
use tokio::time::Instant;

use crate::pool;
use crate::pool::APPLICATION_NAME;
use crate::pool::Checkout;
use crate::pool::Lease;
use crate::pool::Reported;
use crate::pool::Settings;
use crate::pool::Welcome;
use crate::pool::injected;
use crate::session::Client;
use crate::session::ClientState;
use crate::session::End;
use crate::session::cancel_keys::CancelKey;

/// Settles what the client's startup packet asked for, and writes everything that it is told.
///
/// # Errors
///
/// [`End`]: no server could be had to ask, or it refused a parameter, in its own words.
pub(super) async fn welcome(
    client: &Client,
    parameters: &[(String, String)],
    key: &CancelKey,
) -> Result<Vec<u8>, End> {
    let (asked, application_name) = split(parameters)?;
    let welcome = learn(client, &asked).await?;
    let mut settings = Rc::clone(&welcome.settings);
    if let Some(name) = &application_name {
        Rc::make_mut(&mut settings).set(APPLICATION_NAME, name)?;
    }
    *client.startup_settings.borrow_mut() = Rc::clone(&settings);
    *client.settings.borrow_mut() = settings;
    let mut out = Vec::new();
    for (name, value) in welcome.reported.iter() {
        let value = match &application_name {
            Some(own) if name.eq_ignore_ascii_case(APPLICATION_NAME) => own.as_str(),
            _ => value,
        };
        ParameterStatus {
            name: name.as_bytes(),
            value: value.as_bytes(),
        }
        .encode(&mut out)?;
    }
    if let Some(secret) = key.secret() {
        BackendKeyData {
            process_id: key.process_id(),
            key: secret,
        }
        .encode(&mut out)?;
    }
    ReadyForQuery {
        status: TransactionStatus::Idle,
    }
    .encode(&mut out);
    client.enter(ClientState::Idle, Instant::now());
    Ok(out)
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

async fn learn(client: &Client, asked: &Settings) -> Result<Welcome, End> {
    loop {
        if let Some(known) = client.pool.welcomes.borrow_mut().known(asked) {
            return Ok(known);
        }
        let mut lease = server(client).await?;
        let baseline = client.pool.welcomes.borrow().server();
        // A reload may have made the pool forget what its servers say since this one was lent; then
        // it will not be lent again.
        let Some(baseline) = baseline.filter(|_| !asked.is_empty()) else {
            pool::release(lease, Instant::now());
            continue;
        };
        let welcome = try_out(&mut lease, asked, &baseline).await?;
        pool::release(lease, Instant::now());
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
async fn server(client: &Client) -> Result<Lease, End> {
    let mut seat = None;
    let now = Instant::now();
    match client.pool.checkout(&mut seat, now) {
        Checkout::Ready(lease) => Ok(lease),
        Checkout::Refused(error) => Err(End::NoServer(error)),
        Checkout::Wait(waiting) => {
            poll_fn(|context| {
                client.listen(context.waker());
                if let Some(ending) = client.ending() {
                    return Poll::Ready(Err(End::Ended(ending)));
                }
                waiting.poll(context).map_err(End::NoServer)
            })
            .await
        },
    }
}

/// Applies the settings to a server, and returns what it made of them. `baseline` is what servers
/// say without any.
async fn try_out(lease: &mut Lease, asked: &Settings, baseline: &Reported) -> Result<Welcome, End> {
    let before = Rc::clone(&lease.settings);
    let mut messages = Vec::new();
    let mut reported = Reported::new();
    if before.transition(asked, &mut messages)? {
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
    let told = Rc::new(told.collect());
    let settings = Rc::new(settings);
    lease.settings = Rc::clone(&settings);
    Ok(Welcome {
        settings,
        reported: told,
    })
}

fn find<'a>(reported: &'a Reported, name: &str) -> Option<&'a str> {
    // The last report of a name is the one that holds.
    let found = reported
        .iter()
        .rev()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| &**value)
}
