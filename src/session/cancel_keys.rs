//! The keys that clients cancel with: unguessable, and known to every worker of the node.
//!
//! A key says nothing about where its session lives; it is looked up. An unknown key is no error,
//! and is never answered.

use std::fmt;
use std::sync::Arc;

use dashmap::DashMap;
use tidegate_proto::fields::CancelKey as WireKey;

use crate::pool::Randomness;
use crate::tenancy::Tenant;

/// Bytes of the secret of protocol 3.0, and of 3.2.
const SECRET_BYTES: [usize; 2] = [4, 32];

/// The longest key that is given out, in bytes of both fields.
const KEY_BYTES: usize = 36;

/// What a client was given in its `BackendKeyData`. Kept as the bytes of both fields, once for the
/// session and whoever looks it up.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CancelKey(Arc<KeyBytes>);

#[derive(PartialEq, Eq, Hash)]
struct KeyBytes {
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
#[derive(Debug, Default)]
pub struct CancelKeys {
    targets: DashMap<CancelKey, CancelTarget>,
}

/// A key while its session lives.
#[derive(Debug)]
pub(super) struct Granted {
    keys: Arc<CancelKeys>,
    pub(super) key: CancelKey,
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
        Self(Arc::new(KeyBytes {
            length: 4 + secret.len(),
            bytes,
        }))
    }

    pub(super) fn process_id(&self) -> u32 {
        let word = self.0.bytes.first_chunk();
        word.map_or(0, |word| u32::from_be_bytes(*word))
    }

    /// The secret, as `BackendKeyData` carries it; `None` for a length that no key has.
    pub(super) fn secret(&self) -> Option<WireKey<'_>> {
        WireKey::new(self.0.bytes.get(4..self.0.length)?)
    }
}

impl CancelKeys {
    /// The session that a key belongs to.
    pub fn target(&self, key: &CancelKey) -> Option<CancelTarget> {
        self.targets.get(key).map(|target| target.clone())
    }

    /// How many sessions have one.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether no session has one.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Makes a key for a session; a long one for protocol 3.2. Its process id is the one of the
    /// session's server if that is given: other sessions may show the same one, on other servers or
    /// by chance, and differ in the secret.
    pub(super) fn grant(
        self: &Arc<Self>,
        target: &CancelTarget,
        server: Option<u32>,
        is_long: bool,
        random: Randomness,
    ) -> Granted {
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
            if let dashmap::Entry::Vacant(vacant) = self.targets.entry(key.clone()) {
                vacant.insert(target.clone());
                return Granted {
                    keys: Arc::clone(self),
                    key,
                };
            }
        }
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        self.keys.targets.remove(&self.key);
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

    #[test]
    fn sessions_with_the_same_process_id_have_keys_of_their_own() {
        let tenant = config::Tenant::default();
        let tenant = Arc::new(Tenant::new(TenantSlot::new(0), Arc::new(tenant)));
        let target = |client| CancelTarget {
            worker: 0,
            client,
            tenant: Arc::clone(&tenant),
        };
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
            assert_eq!(keys.target(&granted.key).unwrap().client, *client);
        }
        let shown: Vec<_> = granted
            .iter()
            .map(|(_, granted)| granted.key.process_id())
            .collect();
        assert_eq!((shown[0], shown[1], shown[4]), (7, 7, 7));
        // Nor does a log line show what cancels them.
        assert_eq!(format!("{:?}", granted[0].1.key), "CancelKey");
        drop(granted);
        assert!(keys.is_empty());
    }
}
