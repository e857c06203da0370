//! libFuzzer's entry into [`tidegate_fuzz::scram_client`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::scram_client::run(data));
