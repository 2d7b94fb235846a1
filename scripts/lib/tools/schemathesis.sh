# shellcheck shell=bash
# Schemathesis, which asks a running server everything that its OpenAPI document allows and forbids; from PyPI at one
# version, in a virtual environment of its own. What it is run on is check_control's business.

schemathesis_version=4.32.5
schemathesis_dir=$tools/schemathesis-$schemathesis_version

tool_schemathesis() {
  with_lock schemathesis schemathesis_install
  printf '%s\n' "$schemathesis_dir/bin/schemathesis"
}

schemathesis_install() {
  # What is left of an installation that was interrupted does not run.
  "$schemathesis_dir/bin/schemathesis" --version >/dev/null 2>&1 && return
  have python3 || install_packages "to run schemathesis" python3
  python3 -c 'import ensurepip' 2>/dev/null || install_packages "to run schemathesis" python3-venv
  say "installing schemathesis $schemathesis_version"
  # A virtual environment knows its own path and cannot be moved: it is made in place, and removed if it fails.
  local try
  for try in 1 2 3; do
    rm --recursive --force "$schemathesis_dir"
    if { python3 -m venv "$schemathesis_dir" &&
      "$schemathesis_dir/bin/pip" install --quiet "schemathesis==$schemathesis_version"; } >&2; then
      return
    fi
    say "that did not work ($try of 3)"
    sleep 5
  done
  rm --recursive --force "$schemathesis_dir"
  fail "could not install schemathesis"
}
