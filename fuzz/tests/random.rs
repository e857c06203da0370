//! Random sequences of operations, for the targets whose inputs need no form: a few of them on every
//! commit, beside the kept corpora.

use tidegate_fuzz::ledger;
use tidegate_fuzz::pool;

const BYTES_MAX: usize = 400;

#[test]
fn the_ledger_holds_against_the_model_whatever_happens() {
    inputs(500, ledger::run);
}

#[test]
fn the_pool_keeps_its_rules_whatever_happens() {
    inputs(250, pool::run);
}

/// Runs a target over inputs from the same seeds each time; a failure names its seed.
fn inputs(count: u64, run: fn(&[u8])) {
    for seed in 0..count {
        let input = bytes(seed);
        let outcome = std::panic::catch_unwind(|| run(&input));
        assert!(outcome.is_ok(), "the input of seed {seed}: {input:?}");
    }
}

/// Xorshift, <https://en.wikipedia.org/wiki/Xorshift>.
fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let byte = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    };
    (0..BYTES_MAX).map(byte).collect()
}
