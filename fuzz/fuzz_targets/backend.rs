//! libFuzzer's entry into [`tidegate_fuzz::backend`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::backend::run(data));
