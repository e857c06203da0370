//! libFuzzer's entry into [`tidegate_fuzz::startup`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::startup::run(data));
