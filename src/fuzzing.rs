//! The list of what is fuzzed. Each target is beside what it tries and says there what must hold.
//! Leaves to `fuzz/` trying them with libFuzzer, and to `short.rs` a short run with every test.

#[cfg(test)]
mod short;

use crate::{config, deflate, inbound, rest};

/// What is done with an input; it panics where a promise is broken.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 4] = [
    ("guard", inbound::fuzzing::target),
    ("inflate", deflate::fuzzing::target),
    ("config", config::fuzzing::target),
    ("rest", rest::fuzzing::target),
];

/// The target of that name.
///
/// # Panics
/// When there is none.
pub fn target(name: &str) -> fn(&[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target).unwrap_or_else(|| panic!("no target is called {name}"))
}
