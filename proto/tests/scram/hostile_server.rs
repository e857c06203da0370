//! Servers that lie, stall or attack. Each is the historic defect of somebody's client.

use tidegate_proto::fault::Fault;
use tidegate_proto::limits::SCRAM_ITERATIONS_ASKED_MAX_DEFAULT;
use tidegate_proto::limits::SCRAM_NONCE_BYTES_MAX;
use tidegate_proto::limits::SCRAM_SALT_BYTES_MAX;
use tidegate_proto::limits::SCRAM_SERVER_MESSAGE_BYTES_MAX;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ClientFinal;
use tidegate_proto::scram::ClientFirst;
use tidegate_proto::scram::Defect;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramMessage;

use crate::conversation::CLIENT_NONCE;

fn answered(server_first: &str) -> Result<ClientFinal, ScramError> {
    let client = ClientFirst::new(ClientBinding::Unsupported, &CLIENT_NONCE);
    client.server_first(server_first.as_bytes(), SCRAM_ITERATIONS_ASKED_MAX_DEFAULT)
}

fn our_nonce() -> String {
    let message = ClientFirst::new(ClientBinding::Unsupported, &CLIENT_NONCE).message();
    String::from_utf8(message)
        .unwrap()
        .strip_prefix("n,,n=,r=")
        .unwrap()
        .to_owned()
}

fn malformed(defect: Defect) -> ScramError {
    ScramError::Malformed {
        message: ScramMessage::ServerFirst,
        defect,
    }
}

#[test]
fn long_server_nonce_cve_2026_6665() {
    let ours = our_nonce();
    let longest = "x".repeat(SCRAM_NONCE_BYTES_MAX - ours.len());
    assert!(answered(&format!("r={ours}{longest},s=YWJj,i=1")).is_ok());
    let error = answered(&format!("r={ours}{longest}x,s=YWJj,i=1")).unwrap_err();
    assert_eq!(error, malformed(Defect::NonceTooLong));
    for length in [4096, 65_536, 1 << 24] {
        let error = answered(&format!("r={ours}{},s=YWJj,i=1", "x".repeat(length))).unwrap_err();
        let bytes_max = SCRAM_SERVER_MESSAGE_BYTES_MAX;
        assert_eq!(
            error,
            ScramError::TooLong {
                message: ScramMessage::ServerFirst,
                bytes_max
            }
        );
        assert_eq!(error.fault(), Fault::Server);
    }
}

#[test]
fn scram_iterations_rustsec_2026_0179() {
    // There is no state to prove from, so not one iteration can be run.
    for count in [
        "2147483647",
        "4294967295",
        "4294967296",
        "99999999999999999999",
        "100001",
        "0",
    ] {
        let error = answered(&format!("r={}x,s=YWJj,i={count}", our_nonce())).unwrap_err();
        assert!(matches!(
            error,
            ScramError::IterationsRefused {
                iterations_max: 100_000,
                ..
            }
        ));
        assert_eq!(error.fault(), Fault::Server);
    }
    let allowed = answered(&format!("r={}x,s=YWJj,i=100000", our_nonce())).unwrap();
    assert_eq!(allowed.iterations().get(), 100_000);
}

#[test]
fn the_longest_salt_is_taken_and_no_longer_one() {
    let with_salt = |groups| {
        answered(&format!(
            "r={}x,s={},i=1",
            our_nonce(),
            "AAAA".repeat(groups)
        ))
    };
    assert_eq!(
        with_salt(SCRAM_SALT_BYTES_MAX / 3).unwrap().salt().len(),
        255
    );
    let error = with_salt(SCRAM_SALT_BYTES_MAX / 3 + 1).unwrap_err();
    assert_eq!(error, malformed(Defect::Base64('s')));
    assert_eq!(with_salt(0).unwrap_err(), malformed(Defect::Base64('s')));
}

#[test]
fn a_nonce_that_is_not_ours_or_not_continued_is_refused() {
    let ours = our_nonce();
    let mismatch = ScramError::NonceMismatch {
        message: ScramMessage::ServerFirst,
    };
    let shorter = ours.get(1..).unwrap();
    for nonce in [&ours, shorter, "x", &ours.to_lowercase()] {
        assert_eq!(
            answered(&format!("r={nonce},s=YWJj,i=1")).unwrap_err(),
            mismatch
        );
    }
    assert_eq!(
        answered("r=,s=YWJj,i=1").unwrap_err(),
        malformed(Defect::Nonce)
    );
}

#[test]
fn a_first_message_that_breaks_the_grammar_is_refused() {
    let ours = our_nonce();
    for (message, defect) in [
        (String::new(), Defect::Empty),
        (
            format!("s=YWJj,r={ours}x,i=1"),
            Defect::AttributeExpected('r'),
        ),
        (
            format!("r={ours}x,i=1,s=YWJj"),
            Defect::AttributeExpected('s'),
        ),
        (format!("r={ours}x,s=YWJj"), Defect::AttributeExpected('i')),
        (format!("r={ours}x,s=YWJj,i="), Defect::Number),
        (format!("r={ours}x,s=YWJj,i=-1"), Defect::Number),
        (format!("r={ours}x,s=YWJj,i=1,x=1"), Defect::TrailingData),
        (format!("r={ours}x,s=YWJj,i=1,"), Defect::TrailingData),
        (format!("r={ours} x,s=YWJj,i=1"), Defect::Nonce),
        (format!("r={ours}x,s=YW Jj,i=1"), Defect::Base64('s')),
        ("e=other-error".to_owned(), Defect::AttributeExpected('r')),
    ] {
        assert_eq!(
            answered(&message).unwrap_err(),
            malformed(defect),
            "{message}"
        );
    }
    let extension = answered(&format!("m=x,r={ours}x,s=YWJj,i=1")).unwrap_err();
    assert_eq!(
        extension,
        ScramError::ExtensionRequired {
            message: ScramMessage::ServerFirst
        }
    );
}

#[test]
fn a_last_message_without_the_right_signature_is_refused() {
    let last = |message: &[u8]| {
        let client = answered(&format!("r={}x,s=YWJj,i=1", our_nonce())).unwrap();
        let keys = ScramKeys::derive(b"pencil", client.salt(), client.iterations());
        client.prove(&keys).1.server_final(message)
    };
    let malformed = |defect| {
        Err(ScramError::Malformed {
            message: ScramMessage::ServerFinal,
            defect,
        })
    };
    let signature = "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(
        last(signature.as_bytes()),
        Err(ScramError::ServerSignatureMismatch)
    );
    assert_eq!(last(b"e=invalid-proof"), Err(ScramError::ServerRefused));
    assert_eq!(last(b""), malformed(Defect::Empty));
    assert_eq!(last(b"v="), malformed(Defect::Base64('v')));
    assert_eq!(last(b"v=AAAA"), malformed(Defect::Base64('v')));
    assert_eq!(last(b"r=AAAA"), malformed(Defect::AttributeExpected('v')));
    assert_eq!(
        last(format!("{signature},x=1").as_bytes()),
        malformed(Defect::TrailingData)
    );
    assert_eq!(
        last(&[b'v'; SCRAM_SERVER_MESSAGE_BYTES_MAX + 1]),
        Err(ScramError::TooLong {
            message: ScramMessage::ServerFinal,
            bytes_max: SCRAM_SERVER_MESSAGE_BYTES_MAX
        })
    );
}
