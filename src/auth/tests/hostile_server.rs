//! Servers that ask for too much, or say that all is well too early.

use tidegate_proto::fault::Fault;
use tidegate_proto::scram::ScramError;

use super::*;

fn request(request: Authentication<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    request.encode(&mut message).unwrap();
    body(&message).to_vec()
}

fn sasl(mechanisms: &[&str]) -> Vec<u8> {
    let mut message = Vec::new();
    Authentication::encode_sasl(mechanisms, &mut message).unwrap();
    body(&message).to_vec()
}

fn server_policy() -> ServerPolicy {
    ServerPolicy {
        iterations_max: 100_000,
        cleartext: false,
        unchallenged: true,
    }
}

fn password() -> ServerSecret {
    ServerSecret::Password(Password::new(b"pencil"))
}

fn keys() -> ServerSecret {
    let Secret::Scram(secret) = stored(SecretKind::Scram, "pencil") else {
        panic!("another form");
    };
    let derivation = Derivation::new(Password::new(b"pencil"), secret.salt(), iterations());
    ServerSecret::Keys(Box::new(ClientKeys {
        keys: derivation.run(),
        secret,
    }))
}

fn new(secret: ServerSecret, protection: Protection, policy: ServerPolicy) -> ServerAuthentication {
    ServerAuthentication::new("alice", secret, protection, policy, [0x11; 18])
}

/// The login after these requests, or why it failed.
fn after(mut login: ServerAuthentication, requests: &[Vec<u8>]) -> Result<ServerStep, AuthError> {
    let mut last = None;
    for request in requests {
        let step = match login.receive(request)? {
            ServerStep::Derive { derivation, next } => next.resume(&derivation.run())?,
            step @ (ServerStep::Answer { .. } | ServerStep::Wait { .. } | ServerStep::Done) => step,
        };
        login = match step {
            ServerStep::Answer { message, next } => {
                last = Some(message);
                next
            },
            ServerStep::Wait { next } => next,
            ServerStep::Derive { .. } | ServerStep::Done => return Ok(step),
        };
    }
    Ok(ServerStep::Answer {
        message: last.unwrap_or_default(),
        next: login,
    })
}

/// A challenge that continues the nonce of these logins.
fn challenge(rest: &str) -> Vec<u8> {
    let data = format!("r=ERERERERERERERERERERERERx,{rest}");
    request(Authentication::SaslContinue {
        data: data.as_bytes(),
    })
}

#[test]
fn upstream_asks_cleartext_refused() {
    let asked = [request(Authentication::CleartextPassword)];
    let refused = after(new(password(), tls(), server_policy()), &asked).unwrap_err();
    assert_eq!(refused, AuthError::ServerCleartext);
    assert_eq!(
        (refused.fault(), refused.sqlstate().as_str()),
        (Fault::Server, "08006")
    );

    let allowed = ServerPolicy {
        cleartext: true,
        ..server_policy()
    };
    let refused = after(new(password(), Protection::None, allowed), &asked).unwrap_err();
    assert_eq!(refused, AuthError::ServerCleartextUnprotected);
    for protection in [tls(), Protection::Local] {
        let step = after(new(password(), protection, allowed), &asked).unwrap();
        assert!(
            matches!(step, ServerStep::Answer { message, .. } if body(&message) == b"pencil\0")
        );
    }
}

#[test]
fn scram_iterations_rustsec_2026_0179() {
    for (count, iterations) in [("2147483647", 0x7fff_ffff), ("100001", 100_001), ("0", 0)] {
        let requests = [
            sasl(&["SCRAM-SHA-256"]),
            challenge(&format!("s=YWJj,i={count}")),
        ];
        for secret in [password(), keys()] {
            let login = new(secret, Protection::None, server_policy());
            let AuthError::Scram(refused) = after(login, &requests).unwrap_err() else {
                panic!("another error");
            };
            assert!(
                matches!(refused, ScramError::IterationsRefused { iterations: asked, .. } if asked == iterations)
            );
        }
    }
}

#[test]
fn ok_before_the_servers_proof_is_no_login() {
    let ok = request(Authentication::Ok);
    let [offer, challenge] = [sasl(&["SCRAM-SHA-256"]), challenge("s=YWJj,i=1")];
    for requests in [&[offer.clone(), ok.clone()][..], &[offer, challenge, ok]] {
        let login = new(password(), Protection::None, server_policy());
        assert_eq!(
            after(login, requests).unwrap_err(),
            AuthError::ServerUnproven
        );
    }
}

#[test]
fn a_server_without_the_secret_is_found_out() {
    let last = b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let requests = [
        sasl(&["SCRAM-SHA-256"]),
        challenge("s=YWJj,i=1"),
        request(Authentication::SaslFinal { data: last }),
    ];
    let error = after(
        new(password(), Protection::None, server_policy()),
        &requests,
    )
    .unwrap_err();
    assert_eq!(error, AuthError::Scram(ScramError::ServerSignatureMismatch));
}

#[test]
fn ok_without_a_challenge_is_for_the_policy_to_say() {
    let ok = [request(Authentication::Ok)];
    let step = after(new(ServerSecret::None, tls(), server_policy()), &ok).unwrap();
    assert!(matches!(step, ServerStep::Done));
    let strict = ServerPolicy {
        unchallenged: false,
        ..server_policy()
    };
    let refused = after(new(password(), tls(), strict), &ok).unwrap_err();
    assert_eq!(refused, AuthError::ServerUnchallenged);
}

