//! Against what `PostgreSQL` 15 made: secrets for passwords in many scripts, and what it answered to
//! a client that drew the nonce of these tests.

use tidegate_proto::limits::SCRAM_ITERATIONS_ASKED_MAX_DEFAULT;
use tidegate_proto::limits::SCRAM_RAW_NONCE_BYTES;
use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ClientFirst;
use tidegate_proto::scram::RawNonce;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::SignatureHash;

/// A line is a password's UTF-8 in hexadecimal, a space, and `rolpassword` of the role that got it.
const SECRETS: &str = include_str!("postgres_secrets.txt");

/// A self-signed RSA certificate with a SHA-256 signature.
const CERTIFICATE: &[u8] = include_bytes!("certificate.der");

/// The bytes 1 to 18.
fn recorded_nonce() -> RawNonce {
    let mut nonce = [0; SCRAM_RAW_NONCE_BYTES];
    for (byte, number) in nonce.iter_mut().zip(1..) {
        *byte = number;
    }
    nonce
}

fn from_hexadecimal(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn the_secrets_that_postgres_made_are_met() {
    for line in SECRETS.lines() {
        let (password, text) = line.split_once(' ').unwrap();
        let password = from_hexadecimal(password);
        let secret = ScramSecret::parse(text).unwrap();
        assert_eq!(*secret.to_text(), text);
        let keys = ScramKeys::derive(&password, secret.salt(), secret.iterations());
        let password = String::from_utf8_lossy(&password);
        assert!(secret.is_of(&keys), "{password:?}");
    }
    assert_eq!(SECRETS.lines().count(), 28);
}

/// What was said, after the client's first message.
struct Recording {
    server_first: &'static str,
    client_final: &'static str,
    server_final: &'static str,
}

const PLAIN: Recording = Recording {
    server_first: "r=AQIDBAUGBwgJCgsMDQ4PEBESuVAiHVTAs36zxTL3wztEXkdo,\
                   s=02bBez/6n7U4lp5OQiBSbw==,i=4096",
    client_final: "c=biws,r=AQIDBAUGBwgJCgsMDQ4PEBESuVAiHVTAs36zxTL3wztEXkdo,\
                   p=QGtaiqOplA8ITICLysEPqzkcP7hCUsANNk7Tv9slcPs=",
    server_final: "v=060gM+OWCZe1pRD86/Rrqbu2l6Bw2w8PDHxgiu5sQg8=",
};

const PLUS: Recording = Recording {
    server_first: "r=AQIDBAUGBwgJCgsMDQ4PEBESDZ4Si7Y2qPeTw7Os80ySEH5n,\
                   s=02bBez/6n7U4lp5OQiBSbw==,i=4096",
    client_final: "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCws6avoblAbjeTgrQPgJPVC968MaG1ahIEEmbAWwkSVWfg=,\
                   r=AQIDBAUGBwgJCgsMDQ4PEBESDZ4Si7Y2qPeTw7Os80ySEH5n,\
                   p=whDUgmpF2n5lSv5vcQuG+Df1cymxHAUrw7rg917ad1k=",
    server_final: "v=YTzw2cgR9AImxWDnf7PKTi6mQGcJd1EJxSDRD0ZsZNA=",
};

fn plus() -> ClientBinding {
    let hash = SignatureHash::from_oid("1.2.840.113549.1.1.11").unwrap();
    let data = ChannelBindingData::tls_server_end_point(hash, CERTIFICATE);
    ClientBinding::TlsServerEndPoint(data)
}

/// What our client makes of the recorded server.
fn replay(
    binding: ClientBinding,
    recording: &Recording,
    server_final: &str,
) -> Result<(), ScramError> {
    let client = ClientFirst::new(binding, &recorded_nonce());
    let server_first = recording.server_first.as_bytes();
    let client = client.server_first(server_first, SCRAM_ITERATIONS_ASKED_MAX_DEFAULT)?;
    let keys = ScramKeys::derive(b"pencil", client.salt(), client.iterations());
    let (client_final, client) = client.prove(&keys);
    assert_eq!(
        String::from_utf8(client_final).unwrap(),
        recording.client_final
    );
    client.server_final(server_final.as_bytes())
}

#[test]
fn our_client_says_what_postgres_accepted_and_believes_its_answer() {
    let plain = replay(ClientBinding::Unsupported, &PLAIN, PLAIN.server_final);
    assert_eq!(plain, Ok(()));
}

#[test]
fn our_client_binds_to_the_certificate_that_postgres_showed() {
    assert_eq!(replay(plus(), &PLUS, PLUS.server_final), Ok(()));
}

#[test]
fn the_signature_of_another_exchange_is_not_believed() {
    let replayed = replay(ClientBinding::Unsupported, &PLAIN, PLUS.server_final);
    assert_eq!(replayed, Err(ScramError::ServerSignatureMismatch));
}
