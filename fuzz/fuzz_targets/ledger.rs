//! libFuzzer's entry into [`tidegate_fuzz::ledger`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::ledger::run(data));
