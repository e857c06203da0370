//! Whatever a client sends, nothing panics, and nothing is believed that it did not say under TLS.

use std::io;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::ProptestConfig;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::proptest;

use super::EASY;
use super::Setup;
use super::any_setup;
use super::pair::Pair;
use super::pair::altered_handshake;
use super::pair::handshake;
use super::pair::strangers;
use super::text;

/// What somebody on the way does to the bytes.
#[derive(Debug, Clone)]
enum Tampering {
    Flip(u8),
    Cut,
    Leave(usize),
    Put(Vec<u8>),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    prop_oneof![
        4 => (1_u8..).prop_map(Tampering::Flip),
        1 => Just(Tampering::Cut),
        1 => (1_usize..100).prop_map(Tampering::Leave),
        2 => noise().prop_map(Tampering::Put),
    ]
}

/// Bytes that look more or less like records.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let record = (20_u8..26, 0_u8..5, vec(any::<u8>(), 0..60)).prop_map(|(kind, minor, body)| {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 3, minor][..], &length, &body].concat()
    });
    let records = vec(record, 0..40).prop_map(|records| records.concat());
    prop_oneof![vec(any::<u8>(), 0..3000), records]
}

impl Tampering {
    fn apply(&self, bytes: &mut Vec<u8>, at: usize) {
        let at = at % bytes.len().max(1);
        match self {
            Self::Flip(bits) => bytes[at] ^= bits,
            Self::Cut => bytes.truncate(at),
            Self::Leave(count) => drop(bytes.drain(at..(at + count).min(bytes.len()))),
            Self::Put(noise) => drop(bytes.splice(at..at, noise.iter().copied())),
        }
    }
}

/// Nothing more comes from the client: everything that one may still do is done.
fn use_up(mut pair: Pair) {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        pair.far.deliver(usize::MAX, &mut context);
        pair.hear(1000);
        if pair.far.outgoing.is_empty() || pair.ended.is_some() {
            break;
        }
    }
    drop(pair.say_whatever_comes());
    drop(pair.flush());
    pair.far.cut();
    while pair.ended.is_none() {
        pair.hear(1000);
    }
    drop(pair.say_whatever_comes());
    drop(pair.shut_down());
    let expected = text(0, pair.far.said);
    assert!(expected.starts_with(&pair.heard), "it heard something else");
    if let Some(Ok(())) = pair.ended {
        assert_eq!(pair.heard.len(), pair.far.said, "it missed something");
    }
}

impl Pair {
    fn say_whatever_comes(&mut self) -> Poll<io::Result<usize>> {
        let mut context = Context::from_waker(Waker::noop());
        self.near.poll_write(&mut context, b"more", b"")
    }
}

fn accept_noise(setup: &Setup, noise: Vec<u8>, at: usize) {
    let (mut far, transport) = strangers(setup);
    let at = at % far.outgoing.len();
    far.outgoing.truncate(at);
    far.outgoing.extend(noise);
    let accepted = handshake(setup, &mut far, transport, &[1000]);
    assert!(!matches!(accepted, Some(Ok(_))), "noise was a handshake");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn noise_is_no_handshake(
        setup in any_setup(),
        noise in noise(),
        at in prop_oneof![Just(0), 0_usize..400],
    ) {
        accept_noise(&setup, noise, at);
    }

    #[test]
    fn a_handshake_that_is_tampered_with_comes_to_nothing_wrong(
        setup in any_setup(),
        tampering in tampering(),
        at in any::<usize>(),
        which in 0_usize..3,
    ) {
        let (mut far, transport) = strangers(&setup);
        let alter = |flight: usize, bytes: &mut Vec<u8>| {
            if flight == which && !bytes.is_empty() {
                tampering.apply(bytes, at);
            }
        };
        let near = altered_handshake(&setup, &mut far, transport, &[1000], alter);
        if let Some(Ok(near)) = near {
            far.say(100);
            use_up(Pair::of(far, near));
        }
    }

    #[test]
    fn what_is_tampered_with_is_not_heard(
        setup in any_setup(),
        sizes in vec(0_usize..2000, 1..5),
        tampering in tampering(),
        at in any::<usize>(),
        closes in any::<bool>(),
    ) {
        let mut pair = Pair::new(&setup);
        for size in sizes {
            pair.far.say(size);
        }
        if closes {
            pair.far.close();
        }
        if !pair.far.outgoing.is_empty() {
            tampering.apply(&mut pair.far.outgoing, at);
        }
        use_up(pair);
    }
}

#[test]
fn whoever_breaks_tls_is_sent_an_alert() {
    for version in super::VERSIONS {
        let setup = Setup { version, ..EASY };
        let mut pair = Pair::new(&setup);
        pair.far.say(10);
        let last = pair.far.outgoing.len() - 1;
        pair.far.outgoing[last] ^= 1;
        pair.settle();
        assert!(matches!(&pair.ended, Some(Err(error)) if error.to_string().contains("decrypt")));
        assert!(pair.far.is_broken, "it heard no alert");
        assert!(pair.heard.is_empty());
        assert!(matches!(pair.say_whatever_comes(), Poll::Ready(Err(_))));
    }
}

#[test]
fn whoever_says_no_hello_is_sent_an_alert() {
    let (mut far, transport) = strangers(&EASY);
    far.outgoing = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    let refused = handshake(&EASY, &mut far, transport, &[1000]);
    assert!(matches!(refused, Some(Err(error)) if error.get_ref().is_some()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(far.receive(100, &mut context) > 0);
    assert!(far.is_broken, "it heard no alert");
}
