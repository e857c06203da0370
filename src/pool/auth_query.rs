//! Users' secrets from a tenant's own database, on a connection of its own.
//!
//! Nothing that a client sent touches this connection but the user's name, as a bound parameter: its
//! session takes no startup parameter of any client, and finds only the system's own functions
//! and operators (CVE-2025-12819). Whoever is not found, or is not the one who was asked for, does
//! not exist (CVE-2015-6817).

use std::cell::RefCell;
use std::sync::Arc;

use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Owner;
use tidegate_proto::fields::ObjectIds;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::Execute;
use tidegate_proto::frontend::Parse;
use tidegate_proto::frontend::Sync;
use tidegate_proto::frontend::tag as frontend;
use tidegate_proto::scram::RawNonce;

use crate::auth::Credentials;
use crate::auth::DerivedKeys;
use crate::auth::LookedUp;
use crate::auth::Secret;
use crate::auth::ServerAuthentication;
use crate::auth::ServerPolicy;
use crate::auth::ServerSecret;
use crate::config;
use crate::config::AuthQuery;
use crate::limits::AUTH_QUERY_TIMEOUT;
use crate::net::Socket;
use crate::pool::PoolError;
use crate::pool::Randomness;
use crate::pool::ServerTlsCache;
use crate::pool::Sockets;
use crate::pool::connect;
use crate::pool::credentials;
use crate::pool::login::Login;
use crate::pool::reset::within;
use crate::telemetry::TenantSlot;

/// The session's settings: what the query says means what it says, and nothing can be written.
const SETTINGS: [(&str, &str); 3] = [
    ("search_path", "pg_catalog"),
    ("default_transaction_read_only", "on"),
    ("client_encoding", "UTF8"),
];

/// Who asks, and how the database is reached.
#[derive(Debug)]
pub struct Asking {
    /// How connections are opened.
    pub sockets: Sockets,
    /// Where keys come from.
    pub random: Randomness,
    /// Whose users they are.
    pub asker: TenantSlot,
}

/// A connection that asks for secrets.
#[derive(Debug)]
pub struct SecretConnection {
    socket: Socket,
    ledger: Ledger,
}

impl SecretConnection {
    /// Connects to a tenant's database as the user of its `auth_query`: to the first of these
    /// endpoints that can be reached.
    ///
    /// # Errors
    ///
    /// [`PoolError`], as for any server.
    pub async fn open(
        endpoints: &[Arc<config::Endpoint>],
        tenant: &config::Tenant,
        query: &AuthQuery,
        database: &str,
        from: &Asking,
    ) -> Result<Self, PoolError> {
        // One that is silent must not take the time of the others.
        let share = u32::try_from(endpoints.len()).unwrap_or(u32::MAX).max(1);
        let limit = AUTH_QUERY_TIMEOUT / share;
        let mut last = PoolError::NoEndpoint;
        for endpoint in endpoints {
            let opened = Self::open_at(endpoint, tenant, query, database, from);
            match within(limit, opened).await {
                Err(error) if error.is_of_reach() => last = error,
                opened => return opened,
            }
        }
        Err(last)
    }

    async fn open_at(
        endpoint: &config::Endpoint,
        tenant: &config::Tenant,
        query: &AuthQuery,
        database: &str,
        from: &Asking,
    ) -> Result<Self, PoolError> {
        let way = connect::Way {
            dial: &from.sockets,
            tls: &ServerTlsCache::default(),
            asker: from.asker,
        };
        let (mut socket, _) = connect::open_socket(way, endpoint, None).await?;
        let secret = Secret::parse(query.secret.reveal()).map_err(PoolError::Secret)?;
        let policy = ServerPolicy {
            iterations_max: tenant.pool.scram_iterations_max,
            cleartext: tenant.pool.server_password_cleartext,
            unchallenged: true,
        };
        let mut nonce = RawNonce::default();
        (from.random)(&mut nonce);
        let mut digest_key = [0; 32];
        (from.random)(&mut digest_key);
        let login = Login {
            user: &query.user,
            database: query.database.as_deref().unwrap_or(database),
            settings: &SETTINGS,
            authentication: ServerAuthentication::new(
                &query.user,
                ServerSecret::of(Some(secret), None),
                credentials::protection(&socket),
                policy,
                nonce,
            ),
            keys: &RefCell::new(DerivedKeys::new(digest_key)),
        };
        login.log_in(&mut socket).await?;
        Ok(Self {
            socket,
            ledger: Ledger::new(),
        })
    }

    /// Asks for the secret of `user`.
    ///
    /// # Errors
    ///
    /// [`PoolError`]: the query failed, took too long, or gave something else than one row of two
    /// columns. The connection is of no further use after anything but a
    /// [`PoolError::ServerRefused`].
    pub async fn ask(&mut self, query: &AuthQuery, user: &str) -> Result<LookedUp, PoolError> {
        let mut messages = Vec::new();
        for tag in encode(&query.query, user, &mut messages)? {
            let sent = self.ledger.sent(tag, Owner::Pooler);
            sent.map_err(PoolError::ServerViolation)?;
        }
        let mut answer = Answer::default();
        let exchange = connect_exchange(self, &messages, &mut answer);
        let (is_whole, answered) = within(AUTH_QUERY_TIMEOUT, exchange).await?;
        answered?;
        if !is_whole || answer.is_malformed {
            return Err(PoolError::BadAuthQuery);
        }
        answer.credentials(user).map(|credentials| LookedUp {
            credentials,
            valid_until: None,
        })
    }
}

