//! libFuzzer's entry into [`tidegate_fuzz::frontend`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::frontend::run(data));
