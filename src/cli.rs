//! The commands of `holdline`: one file each, from arguments to an exit code.
//! What the commands do is left to the library.

pub(crate) mod config;
