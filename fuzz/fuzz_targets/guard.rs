//! The guard, for libFuzzer.
//! What must hold is said in src/inbound/fuzzing.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| holdline::target("guard")(input));
