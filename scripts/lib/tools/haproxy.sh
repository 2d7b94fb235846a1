# shellcheck shell=bash
# An haproxy, for the proof of `holdline probe`: the machine's own, else the distribution's package.
# Which timeouts it has is tests/probe's business.

tool_haproxy() {
  with_lock haproxy haproxy_install
  haproxy_find
}

haproxy_install() {
  haproxy_find >/dev/null && return
  install_packages "a gateway of others for the proof of the probe" haproxy
  haproxy_find >/dev/null || fail "the package haproxy brought no haproxy that starts"
}

# Debian's lies where only root's PATH leads.
haproxy_find() {
  local candidate
  for candidate in "$(command -v haproxy || true)" /usr/sbin/haproxy /usr/local/sbin/haproxy; do
    if [ -x "$candidate" ] && "$candidate" -v >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}
