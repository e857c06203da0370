//! libFuzzer's entry into [`tidegate_fuzz::scram_server`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::scram_server::run(data));
