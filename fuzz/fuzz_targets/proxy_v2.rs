//! libFuzzer's entry into [`tidegate_fuzz::proxy_v2`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::proxy_v2::run(data));
