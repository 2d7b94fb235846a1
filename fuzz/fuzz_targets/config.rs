//! The configuration, for libFuzzer.
//! What must hold is said in src/config/fuzzing.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| holdline::target("config")(input));
