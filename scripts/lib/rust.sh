# shellcheck shell=bash
# A Rust toolchain new enough for the crate, and the C linker it needs.
# And the two builds that more than one check wants; what for is the caller's business.

rust_oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")

ensure_cargo() {
  have cc || install_packages "rustc links with it" gcc libc6-dev
  # rustup adds this folder in the next login shell only.
  have cargo || PATH=$PATH:$HOME/.cargo/bin
  local offered
  if ! have cargo; then
    offered=$(apt-cache policy cargo 2>/dev/null | sed -n 's/^ *Candidate: \([0-9.]*\).*/\1/p')
    version_at_least "${offered:-0}" "$rust_oldest" ||
      fail "cargo ≥ $rust_oldest is needed and the packages here have ${offered:-none}:" \
        "install it with rustup (rustup.rs), or use scripts/up --compose"
    install_packages "to build the backend" cargo rustc
  fi
  local found
  found=$(cargo --version | cut -d ' ' -f 2)
  version_at_least "$found" "$rust_oldest" ||
    fail "cargo ≥ $rust_oldest is needed, this is $found: update it (rustup update), or use scripts/up --compose"
}

# The binary that is tested, and the examples: with the features that the tests give the dependencies, or all of those would
# be compiled once more. That the crate needs nothing that only the tests ask for is seen by the release build.
build_debug() { cargo build --manifest-path "$root/Cargo.toml" --locked --quiet --bin holdline --examples; }

# The binary that ships.
build_release() { cargo build --manifest-path "$root/Cargo.toml" --locked --quiet --release; }
