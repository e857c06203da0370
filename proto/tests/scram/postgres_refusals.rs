//! Clients that break the rules get from our server what they got from `PostgreSQL` 15: the same
//! SQLSTATE at the same step, or a login. Each row was run against a real server.

use hmac::Hmac;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;
use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::SignatureHash;
use tidegate_proto::scram::Verdict;

use crate::conversation::SALT;
use crate::conversation::SERVER_NONCE;
use crate::conversation::iterations;
use crate::conversation::secret;

/// What `PostgreSQL` did, and where.
#[derive(Debug, PartialEq)]
enum Outcome {
    Login,
    FirstRefused(String),
    LastRefused(String),
    WrongPassword,
}

fn first_refused(sqlstate: &str) -> Outcome {
    Outcome::FirstRefused(sqlstate.to_owned())
}

fn last_refused(sqlstate: &str) -> Outcome {
    Outcome::LastRefused(sqlstate.to_owned())
}

const PLAIN: Mechanism = Mechanism::ScramSha256;
const PLUS: Mechanism = Mechanism::ScramSha256Plus;
const GOOD: &str = "c=biws,r={nonce}";

fn certificate() -> ChannelBindingData {
    ChannelBindingData::tls_server_end_point(SignatureHash::Sha256, b"certificate")
}

/// A client that makes a right proof for whatever it says. `{nonce}` in `last` becomes the nonce,
/// and unless it has a `p=` of its own, the proof goes behind it, then `tail`.
fn attempt(tls: bool, mechanism: Mechanism, first: &str, last: &str, tail: &str) -> Outcome {
    let server = ServerFirst::new(secret(b"pencil"), tls.then(certificate), SERVER_NONCE);
    let sqlstate = |error: ScramError| error.sqlstate().to_string();
    let (message, server) = match server.client_first(mechanism, first.as_bytes()) {
        Ok(answered) => answered,
        Err(error) => return Outcome::FirstRefused(sqlstate(error)),
    };
    let message = String::from_utf8(message).unwrap();
    let nonce = message.split([',', '=']).nth(1).unwrap();
    let last = last.replace("{nonce}", nonce);
    let last = if last.is_empty() || last.contains(",p=") || tail == "no proof" {
        last
    } else {
        let bare = first.splitn(3, ',').nth(2).unwrap();
        format!(
            "{last},p={}{tail}",
            proof(&format!("{bare},{message},{last}"))
        )
    };
    match server.client_final(last.as_bytes()) {
        Ok(Verdict::Verified { .. }) => Outcome::Login,
        Ok(Verdict::Refused) => Outcome::WrongPassword,
        Err(error) => Outcome::LastRefused(sqlstate(error)),
    }
}

/// RFC 5802 §3, once more and apart from the code under test.
fn proof(auth_message: &str) -> String {
    use base64::Engine as _;
    let client_key = ScramKeys::derive(b"pencil", SALT, iterations()).client;
    let stored_key = Sha256::digest(client_key.as_bytes());
    let mut signature = Hmac::<Sha256>::new_from_slice(&stored_key).unwrap();
    signature.update(auth_message.as_bytes());
    let signature = signature.finalize().into_bytes();
    let proof: Vec<u8> = client_key
        .as_bytes()
        .iter()
        .zip(signature)
        .map(|(key, byte)| key ^ byte)
        .collect();
    base64::engine::general_purpose::STANDARD.encode(proof)
}

#[test]
fn the_flag_must_fit_the_mechanism_and_the_offer() {
    let end_point = "p=tls-server-end-point,,n=,r=abc";
    for (tls, mechanism, first, expected) in [
        (false, PLUS, end_point, first_refused("08P01")),
        (false, PLAIN, end_point, first_refused("08P01")),
        (true, PLAIN, "y,,n=,r=abc", first_refused("28000")),
        (true, PLAIN, end_point, first_refused("08P01")),
        (true, PLUS, "n,,n=,r=abc", first_refused("08P01")),
        (true, PLUS, "y,,n=,r=abc", first_refused("08P01")),
        (true, PLUS, "p=tls-unique,,n=,r=abc", first_refused("08P01")),
        (false, PLAIN, "n,,n=,r=abc", Outcome::Login),
        (true, PLAIN, "n,,n=,r=abc", Outcome::Login),
    ] {
        assert_eq!(
            attempt(tls, mechanism, first, GOOD, ""),
            expected,
            "{tls} {mechanism:?} {first}"
        );
    }
}