#[test]
fn methods_that_are_not_spoken_are_named() {
    for (asked, name) in [
        (Authentication::KerberosV5, "Kerberos V5"),
        (Authentication::Gss, "GSSAPI"),
        (Authentication::Sspi, "SSPI"),
    ] {
        let error = after(new(password(), tls(), server_policy()), &[request(asked)]).unwrap_err();
        assert_eq!(error, AuthError::ServerMethod { method: name });
        assert!(error.to_string().contains(name));
    }
    let error = after(
        new(password(), tls(), server_policy()),
        &[sasl(&["OAUTHBEARER"])],
    );
    assert_eq!(
        error.unwrap_err(),
        AuthError::Scram(ScramError::NoMechanism)
    );
}

#[test]
fn requests_out_of_place_end_the_login() {
    let md5 = request(Authentication::Md5Password { salt: [1, 2, 3, 4] });
    let offer = sasl(&["SCRAM-SHA-256"]);
    let challenge = challenge("s=YWJj,i=1");
    let last = request(Authentication::SaslFinal { data: b"v=" });
    let out_of_place: [&[Vec<u8>]; 7] = [
        std::slice::from_ref(&challenge),
        &[last],
        &[request(Authentication::GssContinue { data: b"" })],
        &[offer.clone(), offer.clone()],
        &[offer.clone(), md5.clone()],
        &[offer.clone(), challenge.clone(), challenge.clone()],
        &[md5.clone(), md5],
    ];
    for requests in out_of_place {
        let login = new(password(), Protection::None, server_policy());
        assert_eq!(
            after(login, requests).unwrap_err(),
            AuthError::ServerOutOfPlace
        );
    }
    for unreadable in [&b""[..], b"\0\0\0", b"\0\0\0\x63", b"\0\0\0\0more"] {
        let error = new(password(), tls(), server_policy())
            .receive(unreadable)
            .unwrap_err();
        assert_eq!(
            (error.fault(), error.sqlstate().as_str()),
            (Fault::Server, "08006")
        );
    }
}

#[test]
fn each_secret_answers_what_it_can() {
    let verifier = || ServerSecret::of(Some(stored(SecretKind::Scram, "pencil")), None);
    let md5_secret = || ServerSecret::of(Some(stored(SecretKind::Md5, "pencil")), None);
    let policy = ServerPolicy {
        cleartext: true,
        ..server_policy()
    };
    let md5 = request(Authentication::Md5Password { salt: [1, 2, 3, 4] });
    let cleartext = request(Authentication::CleartextPassword);
    let scram = sasl(&["SCRAM-SHA-256"]);
    let missing = |method| Some(AuthError::ServerSecretMissing { method });
    let unfit = |method| Some(AuthError::ServerSecretUnfit { method });
    for (secret, asked, expected) in [
        (ServerSecret::None, &scram, missing("SCRAM-SHA-256")),
        (ServerSecret::None, &md5, missing("md5")),
        (ServerSecret::None, &cleartext, missing("password")),
        (verifier(), &scram, unfit("SCRAM-SHA-256")),
        (verifier(), &md5, unfit("md5")),
        (verifier(), &cleartext, unfit("password")),
        (keys(), &md5, unfit("md5")),
        (keys(), &cleartext, unfit("password")),
        (keys(), &scram, None),
        (md5_secret(), &scram, unfit("SCRAM-SHA-256")),
        (md5_secret(), &cleartext, unfit("password")),
        (md5_secret(), &md5, None),
        (password(), &scram, None),
        (password(), &md5, None),
        (password(), &cleartext, None),
    ] {
        let protection = Protection::Local;
        let result = after(new(secret, protection, policy), std::slice::from_ref(asked));
        assert_eq!(result.err(), expected);
    }
}

#[test]
fn keys_of_another_secret_are_not_tried() {
    let requests = [sasl(&["SCRAM-SHA-256"]), challenge("s=YWJj,i=2")];
    let error = after(new(keys(), Protection::None, server_policy()), &requests).unwrap_err();
    assert_eq!(
        (error, error.fault()),
        (AuthError::ServerSecretDiffers, Fault::Pooler)
    );
}

#[test]
fn an_md5_answer_is_that_of_postgres() {
    let asked = [request(Authentication::Md5Password {
        salt: [0x2a, 0x3d, 0x8f, 0xe0],
    })];
    let login = ServerAuthentication::new(
        "md5_user",
        ServerSecret::Password(Password::new(b"password")),
        Protection::None,
        server_policy(),
        [0x11; 18],
    );
    let step = after(login, &asked).unwrap();
    // The example of the postgres-protocol crate.
    let answer = b"md562af4dd09bbb41884907a838a3233294\0";
    assert!(matches!(step, ServerStep::Answer { message, .. } if body(&message) == answer));
}

#[test]
fn plus_is_taken_over_tls_and_its_offer_without_tls_is_refused() {
    let offer = [sasl(&["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])];
    let step = after(new(password(), tls(), server_policy()), &offer).unwrap();
    let ServerStep::Answer { message, .. } = step else {
        panic!("{step:?}");
    };
    assert!(body(&message).starts_with(b"SCRAM-SHA-256-PLUS\0"));
    let error = after(new(password(), Protection::None, server_policy()), &offer).unwrap_err();
    assert_eq!(
        error,
        AuthError::Scram(ScramError::ChannelBindingWithoutTls)
    );
}
