//! To be written.
//! To be written.

fn main() {}
