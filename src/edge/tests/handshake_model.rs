//! A model of the handshake: which messages there are, and how each must be answered in each state.
//!
//! It is written from the specification and shares no code with what it judges.

use std::fmt::Write as _;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use tidegate_proto::backend::ErrorResponse;
use tidegate_proto::error::Sender;
use tidegate_proto::frame::Frame;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::SaslInitialResponse;
use tidegate_proto::startup::GssencRequest;
use tidegate_proto::startup::SslRequest;

use super::client::startup;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    SslRequest,
    GssencRequest,
    CancelRequest,
    StartupMessage,
    SaslInitialResponse,
    Query,
    ClientHello,
    ProxyHeader,
    Garbage,
    End,
}

pub(super) const ALL: [Sent; 10] = [
    Sent::SslRequest,
    Sent::GssencRequest,
    Sent::CancelRequest,
    Sent::StartupMessage,
    Sent::SaslInitialResponse,
    Sent::Query,
    Sent::ClientHello,
    Sent::ProxyHeader,
    Sent::Garbage,
    Sent::End,
];

/// What a connection can be waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A PROXY header.
    Proxy,
    /// A request, or a startup message.
    Opening { tls: bool, gss: bool, first: bool },
    /// A `ClientHello`.
    Handshake,
    /// The rest of a handshake.
    Encrypted,
    /// `SASLInitialResponse`.
    Asked,
    /// `SASLResponse`.
    Challenged,
    /// Nothing: it is closed, or in.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Tls,
    Proxied,
    Trusting,
}

pub(super) const OPENING: State = State::Opening {
    tls: true,
    gss: true,
    first: true,
};

/// The next state, and what the client sees: the answer, and a full stop at the end of the stream.
pub(super) fn step(kind: Kind, state: State, sent: Sent) -> (State, &'static str) {
    match (state, sent) {
        (State::Over, _) => (State::Over, ""),
        (_, Sent::End) => (State::Over, "."),
        (State::Proxy, Sent::ProxyHeader) => (OPENING, ""),
        (State::Proxy, _) => (State::Over, "."),
        (State::Opening { gss, tls: true, .. }, Sent::SslRequest) => match kind {
            Kind::Tls => (State::Handshake, "S"),
            Kind::Plain | Kind::Proxied | Kind::Trusting => {
                let (tls, first) = (false, false);
                (State::Opening { tls, gss, first }, "N")
            },
        },
        (State::Opening { tls, gss: true, .. }, Sent::GssencRequest) => {
            let (gss, first) = (false, false);
            (State::Opening { tls, gss, first }, "N")
        },
        (State::Opening { .. }, Sent::SslRequest | Sent::GssencRequest) => {
            (State::Over, "E:0A000.")
        },
        (State::Opening { .. }, Sent::StartupMessage) => match kind {
            // The test hangs up on whoever is in.
            Kind::Trusting => (State::Over, "R."),
            Kind::Plain | Kind::Tls | Kind::Proxied => (State::Asked, "R"),
        },
        (State::Opening { first: true, .. }, Sent::ClientHello) if kind == Kind::Tls => {
            (State::Encrypted, "tls")
        },
        (State::Opening { .. }, _) => (State::Over, "."),
        (State::Handshake, Sent::ClientHello) => (State::Encrypted, "tls"),
        // An alert, and the end.
        (State::Handshake | State::Encrypted, _) => (State::Over, "tls."),
        (State::Asked, Sent::SaslInitialResponse) => (State::Challenged, "R"),
        (State::Asked | State::Challenged, _) => (State::Over, "E:08P01."),
    }
}

/// An answer in the words of the model.
pub(super) fn in_words(mut received: &[u8], has_ended: bool) -> String {
    let mut words = String::new();
    while let Some(first) = received.first() {
        match first {
            b'S' | b'N' => {
                words.push(char::from(*first));
                received = &received[1..];
            },
            0x14..=0x17 => {
                words.push_str("tls");
                received = &[];
            },
            _ => {
                let (frame, rest) = Frame::split(Sender::Backend, received).unwrap().unwrap();
                words.push(char::from(frame.header.tag()));
                if frame.header.tag() == b'E' {
                    let report = ErrorResponse::decode(frame.body).unwrap().report;
                    write!(words, ":{}", report.sqlstate().unwrap()).unwrap();
                }
                received = rest;
            },
        }
    }
    if has_ended {
        words.push('.');
    }
    words
}

fn client_hello() -> Vec<u8> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    let name = "db.example.com".try_into().unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    bytes
}

/// The bytes of each message, in the order of [`ALL`].
pub(super) fn messages() -> [Vec<u8>; 10] {
    let (mut sasl, mut query) = (Vec::new(), Vec::new());
    SaslInitialResponse {
        mechanism: b"SCRAM-SHA-256",
        response: Some(b"n,,n=,r=nonce"),
    }
    .encode(&mut sasl)
    .unwrap();
    Query { query: b"select 1" }.encode(&mut query).unwrap();
    [
        SslRequest::BYTES.to_vec(),
        GssencRequest::BYTES.to_vec(),
        vec![0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 1, 2, 3, 4],
        startup(&[("user", "app.acme")]),
        sasl,
        query,
        client_hello(),
        b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 5432\r\n".to_vec(),
        vec![0xff; 32],
        Vec::new(),
    ]
}
