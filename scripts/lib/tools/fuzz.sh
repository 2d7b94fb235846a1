# shellcheck shell=bash
# cargo-fuzz, at one version, and the nightly compiler that it needs for coverage.
# What it is run on is the business of scripts/fuzz; the short run in scripts/test needs neither.

cargo_fuzz_version=0.13.2
cargo_fuzz_dir=$tools/cargo-fuzz-$cargo_fuzz_version

tool_fuzz() {
  ensure_nightly
  with_lock fuzz cargo_fuzz_install
  printf '%s\n' "$cargo_fuzz_dir/bin/cargo-fuzz"
}

# A toolchain of hundreds of megabytes is the user's to install.
ensure_nightly() {
  have rustup || PATH=$PATH:$HOME/.cargo/bin
  have rustup || fail "CANNOT RUN HERE: libFuzzer needs a nightly compiler, which rustup installs (rustup.rs)"
  rustup run nightly rustc --version >/dev/null 2>&1 ||
    fail "CANNOT RUN HERE: libFuzzer needs a nightly compiler: rustup toolchain install nightly --profile minimal"
}

cargo_fuzz_install() {
  [ -x "$cargo_fuzz_dir/bin/cargo-fuzz" ] && return
  have c++ || install_packages "libFuzzer is written in C++" g++
  say "building cargo-fuzz $cargo_fuzz_version"
  local work
  work=$(mktemp --directory "$tools/fuzz.XXXXXX")
  cargo install cargo-fuzz --version "$cargo_fuzz_version" --locked --quiet --root "$work" --target-dir "$work/target" >&2 ||
    fail "could not install cargo-fuzz"
  rm --recursive --force "$work/target"
  chmod 755 "$work"
  mv "$work" "$cargo_fuzz_dir"
}
