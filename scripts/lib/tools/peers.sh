# shellcheck shell=bash
# WebSocket libraries that nobody here wrote, for servers that a link is tried against: ws for Node, websockets for
# Python, gorilla's for Go. The first two are at fixed versions, the third is the distribution's.
# The servers are tests/harness/servers; starting them is the harness's business.

peers_ws=8.23.0
peers_websockets=17.4
peers_go_source=$root/tests/harness/servers/echo.go

tool_peers() {
  with_lock peers peers_install
  printf '%s\n' "$(peers_dir)"
}

# Named after all it is made of, so that a changed version or source is a new folder.
peers_dir() {
  printf '%s/peers-%s\n' "$tools" "$(cat "${BASH_SOURCE[0]}" "$peers_go_source" | cksum | cut -d ' ' -f 1)"
}

peers_install() {
  local dir
  dir=$(peers_dir)
  # The server in Go comes last: without it the folder is not whole.
  [ -x "$dir/gorilla" ] && return
  have node || install_packages "for the servers a link is tried against" nodejs
  have npm || install_packages "for the servers a link is tried against" npm
  have python3 || install_packages "for the servers a link is tried against" python3
  python3 -c 'import ensurepip' 2>/dev/null || install_packages "for the servers a link is tried against" python3-venv
  install_packages "for the servers a link is tried against" golang-go golang-github-gorilla-websocket-dev
  say "installing ws $peers_ws and websockets $peers_websockets, building with gorilla's"
  # In place: a virtual environment knows its own path and cannot be moved.
  rm --recursive --force "$dir"
  if ! { peers_node "$dir" && peers_python "$dir/venv" && peers_go "$dir"; } >&2; then
    rm --recursive --force "$dir"
    fail "could not install the servers a link is tried against"
  fi
}

peers_node() { npm install --prefix "$1" --no-audit --no-fund --no-save "ws@$peers_ws"; }

peers_python() {
  python3 -m venv "$1" && "$1/bin/pip" install --quiet --only-binary :all: "websockets==$peers_websockets"
}

# Offline, from the sources that the Debian package puts where Go looked before there were modules. Without C, which
# Go would want for looking up names.
peers_go() {
  env --unset GOFLAGS GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$1/go-cache" CGO_ENABLED=0 \
    go build -o "$1/building" "$peers_go_source" &&
    rm --recursive --force "$1/go-cache" &&
    mv "$1/building" "$1/gorilla"
}
