//! libFuzzer's entry into [`tidegate_fuzz::frame`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::frame::run(data));
