//! libFuzzer's entry into [`tidegate_fuzz::reads`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::reads::run(data));
