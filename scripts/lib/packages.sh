# shellcheck shell=bash
# Installs missing distribution packages on Debian-like machines, and says so before it does.
# Which package is wanted for what is the caller's business.

# install_packages REASON PACKAGE…: nothing happens, and no network is needed, when all are there.
install_packages() {
  local reason=$1 package missing=()
  shift
  for package in "$@"; do
    dpkg_has "$package" || missing+=("$package")
  done
  [ "${#missing[@]}" -eq 0 ] && return
  have apt-get || fail "please install the equivalent of: ${missing[*]} ($reason); this is no Debian-like machine"
  say "installing ${missing[*]} ($reason)"
  local log
  log=$(mktemp)
  apt_install "${missing[@]}" >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    fail "could not install ${missing[*]} ($reason); the log is $log"
  }
  rm "$log"
}

# A failed update is not the end: the lists that are there may do.
apt_install() {
  as_root apt-get -o DPkg::Lock::Timeout=300 update || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    install --yes --no-install-recommends "$@"
}

dpkg_has() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    fail "needs root or sudo for: $*"
  fi
}
