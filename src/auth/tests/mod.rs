//! Both machines talk to each other: a client's authentication with a login to a server.

mod client_refusals;
mod hostile_server;
mod logins;
mod unknown_user;

use std::num::NonZeroU32;

use tidegate_proto::backend::Authentication;
use tidegate_proto::limits::FRAME_HEADER_BYTES;
use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::MockKey;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::SignatureHash;

use super::*;
use crate::config::AuthType;

const RANDOMNESS: Randomness = Randomness {
    nonce: [0x22; 18],
    md5_salt: [1, 2, 3, 4],
};

fn iterations() -> NonZeroU32 {
    NonZeroU32::new(2).unwrap()
}

fn policy(usual_kind: SecretKind) -> ClientPolicy {
    ClientPolicy {
        mock_key: MockKey::new([7; 32]),
        usual_kind,
        usual_iterations: iterations(),
        iterations_max: 100,
        bare_common_name: false,
    }
}

/// `alice` of `acme`, who wrote `alice.acme`, on a connection with TLS.
fn alice(credentials: Credentials) -> Identity<'static> {
    Identity {
        tenant: "acme",
        user: "alice",
        name_sent: "alice.acme",
        credentials,
        protection: tls(),
        certificate_name: None,
    }
}

fn tls() -> Protection {
    let binding = ChannelBindingData::tls_server_end_point(SignatureHash::Sha256, b"certificate");
    Protection::Tls {
        binding: Some(binding),
    }
}

/// What is stored of alice, whose password is `password`, in this form. Her SCRAM salt is the one
/// that a mock would have, so that transcripts can be compared byte for byte.
fn stored(kind: SecretKind, password: &str) -> Secret {
    let password = password.as_bytes();
    match kind {
        SecretKind::Password => Secret::Password(Password::new(password)),
        SecretKind::Md5 => Secret::Md5(tidegate_proto::md5::Md5Secret::from_password(
            password,
            b"alice.acme",
        )),
        SecretKind::Scram => {
            let salt = MockKey::new([7; 32]).salt(b"acme", b"alice");
            let secret = ScramSecret::from_password(password, &salt, iterations());
            Secret::Scram(secret.unwrap())
        },
    }
}

/// A login to a server as `alice.acme` with this password, which may do what a real client does.
fn client(password: &[u8], protection: Protection) -> ServerAuthentication {
    login(ServerSecret::Password(Password::new(password)), protection)
}

fn login(secret: ServerSecret, protection: Protection) -> ServerAuthentication {
    let policy = ServerPolicy {
        iterations_max: 100,
        cleartext: true,
        unchallenged: true,
    };
    ServerAuthentication::new("alice.acme", secret, protection, policy, [0x11; 18])
}

/// How an authentication went.
#[derive(Debug)]
struct Course {
    /// Every message in order, the client's behind `p`, the server's behind `R`.
    transcript: Vec<Vec<u8>>,
    /// How often keys had to be derived for the server's side.
    derivations: usize,
    /// What the server's side came to.
    result: Result<Option<ClientKeys>, AuthError>,
    /// Whether the client's side came to believe that it is logged in.
    logged_in: bool,
}

fn body(message: &[u8]) -> &[u8] {
    message.get(FRAME_HEADER_BYTES..).unwrap()
}

/// Lets the two talk until one of them is done.
fn run(begun: ClientStep, client: ServerAuthentication) -> Course {
    let mut course = Course {
        transcript: Vec::new(),
        derivations: 0,
        result: Ok(None),
        logged_in: false,
    };
    let mut client = Some(client);
    let mut step = begun;
    loop {
        step = match step {
            ClientStep::Failed(error) => {
                course.result = Err(error);
                return course;
            },
            ClientStep::Derive { derivation, next } => {
                course.derivations += 1;
                next.resume(derivation.run())
            },
            ClientStep::Ask { message, next } => {
                let (answer, after) = answer(client.take().unwrap(), &message);
                client = after;
                course.transcript.extend([message, answer.clone()]);
                next.receive(body(&answer))
            },
            ClientStep::Done { message, keys } => {
                let mut ok = Vec::new();
                Authentication::Ok.encode(&mut ok).unwrap();
                let mut client = client.take().unwrap();
                if !message.is_empty() {
                    let ServerStep::Wait { next } = client.receive(body(&message)).unwrap() else {
                        panic!("more is wanted after the last message");
                    };
                    client = next;
                }
                course.transcript.extend([message, ok.clone()]);
                course.logged_in = matches!(client.receive(body(&ok)), Ok(ServerStep::Done));
                course.result = Ok(keys);
                return course;
            },
        };
    }
}

/// What the client's side says to `message`.
fn answer(client: ServerAuthentication, message: &[u8]) -> (Vec<u8>, Option<ServerAuthentication>) {
    let step = match client.receive(body(message)).unwrap() {
        ServerStep::Derive { derivation, next } => next.resume(&derivation.run()).unwrap(),
        step @ (ServerStep::Answer { .. } | ServerStep::Wait { .. } | ServerStep::Done) => step,
    };
    match step {
        ServerStep::Answer { message, next } => (message, Some(next)),
        ServerStep::Derive { .. } | ServerStep::Wait { .. } | ServerStep::Done => {
            panic!("no answer")
        },
    }
}

/// Alice with these credentials, asked for a proof, and a client that answers with `password`.
fn authenticate(
    auth_type: AuthType,
    credentials: Credentials,
    usual_kind: SecretKind,
    password: impl AsRef<[u8]>,
) -> Course {
    let begun = ClientAuthentication::begin(
        auth_type,
        alice(credentials),
        &policy(usual_kind),
        RANDOMNESS,
    );
    run(begun, client(password.as_ref(), tls()))
}
