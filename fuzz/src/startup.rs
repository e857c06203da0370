//! The messages that open a connection, against a naive reading of what servers do with them.

use tidegate_proto::limits::STARTUP_BYTES_MAX;
use tidegate_proto::startup::CancelRequest;
use tidegate_proto::startup::Request;
use tidegate_proto::startup::StartupMessage;
use tidegate_proto::startup::Switch;
use tidegate_proto::startup::Switches;

/// Checks `data` as the first bytes of a connection, and as the value of `options`.
///
/// # Panics
/// If a promise of a decoder is broken.
pub fn run(data: &[u8]) {
    check_switches(data);
    let whole = Request::classify(data);
    check_prefixes(data, &whole);
    let Ok(Some(request)) = whole else {
        return;
    };
    let Some(message) = data.get(..request.bytes()) else {
        return;
    };
    match request {
        Request::DirectTls => assert_eq!(data[0], 0x16),
        Request::Ssl | Request::Gssenc => assert_eq!(message.len(), 8),
        Request::Cancel { .. } => {
            let cancel = CancelRequest::decode(message).expect("its length was checked");
            let mut encoded = Vec::new();
            cancel
                .encode(&mut encoded)
                .expect("what was decoded can be written");
            assert_eq!(encoded, message);
        },
        Request::Startup { .. } => check_startup(message),
        Request::Unsupported { version } => assert_ne!(version.major, 3),
    }
}

/// An answer, once given, stays the same whatever arrives later.
fn check_prefixes(data: &[u8], whole: &Result<Option<Request>, tidegate_proto::error::Violation>) {
    for cut in 0..data.len().min(12) {
        let early = Request::classify(&data[..cut]);
        assert!(early == Ok(None) || early == *whole, "cut at {cut}");
    }
    if data.len() >= 8 {
        assert_ne!(*whole, Ok(None));
    }
}

fn check_startup(message: &[u8]) {
    assert!(message.len() <= STARTUP_BYTES_MAX as usize);
    let ours = StartupMessage::decode(message);
    let theirs = NaiveStartup::of(message);
    let Ok(ours) = ours else {
        assert!(theirs.is_none(), "a server would accept this");
        return;
    };
    let theirs = theirs.expect("a server would refuse this");
    assert_eq!(ours.user(), theirs.user);
    assert_eq!(ours.database(), theirs.database);
    assert_eq!(ours.options(), theirs.options);
    assert!(ours.settings().eq(theirs.settings));
    assert!(ours.protocol_options().eq(theirs.protocol_options));
    for (name, _) in ours.parameters() {
        assert!(ours.parameter(name).is_some());
    }
    let mut encoded = Vec::new();
    StartupMessage::encode(ours.version, ours.parameters(), &mut encoded)
        .expect("what was decoded can be written");
    assert_eq!(encoded, message);
}

/// What a server keeps of a startup message, read by positions as it does.
struct NaiveStartup<'a> {
    user: &'a [u8],
    database: &'a [u8],
    options: Option<&'a [u8]>,
    settings: Vec<(&'a [u8], &'a [u8])>,
    protocol_options: Vec<&'a [u8]>,
}

impl<'a> NaiveStartup<'a> {
    /// `None` if a server refuses it.
    fn of(message: &'a [u8]) -> Option<Self> {
        let body = &message[8..];
        // A server adds a zero byte after the message, so that every string in it ends.
        let string = |at: usize| {
            let end = body[at..].iter().position(|&byte| byte == 0);
            &body[at..end.map_or(body.len(), |end| at + end)]
        };
        let (mut user, mut database, mut options) = (&b""[..], &b""[..], None);
        let (mut settings, mut protocol_options) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at < body.len() && body[at] != 0 {
            let name = string(at);
            let value_at = at + name.len() + 1;
            if value_at >= body.len() {
                break;
            }
            let value = string(value_at);
            match name {
                b"user" => user = value,
                b"database" => database = value,
                b"options" => options = Some(value),
                b"replication" => {},
                _ if name.starts_with(b"_pq_.") => protocol_options.push(name),
                _ => settings.push((name, value)),
            }
            at = value_at + value.len() + 1;
        }
        // A server takes any one byte for the terminator; we take only the one that the spec has.
        if body.last() != Some(&0) || at + 1 != body.len() || user.is_empty() {
            return None;
        }
        if database.is_empty() {
            database = user;
        }
        Some(Self {
            user,
            database,
            options,
            settings,
            protocol_options,
        })
    }
}

/// Compares the switches with words cut in the simplest way.
fn check_switches(options: &[u8]) {
    let options = options.split(|&byte| byte == 0).next().unwrap_or_default();
    let words = naive_words(options);
    let mut at = 0;
    for switch in Switches::new(options) {
        let word = &words[at];
        at += 1;
        let (name, value) = match switch {
            Switch::Other(other) => {
                assert_eq!(&other, word);
                continue;
            },
            Switch::Setting { name, value } => (name, value),
        };
        let setting = if word == b"-c" {
            at += 1;
            &words[at - 1][..]
        } else {
            assert!(word.starts_with(b"-c") || word.starts_with(b"--"));
            &word[2..]
        };
        assert!(!name.is_empty() && !name.contains(&b'=') && !name.contains(&b'-'));
        assert_eq!(name.len() + 1 + value.len(), setting.len());
        assert!(setting.ends_with(&value));
    }
    assert_eq!(at, words.len(), "every word is in one switch");
}

fn naive_words(options: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = options.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' => words.extend(word.take()),
            b'\\' => word.get_or_insert_default().extend(bytes.next()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}
