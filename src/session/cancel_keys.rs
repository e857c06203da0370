//! The keys that clients cancel with: unguessable, and known to every worker of the node.
//!
//! A key says nothing about where its session lives; it is looked up. An unknown key is no error,
//! and is never answered.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use tidegate_proto::fields::CancelKey as WireKey;

use crate::limits::WORKERS_COUNT_MAX;
use crate::pool::Randomness;
use crate::tenancy::Tenant;

/// Bytes of the secret of protocol 3.0, and of 3.2.
const SECRET_BYTES: [usize; 2] = [4, 32];

/// The longest key that is given out, in bytes of both fields.
const KEY_BYTES: usize = 36;

/// The usual key: a process id and a secret of protocol 3.0.
type ShortKey = [u8; 8];

/// What a client was given in its `BackendKeyData`: the bytes of both fields.
#[derive(Clone, PartialEq, Eq)]
pub struct CancelKey(KeyBytes);

/// Most keys are short, and take no memory of their own.
#[derive(Clone, PartialEq, Eq)]
enum KeyBytes {
    Short(ShortKey),
    /// Once for the session and whoever looks it up.
    Long(Arc<LongKey>),
}

#[derive(PartialEq, Eq, Hash)]
struct LongKey {
    /// A key longer than [`KEY_BYTES`] is cut, and nobody's.
    length: usize,
    /// Zero behind the length.
    bytes: [u8; KEY_BYTES],
}

/// Whoever has it can cancel what the client runs.
impl fmt::Debug for CancelKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CancelKey")
    }
}

/// The session that a key cancels.
#[derive(Debug, Clone)]
pub struct CancelTarget {
    /// The worker that it lives on.
    pub worker: usize,
    /// Its number there.
    pub client: u64,
    /// Whose it is: a cancel request must pass the same restrictions.
    pub tenant: Arc<Tenant>,
}

/// All keys of the node.
#[derive(Default)]
pub struct CancelKeys {
    short: DashMap<ShortKey, Place>,
    long: DashMap<Arc<LongKey>, Place>,
}

/// A [`CancelTarget`] in two words: every idle client has one.
struct Place {
    /// The number of the worker below that of the client.
    client_and_worker: u64,
    tenant: Arc<Tenant>,
}

/// How much of a place is the worker's number, of which there are far fewer.
const WORKER_BITS: u32 = u16::BITS;
const _: () = assert!(WORKERS_COUNT_MAX <= 1 << WORKER_BITS);

/// How many there are, and none of them.
impl fmt::Debug for CancelKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CancelKeys({})", self.len())
    }
}

impl CancelKey {
    /// The key of a `CancelRequest`.
    pub fn new(process_id: u32, secret: &[u8]) -> Self {
        let mut bytes = [0; KEY_BYTES];
        let key = process_id.to_be_bytes().into_iter();
        let key = key.chain(secret.iter().copied());
        for (place, byte) in bytes.iter_mut().zip(key) {
            *place = byte;
        }
        let length = 4 + secret.len();
        let short = bytes.first_chunk().filter(|short| short.len() == length);
        Self(match short {
            Some(short) => KeyBytes::Short(*short),
            None => KeyBytes::Long(Arc::new(LongKey { length, bytes })),
        })
    }

    pub(super) fn process_id(&self) -> u32 {
        let word = match &self.0 {
            KeyBytes::Short(bytes) => bytes.first_chunk(),
            KeyBytes::Long(long) => long.bytes.first_chunk(),
        };
        word.map_or(0, |word| u32::from_be_bytes(*word))
    }

    /// The secret, as `BackendKeyData` carries it; `None` for a length that no key has.
    pub(super) fn secret(&self) -> Option<WireKey<'_>> {
        let bytes = match &self.0 {
            KeyBytes::Short(bytes) => bytes.get(4..),
            KeyBytes::Long(long) => long.bytes.get(4..long.length),
        };
        WireKey::new(bytes?)
    }
}

impl CancelKeys {
    /// The session that a key belongs to.
    pub fn target(&self, key: &CancelKey) -> Option<CancelTarget> {
        match &key.0 {
            KeyBytes::Short(short) => self.short.get(short).map(|place| place.target()),
            KeyBytes::Long(long) => self.long.get(long).map(|place| place.target()),
        }
    }

    /// How many sessions have one.
    pub fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Whether no session has one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes a key for a session; a long one for protocol 3.2. Its process id is the one of the
    /// session's server if that is given: other sessions may show the same one, on other servers or
    /// by chance, and differ in the secret.
    pub(super) fn grant(
        &self,
        target: &CancelTarget,
        server: Option<u32>,
        is_long: bool,
        random: Randomness,
    ) -> CancelKey {
        let [short, long] = SECRET_BYTES;
        loop {
            let mut bytes = [0; KEY_BYTES];
            random(&mut bytes);
            let secret_bytes = if is_long { long } else { short };
            let bytes = bytes.get(..4 + secret_bytes).unwrap_or_default();
            // libpq prints the process id as a signed number.
            let own = bytes
                .first_chunk()
                .map_or(0, |word| u32::from_be_bytes(*word) >> 1);
            let process_id = server.unwrap_or(own);
            let key = CancelKey::new(process_id, bytes.get(4..).unwrap_or_default());
            let is_new = match &key.0 {
                KeyBytes::Short(short) => insert(&self.short, short, target),
                KeyBytes::Long(long) => insert(&self.long, long, target),
            };
            if is_new {
                return key;
            }
        }
    }

