//! The only source of chance in the world, and what the pooler makes its keys of.

use std::cell::Cell;

pub(crate) use tidegate_model::Random;

thread_local! {
    static KEYS: Cell<u64> = const { Cell::new(0) };
}

/// What the pooler of this thread's world makes its keys of from now on.
pub(crate) fn seed_keys(seed: u64) {
    KEYS.set(seed);
}

/// Random bytes for the pooler of this thread's world.
pub(crate) fn keys(bytes: &mut [u8]) {
    let mut random = Random::new(KEYS.get());
    for byte in bytes {
        *byte = random.number().to_le_bytes()[0];
    }
    KEYS.set(random.number());
}
