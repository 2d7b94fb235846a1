//! WebSocket to REST, for libFuzzer.
//! What must hold is said in src/rest/fuzzing.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| holdline::target("rest")(input));
