//! What the programs of the benchmark share.
//! Leaves to `load`: making work; to `floor` and `peers`: doing it; to `run`: the order and the report.

pub mod outcome;
pub mod poll;
pub mod process;
pub mod wire;