    /// The session is over.
    pub(super) fn revoke(&self, key: &CancelKey) {
        match &key.0 {
            KeyBytes::Short(short) => drop(self.short.remove(short)),
            KeyBytes::Long(long) => drop(self.long.remove(long)),
        }
    }
}

impl Place {
    fn of(target: &CancelTarget) -> Self {
        // Clients are numbered by one counter, which does not come to the bits that are lost.
        let client = target.client << WORKER_BITS;
        Self {
            client_and_worker: client | target.worker as u64,
            tenant: Arc::clone(&target.tenant),
        }
    }

    fn target(&self) -> CancelTarget {
        let worker = self.client_and_worker & u64::from(u16::MAX);
        CancelTarget {
            worker: usize::try_from(worker).unwrap_or(usize::MAX),
            client: self.client_and_worker >> WORKER_BITS,
            tenant: Arc::clone(&self.tenant),
        }
    }
}

fn insert<K: Clone + Eq + Hash>(
    places: &DashMap<K, Place>,
    key: &K,
    target: &CancelTarget,
) -> bool {
    match places.entry(key.clone()) {
        dashmap::Entry::Vacant(vacant) => {
            vacant.insert(Place::of(target));
            true
        },
        dashmap::Entry::Occupied(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::telemetry::TenantSlot;
    use std::cell::Cell;

    thread_local! {
        static DRAWN: Cell<u8> = const { Cell::new(0) };
    }

    /// Every number twice, one after the other.
    fn hardly_random(bytes: &mut [u8]) {
        let drawn = DRAWN.get();
        DRAWN.set(drawn + 1);
        bytes.fill(drawn / 2);
    }

    #[test]
    fn a_key_is_told_from_those_that_begin_or_end_like_it() {
        let key = |secret: &[u8]| CancelKey::new(7, secret);
        let long = [1; 32];
        assert_eq!(key(&long), key(&long));
        assert_eq!(key(&long).secret().unwrap().as_bytes(), long);
        for other in [&[1; 31][..], &[1; 33], &[1; 256], &[1; 4], &[]] {
            assert_ne!(key(&long), key(other));
        }
        assert_ne!(key(&[1, 0, 0, 0]), key(&[1, 0, 0, 0, 0]));
        assert_eq!(key(&[1; 256]).secret(), None);
    }

    fn target(client: u64) -> CancelTarget {
        let tenant = config::Tenant::default();
        let tenant = Tenant::new(TenantSlot::new(0), Arc::new(tenant));
        CancelTarget {
            worker: WORKERS_COUNT_MAX - 1,
            client,
            tenant: Arc::new(tenant),
        }
    }

    #[test]
    fn a_key_of_either_length_is_found_until_it_is_revoked() {
        let keys = CancelKeys::default();
        for is_long in [false, true] {
            let client = (1 << 48) - 1;
            let key = keys.grant(&target(client), None, is_long, hardly_random);
            let secret = key.secret().unwrap().as_bytes().to_vec();
            assert_eq!(secret.len(), SECRET_BYTES[usize::from(is_long)]);
            let shown = CancelKey::new(key.process_id(), &secret);
            let found = keys.target(&shown).unwrap();
            assert_eq!(
                (found.worker, found.client),
                (WORKERS_COUNT_MAX - 1, client)
            );
            assert_eq!(keys.len(), 1);
            keys.revoke(&key);
            assert!(keys.target(&shown).is_none() && keys.is_empty());
        }
    }

    #[test]
    fn sessions_with_the_same_process_id_have_keys_of_their_own() {
        let keys = Arc::new(CancelKeys::default());
        let granted: Vec<_> = [Some(7), Some(7), None, None, Some(7)]
            .into_iter()
            .zip(0..)
            .map(|(server, client)| {
                (
                    client,
                    keys.grant(&target(client), server, false, hardly_random),
                )
            })
            .collect();
        assert_eq!(keys.len(), granted.len());
        for (client, granted) in &granted {
            assert_eq!(keys.target(granted).unwrap().client, *client);
        }
        let shown: Vec<_> = granted
            .iter()
            .map(|(_, granted)| granted.process_id())
            .collect();
        assert_eq!((shown[0], shown[1], shown[4]), (7, 7, 7));
        // Nor does a log line show what cancels them.
        assert_eq!(format!("{:?}", granted[0].1), "CancelKey");
        assert_eq!(format!("{keys:?}"), "CancelKeys(5)");
        for (_, granted) in &granted {
            keys.revoke(granted);
        }
        assert!(keys.is_empty());
    }
}
