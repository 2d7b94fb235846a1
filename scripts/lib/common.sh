# shellcheck shell=bash
# What every script shares: where things are, how to speak, how to compare versions.
# Installing is packages.sh, building tools is tools/, running the stack is stack.sh.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# The cache of built and downloaded tools; CI points it at a folder that it keeps.
tools=${HOLDLINE_TOOLS_DIR:-$root/target/tools}
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)

# Progress goes to stderr: stdout belongs to what a script was asked for.
say() { printf '%s: %s\n' "${script:-${0##*/}}" "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# A wrong call is not a failed check: 64 is sysexits' EX_USAGE, as in the binary.
usage_error() {
  say "$*"
  exit 64
}

have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least 1.28.3 1.27.3: numeric fields, so 1.9 is older than 1.27.
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort --version-sort | head -n 1)" = "$2" ]; }

# with_lock NAME COMMAND…: two scripts that want the same tool build it once, the second waits.
with_lock() {
  local name=$1
  shift
  (
    flock 9
    "$@"
  ) 9>"$tools/.$name.lock"
}