async fn connect_exchange(
    connection: &mut SecretConnection,
    messages: &[u8],
    answer: &mut Answer,
) -> Result<(bool, Result<(), PoolError>), PoolError> {
    let observe = |tag: u8, body: &[u8]| {
        if tag == backend::DATA_ROW {
            answer.row(body);
        }
    };
    let (socket, ledger) = (&mut connection.socket, &mut connection.ledger);
    crate::pool::injected::exchange(socket, ledger, messages, observe).await
}

/// `Parse`, `Bind`, `Execute`, `Sync`, with the user's name as the one text parameter.
fn encode(query: &str, user: &str, messages: &mut Vec<u8>) -> Result<[u8; 4], PoolError> {
    Parse {
        statement: b"",
        query: query.as_bytes(),
        parameter_types: ObjectIds::default(),
    }
    .encode(messages)?;
    let length = u32::try_from(user.len()).unwrap_or(u32::MAX);
    let mut rest = vec![0, 0, 0, 1];
    rest.extend_from_slice(&length.to_be_bytes());
    rest.extend_from_slice(user.as_bytes());
    rest.extend_from_slice(&[0, 0]);
    Bind {
        portal: b"",
        statement: b"",
        rest: &rest,
    }
    .encode(messages)?;
    Execute {
        portal: b"",
        row_limit: 0,
    }
    .encode(messages)?;
    Sync.encode(messages);
    Ok([
        frontend::PARSE,
        frontend::BIND,
        frontend::EXECUTE,
        frontend::SYNC,
    ])
}

/// What the query gave.
#[derive(Default)]
struct Answer {
    row: Option<(String, Option<String>)>,
    is_malformed: bool,
}

impl Answer {
    fn row(&mut self, body: &[u8]) {
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).ok();
        let columns = DataRow::decode(body).map(|row| {
            row.values
                .iter()
                .map(|value| value.map(text))
                .collect::<Vec<_>>()
        });
        match columns.as_deref() {
            Ok([Some(Some(name)), None]) if self.row.is_none() => {
                self.row = Some((name.clone(), None));
            },
            Ok([Some(Some(name)), Some(Some(secret))]) if self.row.is_none() => {
                self.row = Some((name.clone(), Some(secret.clone())));
            },
            _ => self.is_malformed = true,
        }
    }

    fn credentials(self, user: &str) -> Result<Credentials, PoolError> {
        match self.row {
            None => Ok(Credentials::Unknown),
            Some((name, _)) if name != user => Err(PoolError::BadAuthQuery),
            Some((_, None)) => Ok(Credentials::WithoutSecret),
            Some((_, Some(secret))) => {
                let secret = Secret::parse(&secret).map_err(PoolError::Secret)?;
                Ok(Credentials::Secret(secret))
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rows: &[&[Option<&[u8]>]]) -> Result<Credentials, PoolError> {
        let mut answer = Answer::default();
        for row in rows {
            let mut message = Vec::new();
            DataRow::encode(row, &mut message).unwrap();
            answer.row(&message[5..]);
        }
        if answer.is_malformed {
            return Err(PoolError::BadAuthQuery);
        }
        answer.credentials("app")
    }

    #[test]
    fn one_row_of_name_and_secret_is_the_user() {
        let found = answer(&[&[Some(b"app"), Some(b"pencil")]]);
        assert!(matches!(
            found,
            Ok(Credentials::Secret(Secret::Password(_)))
        ));
    }

    #[test]
    fn no_row_is_no_user_and_a_null_is_a_user_that_cannot_log_in() {
        assert!(matches!(answer(&[]), Ok(Credentials::Unknown)));
        let found = answer(&[&[Some(b"app"), None]]);
        assert!(matches!(found, Ok(Credentials::WithoutSecret)));
    }

    #[test]
    fn another_user_than_the_one_asked_for_is_nobody() {
        assert!(answer(&[&[Some(b"postgres"), Some(b"pencil")]]).is_err());
    }

    #[test]
    fn anything_but_one_row_of_two_columns_is_an_error() {
        assert!(answer(&[&[Some(b"app")]]).is_err());
        assert!(answer(&[&[None, Some(b"x")]]).is_err());
        assert!(answer(&[&[Some(b"app"), Some(b"x"), Some(b"y")]]).is_err());
        assert!(answer(&[&[Some(b"app"), Some(b"x")], &[Some(b"app"), Some(b"y")]]).is_err());
        assert!(answer(&[&[Some(b"app"), Some(b"\xff")]]).is_err());
    }
}
