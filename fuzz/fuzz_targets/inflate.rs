//! Deflating and inflating, for libFuzzer.
//! What must hold is said in src/deflate/fuzzing.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| holdline::target("inflate")(input));
