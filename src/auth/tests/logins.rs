//! Logins that succeed, and what they reveal.

use super::*;

/// The methods that ask for a password, with every form of secret that can meet them.
const WAYS: [(AuthType, SecretKind); 8] = [
    (AuthType::ScramSha256, SecretKind::Scram),
    (AuthType::ScramSha256, SecretKind::Password),
    (AuthType::Md5, SecretKind::Scram),
    (AuthType::Md5, SecretKind::Md5),
    (AuthType::Md5, SecretKind::Password),
    (AuthType::Plain, SecretKind::Scram),
    (AuthType::Plain, SecretKind::Password),
    (AuthType::Plain, SecretKind::Md5),
];

/// What is stored of alice. A password that comes in the clear is hashed with her own name.
fn stored_for(auth_type: AuthType, kind: SecretKind) -> Credentials {
    Credentials::Secret(match (auth_type, kind) {
        (AuthType::Plain, SecretKind::Md5) => Secret::Md5(
            tidegate_proto::md5::Md5Secret::from_password(b"pencil", b"alice"),
        ),
        _ => stored(kind, "pencil"),
    })
}

#[test]
fn the_right_password_logs_in_by_every_method() {
    for (auth_type, kind) in WAYS {
        let course = authenticate(auth_type, stored_for(auth_type, kind), kind, "pencil");
        assert!(
            course.result.is_ok() && course.logged_in,
            "{auth_type} {kind:?}"
        );
    }
}

#[test]
fn a_wrong_password_is_refused_by_every_method() {
    for (auth_type, kind) in WAYS {
        let course = authenticate(auth_type, stored_for(auth_type, kind), kind, "pencils");
        let refused = course.result.unwrap_err();
        assert_eq!(refused, AuthError::PasswordRefused, "{auth_type} {kind:?}");
        assert!(!course.logged_in);
    }
}

#[test]
fn keys_are_revealed_where_a_verifier_is_stored_and_open_a_server_that_stores_it_too() {
    for auth_type in [AuthType::ScramSha256, AuthType::Md5, AuthType::Plain] {
        let verifier = stored(SecretKind::Scram, "pencil");
        let credentials = Credentials::Secret(verifier.clone());
        let course = authenticate(auth_type, credentials, SecretKind::Scram, "pencil");
        let revealed = course.result.unwrap();
        assert!(revealed.is_some(), "{auth_type}");

        let secret = ServerSecret::of(Some(verifier.clone()), revealed);
        assert!(matches!(secret, ServerSecret::Keys(_)));
        let server = alice(Credentials::Secret(verifier));
        let policy = policy(SecretKind::Scram);
        let begun = ClientAuthentication::begin(AuthType::ScramSha256, server, &policy, RANDOMNESS);
        let course = run(begun, login(secret, tls()));
        assert!(course.logged_in && course.result.is_ok());
    }
}

#[test]
fn a_stored_password_serves_better_than_revealed_keys() {
    let credentials = Credentials::Secret(stored(SecretKind::Password, "pencil"));
    let course = authenticate(
        AuthType::ScramSha256,
        credentials,
        SecretKind::Password,
        "pencil",
    );
    // Its salt is ours alone, so no server stores the same.
    assert!(course.result.unwrap().is_none());
    assert_eq!(course.derivations, 1);
}

#[test]
fn channel_binding_is_offered_and_taken_over_tls_only() {
    for (protection, expected) in [
        (tls(), &b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"[..]),
        (Protection::Tls { binding: None }, b"SCRAM-SHA-256\0\0"),
        (Protection::Local, b"SCRAM-SHA-256\0\0"),
        (Protection::None, b"SCRAM-SHA-256\0\0"),
    ] {
        let credentials = Credentials::Secret(stored(SecretKind::Scram, "pencil"));
        let identity = Identity {
            protection: protection.clone(),
            ..alice(credentials)
        };
        let policy = policy(SecretKind::Scram);
        let begun =
            ClientAuthentication::begin(AuthType::ScramSha256, identity, &policy, RANDOMNESS);
        let course = run(begun, client(b"pencil", protection));
        assert!(course.logged_in);
        assert!(course.transcript.first().unwrap().ends_with(expected));
        let chosen = course.transcript.get(1).unwrap();
        let plus = chosen.windows(5).any(|window| window == b"-PLUS");
        assert_eq!(plus, expected.starts_with(b"SCRAM-SHA-256-PLUS"));
    }
}

#[test]
fn a_client_that_sends_no_first_message_is_asked_for_one() {
    let credentials = Credentials::Secret(stored(SecretKind::Scram, "pencil"));
    let policy = policy(SecretKind::Scram);
    let begun = ClientAuthentication::begin(
        AuthType::ScramSha256,
        alice(credentials),
        &policy,
        RANDOMNESS,
    );
    let ClientStep::Ask { next, .. } = begun else {
        panic!("{begun:?}");
    };
    let step = next.receive(b"SCRAM-SHA-256\0\xff\xff\xff\xff");
    let ClientStep::Ask { message, next } = step else {
        panic!("{step:?}");
    };
    assert_eq!(message, b"R\0\0\0\x08\0\0\0\x0b");
    let step = next.receive(b"n,,n=,r=abc");
    let ClientStep::Ask { message, .. } = step else {
        panic!("{step:?}");
    };
    assert!(body(&message).starts_with(b"\0\0\0\x0br=abc"));
}

#[test]
fn a_certificate_names_the_user_and_the_tenant() {
    let begin = |name: Option<&str>, bare: bool, credentials| {
        let certificate_name = name.map(Box::from);
        let identity = Identity {
            certificate_name,
            ..alice(credentials)
        };
        let policy = ClientPolicy {
            bare_common_name: bare,
            ..policy(SecretKind::Scram)
        };
        let step = ClientAuthentication::begin(AuthType::Cert, identity, &policy, RANDOMNESS);
        matches!(step, ClientStep::Done { .. })
    };
    let known = || Credentials::WithoutSecret;
    assert!(begin(Some("alice.acme"), false, known()));
    assert!(begin(Some("alice.acme"), true, known()));
    assert!(begin(Some("alice"), true, known()));
    // An authority that tenants share vouches for alice of one, not of all.
    assert!(!begin(Some("alice"), false, known()));
    for bare in [false, true] {
        for name in [
            None,
            Some(""),
            Some("bob"),
            Some("alice.initech"),
            Some("alice."),
            Some("ALICE"),
        ] {
            assert!(!begin(name, bare, known()), "{name:?}");
        }
        assert!(!begin(Some("alice.acme"), bare, Credentials::Unknown));
    }
}

#[test]
fn trust_admits_users_that_exist() {
    let begin = |credentials| {
        let policy = policy(SecretKind::Scram);
        ClientAuthentication::begin(AuthType::Trust, alice(credentials), &policy, RANDOMNESS)
    };
    assert!(matches!(
        begin(Credentials::WithoutSecret),
        ClientStep::Done { .. }
    ));
    // CVE-2015-6817: a user that nobody knows must not end up as somebody.
    let unknown = begin(Credentials::Unknown);
    assert!(matches!(
        unknown,
        ClientStep::Failed(AuthError::PasswordRefused)
    ));
}