#[test]
fn the_binding_must_be_the_flag_and_our_certificate() {
    use base64::Engine as _;
    let end_point = "p=tls-server-end-point,,n=,r=abc";
    let bound = |data: &[u8]| {
        let header = b"p=tls-server-end-point,,";
        let text = base64::engine::general_purpose::STANDARD.encode([header, data].concat());
        format!("c={text},r={{nonce}}")
    };
    let sha512 = ChannelBindingData::tls_server_end_point(SignatureHash::Sha512, b"certificate");
    for (tls, mechanism, first, last, expected) in [
        (
            false,
            PLAIN,
            "y,,n=,r=abc",
            "c=eSws,r={nonce}",
            Outcome::Login,
        ),
        (false, PLAIN, "y,,n=,r=abc", GOOD, last_refused("08P01")),
        (
            false,
            PLAIN,
            "n,,n=,r=abc",
            "c=eSws,r={nonce}",
            last_refused("08P01"),
        ),
        (
            true,
            PLUS,
            end_point,
            &*bound(certificate().as_bytes()),
            Outcome::Login,
        ),
        (
            true,
            PLUS,
            end_point,
            &*bound(sha512.as_bytes()),
            last_refused("28000"),
        ),
        (true, PLUS, end_point, &*bound(b""), last_refused("28000")),
        (true, PLUS, end_point, GOOD, last_refused("28000")),
    ] {
        assert_eq!(
            attempt(tls, mechanism, first, last, ""),
            expected,
            "{first} {last}"
        );
    }
}

#[test]
fn the_first_message_follows_the_grammar() {
    let long_nonce = format!("n,,n=,r={}", "a".repeat(900));
    for (first, expected) in [
        ("n,a=x,n=,r=abc", first_refused("0A000")),
        ("n,x,n=,r=abc", first_refused("08P01")),
        ("n,,m=x,n=,r=abc", first_refused("0A000")),
        ("x,,n=,r=abc", first_refused("08P01")),
        ("nn,,n=,r=abc", first_refused("08P01")),
        ("n", first_refused("08P01")),
        ("", first_refused("08P01")),
        ("n,,r=abc", first_refused("08P01")),
        ("n,,n=", first_refused("08P01")),
        ("n,,n=,r=a b", first_refused("08P01")),
        ("n,,n=,r=aäb", first_refused("08P01")),
        ("n,,n=,r=a\0b", first_refused("08P01")),
        ("n,,n=,r=abc,1=1", first_refused("08P01")),
        ("n,,n=,r=abc,x=1,y=2", Outcome::Login),
        ("n,,n=,r=abc,r=abc", Outcome::Login),
        ("n,,n=somebody,r=abc", Outcome::Login),
        (&long_nonce, Outcome::Login),
    ] {
        assert_eq!(
            attempt(false, PLAIN, first, GOOD, ""),
            expected,
            "{first:?}"
        );
    }
}

#[test]
fn the_last_message_follows_the_grammar() {
    for (last, tail, expected) in [
        ("c=biws,r={nonce},x=1", "", Outcome::Login),
        ("c=biws,r={nonce}x", "", last_refused("08P01")),
        ("c=biws,r=abc", "", last_refused("08P01")),
        (GOOD, ",x=1", last_refused("08P01")),
        ("r={nonce},c=biws", "", last_refused("08P01")),
        (GOOD, "no proof", last_refused("08P01")),
        ("c=biws,r={nonce},p=YWJj", "", last_refused("08P01")),
        ("c=biws,r={nonce},p=####", "", last_refused("08P01")),
        ("c=biws,r={nonce},p=\0", "", last_refused("08P01")),
        ("", "", last_refused("08P01")),
    ] {
        let outcome = attempt(false, PLAIN, "n,,n=,r=abc", last, tail);
        assert_eq!(outcome, expected, "{last:?} {tail:?}");
    }
    let wrong = format!("c=biws,r={{nonce}},p={}", proof("another exchange"));
    assert_eq!(
        attempt(false, PLAIN, "n,,n=,r=abc", &wrong, ""),
        Outcome::WrongPassword
    );
}

#[test]
fn three_things_that_postgres_lets_pass_are_refused() {
    assert_eq!(
        attempt(false, PLAIN, "n,,n=,r=", GOOD, ""),
        first_refused("08P01")
    );
    assert_eq!(
        attempt(false, PLAIN, "n,,n=,r=abc,", GOOD, ""),
        first_refused("08P01")
    );
    assert_eq!(
        attempt(false, PLAIN, "n,,n=,r=abc", GOOD, ","),
        last_refused("08P01")
    );
    // The last character before the padding carries two bits that belong to no byte.
    let proof = "A".repeat(42);
    for (character, expected) in [('A', Outcome::WrongPassword), ('B', last_refused("08P01"))] {
        let last = format!("c=biws,r={{nonce}},p={proof}{character}=");
        assert_eq!(attempt(false, PLAIN, "n,,n=,r=abc", &last, ""), expected);
    }
}

/// The class of CVE-2026-6664: a length that is believed before it is checked.
#[test]
fn sasl_len_overflow_cve_2026_6664() {
    for length in [1025, 65_536, 1 << 24] {
        let first = format!("n,,n=,r={}", "a".repeat(length));
        assert_eq!(
            attempt(false, PLAIN, &first, GOOD, ""),
            first_refused("08P01")
        );
        let last = format!("c=biws,r={{nonce}},p={}", "A".repeat(length));
        assert_eq!(
            attempt(false, PLAIN, "n,,n=,r=abc", &last, ""),
            last_refused("08P01")
        );
    }
}
