//! Whoever changes a byte on the way gets nobody logged in.

use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ScramMessage;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::SignatureHash;

use crate::conversation::SERVER_NONCE;
use crate::conversation::converse;
use crate::conversation::secret;

/// Each bit flipped, and the bytes that the grammar gives a meaning to.
fn changes(byte: u8) -> impl Iterator<Item = u8> {
    let flipped = (0..8).map(move |bit| byte ^ (1 << bit));
    let meaningful = *b",=\0npyrsicve01A";
    flipped
        .chain(meaningful)
        .filter(move |changed| *changed != byte)
}

fn a_changed_byte_never_verifies(binding: &ClientBinding, offered: Option<&ChannelBindingData>) {
    let server = || ServerFirst::new(secret(b"pencil"), offered.cloned(), SERVER_NONCE);
    let mut lengths = Vec::new();
    let undisturbed = converse(b"pencil", binding.clone(), server(), |message, bytes| {
        lengths.push((message, bytes.clone()));
    });
    assert!(undisturbed.unwrap().is_login());
    assert_eq!(lengths.len(), 4);

    for (target, original) in lengths {
        for (position, byte) in original.iter().enumerate() {
            for changed in changes(*byte) {
                let ending = converse(b"pencil", binding.clone(), server(), |message, bytes| {
                    if message == target {
                        bytes[position] = changed;
                    }
                });
                let Ok(ending) = ending else {
                    continue;
                };
                let place = format!("{target} byte {position} became {changed:#x}");
                assert!(!ending.is_login(), "{place}");
                // Only the last message comes too late to keep the server from believing.
                let server_believes = ending.verified.is_some();
                assert_eq!(
                    server_believes,
                    target == ScramMessage::ServerFinal,
                    "{place}"
                );
            }
        }
    }
}

#[test]
fn a_changed_byte_never_verifies_without_channel_binding() {
    a_changed_byte_never_verifies(&ClientBinding::Unsupported, None);
    a_changed_byte_never_verifies(&ClientBinding::NotOffered, None);
}

#[test]
fn a_changed_byte_never_verifies_with_channel_binding() {
    let data = ChannelBindingData::tls_server_end_point(SignatureHash::Sha256, b"certificate");
    let binding = ClientBinding::TlsServerEndPoint(data.clone());
    a_changed_byte_never_verifies(&binding, Some(&data));
}

#[test]
fn a_message_cut_short_or_made_longer_never_verifies() {
    let messages = [
        ScramMessage::ClientFirst,
        ScramMessage::ServerFirst,
        ScramMessage::ClientFinal,
        ScramMessage::ServerFinal,
    ];
    for target in messages {
        let mut length = usize::MAX;
        for cut in 0.. {
            if cut >= length {
                break;
            }
            for tail in [&b""[..], b",", b",x=1", b"\0", b"="] {
                let server = ServerFirst::new(secret(b"pencil"), None, SERVER_NONCE);
                let between = |message, bytes: &mut Vec<u8>| {
                    if message == target {
                        length = bytes.len();
                        let original = std::mem::take(bytes);
                        bytes.extend_from_slice(original.get(..cut).unwrap());
                        bytes.extend_from_slice(tail);
                        if *bytes == original {
                            bytes.push(b'.');
                        }
                    }
                };
                let ending = converse(b"pencil", ClientBinding::Unsupported, server, between);
                assert!(
                    !ending.is_ok_and(|ending| ending.is_login()),
                    "{target} cut to {cut}"
                );
            }
        }
        assert!(length >= 32, "{target} was never sent");
    }
}

#[test]
fn a_stored_secret_with_a_changed_byte_is_another_one_or_none() {
    let text = secret(b"pencil").to_text();
    for position in 0..text.len() {
        for changed in 0..0x80_u8 {
            let mut bytes = text.as_bytes().to_vec();
            if bytes[position] == changed {
                continue;
            }
            bytes[position] = changed;
            let changed = String::from_utf8(bytes).unwrap();
            if let Ok(parsed) = ScramSecret::parse(&changed) {
                assert_eq!(*parsed.to_text(), changed);
            }
        }
    }
}
