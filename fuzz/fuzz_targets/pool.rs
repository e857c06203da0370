//! libFuzzer's entry into [`tidegate_fuzz::pool`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::pool::run(data));
